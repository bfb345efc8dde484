/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "fs/archive/archive.h"

/*
 * A table's rows as text: which tables there are, what the columns are, a batch of rows in memory, and how it is
 * written.
 */

/* --- columns, rows_column.c ------------------------------------------------------------ */

/* A slot is what a column has for each row or, below another column, for each element of that. */
enum rows_kind {
	ROWS_FIXED,      /* a file of elements of one width, one a slot */
	ROWS_STRING,     /* offsets and bytes; of UTF-8, or not */
	ROWS_LIST,       /* offsets, and the elements, a column below */
	ROWS_ARRAY,      /* the same, but as many in each slot */
	ROWS_MAP,        /* the same as LIST, of keys and values */
	ROWS_STRUCT,     /* columns below */
	/* From here on the values are elsewhere: */
	ROWS_DICTIONARY, /* indices, and what they stand for, a column below */
	ROWS_RUNS,       /* where runs end, and what their values are */
	ROWS_NULL,       /* nothing but nulls */
};

struct rows_column {
	struct rows_column *next, *first, *last; /* below */
	struct slice name;       /* as the archive has it */
	struct slice shown;      /* its path below the table, or the struct */
	struct slice member;     /* the name as a member of an object: no two have one */
	struct slice label;      /* and as JSON, with a comma before and a colon after it */
	const char *refused;     /* why it has no text; or NULL */
	uint8_t kind;            /* enum rows_kind */
	bool chosen;             /* for selecting columns by name */
	bool bytes;              /* strings that are no text; as base64 */
	bool utc;                /* times are of that zone */
	bool plain;              /* FIXED: little-endian, as most are */
	bool times;              /* FIXED: timestamps, of which one is NaT */
	struct array array;      /* of FIXED; its shape is not looked at */
	uint64_t each;           /* ARRAY: elements of a slot */
	uint32_t width;          /* FIXED: of an element, in bytes */
	uint32_t node;           /* its own */
	uint32_t data, offsets, validity; /* nodes; 0: none.  Of RUNS, offsets are where they end */
	struct rows_words *words; /* DICTIONARY */
};

/* What a dictionary holds: struct rows_kept. */
struct rows_words {
	bool tried;
	uint64_t count;
	struct rows_batch *all; /* NULL: too much to be kept */
};

struct rows_table {
	struct rows_column *columns; /* chained, in the archive's order; those that have no text, too */
	uint64_t rows;
	unsigned count, refused;     /* columns; and how many of them have no text */
	struct rows_names *members, *paths;
};

/* Is the directory a table?  It is filled. */
bool rows_is_table(struct archive *a, uint32_t dir);

/* The table that the directory is; all from the arena.  -errno and a sentence. */
int rows_columns(struct archive *a, uint32_t dir, struct arena *arena, struct rows_table *ret, struct error *err);

/* The column of that name, as the archive has it or as it is shown; NULL: none. */
struct rows_column *rows_find(const struct rows_table *t, struct slice name);

/* --- tables, rows_find.c ------------------------------------------------------------------ */

/* Does the path lead to a table below the root, or to a column in it?  *ret_column is the rest of the path, "" for none. */
bool rows_lead(struct archive *a, const char *path, uint32_t *ret, const char **ret_column);

/* The only table; or a sentence that names those there are. */
int rows_only_table(struct archive *a, const char *source, uint32_t *ret, struct error *err);

/* --- a batch, rows_batch.c ---------------------------------------------------------------- */

enum { ROWS_SLACK = 16 }; /* bytes that may be read past data */

/* Slots [first, first + count) of a column, in memory; batches of the columns below one after another. */
struct rows_batch {
	const struct rows_column *column;
	struct rows_batch *below, *next;
	uint64_t first, count;
	uint8_t *data, *validity; /* elements, or bytes of strings; a byte a slot, or NULL */
	uint64_t *offsets;        /* count + 1; of runs: where they end */
	uint64_t data_first;      /* which byte of all strings data begins with */
	struct rows_batch *pieces; /* DICTIONARY: parts of its words, in order, none beside the other */
	uint64_t npieces;
};

/* What dictionaries hold, if it fits the arena's limit: read once, by the first thread that
 * needs it, and kept.  The arena is used under the lock. */
struct rows_kept {
	pthread_mutex_t lock;
	struct arena arena;
	size_t counted; /* bytes of it, in the cache's account of memory */
};

struct rows_reader {
	struct archive *archive;
	struct rows_kept *kept;
	struct arena *arena; /* for batches, whose limit is what they may take */
};

/* The word that the slot's index refers to. */
uint64_t rows_index(const struct rows_batch *indices, uint64_t i);

/* -E2BIG: it takes more than the arena may. */
int rows_load(const struct rows_reader *r, const struct rows_column *c, uint64_t first, uint64_t count, struct rows_batch *ret, struct error *err);

/* --- as text, rows_text.c ------------------------------------------------------------------- */

enum rows_format { ROWS_CSV, ROWS_TSV, ROWS_JSONL };

/* Text that grows up to `most` bytes, and then is given to flush(), over and over; `failed`: there was no memory, or flush()
 * did not return 0. */
struct rows_out {
	char *bytes;
	size_t len, room;
	bool failed;
	bool lost;  /* NaN or an infinity was written as null */
	size_t most;
	int (*flush)(struct rows_out *o, const char *bytes, size_t len); /* NULL: it grows without end */
	void *arg;
	struct rows_out *nested; /* scratch for JSON in fields */
};

void rows_put_header(struct rows_out *o, enum rows_format format, const struct rows_column *columns);
void rows_put(struct rows_out *o, enum rows_format format, const struct rows_batch *columns, uint64_t count);
void rows_out_free(struct rows_out *o);
