/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/arrow/arrow.h"
#include "formats/shared/flatbuffers.h"
#include "formats/shared/slice_map.h"

/* What the metadata half shares: the flatbuffers' ids, and what is known while a file is opened. */

/* Schema.fbs, "Type". */
enum type {
	TYPE_NULL = 1, TYPE_INT, TYPE_FLOAT, TYPE_BINARY, TYPE_UTF8, TYPE_BOOL, TYPE_DECIMAL, TYPE_DATE, TYPE_TIME,
	TYPE_TIMESTAMP, TYPE_INTERVAL, TYPE_LIST, TYPE_STRUCT, TYPE_UNION, TYPE_FIXED_BINARY, TYPE_FIXED_LIST, TYPE_MAP,
	TYPE_DURATION, TYPE_LARGE_BINARY, TYPE_LARGE_UTF8, TYPE_LARGE_LIST, TYPE_RUN_END, TYPE_BINARY_VIEW, TYPE_UTF8_VIEW,
	TYPE_LIST_VIEW, TYPE_LARGE_LIST_VIEW, TYPE_COUNT
};

enum { MESSAGE_SCHEMA = 1, MESSAGE_DICTIONARY, MESSAGE_BATCH, MESSAGE_TENSOR, MESSAGE_SPARSE };
enum { V4 = 3, V5 = 4 };
enum { ARROW_DEPTH = 64 };

struct pair {
	struct slice key, value;
};

struct field_detail {
	struct pair *pairs; /* of its metadata, without the extension's */
	uint32_t npairs;
	uint8_t type;       /* enum type; of INDICES 0 */
	uint32_t *by_type;  /* of a union: for each of the 128 types the number of the child, or FIELD_NONE */
	bool nullable;      /* as the schema says */
	bool ordered;       /* of INDICES */
	const char *word;   /* of INDICES: the type of the whole column */
	struct slice extension, metadata; /* its name, NULL for none; and what it says of itself, likewise */
	const uint64_t *shape; /* of a FIXED_LIST that is a tensor */
	uint32_t rank;
	const char *permutation; /* of it, as JSON; or NULL */
};

/* --- message.c ---------------------------------------------------------------------- */

struct message {
	uint8_t version, type;
	struct flat_table own, header;
	uint64_t body_len;
};

/* Parses a message's flatbuffer; what it gives belongs to *flat. */
int arrow_message(struct flat *flat, struct slice bytes, struct message *ret, struct error *err);

/* How many buffers it has in a batch, but for those of the bytes of views, and for the
 * validity that some have in V4 only. */
unsigned arrow_buffers(const struct field *f);
bool arrow_lost_bitmap(const struct field *f); /* has it validity in V4, but not in V5? */

/* The record batch that it has, or is. */
struct flat_table arrow_message_batch(const struct message *m);

/* -ENOTSUP, and CODEC_COUNT, for an unknown one. */
int arrow_message_codec(const struct message *m, const struct flat_table *batch, uint8_t *ret, struct error *err);

/* Fields that have no nulls as far as is known.  Which of them have some in this batch?
 * These are watched no longer. */
struct watched {
	uint32_t *fields;
	uint32_t n;
};
void arrow_message_nulls(struct table *t, struct watched *w, const struct flat_table *batch);

/* --- schema.c ----------------------------------------------------------------------- */

/* A table to which batches are added; its lists grow in scratch. */
struct growing {
	struct table *table;
	struct watched watched;
	uint8_t codec; /* enum codec_id if all batches that have rows agree, else CODEC_COUNT; NONE also of no rows */
};

struct opening {
	struct archive *archive;
	struct arrow *arrow;
	struct arena scratch;
	struct growing *tables;   /* in scratch, too */
	uint32_t ntables;
	struct slice_map ids;     /* of dictionaries: */
	uint32_t *dictionaries;   /* by the numbers of their ids, those of their tables; likewise */
	struct error *err;
};

/* Reads a schema, whose flatbuffer may be mapped, to tables without batches. */
int arrow_schema_read(struct opening *o, const struct flat_table *schema);
struct growing *arrow_dictionary(const struct opening *o, int64_t id); /* NULL: no column has it */

/* types.c: sets the layout and what follows from the type alone; a type with children has a
 * word once it has these. */
int arrow_type_read(struct opening *o, enum type type, const struct flat_table *t, uint32_t children, struct field *f,
		    struct field_detail *detail);
int arrow_refuse(struct opening *o, const struct field *f, const char *what, int64_t number, const char *after);

/* words.c: a type with children or a dictionary as Arrow's own libraries print it; NULL if there is no memory. */
const char *arrow_word(struct arena *arena, const struct field *fields, uint32_t i);

/* metadata.c: key-value pairs, which are copied; what an extension type says of a field. */
int arrow_pairs_read(struct opening *o, const struct flat_vector *pairs, struct field_detail *ret);
int arrow_extension_read(struct opening *o, const struct field *fields, uint32_t i, struct field_detail *detail);

/* show.c: as arrow_show(), and what JSON says more of a node. */
int arrow_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
