/* SPDX-License-Identifier: MIT */
#include "fs/archive/tree_impl.h"

#include <stdlib.h>

#include "fs/base/name.h"

static uint32_t key_hash(const struct tree *t, uint32_t parent, struct slice name, enum tree_wanted wanted)
{
	return (uint32_t)(slice_hash(name, t->arena) ^ (parent + ((uint64_t)wanted << 32)) * 0x9e3779b97f4a7c15 >> 16);
}

static bool matches(const struct node *n, uint32_t parent, struct slice name, enum tree_wanted wanted)
{
	if (n->parent != parent || strncmp(n->name, (const char *)name.data, name.len) != 0)
		return false;
	if (wanted == TREE_EXACTLY)
		return n->name[name.len] == '\0';
	return n->kind == NODE_DIR && n->suffixed && n->name[name.len] == '~' && !strchr(n->name + name.len + 1, '~');
}

static struct names_slot *slot_by_hash(const struct tree *t, const struct names *names, uint32_t hash,
				       uint32_t parent, struct slice name, enum tree_wanted wanted)
{
	uint32_t i = hash & names->mask;
	while (names->slots[i].id &&
	       (names->slots[i].hash != hash || !matches(tree_at(t, names->slots[i].id), parent, name, wanted)))
		i = (i + 1) & names->mask;
	return &names->slots[i];
}

uint32_t tree_names_find(const struct tree *t, const struct names *names, uint32_t parent, struct slice name,
			 enum tree_wanted wanted)
{
	return slot_by_hash(t, names, key_hash(t, parent, name, wanted), parent, name, wanted)->id;
}

size_t tree_names_bytes(const struct names *names)
{
	return ((size_t)names->mask + 1) * sizeof *names->slots;
}

/* The base of a suffixed name. */
static struct slice base_of(const char *name)
{
	return (struct slice){(const uint8_t *)name, (size_t)(strrchr(name, '~') - name)};
}

static void put_key(struct tree *t, struct names *names, uint32_t id, struct slice name, enum tree_wanted wanted)
{
	uint32_t parent = tree_at(t, id)->parent, hash = key_hash(t, parent, name, wanted);
	*slot_by_hash(t, names, hash, parent, name, wanted) = (struct names_slot){hash, id};
	names->used++;
}

void tree_names_put(struct tree *t, struct names *names, uint32_t id)
{
	const struct node *n = tree_at(t, id);
	put_key(t, names, id, slice_text(n->name), TREE_EXACTLY);
	if (n->kind == NODE_DIR && n->suffixed)
		put_key(t, names, id, base_of(n->name), TREE_SUFFIXED);
}

bool tree_names_grow(struct tree *t)
{
	struct names *old = t->names;
	if (((uint64_t)old->used + 2) * 3 < ((uint64_t)old->mask + 1) * 2)
		return true;
	struct names grown = {.mask = old->mask * 2 + 1, .used = old->used};
	if (grown.mask > INT32_MAX || !arena_charge(t->arena, tree_names_bytes(&grown)))
		return false;
	grown.slots = calloc((size_t)grown.mask + 1, sizeof *grown.slots);
	if (!grown.slots) {
		arena_refund(t->arena, tree_names_bytes(&grown));
		return false;
	}
	for (uint32_t i = 0; i <= old->mask; i++) { /* all are distinct: the first free slot */
		uint32_t to = old->slots[i].hash & grown.mask;
		while (old->slots[i].id && grown.slots[to].id)
			to = (to + 1) & grown.mask;
		if (old->slots[i].id)
			grown.slots[to] = old->slots[i];
	}
	free(old->slots);
	arena_refund(t->arena, tree_names_bytes(old));
	*old = grown;
	return true;
}
