/* SPDX-License-Identifier: MIT */
#include "fs/archive/tree_impl.h"

#include "fs/base/name.h"
#include "fs/base/pages.h"

struct tree_key tree_key(const struct tree *t, uint32_t parent, struct slice name, enum tree_wanted wanted)
{
	uint64_t hash = slice_hash(name, t->arena) ^ (parent + ((uint64_t)wanted << 32)) * 0x9e3779b97f4a7c15 >> 16;
	return (struct tree_key){parent, (uint32_t)hash, name, wanted};
}

static bool matches(const struct node *n, const struct tree_key *key)
{
	size_t len = key->name.len;
	if (n->parent != key->parent || strncmp(n->name, (const char *)key->name.data, len) != 0)
		return false;
	if (key->wanted == TREE_EXACTLY)
		return n->name[len] == '\0';
	return n->kind == NODE_DIR && !n->own && n->suffixed && n->name[len] == '~' && !strchr(n->name + len + 1, '~');
}

static struct names_slot *slot_of(const struct tree *t, const struct names *names, const struct tree_key *key)
{
	uint32_t i = key->hash & names->mask;
	while (names->slots[i].id && (names->slots[i].hash != key->hash || !matches(tree_at(t, names->slots[i].id), key)))
		i = (i + 1) & names->mask;
	return &names->slots[i];
}

uint32_t tree_names_find(const struct tree *t, const struct names *names, const struct tree_key *key)
{
	return slot_of(t, names, key)->id;
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

/* Takes the first free slot, as all keys are distinct. */
static void enter(struct names *names, uint32_t hash, uint32_t id)
{
	uint32_t i = hash & names->mask;
	while (names->slots[i].id)
		i = (i + 1) & names->mask;
	names->slots[i] = (struct names_slot){hash, id};
}

void tree_names_put(struct names *names, const struct tree_key *key, uint32_t id)
{
	enter(names, key->hash, id);
	names->used++;
}

void tree_names_put_suffixed(struct tree *t, struct names *names, uint32_t id)
{
	const struct node *n = tree_at(t, id);
	struct tree_key key = tree_key(t, n->parent, base_of(n->name), TREE_SUFFIXED);
	*slot_of(t, names, &key) = (struct names_slot){key.hash, id};
	names->used++;
}

static bool resize(struct tree *t, uint32_t mask)
{
	struct names *old = t->names, grown = {.mask = mask, .used = old->used};
	if (!arena_charge(t->arena, tree_names_bytes(&grown)))
		return false;
	grown.slots = pages_new(tree_names_bytes(&grown));
	if (!grown.slots) {
		arena_refund(t->arena, tree_names_bytes(&grown));
		return false;
	}
	for (uint32_t i = 0; i <= old->mask; i++)
		if (old->slots[i].id)
			enter(&grown, old->slots[i].hash, old->slots[i].id);
	pages_free(old->slots, tree_names_bytes(old));
	arena_refund(t->arena, tree_names_bytes(old));
	*old = grown;
	return true;
}

bool tree_names_grow(struct tree *t, uint32_t more)
{
	uint64_t size = (uint64_t)t->names->mask + 1, used = (uint64_t)t->names->used + more;
	if (used * 3 < size * 2)
		return true;
	while (used * 3 >= size * 2)
		size *= 2;
	return size <= (uint64_t)INT32_MAX + 1 && resize(t, (uint32_t)(size - 1));
}

uint32_t tree_expect_name(const struct tree *t, uint32_t parent, struct slice name)
{
	struct tree_key key = tree_key(t, parent, name, TREE_EXACTLY);
	__builtin_prefetch(&t->names->slots[key.hash & t->names->mask], 1);
	return key.hash;
}
