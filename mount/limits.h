/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the limit on open descriptors is shared out. Of 1,024, the usual limit and the most
 * that is used, half are for files passed through and a quarter for archives. With a
 * lower limit, each gets a quarter; archives go on without a descriptor (source_drop_fd());
 * and fewer threads serve, since resolving names takes descriptors, too.
 */
struct limits {
	unsigned files;   /* files passed through */
	unsigned sources; /* open files of archives */
	unsigned threads; /* threads that serve */
};

/* Raises the limit as far as allowed and wanted. To be called before entering a sandbox. */
struct limits limits_take(void);
