/* SPDX-License-Identifier: MIT */
/* Chapter IV.A: object headers, their continuations, and shared messages. */
#include "formats/hdf5/hdf5.h"
#include "fs/base/list.h"

#include <inttypes.h>

enum { MESSAGES_MAX = 65536, BLOCKS_MAX = 4096 };

struct block_at {
	uint64_t address, len;
};

/* The blocks of a header that are yet to be read; none may be repeated. */
struct walk {
	const struct h5_file *f;
	struct arena *s;
	struct h5_header *h;
	struct block_at *blocks;
	uint32_t count;
	unsigned version;
	bool ordered; /* messages carry their creation order */
};

static int add_block(struct walk *w, struct cursor c, struct error *err)
{
	struct block_at b = {h5_address(w->f, &c), h5_length(w->f, &c)};
	int r = cursor_check(&c, err, "a continuation");
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->blocks[i].address == b.address)
			return error_set(err, EBADMSG, "an object header at %" PRIu64 " continues at %" PRIu64 " twice",
					 w->h->address, b.address);
	if (w->count >= BLOCKS_MAX)
		return error_set(err, EBADMSG, "an object header of more than %u blocks", BLOCKS_MAX);
	struct block_at *blocks = list_grow_in(w->s, w->blocks, w->count, sizeof *blocks);
	if (!blocks)
		return error_no_memory(err, "an object header");
	w->blocks = blocks;
	w->blocks[w->count++] = b;
	return 0;
}

/* A message flag; and the message types of this version of the format. */
enum { MUST_BE_KNOWN = 0x80 };

static bool is_known(unsigned type)
{
	return type <= H5_CACHE_IMAGE && type != 9;
}

static int add_message(struct walk *w, struct h5_message m, struct error *err)
{
	struct h5_header *h = w->h;
	if (m.type == H5_CONTINUATION)
		return add_block(w, cursor_over(m.data), err);
	if (m.type == H5_REFCOUNT && m.data.len >= 5) {
		struct cursor c = cursor_over(m.data);
		cursor_skip(&c, 1);
		h->links = cursor_u32le(&c);
	}
	if (m.type == H5_NIL)
		return 0;
	if (m.flags & MUST_BE_KNOWN && !is_known(m.type))
		return error_set(err, ENOTSUP, "a message of type %u, which is unknown and marked as essential", m.type);
	if (h->count >= MESSAGES_MAX)
		return error_set(err, EBADMSG, "an object header of more than %u messages", MESSAGES_MAX);
	struct h5_message *messages = list_grow_in(w->s, h->messages, h->count, sizeof *messages);
	if (!messages)
		return error_no_memory(err, "an object header");
	h->messages = messages;
	h->messages[h->count++] = m;
	return 0;
}

static int read_messages(struct walk *w, struct cursor c, struct error *err)
{
	size_t least = w->version == 1 ? 8 : w->ordered ? 6 : 4;
	while (cursor_left(&c) >= least) {
		struct h5_message m;
		m.type = w->version == 1 ? cursor_u16le(&c) : cursor_u8(&c);
		unsigned len = cursor_u16le(&c);
		m.flags = cursor_u8(&c);
		cursor_skip(&c, w->version == 1 ? 3 : w->ordered ? 2 : 0);
		m.data = cursor_take(&c, len);
		int r = cursor_check(&c, err, "a message of an object header");
		if (r < 0 || (r = add_message(w, m, err)) < 0)
			return r;
	}
	return 0;
}

static int read_first(struct walk *w, uint64_t address, struct error *err)
{
	struct cursor c;
	uint64_t end = h5_source(w->f)->size - w->f->base;
	if (address >= end)
		return error_set(err, EBADMSG, "an object header at %" PRIu64 " of a file of %" PRIu64, address, end);
	uint64_t peek = end - address;
	/* Most headers are shorter than that, so one read suffices. */
	peek = peek < 512 ? peek : 512;
	int r = h5_load(w->f, w->s, address, peek, &c, err);
	struct cursor all = c;
	if (r < 0)
		return r;
	if (!cursor_match(&c, "OHDR", 4)) {
		w->version = cursor_u8(&c);
		if (w->version != 1)
			return error_set(err, EBADMSG, "no object header at %" PRIu64, address);
		cursor_skip(&c, 3);
		w->h->links = cursor_u32le(&c);
		uint32_t len = cursor_u32le(&c);
		if ((r = cursor_check(&c, err, "an object header")) < 0 ||
		    (r = h5_load(w->f, w->s, address + 16, len, &c, err)) < 0)
			return r;
		return read_messages(w, c, err);
	}
	w->version = cursor_u8(&c);
	unsigned flags = cursor_u8(&c);
	if (w->version != 2)
		return error_set(err, ENOTSUP, "an object header of version %u at %" PRIu64, w->version, address);
	cursor_skip(&c, (flags & 0x20 ? 16u : 0) + (flags & 0x10 ? 4u : 0));
	uint64_t len = cursor_le(&c, 1u << (flags & 3)), head = cursor_at(&c);
	w->ordered = flags & 4;
	w->h->links = 1;
	if ((r = cursor_check(&c, err, "an object header")) < 0)
		return r;
	if (len > end)
		return error_set(err, EBADMSG, "an object header of %" PRIu64 " bytes", len);
	if (head + len + 4 > peek) {
		if ((r = h5_load_summed(w->f, w->s, address, head + len + 4, "OHDR", &c, err)) < 0)
			return r;
		cursor_skip(&c, head - 4);
		return read_messages(w, c, err);
	}
	struct slice bytes = cursor_take(&all, head + len);
	if ((r = h5_check_sum(w->f, bytes, cursor_u32le(&all), "OHDR", address, err)) < 0)
		return r;
	c = cursor_over(bytes);
	cursor_skip(&c, head);
	return read_messages(w, c, err);
}

int h5_header(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_header *ret, struct error *err)
{
	struct walk w = {.f = f, .s = s, .h = ret};
	*ret = (struct h5_header){.address = address};
	int r = read_first(&w, address, err);
	for (uint32_t i = 0; r == 0 && i < w.count; i++) {
		struct cursor c;
		struct block_at b = w.blocks[i];
		r = w.version == 1 ? h5_load(f, s, b.address, b.len, &c, err)
				   : h5_load_summed(f, s, b.address, b.len, "OCHK", &c, err);
		if (r == 0)
			r = read_messages(&w, c, err);
	}
	return r;
}

bool h5_has(const struct h5_header *h, unsigned type)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (h->messages[i].type == type)
			return true;
	return false;
}

/* --- shared messages: IV.A.2, "Shared Message" and "Shared Object Header Message Table" */

static int from_table(const struct h5_file *f, struct arena *s, struct slice id, unsigned type, struct cursor *ret,
		      struct error *err)
{
	struct cursor c;
	uint64_t each = 14u + 2u * f->offsets;
	int r = h5_load_summed(f, s, f->sohm, 4 + f->sohm_indexes * each + 4, "SMTB", &c, err);
	for (unsigned i = 0; r == 0 && i < f->sohm_indexes; i++) {
		struct cursor entry = cursor_sub(&c, each);
		cursor_skip(&entry, 2);
		unsigned types = cursor_u16le(&entry);
		cursor_skip(&entry, 10);
		cursor_skip(&entry, f->offsets);
		uint64_t heap_at = h5_address(f, &entry);
		if (!(types >> type & 1))
			continue;
		struct h5_fractal *heap = arena_alloc(s, sizeof *heap);
		struct slice bytes;
		if (!heap)
			return error_no_memory(err, "a heap");
		if ((r = h5_fractal(f, s, heap_at, heap, err)) < 0 || (r = h5_fractal_get(f, heap, id, &bytes, err)) < 0)
			return r;
		*ret = cursor_over(bytes);
		return 0;
	}
	return r < 0 ? r : error_set(err, EBADMSG, "a shared message of type %u that no table holds", type);
}

int h5_shared(const struct h5_file *f, struct arena *s, struct cursor c, unsigned type, struct cursor *ret,
	      struct error *err)
{
	unsigned version = cursor_u8(&c), kind = cursor_u8(&c);
	struct h5_header h;
	if (version == 1) /* reserved bytes, and the name of a symbol table entry, */
		cursor_skip(&c, 6u + f->lengths); /* which precedes the address */
	if (version == 3 && kind == 1) {
		struct slice id = cursor_take(&c, 8);
		int r = cursor_check(&c, err, "a shared message");
		return r < 0 ? r : from_table(f, s, id, type, ret, err);
	}
	uint64_t address = h5_address(f, &c);
	int r = cursor_check(&c, err, "a shared message");
	if (r == 0 && (version < 1 || version > 3))
		return error_set(err, ENOTSUP, "a shared message of version %u", version);
	if (r < 0 || (r = h5_header(f, s, address, &h, err)) < 0)
		return r;
	for (uint32_t i = 0; i < h.count; i++)
		if (h.messages[i].type == type && !(h.messages[i].flags & 2)) {
			*ret = cursor_over(h.messages[i].data);
			return 0;
		}
	return error_set(err, EBADMSG, "no message of type %u at %" PRIu64 ", though a shared message refers to it", type, address);
}

/* As in the library: other messages must not be pointers. */
enum {
	SHAREABLE = 1 << H5_DATASPACE | 1 << H5_DATATYPE | 1 << H5_FILL_OLD | 1 << H5_FILL | 1 << H5_FILTERS |
		    1 << H5_ATTRIBUTE
};

bool h5_message(const struct h5_file *f, struct arena *s, const struct h5_header *h, unsigned type,
		struct cursor *ret, int *ret_code, struct error *err)
{
	*ret_code = 0;
	*ret = (struct cursor){.failed = true};
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->messages[i].type != type)
			continue;
		*ret = cursor_over(h->messages[i].data);
		if (h->messages[i].flags & 2)
			*ret_code = SHAREABLE >> type & 1
					    ? h5_shared(f, s, *ret, type, ret, err)
					    : error_set(err, EBADMSG, "a message of type %u that cannot be shared", type);
		return *ret_code == 0;
	}
	return false;
}
