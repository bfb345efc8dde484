/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * A column of strings as text, one a line:
 *
 *	a string   as fs/views/escape.h has it
 *	null       \N
 *
 * Its length is found by decoding all of it, once; reading from the start does not wait for
 * that. After that, any part can be made on its own, whatever the length of the strings.
 */
bool view_lines_exists(const struct array *a);
int view_lines_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_lines_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* Is the end of the text not known yet, so that reading it costs less than asking for its size? */
bool view_lines_finds_end(struct archive *a, struct node *n);
