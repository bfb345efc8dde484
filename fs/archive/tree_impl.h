/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/tree.h"

/*
 * What the files of the tree share: tree_fill.c begins and publishes fillings, tree.c adds
 * nodes and finds them, tree_names.c has the table of names of a filling, tree_arrays.c the
 * nodes' descriptions.
 */
static inline struct node *tree_at(const struct tree *t, uint32_t id)
{
	uint32_t x = id + TREE_FIRST_CHUNK;
	unsigned k = 31u - (unsigned)__builtin_clz(x) - 6u;
	return &t->chunks[k][x - ((uint32_t)TREE_FIRST_CHUNK << k)];
}

static inline void tree_fail(struct tree *t, int code)
{
	if (!t->failed)
		t->failed = code;
}

/* One more node, of this filling; NULL if there is no memory. */
struct node *tree_node_new(struct tree *t);

/* What to look up: exactly the name; or the directory that got a suffix because a leaf has
 * the name, which later paths through that name must find again. */
enum tree_wanted { TREE_EXACTLY, TREE_SUFFIXED };

struct tree_key {
	uint32_t parent, hash;
	struct slice name;
	enum tree_wanted wanted;
};
struct tree_key tree_key(const struct tree *t, uint32_t parent, struct slice name, enum tree_wanted wanted);

/* The node of that name; 0 if there is none. */
uint32_t tree_names_find(const struct tree *t, const struct names *names, const struct tree_key *key);

/* Enters the node under a free name, for which the table has room; a directory that got a
 * suffix, also under the name without it. */
void tree_names_put(struct names *names, const struct tree_key *key, uint32_t id);
void tree_names_put_suffixed(struct tree *t, struct names *names, uint32_t id);

/* Makes room for so many more in the table of this filling, which is never more than two
 * thirds full; false if there is no memory. */
bool tree_names_grow(struct tree *t, uint32_t more);
size_t tree_names_bytes(const struct names *names);
