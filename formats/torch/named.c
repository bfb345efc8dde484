/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a file, as they are met: how many names each has, and where the bytes lie of one that
 * stands in the source as it is shown.  So it is read once, however many show it.
 */
#include "formats/shared/strided.h"
#include "formats/torch/graph.h"
#include "fs/base/name.h"

struct torch_slot {
	uint32_t tag, number; /* tag: bits of the hash; number: from 1; 0: free */
};

/* Seeded, so that nobody can craft tensors that all have one place. */
static uint64_t place_of(const struct torch_file *f, uint64_t hash)
{
	return slice_hash((struct slice){(const uint8_t *)&hash, sizeof hash}, f);
}

/* Where the first tensor of that hash is, or would be. */
static struct torch_slot *find(const struct torch_file *f, uint64_t hash, uint64_t place)
{
	uint32_t i = (uint32_t)place & f->mask, tag = (uint32_t)(place >> 32);
	while (f->slots[i].number && (f->slots[i].tag != tag || torch_named(f, f->slots[i].number - 1)->hash != hash))
		i = (i + 1) & f->mask;
	return &f->slots[i];
}

/* Bytes of the source, in order. */
static bool stands_there(const struct torch_tensor *t)
{
	return !t->bytes.stream && !t->bytes.memory && !t->conj && !t->neg && strided_in_order(t->shape, t->strides, t->rank) &&
	       tree_array_size(&t->array) != SIZE_UNKNOWN;
}

int torch_meet(struct torch_file *f, const struct torch_tensor *t, uint32_t *ret, struct error *err)
{
	unsigned k = 25u - (unsigned)__builtin_clz(f->nnamed + 64);
	if (!f->named[k])
		f->named[k] = arena_array(f->keep, 64u << k, sizeof **f->named);
	const struct array *array = f->named[k] && stands_there(t) ? tree_array(&f->a->tree, &t->array) : NULL;
	if (!f->named[k] || f->a->tree.failed)
		return error_no_memory(err, "so many tensors");
	*torch_named(f, f->nnamed) = (struct torch_named){t->hash, array, t->bytes.offset + t->offset, t->bytes.source, 0};
	*ret = f->nnamed++;
	return 0;
}

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void torch_add_links(struct torch_file *f, uint32_t number, uint32_t links)
{
	torch_named(f, number)->links = plus(torch_named(f, number)->links, links);
}

/* Gives the first of a hash the links of the others. */
static void enter(struct torch_file *f, uint32_t number, uint64_t place)
{
	struct torch_named *named = torch_named(f, number);
	struct torch_slot *at = find(f, named->hash, place);
	if (at->number)
		torch_add_links(f, at->number - 1, named->links);
	else
		*at = (struct torch_slot){(uint32_t)(place >> 32), number + 1};
	f->tied |= torch_named(f, at->number - 1)->links > 1;
}

int torch_merge_named(struct torch_file *f, struct error *err)
{
	enum { AHEAD = 16 };
	uint64_t places[AHEAD], size = 16;
	while (size * 3 < (uint64_t)f->nnamed * 4)
		size *= 2;
	if (!(f->slots = arena_array(f->keep, size, sizeof *f->slots)))
		return error_no_memory(err, "so many tensors");
	f->mask = (uint32_t)size - 1;
	for (uint32_t i = 0; i < f->nnamed + AHEAD; i++) { /* their places are fetched into the CPU's cache ahead */
		if (i >= AHEAD)
			enter(f, i - AHEAD, places[i % AHEAD]);
		if (i >= f->nnamed)
			continue;
		places[i % AHEAD] = place_of(f, torch_named(f, i)->hash);
		__builtin_prefetch(&f->slots[places[i % AHEAD] & f->mask], 1);
	}
	for (uint32_t i = 0; f->tied && i < f->nnamed; i++)
		torch_named(f, i)->links = torch_named(f, torch_find_named(f, torch_named(f, i)->hash))->links;
	return 0;
}

uint32_t torch_find_named(const struct torch_file *f, uint64_t hash)
{
	return f->slots ? find(f, hash, place_of(f, hash))->number - 1 : UINT32_MAX;
}
