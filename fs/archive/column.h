/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/tree.h"

/*
 * The columns of a table, and other arrays, as every format shows them:
 *
 *	array        NAME
 *	list         NAME/offsets      NAME/values, which may itself be any of these
 *	string       NAME/offsets      NAME/values: bytes
 *	map          NAME/offsets      NAME/values/key, NAME/values/value
 *	struct       NAME/FIELD …
 *	dictionary   NAME/indices      NAME/dictionary
 *	validity     NAME.validity, next to any of these
 *
 * Offsets are int64, little-endian, one more than there are lists; validity is a bool for each
 * element.  Where a file's bytes come from is up to the format: this is only about which files
 * there are, their names and their descriptions.
 *
 * For use while a tree is being filled, like tree.h's functions: each returns the index of what
 * it added, 0 once the tree has failed.
 */

/* Where it goes.  `merges`: what becomes a directory may be one that another name
 * implied. */
struct column_at {
	uint32_t parent;
	struct slice name;
	bool merges;
};

/* Where a file's bytes come from, as for tree_lazy(), tree_range() and the others. */
struct column_file {
	uint8_t kind; /* NODE_LAZY, NODE_RANGE, NODE_BYTES; NODE_HARD, which is not described */
	uint32_t source;
	union {
		const void *lazy, *bytes;
		uint64_t offset;
		uint32_t twin;
	};
	uint64_t size;     /* SIZE_UNKNOWN: that of its array, or else the format's size() */
	const char *fault; /* why it cannot be read, or NULL */
};

#define COLUMN_UNKNOWN UINT64_MAX /* how many there are is not known before they are decoded */

/* The array with the one extent *count, which must live as long, or with an unknown one. */
static inline struct array column_of(struct array array, const uint64_t *count)
{
	array.rank = *count != COLUMN_UNKNOWN;
	array.unshaped = array.sized = !array.rank;
	array.shape = count;
	return array;
}

/* One file.  This and all arrays below need to live only until the call returns, but their
 * strings as long as the archive. */
uint32_t column_array(struct tree *t, struct column_at at, const struct array *array, struct column_file file);

/* A directory: the fields go below it. */
uint32_t column_struct(struct tree *t, struct column_at at, const struct array *array);

/* A directory, and the file that leads to the rest, which the caller adds. */
struct column {
	uint32_t dir;
	uint32_t index;        /* its offsets or indices */
	struct column_at rest; /* its values or dictionary; of a map: where its keys go */
};

/* `count` lists, strings or maps; the offsets' array follows from it.  A file of no kind (0):
 * the offsets are not known, and there are none. */
struct column column_list(struct tree *t, struct column_at at, const struct array *array, uint64_t count, struct column_file offsets);

/* The same; `pairs` of all maps together.  The values go next to the keys. */
struct column column_map(struct tree *t, struct column_at at, const struct array *array, uint64_t count, struct column_file offsets,
			 uint64_t pairs);
struct column_at column_map_value(const struct column *map);

struct column column_dictionary(struct tree *t, struct column_at at, const struct array *array, const struct array *indices,
				struct column_file file);

/* Which of the column's `count` elements are valid: a lazy file. */
uint32_t column_validity(struct tree *t, uint32_t id, uint64_t count, struct column_file file);

/*
 * NAME.validity is always that of NAME, even if there is a field of that name, wherever it is.
 * Therefore, whoever adds the fields of a struct, or the columns of a table, goes through them
 * once for each round, and adds those of that round, with their validity.
 */
enum { COLUMN_ROUNDS = 2 };
unsigned column_round(struct slice name);

/* Does a published node hold characters or structure (offsets, indices, the bytes of strings), rather
 * than numbers? */
bool column_is_structure(const struct tree *t, const struct node *n);
