/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>
#include <pthread.h>

#include "formats/shared/records.h"

/* A lazy node: one of the files of a column. */
struct records_file {
	struct lazy lazy; /* records_read */
	const struct records_table *table;
	const struct records_column *column;
	uint8_t part;     /* enum records_part */
};

/* --- columns, records_columns.c ------------------------------------------------------------ */

/* The field of that name, made if there is none: of an arena, whatever the worker. */
struct records_column *records_column_find(const struct records_column *of, struct slice name);
struct records_column *records_column_add(struct records_column *of, struct slice name, struct arena *arena);

/* Makes the table of its fields, where they are many. */
bool records_tabulate(struct records_column *of, struct arena *arena);

/* The pass's side of a worker; `pass` is NULL for a lone worker, whose columns are the result. */
struct records_private {
	struct records_pass *pass;
	struct records_column **all; /* its columns, in the order in which they came */
	uint32_t count;
	int failed;
	struct records_level *levels; /* of records_scan_feed() */
	uint64_t serial;              /* structs so far */
	uint64_t *overwritten;
	uint32_t noverwritten;
};

/* The column that all workers have in common, for a worker's new one; false if that fails. */
bool records_join_new(struct records_scan *w, struct records_column *c);

/* Adds what was seen of one column to another. */
void records_join(struct records_column *to, const struct records_column *c);

int records_fail(struct records_scan *w, int failed);

/* --- the table ----------------------------------------------------------------------------- */

/* The list whose elements the column's slots are; NULL: there is one for each record. */
const struct records_column *records_space(const struct records_column *c);

/* --- the index ----------------------------------------------------------------------------- */

/* For each block, and one more at the end: where its first record begins, rows and bad records before it, then the totals
 * before it of each column that has them. */
enum { RECORDS_AT, RECORDS_ROWS, RECORDS_BAD, RECORDS_TOTALS, RECORDS_INDEX_MOST = 16 << 20 };
struct records_index {
	uint64_t blocks;
	const uint64_t *at; /* blocks + 1; the other lines follow, of the same length */
};
static inline const uint64_t *records_line(const struct records_index *x, uint32_t line)
{
	return x->at + line * (x->blocks + 1);
}
static inline const uint64_t *records_totals(const struct records_index *x, const struct records_column *c)
{
	return records_line(x, c->index);
}

struct block;
/* Holds the index: *ret is to be released, if it is not NULL.  `within`: the block that the caller decodes, or NULL. */
int records_index(struct archive *a, const struct records_table *t, struct block *within, struct block **ret, struct records_index *index,
		  struct error *err);

int records_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* --- the bytes ------------------------------------------------------------------------------ */

/* Spans of the bytes, whose memory is the reader's own where the bytes are decoded.  Of one thread. */
struct records_reader {
	const struct records_bytes *bytes;
	uint8_t *own;
	size_t room, most; /* most: bytes that may be held */
	bool entered;      /* between source_enter() and source_leave() */
};

/* [at, at + len), or up to the end; `len` may be all that is known to be.  Valid until the next
 * call, or records_reader_leave(), which checks that the bytes were all there. */
int records_reader_map(struct records_reader *r, uint64_t at, uint64_t len, struct records_span *ret, struct error *err);
int records_reader_leave(struct records_reader *r, const struct records_span *s, struct error *err);
void records_reader_close(struct records_reader *r);

/* Makes its own memory that large. */
int records_reader_room(struct records_reader *r, size_t len, struct error *err);

/* --- decoding ------------------------------------------------------------------------------- */

/* Bytes of the file that are shown of one block: `out` has room for len, of which all are filled. */
int records_decode(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint8_t *out,
		   uint64_t len, struct error *err);

/* The same of all values, whose parts are read where they lie: for each that is not empty, where it begins in the file and in the
 * source, as two uint64_t.  *ret holds how many of `most` there are. */
int records_extents(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint64_t *out,
		    uint64_t most, uint64_t *ret, struct error *err);

/* A part as those of enum records_part: what records_extents() finds. */
enum { RECORDS_EXTENTS = RECORDS_VALIDITY + 1 };

/* The next slot: the low bytes of a number, little-endian. */
static inline void records_put_le(struct records_decode *d, uint64_t value, uint32_t width)
{
	uint8_t *to = records_room(d, width);
	value = htole64(value);
	if (to && width == 8)
		memcpy(to, &value, 8);
	else if (to)
		memcpy(to, &value, width);
}

/* `rows` records of the feed, or, UINT64_MAX, as many as there are. */
int records_decode_rows(struct records_decode *d, struct records_feed *f, uint64_t rows);
