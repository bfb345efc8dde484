/* SPDX-License-Identifier: MIT */
/* Chapters III.H and III.I (VII.C and D of later editions): fixed and extensible
 * arrays, the chunk indexes of datasets with at most one unlimited dimension. One element
 * is looked up at a time, so a huge array is never read whole. */
#include "formats/hdf5/store.h"

#include <inttypes.h>

/* Common to both kinds of array. */
struct index {
	const struct h5_store *store;
	struct arena *s;
	uint64_t address; /* of the header */
	unsigned client, element;
	uint64_t page;    /* elements per page */
};

static int check_client(struct index *a, unsigned client, unsigned element, struct error *err)
{
	const struct h5_file *f = a->store->file;
	unsigned want = client ? f->offsets + a->store->size_bytes + 4u : f->offsets;
	a->client = client;
	a->element = element;
	if (client > 1 || element != want)
		return error_set(err, EBADMSG, "a chunk index at %" PRIu64 " with elements of %u bytes, not %u", a->address, element,
				 want);
	return 0;
}

static int element_of(const struct index *a, struct cursor c, uint64_t index, struct h5_chunk_at *ret, struct error *err)
{
	cursor_skip(&c, index * a->element);
	ret->address = h5_address(a->store->file, &c);
	ret->size = a->client ? cursor_le(&c, a->store->size_bytes) : a->store->chunk_bytes;
	ret->mask = a->client ? cursor_u32le(&c) : 0;
	return cursor_check(&c, err, "a chunk index");
}

static bool bit(struct slice bits, uint64_t n)
{
	return n / 8 < bits.len && bits.data[n / 8] & 0x80 >> n % 8;
}

/* Looks an element up in a page, which ends with a checksum. */
static int page_element(const struct index *a, uint64_t address, uint64_t count, uint64_t index, struct h5_chunk_at *ret,
			struct error *err)
{
	struct cursor c;
	uint64_t len = count * a->element;
	int r = h5_load(a->store->file, a->s, address, len + 4, &c, err);
	if (r < 0)
		return r;
	struct slice bytes = cursor_take(&c, len);
	if ((r = h5_check_sum(a->store->file, bytes, cursor_u32le(&c), "a page of chunks", address, err)) < 0)
		return r;
	return element_of(a, cursor_over(bytes), index, ret, err);
}

int h5_fixed_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
		   struct error *err)
{
	const struct h5_file *f = s->file;
	struct index a = {.store = s, .s = scratch, .address = s->address};
	struct cursor c;
	ret->address = H5_UNDEFINED;
	int r = h5_load_summed(f, scratch, s->address, 12u + f->lengths + f->offsets, "FAHD", &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, 1);
	unsigned client = cursor_u8(&c), element = cursor_u8(&c), bits = cursor_u8(&c);
	uint64_t count = h5_length(f, &c), block = h5_address(f, &c);
	if ((r = cursor_check(&c, err, "a fixed array")) < 0 || (r = check_client(&a, client, element, err)) < 0)
		return r;
	if (index >= count || bits > 32)
		return error_set(err, EBADMSG, "chunk %" PRIu64 " of a fixed array of %" PRIu64 " at %" PRIu64, index, count, s->address);
	if (block == H5_UNDEFINED)
		return 0;
	a.page = UINT64_C(1) << bits;
	uint64_t head = 6u + f->offsets;
	if (count <= a.page) {
		if (count > h5_source(f)->size)
			return error_set(err, EBADMSG, "a fixed array of %" PRIu64 " chunks", count);
		if ((r = h5_load_summed(f, scratch, block, head + count * a.element + 4, "FADB", &c, err)) < 0)
			return r;
		cursor_skip(&c, head - 4);
		return element_of(&a, c, index, ret, err);
	}
	uint64_t pages = (count - 1) / a.page + 1, bitmap = (pages - 1) / 8 + 1;
	if (bitmap > h5_source(f)->size)
		return error_set(err, EBADMSG, "a fixed array of %" PRIu64 " chunks", count);
	if ((r = h5_load_summed(f, scratch, block, head + bitmap + 4, "FADB", &c, err)) < 0)
		return r;
	cursor_skip(&c, head - 4);
	uint64_t page = index / a.page, in_page = page == pages - 1 ? count - page * a.page : a.page;
	if (!bit(cursor_take(&c, bitmap), page))
		return 0;
	return page_element(&a, block + head + bitmap + 4 + page * (a.page * a.element + 4), in_page, index % a.page, ret, err);
}

/* --- extensible arrays --------------------------------------------------------- */

/* The header's parameters. Where an element lies follows from "Extensible Array": super
 * block u holds 2^(u/2) data blocks of 2^((u+1)/2) x least elements. */
struct extensible {
	struct index a;
	unsigned max_bits, in_index, least, pointers;
	uint64_t index_block;
	uint64_t set; /* elements beyond the last one ever set are not looked up */
	unsigned offset_size;
};

static int read_header(struct extensible *e, struct error *err)
{
	const struct h5_file *f = e->a.store->file;
	struct cursor c;
	int r = h5_load_summed(f, e->a.s, e->a.address, 16u + 6u * f->lengths + f->offsets, "EAHD", &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, 1);
	unsigned client = cursor_u8(&c), element = cursor_u8(&c);
	e->max_bits = cursor_u8(&c);
	e->in_index = cursor_u8(&c);
	e->least = cursor_u8(&c);
	e->pointers = cursor_u8(&c);
	unsigned page_bits = cursor_u8(&c);
	cursor_skip(&c, 4u * f->lengths);
	e->set = h5_length(f, &c);
	cursor_skip(&c, f->lengths);
	e->index_block = h5_address(f, &c);
	if ((r = cursor_check(&c, err, "an extensible array")) < 0 || (r = check_client(&e->a, client, element, err)) < 0)
		return r;
	if (e->max_bits > 64 || page_bits > 32 || e->least == 0 || (e->least & (e->least - 1)) || e->pointers == 0 ||
	    (e->pointers & (e->pointers - 1)) || e->max_bits < h5_log2(e->least))
		return error_set(err, EBADMSG, "an extensible array at %" PRIu64 " of impossible shape", e->a.address);
	e->a.page = UINT64_C(1) << page_bits;
	e->offset_size = (e->max_bits + 7) / 8;
	return 0;
}

/* Looks up an element in a data block, paged or not; `bits` say which pages exist. */
static int in_data_block(const struct extensible *e, uint64_t address, uint64_t count, uint64_t index, struct slice bits,
			 uint64_t first_bit, struct h5_chunk_at *ret, struct error *err)
{
	const struct h5_file *f = e->a.store->file;
	uint64_t head = 6u + f->offsets + e->offset_size;
	struct cursor c;
	if (address == H5_UNDEFINED)
		return 0;
	if (count > e->a.page) {
		if (!bit(bits, first_bit + index / e->a.page))
			return 0;
		return page_element(&e->a, address + head + 4 + index / e->a.page * (e->a.page * e->a.element + 4), e->a.page,
				    index % e->a.page, ret, err);
	}
	if (count > h5_source(f)->size)
		return error_set(err, EBADMSG, "a chunk index with a block of %" PRIu64, count);
	int r = h5_load_summed(f, e->a.s, address, head + count * e->a.element + 4, "EADB", &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, head - 4);
	return element_of(&e->a, c, index, ret, err);
}

static int in_super_block(const struct extensible *e, uint64_t address, unsigned u, uint64_t index, struct h5_chunk_at *ret,
			  struct error *err)
{
	const struct h5_file *f = e->a.store->file;
	uint64_t blocks = UINT64_C(1) << u / 2, each = (UINT64_C(1) << (u + 1) / 2) * e->least;
	uint64_t pages = each > e->a.page ? each / e->a.page : 0, bitmap = blocks * ((pages + 7) / 8);
	struct cursor c;
	if (address == H5_UNDEFINED)
		return 0;
	if (blocks > h5_source(f)->size || pages > h5_source(f)->size)
		return error_set(err, EBADMSG, "a chunk index with a block of %" PRIu64, blocks);
	uint64_t head = 6u + f->offsets + e->offset_size;
	int r = h5_load_summed(f, e->a.s, address, head + bitmap + blocks * f->offsets + 4, "EASB", &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, head - 4);
	struct slice bits = cursor_take(&c, bitmap);
	cursor_skip(&c, index / each * f->offsets);
	uint64_t block = h5_address(f, &c);
	if ((r = cursor_check(&c, err, "a chunk index")) < 0)
		return r;
	return in_data_block(e, block, each, index % each, bits, index / each * pages, ret, err);
}

int h5_extensible_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
			struct error *err)
{
	const struct h5_file *f = s->file;
	struct extensible e = {.a = {.store = s, .s = scratch, .address = s->address}};
	struct cursor c;
	ret->address = H5_UNDEFINED;
	int r = read_header(&e, err);
	if (r < 0 || e.index_block == H5_UNDEFINED || index >= e.set)
		return r;
	unsigned supers = 1 + e.max_bits - h5_log2(e.least), direct = 2 * h5_log2(e.pointers);
	unsigned blocks = 2 * (e.pointers - 1);
	if (supers < direct)
		return error_set(err, EBADMSG, "an extensible array at %" PRIu64 " of impossible shape", s->address);
	uint64_t len = 6u + f->offsets + e.in_index * e.a.element + (uint64_t)(blocks + supers - direct) * f->offsets + 4;
	if ((r = h5_load_summed(f, scratch, e.index_block, len, "EAIB", &c, err)) < 0)
		return r;
	cursor_skip(&c, 2u + f->offsets);
	if (index < e.in_index)
		return element_of(&e.a, c, index, ret, err);
	cursor_skip(&c, e.in_index * e.a.element);
	index -= e.in_index;
	unsigned u = h5_log2(index / e.least + 1);
	if (u >= supers)
		return error_set(err, EBADMSG, "chunk %" PRIu64 " beyond the extensible array at %" PRIu64, index, s->address);
	index -= ((UINT64_C(1) << u) - 1) * e.least;
	if (u >= direct) {
		cursor_skip(&c, (uint64_t)(blocks + u - direct) * f->offsets);
		uint64_t super = h5_address(f, &c);
		r = cursor_check(&c, err, "a chunk index");
		return r < 0 ? r : in_super_block(&e, super, u, index, ret, err);
	}
	/* The number of data blocks before this super block: 2^0 + 2^0 + 2^1 + 2^1 + … */
	uint64_t before = 0, each = (UINT64_C(1) << (u + 1) / 2) * e.least;
	for (unsigned i = 0; i < u; i++)
		before += UINT64_C(1) << i / 2;
	cursor_skip(&c, (before + index / each) * f->offsets);
	uint64_t block = h5_address(f, &c);
	r = cursor_check(&c, err, "a chunk index");
	return r < 0 ? r : in_data_block(&e, block, each, index % each, (struct slice){0}, 0, ret, err);
}
