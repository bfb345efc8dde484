/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/lazy.h"
#include "fs/archive/column.h"

/*
 * Records as columns: values one after another, each a scalar, a list or a struct, of no type that
 * is told before; shown as one table.
 *
 *	{"a": 1, "b": ["x"]}        a            1  2           int64
 *	{"a": 2, "b": []}           b/offsets    0  1  1
 *	{"a": 2.5}                  b/values/…   x              b.validity  1 1 0
 *
 * A format says how values are read, in order and from any record on (struct records_feed_type).
 * records_infer() reads all of them once, at open, and finds the columns: the union of the fields, the
 * type of each the join of its values (enum records_type).  Nothing but the columns is kept.  What is read
 * first needs an index of where blocks of records begin, and how many elements of each list are before
 * them: one more pass, kept in the block cache.  Each file is then decoded in blocks.
 */
enum { RECORDS_DEPTH = 512, RECORDS_COLUMNS = 65536, RECORDS_KEY_MOST = 65536, RECORDS_REPEATED = 1 << 20 };

enum record_kind {
	RECORD_NULL,
	RECORD_BOOL,
	RECORD_INT,
	RECORD_FLOAT32,
	RECORD_FLOAT64,
	RECORD_COMPLEX,
	RECORD_TIMESTAMP, /* nanoseconds since 1970 */
	RECORD_STRING,
	RECORD_BYTES,
	RECORD_LIST,   /* then its elements, and an END */
	RECORD_STRUCT, /* then a KEY and a value for each field, and an END */
	RECORD_KEY,
	RECORD_END,
	RECORD_OTHER,  /* what no column holds */
};

struct record_value {
	uint8_t kind;    /* enum record_kind */
	bool negative;   /* of an int: `number` is that of an int64 */
	int16_t code;    /* of bytes and keys: what tells them apart, as an extension's type does; RECORDS_PLAIN */
	uint64_t number; /* of a bool, an int, a timestamp; the bits of a float */
	double complex[2];
	uint64_t at, len; /* of a key, string or bytes: as they are, in the archive's source; no two keys have one `at` */
	const char *text; /* of a key that does not lie there: its bytes, until the next event; else NULL */
	uint64_t place;  /* the format's own: where the value begins */
};
enum { RECORDS_PLAIN = 256 };

/* How a format reads values.  One thread's at a time. */
struct records_feed {
	const struct records_feed_type {
		/* The next event; false at the end of all records, and once it failed. */
		bool (*next)(struct records_feed *f, struct record_value *ret);

		/* Passes over what a LIST or STRUCT, just read, holds, with its END. */
		void (*skip)(struct records_feed *f);

		/* Copies bytes of the source. */
		bool (*read)(struct records_feed *f, uint64_t at, void *ret, size_t len);

		/* The value, just read, and all that is in it, as JSON; passes over it, as skip(). */
		void (*json)(struct records_feed *f, const struct record_value *v, struct text *ret);

		/* Where the next record begins: for open(). */
		uint64_t (*tell)(const struct records_feed *f);
	} *type;
	int failed; /* a negative errno, with a sentence */
	struct error *err;
};

/* What the values of a column are, together. */
enum records_type {
	RECORDS_NULL, /* all of them are null */
	RECORDS_BOOL,
	RECORDS_INT64,
	RECORDS_UINT64,
	RECORDS_FLOAT32,
	RECORDS_FLOAT64,
	RECORDS_COMPLEX,
	RECORDS_TIMESTAMP,
	RECORDS_STRING,
	RECORDS_BYTES,
	RECORDS_LIST,
	RECORDS_STRUCT,
	RECORDS_MIXED, /* each value's JSON text */
};

struct records_column {
	struct records_column *parent, *next, *first, *last; /* the fields, in order of first appearance */
	struct records_column *element;                      /* of a list */
	struct records_column *hint;                         /* the field that comes next, mostly */
	struct records_fields *fields;                       /* a hash table of them, where they are many */
	struct slice name;
	uint32_t nfields;
	uint32_t seen;        /* bits: 1 << enum record_kind */
	bool negative, beyond, inexact; /* ints: below 0; above INT64_MAX; some that no float64 is */
	bool codes, ragged;   /* bytes of several codes; lists of several lengths */
	int16_t code;
	uint64_t lists, length; /* how many, and of the first */
	uint64_t count, nulls; /* values with the nulls among them; and these */
	uint64_t total;       /* elements of all lists, bytes of all strings */
	uint64_t serial;      /* the last struct that had it, */
	uint64_t key_at;      /* and its key there */
	int16_t key_code;
	/* Set by records_finish(). */
	uint8_t type;         /* enum records_type */
	bool nullable;
	uint32_t index;       /* of what has totals: its row in the index, from 1 on */
	uint64_t slots;
	const char *word;     /* the archive's word for the type, or NULL */
};

struct records_table {
	/* Sets up a feed from a record on: its memory is the scratch arena's. */
	struct records_feed *(*open)(struct archive *a, const struct records_table *t, uint64_t at, struct arena *scratch, struct error *err);
	uint64_t begin, end;  /* the records, in the source */
	bool flat, arrays;    /* the format's own */
	uint64_t rows;
	uint64_t per_block;   /* records */
	uint32_t indexed;     /* columns with totals */
	bool mixed;           /* some of these are not known before they are read */
	uint64_t *overwritten; /* where keys are that come again in the same struct, in order: the last of them counts */
	uint32_t noverwritten;
	struct records_column *root;
};

/* Reads all records of the feed, at most `most`; adds to root and rows.  -E2BIG without a sentence:
 * over RECORDS_COLUMNS; -EAGAIN: some fields come twice in one struct: now it is known which, so call it
 * again, with a feed that begins anew; -EEXIST: the same, but their keys have several codes. */
int records_infer(struct records_feed *f, struct records_table *t, uint64_t most, struct arena *arena);

/* Settles the types, from the root down. */
void records_finish(struct records_table *t);

/* A copy, with all that belongs to it, in the arena. */
struct records_table *records_keep(const struct records_table *t, struct arena *arena);

/* Adds the root column; of a table at TREE_ROOT records_show_fields() adds those of the root. */
int records_show(struct archive *a, const struct records_table *t, struct column_at at, const struct array *shape, uint32_t *ret, struct error *err);
int records_show_fields(struct archive *a, const struct records_table *t, uint32_t dir, struct error *err);

/* For a format's size(). */
int records_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);

/* Are a column's values of one width?  In bytes; 0 if not. */
uint32_t records_width(enum records_type type);

/* All elements of the root column of few records, of one width, from a feed that begins with the first. */
int records_decode_few(struct records_feed *f, const struct records_table *t, uint8_t *ret);
