/* SPDX-License-Identifier: MIT */
/* Fillings: the nodes of a directory, published all at once or not at all. */
#include "fs/archive/tree_impl.h"

#include <stdlib.h>

#include "fs/base/pages.h"

/* The views' directory (.arrayfs) is found by name and never listed; a member
 * called so gives way to it. */
static const char views[] = ".arrayfs";

/* Every table of names ever published hangs on this list, to be freed. */
struct filling {
	struct names names;
	struct filling *next;
};

struct node *tree_node_new(struct tree *t)
{
	uint32_t x = t->made + TREE_FIRST_CHUNK;
	unsigned k = 31u - (unsigned)__builtin_clz(x) - 6u;
	if (k >= TREE_CHUNKS)
		return NULL;
	if (!t->chunks[k])
		t->chunks[k] = arena_array(t->arena, (size_t)TREE_FIRST_CHUNK << k, sizeof(struct node));
	return t->chunks[k] ? tree_at(t, t->made++) : NULL;
}

int tree_init(struct tree *t, struct arena *a)
{
	*t = (struct tree){.arena = a};
	struct node *nobody = tree_node_new(t), *root = tree_node_new(t);
	if (!nobody || !root)
		return -ENOMEM;
	nobody->name = root->name = "";
	root->kind = NODE_DIR;
	root->open = true;
	atomic_store(&t->count, t->made);
	return 0;
}

static struct filling *filling_of(struct names *names)
{
	return (struct filling *)(void *)names;
}

void tree_free(struct tree *t)
{
	for (struct filling *f = t->names ? filling_of(t->names) : NULL, *next; f; f = next) {
		next = f->next;
		pages_free(f->names.slots, tree_names_bytes(&f->names));
		free(f);
	}
	*t = (struct tree){0};
}

int tree_fill(struct tree *t, uint32_t dir, struct error *err)
{
	struct filling *f = arena_charge(t->arena, sizeof *f + 16 * sizeof(struct names_slot)) ? calloc(1, sizeof *f) : NULL;
	struct names_slot *slots = f ? pages_new(16 * sizeof *slots) : NULL;
	if (!slots) {
		free(f);
		return error_no_memory(err, "a directory's names");
	}
	f->names = (struct names){.mask = 15, .slots = slots};
	f->next = t->names ? filling_of(t->names) : NULL;
	t->names = &f->names;
	t->filling = dir;
	t->failed = 0;
	tree_at(t, dir)->open = false;
	if (dir == TREE_ROOT) {
		uint32_t id = tree_dir(t, dir, slice_text(views));
		if (id)
			tree_at(t, id)->hidden = true;
		tree_at(t, dir)->child = tree_at(t, dir)->last = 0;
	}
	return 0;
}

int tree_publish(struct tree *t, struct error *err)
{
	uint32_t first = atomic_load_explicit(&t->count, memory_order_relaxed);
	struct node *dir = tree_at(t, t->filling);

	if (t->failed) { /* undo the filling */
		dir->child = dir->last = 0;
		dir->open = true;
		for (uint32_t id = first; id < t->made; id++)
			memset(tree_at(t, id), 0, sizeof(struct node));
		t->made = first;
		struct filling *f = filling_of(t->names);
		t->names = f->next ? &f->next->names : NULL;
		arena_refund(t->arena, tree_names_bytes(&f->names) + sizeof *f);
		pages_free(f->names.slots, tree_names_bytes(&f->names));
		free(f);
		return error_set(err, -t->failed, "no memory for all that it holds");
	}
	atomic_store_explicit(&t->count, t->made, memory_order_release);
	for (uint32_t id = first; id < t->made; id++) {
		struct node *n = tree_at(t, id);
		if (n->kind == NODE_DIR && !n->open)
			atomic_store_explicit(&n->names, t->names, memory_order_release);
	}
	if (!dir->open)
		atomic_store_explicit(&dir->names, t->names, memory_order_release);
	return 0;
}

void tree_open_root(struct tree *t, const void *lazy)
{
	struct node *root = tree_at(t, TREE_ROOT);
	root->lazy = lazy;
	root->open = true;
}
