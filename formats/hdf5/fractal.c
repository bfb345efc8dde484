/* SPDX-License-Identifier: MIT */
/* Chapter III.G: fractal heaps.  Objects are found by the IDs in B-trees, never by walking
 * the blocks, which still hold deleted ones. */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

/* Follows the header's other fields if the heap has filters. */
static int read_filters(const struct h5_file *f, struct cursor *c, unsigned len, struct h5_fractal *ret, struct error *err)
{
	ret->root_size = h5_length(f, c);
	ret->root_mask = cursor_u32le(c);
	struct slice message = cursor_take(c, len);
	int r = cursor_check(c, err, "a fractal heap");
	return r < 0 ? r : h5_filters(ret->s, cursor_over(message), &ret->pipeline, err);
}

int h5_fractal(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_fractal *ret, struct error *err)
{
	struct cursor c;
	unsigned len = 22u + 12u * f->lengths + 3u * f->offsets + 4u;
	*ret = (struct h5_fractal){.address = address, .s = s};
	int r = h5_load(f, s, address, len, &c, err);
	if (r < 0)
		return r;
	if (!cursor_match(&c, "FRHP", 4))
		return error_set(err, EBADMSG, "no FRHP at %" PRIu64, address);
	cursor_skip(&c, 1);
	ret->id_len = cursor_u16le(&c);
	unsigned filters = cursor_u16le(&c);
	if (filters > 0) { /* the header is longer */
		len += filters + f->lengths + 4u;
		if ((r = h5_load(f, s, address, len, &c, err)) < 0)
			return r;
		cursor_skip(&c, 9);
	}
	ret->flags = cursor_u8(&c);
	uint32_t max_managed = cursor_u32le(&c);
	cursor_skip(&c, f->lengths);
	ret->huge = h5_address(f, &c);
	cursor_skip(&c, f->lengths);
	cursor_skip(&c, f->offsets);
	cursor_skip(&c, 8u * f->lengths);
	ret->width = cursor_u16le(&c);
	ret->start = h5_length(f, &c);
	ret->max_direct = h5_length(f, &c);
	ret->heap_bits = (uint8_t)cursor_u16le(&c);
	cursor_skip(&c, 2);
	ret->root = h5_address(f, &c);
	ret->rows = cursor_u16le(&c);
	if (filters > 0 && (r = read_filters(f, &c, filters, ret, err)) < 0)
		return r;
	uint32_t sum = cursor_u32le(&c);
	if ((r = cursor_check(&c, err, "a fractal heap")) < 0)
		return r;
	if ((r = h5_check_sum(f, (struct slice){c.start, len - 4}, sum, "FRHP", address, err)) < 0)
		return r;
	if (ret->width == 0 || (ret->width & (ret->width - 1)) || ret->start == 0 || (ret->start & (ret->start - 1)) ||
	    ret->max_direct < ret->start || (ret->max_direct & (ret->max_direct - 1)) || ret->heap_bits > 64 ||
	    ret->start > UINT32_MAX || ret->max_direct > UINT32_MAX)
		return error_set(err, EBADMSG, "a fractal heap at %" PRIu64 " of impossible shape", address);
	ret->offset_size = (uint8_t)((ret->heap_bits + 7) / 8);
	unsigned by_block = (h5_log2(ret->max_direct) + 7) / 8, by_object = h5_enc_size(max_managed);
	ret->length_size = (uint8_t)(by_block < by_object ? by_block : by_object);
	return 0;
}

/* Where a block lies, and its size; `packed` is its size in the file if the heap has filters. */
struct place {
	uint64_t address, size, packed;
	uint32_t mask;
};

static int load(const struct h5_file *f, struct h5_fractal *h, const struct place *p, struct cursor *ret, struct error *err)
{
	struct slice bytes;
	if (h->pipeline.count == 0)
		return h5_load(f, h->s, p->address, p->size, ret, err);
	int r = h5_load(f, h->s, p->address, p->packed, ret, err);
	if (r == 0)
		r = h5_pipeline_load(&h->pipeline, p->mask, (struct slice){ret->pos, cursor_left(ret)}, (size_t)p->size, h->s, &bytes,
				     err);
	if (r == 0)
		*ret = cursor_over(bytes);
	return r;
}

/* The slot of a block; new if the block was not requested before. NULL without memory. */
static struct h5_fractal_block *kept(struct h5_fractal *h, uint64_t address)
{
	if (h->kept_used * 2 >= h->kept_mask) {
		struct h5_fractal_block *old = h->kept;
		uint32_t count = old ? h->kept_mask + 1 : 0, mask = old ? h->kept_mask * 2 + 1 : 15;
		if (!(h->kept = arena_array(h->s, mask + 1u, sizeof *h->kept))) {
			h->kept = old;
			return NULL;
		}
		h->kept_mask = mask;
		h->kept_used = 0;
		for (uint32_t i = 0; i < count; i++)
			if (old[i].key)
				*kept(h, old[i].key - 1) = old[i];
	}
	uint32_t i = h5_hash(address) & h->kept_mask;
	while (h->kept[i].key && h->kept[i].key != address + 1)
		i = (i + 1) & h->kept_mask;
	h->kept_used += h->kept[i].key == 0;
	h->kept[i].key = address + 1;
	return &h->kept[i];
}

/* A fault of the file concerns every object in the block, so it is recorded. */
static int keep_fault(struct h5_fractal *h, uint64_t address, int r, const struct error *why)
{
	struct error *copy = r == -EBADMSG || r == -ENOTSUP ? arena_alloc(h->s, sizeof *copy) : NULL;
	struct h5_fractal_block *slot = copy ? kept(h, address) : NULL;
	if (slot) {
		*copy = *why;
		slot->why = copy;
		slot->code = r;
	}
	return r;
}

/* Loads a direct block and verifies its checksum. */
static int load_direct(const struct h5_file *f, struct h5_fractal *h, const struct place *p, struct slice *ret,
		       struct error *err)
{
	struct cursor c;
	int r = load(f, h, p, &c, err);
	if (r < 0)
		return r;
	unsigned head = 5u + f->offsets + h->offset_size;
	if (!cursor_match(&c, "FHDB", 4))
		return error_set(err, EBADMSG, "no FHDB at %" PRIu64, p->address);
	*ret = (struct slice){c.start, (size_t)p->size};
	if (!(h->flags & 2))
		return 0;
	cursor_skip(&c, head - 4);
	uint8_t *field = (uint8_t *)(uintptr_t)c.pos; /* our own copy: the sum counts this field as zeros */
	uint32_t sum = cursor_u32le(&c);
	if ((r = cursor_check(&c, err, "a heap's block")) < 0)
		return r;
	memset(field, 0, 4);
	return h5_check_sum(f, *ret, sum, "FHDB", p->address, err);
}

/* Loads an indirect block, without its signature and checksum. */
static int load_indirect(const struct h5_file *f, struct h5_fractal *h, const struct place *p, struct slice *ret,
			 struct error *err)
{
	struct cursor c;
	int r = h5_load_summed(f, h->s, p->address, p->size, "FHIB", &c, err);
	*ret = (struct slice){c.pos, r < 0 ? 0 : cursor_left(&c)};
	return r;
}

/* The bytes of a block, verified once and kept for further objects. */
static int block_at(const struct h5_file *f, struct h5_fractal *h, const struct place *p, bool direct, struct slice *ret,
		    struct error *err)
{
	struct h5_fractal_block *slot = p->address == H5_UNDEFINED ? NULL : kept(h, p->address);
	size_t want = (size_t)p->size - (direct ? 0 : 8);
	struct error why = {0};
	if (p->address == H5_UNDEFINED)
		return error_set(err, EBADMSG, "a required address is undefined");
	if (!slot)
		return error_no_memory(err, "a heap's blocks");
	if (slot->why)
		return error_set(err, -slot->code, "%s", slot->why->text);
	*ret = slot->bytes;
	if (slot->bytes.len == want)
		return 0;
	int r = direct ? load_direct(f, h, p, ret, &why) : load_indirect(f, h, p, ret, &why);
	if (r < 0)
		return error_set(err, -keep_fault(h, p->address, r, &why), "%s", why.text);
	slot->bytes = *ret;
	return 0;
}

/* Descends from the indirect block *at to the child that holds `offset`, and makes `offset`
 * relative to that. */
static int descend(const struct h5_file *f, struct h5_fractal *h, struct place *at, unsigned *rows, uint64_t *offset,
		   bool *direct, struct error *err)
{
	uint64_t first = h->start * h->width;
	unsigned row = *offset < first ? 0 : h5_log2(*offset / first) + 1;
	uint64_t row_size = row ? h->start << (row - 1) : h->start;
	uint64_t row_at = row ? first << (row - 1) : 0;
	unsigned direct_rows = h5_log2(h->max_direct) - h5_log2(h->start) + 2;
	uint64_t column = (*offset - row_at) / row_size, filtered = h->pipeline.count ? f->lengths + 4u : 0;
	struct slice block;
	struct cursor c;

	if (row >= *rows || row > 60)
		return error_set(err, EBADMSG, "an object beyond the rows of the heap at %" PRIu64, h->address);
	uint64_t before = row < direct_rows ? row : direct_rows, all = *rows < direct_rows ? *rows : direct_rows;
	uint64_t len = 5u + f->offsets + h->offset_size + h->width * (*rows * (uint64_t)f->offsets + all * filtered) + 4;
	int r = block_at(f, h, &(struct place){.address = at->address, .size = len}, false, &block, err);
	if (r < 0)
		return r;
	c = cursor_over(block);
	cursor_skip(&c, 1u + f->offsets + h->offset_size);
	*direct = row < direct_rows;
	cursor_skip(&c, ((uint64_t)row * h->width + column) * f->offsets +
				(before * h->width + (*direct ? column : 0)) * filtered);
	*at = (struct place){.address = h5_address(f, &c), .size = row_size};
	if (*direct && filtered) {
		at->packed = h5_length(f, &c);
		at->mask = cursor_u32le(&c);
	}
	*offset -= row_at + column * row_size;
	if (!*direct)
		*rows = h5_log2(row_size) - h5_log2(first) + 1;
	return cursor_check(&c, err, "a heap's block");
}

static int managed(const struct h5_file *f, struct h5_fractal *h, struct cursor id, struct slice *ret, struct error *err)
{
	uint64_t offset = cursor_le(&id, h->offset_size), len = cursor_le(&id, h->length_size);
	struct place at = {h->root, h->start, h->root_size, h->root_mask};
	unsigned rows = h->rows;
	bool direct = rows == 0;
	struct slice block = {0};
	int r = cursor_check(&id, err, "a heap's ID");
	for (unsigned depth = 0; r == 0 && !direct; depth++)
		r = depth > H5_DEPTH_MAX ? error_set(err, EBADMSG, "a heap deeper than %u", H5_DEPTH_MAX)
					 : descend(f, h, &at, &rows, &offset, &direct, err);
	if (r < 0 || (r = block_at(f, h, &at, true, &block, err)) < 0)
		return r;
	if (!range_within(offset, len, block.len))
		return error_set(err, EBADMSG, "an object of %" PRIu64 " bytes at %" PRIu64 " of a heap's block of %zu", len, offset,
				 block.len);
	*ret = (struct slice){block.data + offset, (size_t)len};
	return 0;
}

struct huge_key {
	const struct h5_file *f;
	unsigned before; /* bytes of a record before its ID */
	uint64_t id;
};

static int compare_huge(const void *arg, struct cursor record)
{
	const struct huge_key *k = arg;
	cursor_skip(&record, k->before);
	uint64_t id = h5_length(k->f, &record);
	return k->id < id ? -1 : k->id > id;
}

static int huge(const struct h5_file *f, struct h5_fractal *h, struct cursor id, struct slice *ret, struct error *err)
{
	struct h5_btree2 tree;
	struct cursor c = id;
	int r = 0;
	bool filtered = h->pipeline.count > 0;
	unsigned place = f->offsets + f->lengths + (filtered ? 4u + f->lengths : 0);
	if (h->id_len < 1u + place) { /* too short to hold the location itself */
		struct huge_key key = {f, place, cursor_le(&id, h->id_len < 9 ? h->id_len - 1u : 8)};
		if ((r = h5_btree2(f, h->s, h->huge, &tree, err)) < 0)
			return r;
		if (tree.type != (filtered ? 2 : 1) || tree.record_size != place + f->lengths)
			return error_set(err, EBADMSG, "a B-tree of type %u for a heap's huge objects", tree.type);
		if ((r = h5_btree2_find(f, h->s, &tree, compare_huge, &key, &c, err)) < 0)
			return r;
	}
	struct place at = {.address = h5_address(f, &c), .size = h5_length(f, &c)};
	if (filtered) {
		at.packed = at.size;
		at.mask = cursor_u32le(&c);
		at.size = h5_length(f, &c);
	}
	if ((r = cursor_check(&c, err, "a heap's huge object")) < 0 || (r = load(f, h, &at, &c, err)) < 0)
		return r;
	*ret = (struct slice){c.pos, cursor_left(&c)};
	return 0;
}

int h5_fractal_get(const struct h5_file *f, struct h5_fractal *h, struct slice id, struct slice *ret, struct error *err)
{
	struct cursor c = cursor_over(id);
	unsigned first = cursor_u8(&c);
	if (first >> 6)
		return error_set(err, ENOTSUP, "a heap's ID of version %u", first >> 6);
	switch (first >> 4 & 3) {
	case 0:
		return managed(f, h, c, ret, err);
	case 1:
		return huge(f, h, c, ret, err);
	case 2: {
		unsigned len = (first & 15) + 1;
		if (h->id_len > 17)
			len = ((first & 15) << 8 | cursor_u8(&c)) + 1;
		*ret = cursor_take(&c, len);
		int r = cursor_check(&c, err, "a heap's tiny object");
		/* It is the ID itself, which the caller may free. */
		if (r == 0 && !(ret->data = (const uint8_t *)arena_text(h->s, *ret)))
			r = error_no_memory(err, "a heap's object");
		return r;
	}
	default:
		return error_set(err, EBADMSG, "a heap's ID of type 3");
	}
}
