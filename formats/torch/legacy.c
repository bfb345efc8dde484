/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's stream from before 1.6, which torch.save still writes on request: five pickles, one after
 * the other, then the storages.
 *
 *	0x1950a86a20f9469cfc6c
 *	1001
 *	{'protocol_version': 1001, 'little_endian': True, 'type_sizes': …}
 *	the value, in which a storage is a persistent id
 *	[KEY, …]
 *	for each key: the number of its elements, 8 bytes; the elements
 *
 * The bytes are little-endian, whatever the third pickle says: PyTorch does not look.
 *
 * https://github.com/pytorch/pytorch/blob/v2.13.0/torch/serialization.py, _legacy_load().
 */
#include "formats/torch/legacy.h"

#include <inttypes.h>

enum { KEY_MAX = 4096 };

static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

bool torch_legacy_probe(struct slice head)
{
	struct cursor c = cursor_over(head);
	if (cursor_u8(&c) != 0x80 || cursor_u8(&c) > 5)
		return false;
	if (cursor_match(&c, "\x95", 1)) /* FRAME */
		cursor_skip(&c, 8);
	return cursor_match(&c, magic, sizeof magic) && !c.failed;
}

/* --- the storages ------------------------------------------------------------------------------ */

struct legacy {
	struct slice_map keys;
	struct place {
		uint64_t width; /* bytes of an element; 0: no tensor has it */
		uint64_t offset, size;
	} *places; /* by a key's number */
};

static int no_memory(struct error *err)
{
	return error_no_memory(err, "its storages");
}

static int number_of(struct legacy *l, struct slice key, uint32_t *ret, struct error *err)
{
	bool fresh;
	struct arena *arena = l->keys.arena;
	uint32_t before = l->keys.count;
	*ret = slice_map_add(&l->keys, key, &fresh);
	if (*ret == SLICE_MAP_NONE)
		return no_memory(err);
	if (fresh) {
		struct place *more = list_grow_in(arena, l->places, before, sizeof *more);
		if (!more)
			return no_memory(err);
		l->places = more;
		more[before] = (struct place){0};
	}
	return 0;
}

/* Persistent ids give the types of the storages, and so the width of their elements. */
static int read_types(const struct torch_file *f, struct legacy *l, struct error *err)
{
	for (uint32_t i = 1; i <= f->pickle.count; i++) {
		const struct pickle_node *n = torch_node(f, i), *id, *class;
		struct slice key;
		uint32_t number;
		if (n->kind != PICKLE_PERSISTENT)
			continue;
		id = torch_node(f, n->pair[0]);
		if (id->kind != PICKLE_TUPLE || id->count < 5 || !torch_is_text(f, pickle_item(id, 0), "storage"))
			continue;
		class = torch_node(f, pickle_item(id, 1));
		int r = torch_child_name(f, &(struct torch_child){.key = pickle_item(id, 2)}, l->keys.arena, &key, err);
		r = r < 0 ? r : number_of(l, key, &number, err);
		if (r < 0)
			return r;
		if (class->kind == PICKLE_GLOBAL && (class->known == TORCH_UNTYPED || torch_dtype(class->known)))
			l->places[number].width = torch_width(torch_dtype(class->known));
	}
	return 0;
}

static int read_places(const struct torch_file *f, const struct pickle *keys, uint64_t at, struct legacy *l, struct error *err)
{
	struct torch_file as = {.a = f->a, .pickle = *keys};
	const struct pickle_node *list = pickle_node(keys, keys->root);
	struct pickle_walk w = pickle_items(list);
	uint32_t item, number, i = 0;
	if (list->kind != PICKLE_LIST)
		return error_set(err, EBADMSG, "the fifth pickle is no list of its storages");
	for (; pickle_next(&w, &item); i++) {
		struct slice key;
		uint8_t count[8];
		int r = torch_child_name(&as, &(struct torch_child){.key = item}, l->keys.arena, &key, err);
		r = r < 0 ? r : number_of(l, key, &number, err);
		if (r < 0)
			return r;
		struct place *p = &l->places[number];
		if (!range_within(at, sizeof count, f->data.size))
			return error_set(err, EBADMSG, "cut short at byte %" PRIu64 ", before storage %" PRIu32 " of %" PRIu32, f->data.size, i + 1,
					 list->count);
		if ((r = content_read(f->a, &f->data, at, sizeof count, count, NULL, err)) < 0)
			return r;
		struct cursor c = cursor_over((struct slice){count, sizeof count});
		p->offset = at + sizeof count;
		if (!p->width)
			return error_set(err, EBADMSG, "storage %" PRIu32 " of %" PRIu32 " has no known type", i + 1, list->count);
		if (__builtin_mul_overflow(cursor_u64le(&c), p->width, &p->size) || !range_within(p->offset, p->size, f->data.size))
			return error_set(err, EBADMSG, "cut short at byte %" PRIu64 ", in storage %" PRIu32 " of %" PRIu32, f->data.size, i + 1,
					 list->count);
		at = p->offset + p->size;
	}
	return 0;
}

static int find_storage(const struct torch_file *f, struct slice key, struct content *ret, struct error *err)
{
	const struct legacy *l = f->storages;
	uint32_t number = slice_map_find(&l->keys, key);
	if (number == SLICE_MAP_NONE || !l->places[number].offset)
		return error_set(err, EBADMSG, "storage %.*s is not in the file", key.len < 100 ? (int)key.len : 100, key.data);
	*ret = content_part(&f->data, l->places[number].offset, l->places[number].size);
	return 0;
}

/* --- the pickles ---------------------------------------------------------------------------------- */

/* The stream is kept in memory once, not by each of them. */
struct reading {
	struct arena scratch;
	struct pickle_resident resident;
	uint64_t at;
};

static int read_pickle(struct reading *g, struct pickle *p, const struct torch_file *f, bool persistent, struct error *err)
{
	*p = (struct pickle){.archive = f->a, .in = &f->data, .keep = f->keep, .scratch = &g->scratch, .known = torch_known,
			     .persistent = persistent, .resident = g->resident};
	int r = pickle_read(p, g->at, err);
	p->scratch = NULL;
	g->resident = p->resident;
	g->at = p->end;
	return r;
}

int torch_legacy_read(struct torch_file *f, struct error *err)
{
	struct legacy *l = arena_alloc(f->keep, sizeof *l);
	struct reading g = {.scratch = arena_scratch(f->keep)};
	struct pickle other, keys;
	int r = l ? 0 : no_memory(err);
	for (int i = 0; r == 0 && i < 3; i++) /* magic, version, system */
		r = read_pickle(&g, &other, f, false, err);
	if (r == 0)
		r = read_pickle(&g, &f->pickle, f, true, err);
	if (r == 0)
		r = read_pickle(&g, &keys, f, false, err);
	if (r == 0) {
		l->keys.arena = f->keep;
		r = read_types(f, l, err);
	}
	if (r == 0)
		r = read_places(f, &keys, g.at, l, err);
	f->storage = find_storage;
	f->storages = l;
	arena_free(&g.scratch);
	return r;
}

int torch_legacy_storage(const struct torch_file *f, uint32_t bytes, struct arena *arena, struct torch_storage *ret, struct error *err)
{
	struct torch_file *inner = arena_alloc(arena, sizeof *inner);
	uint8_t head[32];
	size_t n;
	*ret = (struct torch_storage){0};
	if (!inner)
		return no_memory(err);
	*inner = (struct torch_file){.a = f->a, .source = f->source, .keep = arena};
	int r = bytes ? torch_bytes(f, bytes, STREAM_SIZE_UNKNOWN, &inner->data, err) : error_set(err, EBADMSG, "a storage of no bytes");
	if (r == 0)
		r = content_head(f->a, &inner->data, head, sizeof head, &n, err);
	if (r == 0 && !torch_legacy_probe((struct slice){head, n}))
		r = error_set(err, EBADMSG, "a storage whose bytes are no stream of PyTorch's");
	if (r == 0)
		r = torch_legacy_read(inner, err);
	if (r == 0 && pickle_node(&inner->pickle, inner->pickle.root)->kind != PICKLE_PERSISTENT)
		r = error_set(err, EBADMSG, "a stream of PyTorch's that is no storage");
	return r < 0 ? r : torch_storage(inner, inner->pickle.root, arena, ret, err);
}
