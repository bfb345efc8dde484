/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/arrow/meta.h"
#include "formats/shared/table.h"

/*
 * A directory of files as one table.
 *
 * It is shown like a single file whose batches are the files: struct table holds the union of
 * their schemas and the rows before each file.  A read finds the files that have its rows,
 * opens them (fs/archive/parts.h) and has the file's own reader answer for the same field: as
 * it is, or widened, or counted from what the files before it have.  Fields that a file lacks
 * are null.
 *
 *   dataset.c      from the files to the tree
 *   union.c        unites their schemas by the rules of types.c
 *   finish.c       makes tables of the union
 *   read.c         what a field is in a file, how much of it that has, and its bytes
 *   huggingface.c  folders that say which of their files count; huggingface_files.c
 */

/* A field of the union, while it is made. */
struct column {
	struct slice name;
	struct column *parent;
	struct column **children; /* in the order in which they are shown */
	uint32_t nchildren;
	struct slice_map names;   /* of the children, of a struct or at the top */
	struct column *values;    /* of INDICES: of the dictionary */
	uint64_t *rows;           /* of a dictionary's values: how many each file has */
	struct field as;          /* layout, width, per, array and the like */
	struct field_detail detail;
	const char *stated;       /* its type in `file`, for messages */
	uint32_t file;
	uint32_t seen;            /* the last file that had it, + 1 */
	bool nullable, sound, met; /* sound: some file's can be read; met: some file's has rows */
	const char *fault, *codec;
	const struct table_key *key; /* of a column made of a partition key */
};

/* A table, or a dictionary, over files. */
struct united {
	struct table table;
	const struct table_files *files;
	const struct table_key **keys; /* for each field, or NULL */
	const struct table *owner;     /* of a dictionary: its field of indices, */
	const struct field *indices;   /* and the table of that */
};
static inline const struct united *united(const struct table *t)
{
	return (const struct united *)(const void *)t;
}

/* What is known while the union is made. */
struct uniting {
	struct archive *a;
	struct table_files *files;
	struct arena *scratch;
	struct column *top;
	uint32_t file;      /* being united */
	const struct member **first; /* whose byte order is that of all; NULL: none yet */
	struct error *err;
};

/* --- union.c -------------------------------------------------------------------- */

/* A table_take_file; `arg` is a struct uniting. */
int arrow_unite(void *arg, struct archive *file, uint32_t number, uint64_t *ret_rows, struct error *err);
struct column *arrow_column(struct uniting *u, struct column *parent, struct slice name); /* appended; NULL without memory */

/* --- types.c -------------------------------------------------------------------- */

/* Is one way to store strings or lists as good as another? */
enum layout arrow_kind_of(const struct field *f);

/* Widens a type without children until it holds the values of the other, too; false: none
 * does.  `arena`: of what it is called. */
bool arrow_widen(struct arena *arena, struct field *a, const struct field *b);

/* What its values have to be made of those of a file. */
bool arrow_needs_widening(const struct field *f, const struct field *in_file);

/* --- finish.c: adds a table of the union to the archive's ------------------------------ */

int arrow_finish(struct uniting *u, struct table **ret);

/* --- read.c ----------------------------------------------------------------------- */

extern const struct arrow_files arrow_united;

/* --- dataset.c, huggingface.c --------------------------------------------------------- */

/* One table over files; archive->priv is a struct arrow. */
int arrow_table_open(struct archive *a, struct table_files *files, uint32_t dir, const struct member **first, struct error *err);

bool arrow_huggingface(const struct members *m);
int arrow_huggingface_open(struct archive *a, struct error *err);
extern const struct format arrow_file;
