/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/records_old.h"

/* A lazy node: one of the files of a column. */
struct records_file {
	struct lazy lazy; /* records_read */
	const struct records_table *table;
	const struct records_column *column;
	uint8_t part;     /* enum records_part */
};

enum records_part { RECORDS_DATA, RECORDS_OFFSETS, RECORDS_VALUES, RECORDS_VALIDITY };

/* The field of that name, made if there is none; NULL if that fails. */
struct records_column *records_field(struct records_feed *f, struct records_column *of, const struct record_value *key, struct arena *arena);

/* The same, but it has to be there. */
struct records_column *records_find(struct records_feed *f, struct records_column *of, const struct record_value *key);

/* Does the key come again in the same struct? */
bool records_overwritten(const struct records_table *t, const struct record_value *key);

/* The key's bytes, of which there are key->len. */
static inline bool records_key(struct records_feed *f, const struct record_value *key, uint8_t *ret)
{
	if (!key->text)
		return f->type->read(f, key->at, ret, (size_t)key->len);
	memcpy(ret, key->text, (size_t)key->len);
	return true;
}

/* Makes the table of its fields, where they are many. */
bool records_tabulate(struct records_column *of, struct arena *arena);

/* The list whose elements the column's slots are; NULL: there is one for each record. */
const struct records_column *records_space(const struct records_column *c);

int records_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* For each block, and one more at the end: where its first record begins, then the totals before it of each column
 * that has them. */
struct records_index {
	uint64_t blocks;
	const uint64_t *at; /* blocks + 1, as are the others, one behind the other */
};
static inline const uint64_t *records_totals(const struct records_index *x, const struct records_column *c)
{
	return x->at + c->index * (x->blocks + 1);
}

struct block;
/* Holds the index: to be released.  `within`: the block that the caller decodes, or NULL. */
int records_index(struct archive *a, const struct records_table *t, struct block *within, struct block **ret, struct records_index *index,
		  struct error *err);

/* Bytes of the file that are shown of one block: `out` has room for len, of which all are filled. */
int records_decode(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint8_t *out,
		   uint64_t len, struct error *err);

/* The same of all values, whose parts are read where they lie: for each that is not empty, where it begins in the file and in the
 * source, as two uint64_t.  *ret holds how many of `most` there are. */
int records_extents(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint64_t *out,
		    uint64_t most, uint64_t *ret, struct error *err);
