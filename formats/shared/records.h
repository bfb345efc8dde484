/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/lazy.h"
#include "fs/archive/column.h"
#include "fs/blocks/stream.h"

/*
 * Records as columns: values one after another, each a scalar, a list or a struct, without an index and
 * mostly without declared types; shown as one table.
 *
 *	{"a": 1, "b": ["x"]}        a            1  2           int64
 *	{"a": 2, "b": []}           b/offsets    0  1  1
 *	{"a": 2.5}                  b/values/…   x              b.validity  1 1 0
 *
 * Opening reads all of them once, on all processors (records_open): each takes one span of whole records
 * after another and notes in columns of its own what their values are.  Then these are joined: the
 * columns are the union of the fields in order of first appearance, and the type of each follows from
 * what was seen (enum records_type).  What is kept is the columns and an index: where each block of
 * records begins, and how many rows, elements of each list and bytes of each string are before it.  A
 * read decodes the blocks that it needs, each for one file of one column.
 *
 * A kind of records (JSON lines, CSV …) is a struct records_kind.  One whose values are self-describing
 * gives events (struct records_feed) to records_scan_feed() and records_decode_feed().
 */
#define RECORDS_NO_MORE (UINT64_MAX - 1) /* of split() */
enum {
	RECORDS_DEPTH = 512,
	RECORDS_COLUMNS = 65536,  /* that are shown, at most */
	RECORDS_KEY_MOST = 65536, /* bytes of a field's name */
	RECORDS_REPEATED = 1 << 20,
	RECORDS_SPAN = 1 << 20,   /* about so many bytes are read, and decoded, at a time */
};

/* --- the bytes ------------------------------------------------------------------------ */

/* All bytes of the archive's source, or of the gzip or Zstandard stream that it is.  Offsets of records
 * count in these bytes. */
struct records_bytes {
	struct archive *a;
	struct stream *stream; /* NULL: they lie in the source */
	uint64_t size;         /* UINT64_MAX: not known before all has been decoded */
};

/* Takes any number of gzip members or Zstandard frames; no other stream is looked for. */
int records_bytes_open(struct archive *a, struct records_bytes *ret, struct error *err);

/* The first of them, at most `len`; nothing is kept. */
int records_bytes_head(const struct records_bytes *b, uint8_t *ret, size_t len, size_t *ret_len, struct error *err);

/* Some of them, in memory.  The bytes of a mapping may change while they are read: whatever is relied on
 * must be read only once. */
struct records_span {
	const uint8_t *bytes;
	size_t len;
	uint64_t at; /* the first one's offset */
	bool last;   /* nothing follows */
};

/* What a file looks like once decompressed, for struct format's claims(): the first bytes, and the name without .gz
 * or .zst.  If the stream is broken at its beginning, there are no bytes: a format that claims the file by its name
 * reports the fault in open(). */
struct records_peek {
	struct slice head, name;
	bool whole; /* the head is all there is */
	uint8_t bytes[HEAD_SIZE];
};
void records_peek(const struct peek *p, const char *name, struct records_peek *ret);
bool records_named(const struct records_peek *p, const char *const *suffixes); /* NULL at their end */

/* --- columns --------------------------------------------------------------------------- */

/* What the values of a column are, together. */
enum records_type {
	RECORDS_NULL, /* all of them are null */
	RECORDS_BOOL,
	RECORDS_INT32,
	RECORDS_UINT32,
	RECORDS_INT64,
	RECORDS_UINT64,
	RECORDS_FLOAT32,
	RECORDS_FLOAT64,
	RECORDS_COMPLEX,
	RECORDS_DATE32,       /* days since 1970 */
	RECORDS_TIMESTAMP_US, /* since 1970 */
	RECORDS_TIMESTAMP,    /* the same in nanoseconds */
	/* Of these the index has totals, */
	RECORDS_STRING,
	RECORDS_BYTES,
	RECORDS_MIXED, /* each value's JSON text */
	RECORDS_LIST,
	RECORDS_MAP,   /* a list of structs of `key` and `value` */
	/* and of this none. */
	RECORDS_STRUCT,
};
static inline bool records_is_list(enum records_type type)
{
	return type == RECORDS_LIST || type == RECORDS_MAP;
}

struct records_column {
	struct records_column *parent, *next, *first, *last; /* the fields, in order of first appearance */
	struct records_column *element;                      /* of a list */
	struct records_column *hint;                         /* the field that comes next, mostly */
	struct records_fields *fields;                       /* a hash table of them, where they are many */
	struct slice name;
	uint32_t nfields;
	uint32_t number;      /* of a worker's column: which of all it is, once they are joined */
	uint64_t born;        /* where it was first seen, in the bytes; fields of one record are in their order */

	/* What was seen, noted by the kind.  Joined by | and +, except where noted. */
	uint64_t seen;        /* bits, the kind's own; of records_scan_feed() 1 << enum record_kind */
	bool negative, beyond, inexact; /* some ints are below 0; above INT64_MAX; not exact as float64 */
	bool coded, codes;    /* bytes that have a code; of several codes */
	bool ragged;          /* lists of several lengths */
	int16_t code;         /* of the first */
	uint64_t lists, length; /* how many, and of the first */
	uint64_t count, nulls; /* values, nulls included; and nulls */
	uint64_t total;       /* elements of all lists, bytes of all strings as they are shown */
	uint64_t empties;     /* a kind's own count */
	uint64_t raw;         /* bytes of all values as JSON text, where the kind knows: for RECORDS_MIXED */

	const struct records_column *before; /* what it was found to be in an earlier pass, or NULL */

	uint64_t serial;      /* the last struct that had it, */
	uint64_t key_at;      /* and its key there */
	int16_t key_code;

	/* Settled: by the kind, */
	uint8_t type;         /* enum records_type */
	bool by_raw;          /* its bytes in all are `raw`, not `total` */
	const char *word;     /* the archive's word for the type, or NULL */
	const char *values;   /* of an enum: what its values are called, JSON; or NULL */
	const void *own;      /* the kind's */
	/* and by the table. */
	bool nullable;
	uint32_t index;       /* of what has totals: its row in the index, else 0 */
	uint64_t slots;
};

/* --- a kind of records --------------------------------------------------------------------- */

struct records_kind;
struct records_index;
struct records_feed;
struct records_table {
	const struct records_kind *kind;
	struct records_bytes bytes;
	const void *own;      /* the kind's, as long as the archive: a schema, how columns are delimited */
	uint64_t begin, end;  /* the records, in the bytes; end UINT64_MAX: all that follow */
	uint64_t units;       /* lines that are before `begin` */
	bool fixed;           /* nothing can be appended to them */
	bool skip_bad;        /* records that are broken are left out, not refused */

	/* Found by records_open(). */
	uint64_t rows, bad;   /* records; and those left out */
	bool cut;             /* the last one is not complete yet, and was left out: the records end before it */
	bool told;            /* something was seen that is to be reported once: up to the kind */
	const struct records_column *before; /* the root that was found by an earlier pass, or NULL */
	uint64_t *overwritten; /* offsets, in order, of keys that are repeated later in the same struct: the last counts */
	uint32_t noverwritten;
	struct records_column *root; /* a struct */
	const struct records_index *index;
	uint32_t indexed;     /* rows of the index */

	/* For a table without that: the first read makes its index, from events. */
	struct records_feed *(*open)(struct archive *a, const struct records_table *t, uint64_t at, struct arena *scratch, struct error *err);
	uint64_t per_block;   /* records */
	bool flat, arrays;    /* the format's own */
	bool mixed;           /* some columns' totals are not known before they are read */
};

struct records_scan;
struct records_decode;
struct records_kind {
	const char *unit; /* that broken ones are counted by: "line", "record" */

	/* Optional: adds the worker's columns that are known before. */
	int (*begin)(struct records_scan *w);

	/* The first boundary between records at or after `target`, as an offset in the bytes, searched from
	 * `from`, itself a boundary; both are within the span.  The span's end if the last record reaches it.
	 * Only if the span is not the last: UINT64_MAX if there may be a boundary at or after target, but not
	 * within the span; RECORDS_NO_MORE if the span has a broken record after which no other can be found.
	 * Must be fast: one thread does this for all. scan() reports broken records. */
	uint64_t (*split)(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target);

	/* Reads the records of the span, which are whole unless the bytes themselves end within the last, and notes
	 * them in the worker's columns. */
	int (*scan)(struct records_scan *w);

	/* Sets the column's type, and word, from what was seen; not those of its fields.  A
	 * column of a type that is neither list, map nor struct has no fields that are
	 * shown. */
	void (*settle)(const struct records_table *t, struct records_column *c);

	/* Appends one file's part of the records in the span, by the functions below. */
	int (*decode)(struct records_decode *d);

	bool in_place; /* as of a feed */
	uint32_t hidden; /* columns that are noted but not shown */
	bool no_raw;   /* columns' `raw` is not known: where some are mixed, it is found by json() of events in a second pass */
};

/* A worker of the pass: one thread's. */
struct records_scan {
	const struct records_table *table;
	struct records_column *root;
	struct records_span span;
	struct arena *arena;  /* for columns, and what the worker keeps from span to span */
	void *own;            /* the kind's; NULL at first */
	struct archive *archive;
	struct error *err;

	/* Set by scan(), of this span: */
	uint64_t rows, bad;   /* whole records; and those left out, if table->skip_bad */
	uint64_t units;       /* lines or records that were passed, broken ones included */
	uint64_t end;         /* where an incomplete last record begins, which is left out, and read again if the file grows; else UINT64_MAX */
	bool end_bad;         /* that is counted as one that is broken; not in `bad` and `units` */
	bool told;

	struct records_private *private;
};

/* The field of that name, or the list's element, made if there is none yet; `at`: where it is, in the bytes.
 * NULL if that fails: then `scan` returns records_failed(). */
struct records_column *records_field(struct records_scan *w, struct records_column *of, struct slice name, uint64_t at);
struct records_column *records_element(struct records_scan *w, struct records_column *list, uint64_t at);
int records_failed(const struct records_scan *w);

/* The record after the w->units that were passed is broken: a sentence, without the position.
 * Returns what scan() must return. */
int records_broken(struct records_scan *w, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* Which of a column's files: for scalars DATA; for strings, lists and maps OFFSETS; for strings also VALUES. */
enum records_part { RECORDS_DATA, RECORDS_OFFSETS, RECORDS_VALUES, RECORDS_VALIDITY };

/* One file's part of a block of records. */
struct records_decode {
	const struct records_table *table;
	struct records_span span;
	const struct records_column *column;
	struct records_column *const *path; /* from the root, path[0], to the column, path[length - 1] */
	uint32_t length;
	uint8_t part;         /* enum records_part */
	uint64_t rows;        /* of the span */
	uint8_t *out, *end;   /* what is left of the room */
	uint64_t running;     /* OFFSETS: the total so far */
	struct text text;     /* of a mixed value: scratch */
	struct error *err;
	int failed;
	const struct archive_options *options;
};

/* Fails, since the records are not what the pass found: the file has changed.  Returns false. */
bool records_changed(struct records_decode *d);

/* Room for the next bytes; NULL if there is none. */
static inline uint8_t *records_room(struct records_decode *d, uint64_t len)
{
	uint8_t *to = d->out;
	if (len > (uint64_t)(d->end - to)) {
		records_changed(d);
		return NULL;
	}
	d->out += len;
	return to;
}

/* The next slot: of any part: null; of DATA: the low bytes of a number, as wide as the type, little-endian;
 * of OFFSETS: so many bytes or elements; of VALUES: bytes; of VALIDITY: not null. */
void records_put_null(struct records_decode *d);
void records_put_number(struct records_decode *d, uint64_t bits);
void records_put_length(struct records_decode *d, uint64_t len);
void records_put_bytes(struct records_decode *d, const void *bytes, size_t len);
void records_put_valid(struct records_decode *d);

/* Reads all records and keeps what was found in the archive's arena.  The caller sets kind, bytes, own, begin, end
 * and skip_bad.  A broken record is reported by its number. */
int records_open(struct archive *a, const struct records_table *how, struct records_table **ret, struct error *err);

/* A walk over the bytes of a table that was opened, span by span, of whole records.
 * records_walk_next(): 1, 0 at the end, or an error; the span is valid until the next call. */
struct records_walk {
	struct archive *a;
	const struct records_table *table;
	void *reader;
	struct records_span span;
	uint64_t block;
};
int records_walk_begin(struct records_walk *w, struct archive *a, const struct records_table *t);
int records_walk_next(struct records_walk *w, struct records_span *ret, struct error *err);
void records_walk_end(struct records_walk *w);

/* --- events ---------------------------------------------------------------------------------- */

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
	RECORD_OTHER,  /* what no column holds: it is MIXED */
};

struct record_value {
	uint8_t kind;    /* enum record_kind */
	bool negative;   /* of an int: `number` is that of an int64 */
	bool wide;       /* of an int: it is beyond uint64 or int64; `number` is the nearest float64's bits, */
	bool rounded;    /* which is another number than it */
	int16_t code;    /* of bytes and keys: what distinguishes them, such as an extension's type; RECORDS_PLAIN */
	uint64_t number; /* of a bool, an int, a timestamp; the bits of a float */
	double complex[2];
	uint64_t at, len; /* of a key, string or bytes: where, in the bytes, and how many there are as shown; no two keys have the same `at` */
	const uint8_t *text; /* these, if they are in memory, until the next event; else NULL: read() copies them */
	uint64_t raw;    /* of a scalar: bytes of its JSON text as it stands; 0 where that is not known */
	uint64_t place;  /* where the value begins; of an END, where it ends */
};
enum { RECORDS_PLAIN = 256 };

/* Numbers that follow one another in a list. */
struct records_numbers {
	/* Found: */
	uint64_t count, raw;  /* raw: bytes of their JSON text as it stands */
	uint32_t seen;        /* 1 << RECORD_INT, RECORD_FLOAT32, RECORD_FLOAT64 */
	bool negative, beyond, inexact, other; /* as in a column; other: some that no column of numbers holds */
	/* Asked for: */
	uint8_t type;         /* enum records_type: INT64, UINT64, FLOAT32, FLOAT64 */
	uint8_t *out;         /* NULL: none; else room for so many of that type, which are written */
	uint64_t room;
	bool only_count;      /* the other findings are not wanted */
};

/* How a format reads values.  Used by one thread at a time. */
struct records_feed {
	const struct records_feed_type {
		/* The next event; false at the end of all records, and once it failed. */
		bool (*next)(struct records_feed *f, struct record_value *ret);

		/* Passes over what a LIST or STRUCT, just read, holds, with its END. */
		void (*skip)(struct records_feed *f);

		/* Copies the bytes of a value as they are shown. */
		bool (*read)(struct records_feed *f, uint64_t at, void *ret, size_t len);

		/* The value, just read, and all that is in it, as JSON; passes over it, as skip(). */
		void (*json)(struct records_feed *f, const struct record_value *v, struct text *ret);

		/* Where the next record begins: for open(). */
		uint64_t (*tell)(const struct records_feed *f);

		/* Optional: reads the numbers that come next in a list, as many as there are at once, or as fit
		 * what is asked for; none if something else comes. */
		void (*numbers)(struct records_feed *f, struct records_numbers *n);

		/* Optional: passes over the rest of the record, whatever is open, END and all. */
		void (*rest)(struct records_feed *f);

		bool texts;    /* the records are JSON text: from a value's place to the end of its END is its text as MIXED */
		bool in_place; /* a string's or bytes' `at` is where they lie, as they are shown */
	} *type;
	int failed; /* a negative errno, with a sentence */
	struct error *err;
};

/* For a kind's scan(), settle() and decode().  scan: reads the records of the feed, whose `failed` the caller
 * reports; -E2BIG and the like are returned. */
int records_scan_feed(struct records_scan *w, struct records_feed *f);
void records_settle_feed(const struct records_table *t, struct records_column *c);
int records_decode_feed(struct records_decode *d, struct records_feed *f);

/* For tables within an archive of another kind, whose index the first read makes, through t->open.  Reads at most
 * `most` records of the feed, and finds root and rows, all from the arena.  -E2BIG without a sentence: over
 * RECORDS_COLUMNS; -EAGAIN: some fields are repeated in one struct: now that these are known, call it again, with
 * a new feed; -EEXIST: the same, but their keys have several codes. */
int records_infer(struct archive *a, struct records_feed *f, struct records_table *t, uint64_t most, struct arena *arena);

/* Settles the types, from the root down. */
void records_finish(struct records_table *t);

/* A copy, with all that belongs to it, in the arena. */
struct records_table *records_keep(const struct records_table *t, struct arena *arena);

/* All elements of the root column of few records, of one width, from a feed that begins with the first. */
int records_decode_few(struct records_feed *f, const struct records_table *t, uint8_t *ret);

/* Is the key repeated later in the same struct? */
bool records_overwritten(const struct records_table *t, uint64_t key_at);

/* --- what is shown ------------------------------------------------------------------------------- */

/* Adds a column; of a table at TREE_ROOT records_show_fields() adds those of the root. */
int records_show(struct archive *a, const struct records_table *t, const struct records_column *c, struct column_at at, const struct array *shape,
		 uint32_t *ret, struct error *err);
int records_show_fields(struct archive *a, const struct records_table *t, uint32_t dir, struct error *err);

/* For a format's size(). */
int records_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);

/* Are a column's values of one width?  In bytes; 0 if not. */
uint32_t records_width(enum records_type type);
