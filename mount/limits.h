/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the program makes of the descriptors that it may have: of 1,024, which is the
 * usual limit and the most that it takes, half are for files that are passed through, a
 * quarter for archives.  With less, each gets a quarter, archives go on without a
 * descriptor (source_rest()), and fewer threads look for names, which takes some, too.
 */
struct limits {
	unsigned files;   /* passed through */
	unsigned sources; /* files of archives */
	unsigned threads; /* that serve */
};

/* Raises the limit as far as that is allowed and wanted; before any sandbox. */
struct limits limits_take(void);
