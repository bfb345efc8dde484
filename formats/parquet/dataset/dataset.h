/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/schema.h"
#include "formats/shared/table.h"

/*
 * A directory of files as one table.
 *
 * It is shown like a single file whose row groups are the files: struct parquet holds the
 * union of their schemas and the number of rows before each file, and show.c builds the
 * tree from it. A read finds the files that have its rows, opens them
 * (fs/archive/parts.h) and has read.c read each one's part: as it is if the types agree,
 * else widened. Fields that a file lacks are null.
 *
 * Files: formats/shared/table.h finds the files and the partition keys; dataset.c opens them;
 * union.c merges their schemas by the rules of types.c; finish.c makes of the union what
 * show.c expects; map.c finds a field of the union in a file; totals.c counts; read.c
 * answers reads; details.c describes row groups.
 */
enum form { FORM_NONE, FORM_LEAF, FORM_STRUCT, FORM_LIST, FORM_MAP };

/* A field of the union. A list has one child, its element; a map has two, key and value.
 * So the lists above a field are the LISTs and MAPs among its ancestors. */
struct field {
	struct slice name;
	struct field *parent, *first, *last, *next;
	uint32_t place;          /* its index among its siblings */
	uint32_t element;        /* its index in the dataset's elements, once the union is complete */
	struct element type;     /* LEAF: the type, widened as needed; groups: their annotation */
	uint32_t width;          /* in bytes, of a value as shown */
	struct element stated;     /* its type in `file`, for messages */
	uint32_t file;
	uint32_t seen;           /* the last file that had it, + 1 */
	uint8_t form, depth;     /* form: enum form; depth: number of lists above it */
	bool nullable, bare;     /* bare: a list without annotation in all files */
	bool nulls, met, sound;  /* LEAF: see struct leaf */
	const char *fault, *codec;
	uint64_t cost;           /* see struct leaf */
	uint64_t *totals;        /* LEAF: per file, of each quantity but the rows; NULL: unknown */
	struct field **table;    /* STRUCT: hash table of the children by name, once there are many */
	uint32_t mask, children;
	const struct table_key *key; /* for a column made of a partition key */
};

struct dataset {
	struct parquet p;
	const struct table_files *files;
	struct field root;
	struct field **columns;  /* by leaf number */
};

/* --- union.c -------------------------------------------------------------- */

/* Merges the schema of file number `number` into the union. */
int pq_dataset_unite(struct archive *a, struct dataset *d, const struct parquet *file, uint32_t number, struct error *err);

/* Appends a child field; NULL without memory. */
struct field *pq_dataset_add_field(struct archive *a, struct field *f, struct slice name, struct error *err);

/* --- finish.c: turns the complete union into d->p's elements and leaves ------- */

int pq_dataset_finish(struct archive *a, struct dataset *d, struct error *err);

/* --- types.c -------------------------------------------------------------- */

enum form pq_dataset_form(const struct element *e, unsigned depth);

/* The element of a list, or the key-value pair of a map. */
const struct element *pq_dataset_item(const struct element *e, unsigned depth);
static inline bool pq_dataset_is_null(const struct element *e) { return e->physical != GROUP && e->logical == LOGICAL_UNKNOWN; }

/* Widens a to a type that holds all values of both a and b; returns false if there is
 * none. b_width is the width of b as shown. */
bool pq_dataset_widen(struct element *a, uint32_t *a_width, const struct element *b, uint32_t b_width);

/* Are the file's values those of the column, or can be made so?  Else the file has changed. */
bool pq_dataset_fits(const struct field *f, const struct element *e, uint32_t e_width);

/* --- map.c ---------------------------------------------------------------- */

/* What a field is in one file. */
struct mapped {
	const struct element *e;   /* NULL: the file lacks it */
	const struct field *lacked; /* if so: the topmost field that the file lacks */
	struct leaf *counts;       /* a leaf that has the field's slots; NULL at depth 0 */
};
struct mapped pq_dataset_map(const struct parquet *file, const struct field *f);
/* The same for an open file. */
int pq_dataset_map_in(struct archive *file, const struct field *f, struct mapped *ret, struct error *err);

/* --- totals.c ------------------------------------------------------------- */

/* column->totals: what precedes each file, like pq_leaf_totals() for row groups. Any thread. */
int pq_dataset_totals(struct archive *a, struct leaf *column, struct error *err);

/* --- read.c --------------------------------------------------------------- */

/* The field that a shown file is made of: the column, or the field above it whose offsets
 * or validity it shows. */
const struct field *pq_dataset_target(const struct dataset *d, const struct shown *s, const struct field *column);

int pq_dataset_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
		    struct error *err);
int pq_dataset_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);

/* --- details.c: like pq_details(), each row group with its file and that file's
 * partition keys ---------------------------------------------------------------- */

int pq_dataset_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
