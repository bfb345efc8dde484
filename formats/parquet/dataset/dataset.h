/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/schema.h"
#include "fs/archive/parts.h"

/*
 * A directory of files as one table.
 *
 * It is shown as if it were one file whose row groups are the files: struct
 * parquet holds the union of their schemas and the rows before each, and show.c
 * makes the tree of it.  A read finds the files that have its rows, opens them
 * (fs/archive/parts.h) and asks read.c for what each has, as it stands if the types
 * agree, widened if not; what a file lacks is null.
 *
 * Files: dataset.c finds and opens, dataset_union.c makes the union of schemas by
 * what dataset_types.c says of types, dataset_finish.c what show.c looks at;
 * dataset_keys.c reads partition keys out of paths, dataset_map.c finds in a file
 * what a field of the union is there, dataset_totals.c counts, dataset_read.c answers,
 * dataset_widen.c converts, dataset_details.c tells of row groups.
 */
enum form { FORM_NONE, FORM_LEAF, FORM_STRUCT, FORM_LIST, FORM_MAP };

/* A field of the union.  A list's one child is its element, a map's are key and
 * value; so the lists above a field are the LISTs and MAPs among its parents. */
struct field {
	struct slice name;
	struct field *parent, *first, *last, *next;
	uint32_t place;          /* among its siblings */
	uint32_t element;        /* of the dataset's elements, when it is whole */
	struct element type;     /* LEAF: as wide as it was made; groups: their annotation */
	uint32_t width;          /* bytes of a value as shown */
	struct element told;     /* what it is in this file, for people */
	uint32_t file;
	uint32_t seen;           /* the last file that had it, + 1 */
	uint8_t form, depth;     /* enum form; lists above it */
	bool nullable, bare;     /* bare: of a list, without annotation in all files */
	bool nulls, met, sound;  /* LEAF: see struct leaf */
	const char *fault, *codec;
	uint64_t cost;           /* likewise */
	uint64_t *totals;        /* LEAF: of each quantity but the rows, by file; NULL: not told */
	struct field **table;    /* STRUCT: children by name, once they are many */
	uint32_t mask, children;
	const struct key *key;   /* a partition key */
};

/* A partition key: a value for each file. */
struct key {
	struct slice name;
	struct key *next;
	struct slice *values;    /* data NULL: none */
	uint8_t dtype;           /* INT64, DATE32, STRING */
	bool nulls;
	uint32_t seen;           /* the last file that had it, + 1 */
};

struct dataset {
	struct parquet p;
	struct parts parts;
	struct part **files;
	struct field root;
	struct key *keys, **last_key;
	struct field **columns;  /* by number of leaf */
};

/* --- dataset_keys.c --------------------------------------------------------- */

int pq_dataset_keys(struct archive *a, struct dataset *d, struct error *err);
int64_t pq_dataset_key_number(const struct key *key, uint32_t file); /* of INT64 and DATE32; 0 for null */

/* --- dataset_union.c -------------------------------------------------------- */

/* Takes the schema of file number `file` in. */
int pq_dataset_unite(struct archive *a, struct dataset *d, const struct parquet *file, uint32_t number, struct error *err);

/* One more at its end; NULL without memory. */
struct field *pq_dataset_add_field(struct archive *a, struct field *f, struct slice name, struct error *err);

/* --- dataset_finish.c: the union is whole: makes d->p's elements and leaves of it -- */

int pq_dataset_finish(struct archive *a, struct dataset *d, struct error *err);

/* --- dataset_types.c -------------------------------------------------------- */

enum form pq_dataset_form(const struct element *e, unsigned depth);

/* The element of a list, or the pair of a map. */
const struct element *pq_dataset_item(const struct element *e, unsigned depth);
static inline bool pq_dataset_is_null(const struct element *e) { return e->physical != GROUP && e->logical == LOGICAL_UNKNOWN; }

/* The type that holds all of both, if there is one; b_width as it is shown. */
bool pq_dataset_widen(struct element *a, uint32_t *a_width, const struct element *b, uint32_t b_width);

/* --- dataset_map.c ------------------------------------------------------------ */

/* What a field is in one file. */
struct mapped {
	const struct element *e;   /* NULL: the file lacks it */
	const struct field *lacked; /* then: from here on */
	struct leaf *counts;       /* and a leaf that has its slots; NULL for those of depth 0 */
};
struct mapped pq_dataset_map(const struct parquet *file, const struct field *f);
int pq_dataset_map_in(struct archive *file, const struct field *f, struct mapped *ret, struct error *err); /* of an open one */

/* --- dataset_totals.c ----------------------------------------------------------- */

/* column->totals: what lies before each file, as pq_leaf_totals() has it of row groups.
 * Any thread. */
int pq_dataset_totals(struct archive *a, struct leaf *column, struct error *err);

/* --- dataset_widen.c ------------------------------------------------------------ */

enum pq_dataset_widening { SIGNED, UNSIGNED, HALF, SINGLE, HALF_TO_SINGLE };

/* How the file's values become the column's; false: not at all, then the file is
 * not what it was. */
bool pq_dataset_widening(const struct field *f, const struct element *e, uint32_t e_width, enum pq_dataset_widening *ret);

/* Of elements at `from`, `len` bytes of the column, which begin `within` the first
 * and may end within the last of them. */
void pq_dataset_convert(enum pq_dataset_widening how, const uint8_t *from, uint32_t from_width, uint32_t width, uint64_t within,
			uint64_t len, uint8_t *to);

/* --- dataset_read.c ------------------------------------------------------------- */

/* What of the files a shown file is made of: the column, or a field above it, whose
 * offsets or validity it is. */
const struct field *pq_dataset_target(const struct dataset *d, const struct shown *s, const struct field *column);

int pq_dataset_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
		    struct error *err);
int pq_dataset_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);

/* --- dataset_details.c: as pq_details(), each row group with its file and the
 * values of the partition keys there ------------------------------------------------ */

int pq_dataset_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
