/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * Looks at all that an archive shows, as the most curious reader would: fills
 * every directory, asks every size, reads every file, follows every list.  What
 * the archive refuses with a sentence is fine; a broken promise is told.  Attributes,
 * details and the views are asked for, too, and there are readers that jump.
 *
 * Knows no test framework, so that the fuzz targets can use it.
 */
struct look {
	uint32_t nodes; /* the most to look at */
	size_t bytes;   /* the most to read of a node, from its start and from its end */
	bool split;     /* read once more, in pieces, which must give the same bytes; and make pictures of small arrays */

	/* What is told. */
	uint64_t work;    /* a measure of what it cost */
	unsigned refused; /* sizes, directories and reads */
	char broken[512]; /* the first promise that was broken; "" if none */
};

/* False if a promise was broken. */
bool look(struct look *l, struct archive *a);

/* A refusal by archive_open(): has it a sentence, or good reason to have none? */
bool look_refused(struct look *l, const struct format *f, struct slice file, int code, const struct error *err);
