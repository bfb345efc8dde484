/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * Shared by the files of the text of strings: lines_rows.c reads strings and makes their lines,
 * lines_blocks.c makes blocks of these, lines.c knows their positions in the text.
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

/* Strings in memory: `rows` of them, the first perhaps without its beginning; or, if `rows` is 0, a
 * part of one.  All bytes from `begin` to `end`. */
struct lines_strings {
	struct lines_point begin, end;
	uint64_t rows, len;
	const uint64_t *offsets;      /* rows + 1 of them, into the values, the first that of begin */
	const uint8_t *bytes, *valid; /* valid: a byte a row; NULL: all are */
};

/* The length of their text, and the text, after which ESCAPE_MORE bytes are written (fs/views/escape.h). */
uint64_t lines_length(const struct lines_strings *s);
uint8_t *lines_put(const struct lines_strings *s, uint8_t *to);

/*
 * Calls `each` for all strings between two points, about LINES_BYTES and LINES_ROWS of them at a
 * time; stops if it returns nonzero, and returns that.  The memory is scratch of the block being
 * decoded.
 */
enum { LINES_BYTES = 1 << 20, LINES_ROWS = 1 << 16 };
typedef int lines_each(void *arg, const struct lines_strings *s, struct error *err);
int lines_walk(const struct lines *l, struct lines_point from, struct lines_point to, struct block *within, lines_each *each, void *arg,
	       struct error *err);

/* --- lines_blocks.c -------------------------------------------------------------------------------- */

enum {
	LINES_PIECE_BYTES = 256 << 10, /* of the values, on average */
	LINES_PARTS_MOST = 1 << 16,    /* of a piece */
	LINES_GROUP = 16,              /* pieces that are counted at a time */
};

/* The blocks of a column; the number of one is */
enum lines_kind {
	LINES_INDEX,  /* 0: a struct lines_index */
	LINES_COUNTS, /* that of LINES_GROUP pieces: the length of each, and LINES_LARGE */
	LINES_PIECE,  /* the piece's: a struct lines_table */
	LINES_PART,   /* piece * LINES_PARTS_MOST + part: its text */
	LINES_KINDS,
};
#define LINES_LARGE ((uint64_t)1 << 63) /* the piece has parts */

/* Where pieces begin: at[0] to at[known] are known, in at[] with LINES_LARGE if the piece before has
 * parts.  Each entry is set once. */
struct lines_index {
	struct lines lines;
	uint64_t per, pieces; /* rows of a piece; and how many there are */
	_Atomic uint64_t known;
	_Atomic uint64_t at[];
};

/* A piece: its text, after this; or, if it has parts, where each begins, and the end. */
struct lines_table {
	uint64_t parts;
	struct lines_place {
		struct lines_point point;
		uint64_t text; /* of the piece, before it */
	} at[];
};

/* The source of a column's blocks.  Blocks made from sizes that turned out to be wrong are of an
 * earlier generation. */
struct block_source lines_source(struct archive *a, const void *column, unsigned generation, enum lines_kind kind);

static inline struct lines_index *lines_index_in(const struct block *b)
{
	return (struct lines_index *)(void *)b->bytes;
}

static inline const struct lines_table *lines_table_in(const struct block *b)
{
	return (const struct lines_table *)(const void *)b->bytes;
}

static inline uint64_t lines_length_in(const struct block *piece)
{
	const struct lines_table *t = lines_table_in(piece);
	return t->parts ? t->at[t->parts].text : piece->len - sizeof *t;
}
