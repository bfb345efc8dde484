/* SPDX-License-Identifier: MIT */
/* Chapter III.A.1: version 1 B-trees, used by old groups and chunk indexes; and III.B,
 * the symbol table nodes that are the leaves of groups. */
#include "formats/hdf5/visited.h"

#include <inttypes.h>

struct level {
	struct cursor entries;
	unsigned level, count;
};

static int load_node(const struct h5_file *f, struct arena *s, uint64_t address, unsigned type, unsigned entry,
		     struct level *ret, struct error *err)
{
	struct cursor c;
	unsigned head = 8u + 2u * f->offsets;
	int r = h5_load(f, s, address, head, &c, err);
	if (r < 0)
		return r;
	if (!cursor_match(&c, "TREE", 4))
		return error_set(err, EBADMSG, "no TREE at %" PRIu64, address);
	unsigned found = cursor_u8(&c);
	ret->level = cursor_u8(&c);
	ret->count = cursor_u16le(&c);
	if (found != type)
		return error_set(err, EBADMSG, "a B-tree of type %u, not %u, at %" PRIu64, found, type, address);
	return h5_load(f, s, address + head, (uint64_t)ret->count * entry, &ret->entries, err);
}

/* --- groups ------------------------------------------------------------------ */

struct walk {
	const struct h5_file *f;
	const struct h5_local_heap *heap;
	h5_entry_fn *each;
	void *arg;
	struct h5_faults *faults;
	struct h5_visited visited;
};

/* A name's offset in the heap is as wide as an offset by the specification, but as wide as
 * a length in the library. */
static int symbols(struct walk *w, struct arena *s, uint64_t address, struct error *err)
{
	struct cursor c;
	unsigned each = (unsigned)w->f->lengths + w->f->offsets + 24u;
	int r = h5_load(w->f, s, address, 8, &c, err);
	if (r < 0)
		return r;
	if (!cursor_match(&c, "SNOD", 4))
		return error_set(err, EBADMSG, "no SNOD at %" PRIu64, address);
	cursor_skip(&c, 2);
	unsigned count = cursor_u16le(&c);
	r = h5_load(w->f, s, address + 8, (uint64_t)count * each, &c, err);
	if (r == 0)
		r = h5_visit_bytes(&w->visited, 8 + (uint64_t)count * each, err);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		struct slice name, target = {0};
		uint64_t at = h5_length(w->f, &c), object = h5_address(w->f, &c);
		uint32_t cache = cursor_u32le(&c);
		cursor_skip(&c, 4);
		uint32_t text = cursor_u32le(&c);
		cursor_skip(&c, 12);
		r = h5_local_text(w->heap, at, &name, err);
		if (r == 0 && cache == 2)
			r = h5_local_text(w->heap, text, &target, err);
		if (r == 0)
			r = w->each(w->arg, name, object, cache == 2, target, err);
		r = h5_spare(w->faults, r, err);
	}
	return r;
}

static int walk_node(struct walk *w, struct arena *parent, uint64_t address, unsigned parent_level, struct error *err);

/* A node's own bytes are not needed after it. */
static int walk_within(struct walk *w, struct arena *s, uint64_t address, unsigned parent_level, struct error *err)
{
	struct level n;
	unsigned each = (unsigned)w->f->lengths + w->f->offsets;
	int r = load_node(w->f, s, address, 0, each, &n, err);
	if (r < 0 || (r = h5_visit_bytes(&w->visited, 8u + 2u * w->f->offsets + (uint64_t)n.count * each, err)) < 0)
		return r;
	if (n.level >= parent_level)
		return error_set(err, EBADMSG, "a B-tree's node of level %u at %" PRIu64 " below one of level %u", n.level, address,
				 parent_level);
	for (unsigned i = 0; r == 0 && i < n.count; i++) {
		cursor_skip(&n.entries, w->f->lengths);
		uint64_t child = h5_address(w->f, &n.entries);
		r = h5_spare(w->faults, walk_node(w, s, child, n.level, err), err);
	}
	return r;
}

/* Level 0 is that of the last nodes of the tree, below which are symbol nodes. */
static int walk_node(struct walk *w, struct arena *parent, uint64_t address, unsigned parent_level, struct error *err)
{
	int r = h5_visit(&w->visited, address, err);
	if (r < 0)
		return r;
	struct arena s = arena_scratch(parent);
	r = parent_level > 0 ? walk_within(w, &s, address, parent_level, err) : symbols(w, &s, address, err);
	arena_free(&s);
	return r;
}

int h5_btree1_group(const struct h5_file *f, struct arena *s, uint64_t address, const struct h5_local_heap *heap,
		    h5_entry_fn *each, void *arg, struct h5_faults *faults, struct error *err)
{
	struct walk w = {f, heap, each, arg, faults, h5_visited(f, s)};
	int r = walk_node(&w, s, address, H5_DEPTH_MAX, err);
	return r == -ELOOP ? -EBADMSG : r;
}

/* --- chunks ------------------------------------------------------------------ */

static int compare_key(struct cursor key, unsigned rank, const uint64_t *at)
{
	cursor_skip(&key, 8);
	for (unsigned i = 0; i < rank; i++) {
		uint64_t found = cursor_u64le(&key);
		if (at[i] != found)
			return at[i] < found ? -1 : 1;
	}
	return 0;
}

static uint64_t key_at(struct cursor key, unsigned i)
{
	cursor_skip(&key, 8 + 8 * (uint64_t)i);
	return cursor_u64le(&key);
}

/* Are the keys in ascending order? If not, the search might miss a chunk, and fill values
 * would be shown instead of what is stored. */
static bool keys_ascend(const struct level *n, unsigned each, unsigned rank)
{
	struct cursor key = n->entries, next = n->entries;
	for (unsigned k = 1; k < n->count; k++, key = next) {
		unsigned i = 0;
		cursor_skip(&next, each);
		while (i < rank && key_at(key, i) == key_at(next, i))
			i++;
		if (i == rank || key_at(key, i) > key_at(next, i))
			return false;
	}
	return true;
}

/* Keys bracket what is below a child, so a single descent finds a chunk. */
int h5_btree1_chunk(const struct h5_file *f, uint64_t address, unsigned rank, const uint64_t *at,
		    struct h5_chunk_at *ret, struct error *err)
{
	struct arena s = arena_apart(&f->a->arena);
	unsigned key = 8 + 8 * (rank + 1), each = key + f->offsets, level = H5_DEPTH_MAX;
	int r = 0;
	ret->address = H5_UNDEFINED;
	while (r == 0 && level > 0) {
		struct level n;
		if ((r = load_node(f, &s, address, 1, each, &n, err)) < 0)
			break;
		if (n.level >= level) {
			r = error_set(err, EBADMSG, "a B-tree's node of level %u at %" PRIu64 " below one of level %u", n.level,
				      address, level);
			break;
		}
		level = n.level;
		unsigned low = 0, high = n.count; /* the last key that does not exceed the one sought */
		while (low < high) {
			unsigned mid = (low + high) / 2;
			struct cursor c = n.entries;
			cursor_skip(&c, (uint64_t)mid * each);
			if (compare_key(c, rank, at) < 0)
				high = mid;
			else
				low = mid + 1;
		}
		struct cursor c = n.entries;
		cursor_skip(&c, low ? (uint64_t)(low - 1) * each : 0);
		bool same = low > 0 && compare_key(c, rank, at) == 0;
		if (!same && (low == 0 || level == 0) && !keys_ascend(&n, each, rank))
			r = error_set(err, EBADMSG, "the keys of a chunk index's node at %" PRIu64 " are not in order", address);
		if (low == 0 || r < 0)
			break;
		uint32_t size = cursor_u32le(&c), mask = cursor_u32le(&c);
		cursor_skip(&c, key - 8);
		address = h5_address(f, &c);
		r = cursor_check(&c, err, "a B-tree's node");
		if (r == 0 && level == 0 && same)
			*ret = (struct h5_chunk_at){address, size, mask};
	}
	arena_free(&s);
	return r;
}
