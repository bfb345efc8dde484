/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * A column of strings as text, one a line:
 *
 *	\n \t \r \\        as these
 *	control bytes, 7F  \xHH
 *	null               \N
 *	all else           as it is, UTF-8 or not
 *
 * How long that is is found by decoding all of it, once; then any part is made alone.  A piece of
 * some rows is made at a time; one whose text is longer than LINES_MOST cannot be read.
 */
enum { LINES_MOST = 64 << 20 };

bool view_lines_exists(const struct array *a);
int view_lines_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_lines_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
