/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * Shared by the files of the text of strings: lines_rows.c reads strings and makes their lines,
 * lines.c knows where in the text they are.
 */

/* The files of a column of strings. */
struct lines {
	struct archive *archive;
	struct node *offsets, *values, *validity; /* validity: NULL: none is null */
	uint64_t count, each;                     /* strings; and of a slot of the validity */
};

/* -EIO and a sentence if it lacks one. */
int lines_find(struct archive *a, struct node *n, struct lines *ret, struct error *err);

/* A place where the text may be cut: before a row, or before that byte of its values. */
#define LINES_ROW UINT64_MAX
struct lines_point {
	uint64_t row, byte; /* LINES_ROW: before the row */
};

/* Strings in memory: `rows` whole ones, of which the first may be the rest of one; or, if that is 0,
 * a part of one.  All bytes from `begin` to `end`. */
struct lines_strings {
	struct lines_point begin, end;
	uint64_t rows, len;
	const uint64_t *offsets;      /* rows + 1 of them, into the values, the first that of begin */
	const uint8_t *bytes, *valid; /* valid: a byte a row; NULL: all are */
};

/* The length of their text, and the text, behind which ESCAPE_MORE bytes are written (fs/views/escape.h). */
uint64_t lines_length(const struct lines_strings *s);
uint8_t *lines_put(const struct lines_strings *s, uint8_t *to);

/*
 * Calls `each` for all strings between two points, some LINES_BYTES and LINES_ROWS of them at a
 * time; ends when that returns other than 0, and returns it.  The memory is scratch of the block
 * that is being decoded.
 */
enum { LINES_BYTES = 1 << 20, LINES_ROWS = 1 << 16 };
typedef int lines_each(void *arg, const struct lines_strings *s, struct error *err);
int lines_walk(const struct lines *l, struct lines_point from, struct lines_point to, struct block *within, lines_each *each, void *arg,
	       struct error *err);
