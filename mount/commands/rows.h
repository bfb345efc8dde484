/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * A table's rows as text: what the columns are, a batch of rows in memory, and how it is
 * written.
 */

/* --- columns, rows_column.c ------------------------------------------------------------ */

enum rows_kind {
	ROWS_FIXED,      /* a file of elements of one width, several a row if it has more dimensions */
	ROWS_STRING,     /* offsets and bytes; of UTF-8, or not */
	ROWS_LIST,       /* offsets, and the elements, a column below */
	ROWS_MAP,        /* the same of keys and values */
	ROWS_STRUCT,     /* columns below */
	ROWS_DICTIONARY, /* indices, and what they stand for, a column below */
	ROWS_RUNS,       /* where runs end, and what their values are */
	ROWS_NULL,       /* nothing but nulls */
};

struct rows_column {
	struct rows_column *next, *first, *last; /* below */
	struct slice name;       /* as the archive has it */
	struct slice member;     /* the same as a member of an object: no two have one */
	const char *shown;
	uint8_t kind;            /* enum rows_kind */
	bool bytes;              /* strings that are no text; as base64 */
	bool utc;                /* times are of that zone */
	bool plain;              /* FIXED: little-endian, as most are */
	struct array array;      /* of FIXED; its shape is not looked at */
	uint64_t each;           /* elements of a row */
	uint32_t width;          /* of an element, in bytes */
	uint32_t data, offsets, validity; /* nodes; 0: none */
	uint32_t inner_validity; /* FIXED: of the elements of a row */
	uint64_t count;          /* rows; of a column below a list, elements, or UINT64_MAX */
};

/* The columns of the table that the directory is, from the arena; NULL and a sentence that names the column that cannot be
 * shown as text. */
struct rows_column *rows_columns(struct archive *a, uint32_t dir, struct arena *arena, uint64_t *ret_rows, struct error *err);

/* Is the directory a table? */
bool rows_is_table(struct archive *a, uint32_t dir);

/* --- a batch, rows_batch.c ---------------------------------------------------------------- */

/* Rows [first, first + count) of a column, in memory; batches of the columns below one after another. */
struct rows_batch {
	const struct rows_column *column;
	struct rows_batch *below, *next;
	uint64_t first, count;
	uint8_t *data, *validity; /* elements, or bytes of strings; a byte a row, or NULL */
	uint8_t *inner_validity;  /* a byte an element, or NULL */
	uint64_t *offsets;        /* count + 1; of runs: their ends */
	uint64_t data_first;      /* which byte of all strings data begins with */
};

enum { ROWS_HELD = 512 << 20 }; /* bytes that one batch may take */

/* From the arena, whose limit is what the batch may take. */
int rows_load(struct archive *a, const struct rows_column *c, uint64_t first, uint64_t count, struct arena *arena, struct rows_batch *ret,
	      struct error *err);

/* --- as text, rows_text.c ------------------------------------------------------------------- */

enum rows_format { ROWS_CSV, ROWS_TSV, ROWS_JSONL };

/* Text that grows; `failed`: there was no memory. */
struct rows_out {
	char *bytes;
	size_t len, room;
	bool failed;
	bool lost;  /* NaN or an infinity was written as null */
};

void rows_put_header(struct rows_out *o, enum rows_format format, const struct rows_column *columns);
void rows_put(struct rows_out *o, enum rows_format format, const struct rows_batch *columns, uint64_t count);
