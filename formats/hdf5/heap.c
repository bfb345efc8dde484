/* SPDX-License-Identifier: MIT */
/* Chapters III.D and III.E: local heaps, which hold names, and global heaps, which hold
 * variable-length data. */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

int h5_local_heap(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_local_heap *ret,
		  struct error *err)
{
	struct cursor c;
	int r = h5_load(f, s, address, 8u + 2u * f->lengths + f->offsets, &c, err);
	if (r < 0)
		return r;
	if (!cursor_match(&c, "HEAP", 4))
		return error_set(err, EBADMSG, "no HEAP at %" PRIu64, address);
	cursor_skip(&c, 4);
	uint64_t len = h5_length(f, &c);
	cursor_skip(&c, f->lengths);
	uint64_t at = h5_address(f, &c);
	if ((r = h5_load(f, s, at, len, &c, err)) < 0)
		return r;
	ret->data = (struct slice){c.pos, cursor_left(&c)};
	return 0;
}

int h5_local_text(const struct h5_local_heap *h, uint64_t offset, struct slice *ret, struct error *err)
{
	const uint8_t *end = offset < h->data.len ? memchr(h->data.data + offset, 0, h->data.len - offset) : NULL;
	if (!end)
		return error_set(err, EBADMSG, "a name at %" PRIu64 " of a local heap of %zu bytes has no end", offset,
				 h->data.len);
	*ret = (struct slice){h->data.data + offset, (size_t)(end - h->data.data) - offset};
	return 0;
}

/* --- global heaps ------------------------------------------------------------ */

/* The size of the header of a collection, and of each object in it; the library rounds both
 * up to a multiple of 8. */
static unsigned header_size(const struct h5_file *f)
{
	return (8u + f->lengths + 7u) & ~7u;
}

/* A collection as a block: a table of (offset, length) by object, then the bytes. */
struct object {
	uint64_t offset, len;
};
struct collection {
	uint64_t count;
	struct object objects[];
};

static int read_size(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t *ret, struct error *err)
{
	struct cursor c;
	uint64_t at, end = h5_source(f)->size;
	if (address == H5_UNDEFINED || __builtin_add_overflow(address, f->base, &at) || !range_within(at, header_size(f), end))
		return error_set(err, EBADMSG, "a global heap at %" PRIu64 " of a file of %" PRIu64, address, end);
	int r = h5_load(f, s, address, header_size(f), &c, err);
	if (r < 0)
		return r;
	if (!cursor_match(&c, "GCOL", 4))
		return error_set(err, EBADMSG, "no GCOL at %" PRIu64, address);
	cursor_skip(&c, 4);
	*ret = h5_length(f, &c);
	if (!range_within(at, *ret, end))
		return error_set(err, EBADMSG, "a global heap of %" PRIu64 " bytes at %" PRIu64 " of a file of %" PRIu64, *ret,
				 address, end);
	return 0;
}

/* Fills the table of objects, if there is one; returns the highest index + 1. */
static uint64_t walk_objects(const struct h5_file *f, struct cursor c, size_t shift, struct object *objects)
{
	uint64_t count = 0;
	while (cursor_left(&c) >= header_size(f)) {
		unsigned index = cursor_u16le(&c);
		cursor_skip(&c, 6);
		uint64_t len = h5_length(f, &c);
		cursor_skip(&c, header_size(f) - 8u - f->lengths);
		uint64_t at = cursor_at(&c);
		if (index == 0)
			break;
		cursor_skip(&c, len);
		if (c.failed)
			break;
		cursor_skip(&c, -len & 7);
		if (objects && objects[index].offset == 0)
			objects[index] = (struct object){at + shift, len};
		count = index + 1u > count ? index + 1u : count;
	}
	return count;
}

static int decode_collection(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct h5_file *f = from->owner;
	struct cursor c;
	struct arena s = arena_apart(&archive_decoded(from)->arena);
	uint64_t len = 0;
	int r = read_size(f, &s, index, &len, err);
	if (r == 0)
		r = h5_load(f, &s, index, len, &c, err);
	if (r == 0) {
		cursor_skip(&c, header_size(f));
		uint64_t count = walk_objects(f, c, 0, NULL);
		size_t table = sizeof(struct collection) + (size_t)count * sizeof(struct object);
		uint8_t *room = block_room(ret, table + (size_t)len, err);
		if (room) {
			memset(room, 0, table);
			((struct collection *)(void *)room)->count = count;
			walk_objects(f, c, table, ((struct collection *)(void *)room)->objects);
			memcpy(room + table, c.start, (size_t)len);
		}
		r = room ? 0 : -ENOMEM;
	}
	arena_free(&s);
	return r;
}

int h5_global(const struct h5_file *f, struct block *within, uint64_t address, uint32_t index, struct slice *ret,
	      struct block **ret_block, struct error *err)
{
	struct block_source from = {&f->a->blocks, f, decode_collection, 0};
	int r = blocks_get(f->a->options->blocks, within, &from, address, ret_block, err);
	if (r < 0) {
		*ret_block = NULL;
		return r;
	}
	const struct collection *c = (const void *)(*ret_block)->bytes;
	if (index >= c->count || c->objects[index].offset == 0) {
		blocks_release(*ret_block);
		*ret_block = NULL;
		return error_set(err, EBADMSG, "no object %" PRIu32 " in the global heap at %" PRIu64, index, address);
	}
	*ret = (struct slice){(*ret_block)->bytes + c->objects[index].offset, (size_t)c->objects[index].len};
	return 0;
}
