/* SPDX-License-Identifier: MIT */
/* Variable length: each element is a descriptor {length u32, heap address, index u32} of a
 * sequence in a global heap.  Shown as offsets and values; the offsets of the sequences are
 * computed once, in blocks of the cache. */
#include <inttypes.h>

#include "formats/hdf5/store.h"
#include "fs/archive/pieces.h"

enum {
	GROUP = 4096, /* descriptors per block of the cache */

	/* The size is only known once all lengths have been added up, and elements that were
	 * never written take no space in the file. So this many are always accepted, and beyond
	 * that this many per byte of the file. */
	UNBACKED = 1 << 24,
	PER_BYTE = 16,
};

enum kind { GROUPS, SUMS }; /* blocks of the sequences' offsets; and one of those blocks' totals */

struct descriptor {
	uint64_t len, address;
	uint32_t index;
};

static struct descriptor descriptor(const struct h5_file *f, const uint8_t *p)
{
	struct cursor c = cursor_over((struct slice){p, 8u + f->offsets});
	struct descriptor d;
	d.len = cursor_u32le(&c);
	d.address = h5_address(f, &c);
	d.index = cursor_u32le(&c);
	return d;
}

int h5_vlen_sequence(const struct h5_vlen *v, struct block *within, const uint8_t *p, struct slice *ret,
		     struct block **ret_block, struct error *err)
{
	const struct h5_file *f = v->of.file;
	struct descriptor d = descriptor(f, p);
	*ret = (struct slice){0};
	*ret_block = NULL;
	if (d.len == 0 || d.address == 0 || d.address == H5_UNDEFINED)
		return 0;
	int r = h5_global(f, within, d.address, d.index, ret, ret_block, err);
	if (r < 0)
		return r;
	if (d.len > ret->len / v->base) {
		blocks_release(*ret_block);
		*ret_block = NULL;
		return error_set(err, EBADMSG, "a sequence of %" PRIu64 " items of %" PRIu32 " bytes in %zu", d.len, v->base, ret->len);
	}
	ret->len = (size_t)d.len * v->base;
	const uint8_t *end = v->string ? memchr(ret->data, 0, ret->len) : NULL;
	if (end)
		ret->len = (size_t)(end - ret->data);
	return 0;
}

static int count_of(const struct h5_vlen *v, uint64_t *ret, struct error *err)
{
	uint64_t size = h5_source(v->of.file)->size;
	int r = h5_view_size(&v->of, ret, err);
	if (r < 0)
		return r;
	*ret /= v->of.width;
	const struct h5_store *s = v->of.store;
	if (*ret > UNBACKED && (*ret - UNBACKED) / PER_BYTE > size && s && s->fault) /* unreadable anyway */
		return error_set(err, EIO, "%s", s->fault);
	if (*ret > UNBACKED && (*ret - UNBACKED) / PER_BYTE > size)
		return error_set(err, EIO, "%" PRIu64 " sequences in a file of %" PRIu64 " bytes are too many to add up", *ret, size);
	return 0;
}

/* Are all sequences empty because nothing was ever written? */
static bool is_empty(const struct h5_vlen *v)
{
	const struct h5_store *s = v->of.store;
	return s && (s->storage == H5_UNWRITTEN || (s->storage == H5_CHUNKED && s->address == H5_UNDEFINED)) &&
	       (!s->fill || s->unfilled);
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);

static int get(const struct h5_vlen *v, struct block *within, enum kind kind, uint64_t index, struct block **ret,
	       const uint64_t **words, struct error *err)
{
	struct block_source source = {&v->of.file->a->blocks, v, decode, kind};
	int r = blocks_get(v->of.file->a->options->blocks, within, &source, index, ret, err);
	if (r == 0)
		*words = (const void *)(*ret)->bytes;
	return r;
}

/* The offset of each sequence within its group, in bytes; and the group's end. */
static int decode_group(const struct h5_vlen *v, uint64_t group, uint64_t count, struct block *ret, struct error *err)
{
	uint64_t n = count - group * GROUP < GROUP ? count - group * GROUP : GROUP, sum = 0;
	uint64_t *begins = (void *)block_room(ret, (size_t)(n + 1) * 8, err);
	uint8_t *raw = begins ? block_scratch(ret, (size_t)n * v->of.width, err) : NULL;
	if (!raw)
		return -ENOMEM;
	int r = h5_view_read(&v->of, ret, group * GROUP * v->of.width, n * v->of.width, raw, err);
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		struct slice s;
		struct block *heap = NULL;
		begins[i] = sum;
		if (v->string) {
			r = h5_vlen_sequence(v, ret, raw + i * v->of.width, &s, &heap, err);
			sum += s.len;
		} else {
			struct descriptor d = descriptor(v->of.file, raw + i * v->of.width);
			sum += d.address == 0 || d.address == H5_UNDEFINED ? 0 : d.len * v->base;
		}
		if (heap)
			blocks_release(heap);
	}
	begins[n] = sum;
	return r;
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct h5_vlen *v = from->owner;
	uint64_t count, sum = 0;
	int r = count_of(v, &count, err);
	if (r < 0)
		return r;
	if (from->kind == GROUPS)
		return decode_group(v, index, count, ret, err);
	uint64_t groups = count / GROUP + (count % GROUP != 0);
	uint64_t *sums = groups < UINT32_MAX ? (void *)block_room(ret, (size_t)(groups + 1) * 8, err) : NULL;
	if (!sums)
		return error_set(err, ENOMEM, "no memory for %" PRIu64 " sequences", count);
	for (uint64_t g = 0; g < groups; g++) {
		struct block *block;
		const uint64_t *begins = NULL;
		sums[g] = sum;
		if ((r = get(v, ret, GROUPS, g, &block, &begins, err)) < 0)
			return r;
		sum += begins[block->len / 8 - 1];
		blocks_release(block);
		if (sum > INT64_MAX)
			return error_set(err, EBADMSG, "sequences of more than 2^63 bytes");
	}
	sums[groups] = sum;
	return 0;
}

int h5_vlen_total(const struct h5_vlen *v, struct block *within, uint64_t *ret, struct error *err)
{
	struct block *block;
	const uint64_t *sums = NULL;
	*ret = 0;
	if (is_empty(v))
		return 0;
	int r = get(v, within, SUMS, 0, &block, &sums, err);
	if (r < 0)
		return r;
	*ret = sums[block->len / 8 - 1];
	blocks_release(block);
	return 0;
}

/* Copies [offset, offset + len) of a group, or as much of that as there is. */
static int read_group(const struct h5_vlen *v, struct block *within, uint64_t group, uint64_t offset, uint64_t len,
		      uint8_t *out, uint64_t *ret, struct error *err)
{
	struct block *block;
	const uint64_t *begins = NULL;
	int r = get(v, within, GROUPS, group, &block, &begins, err);
	if (r < 0)
		return r;
	size_t n = block->len / 8 - 1, width = v->of.width;
	size_t i = pieces_search(begins, 1, (uint32_t)n, offset), end = pieces_search(begins, 1, (uint32_t)n + 1, offset + len - 1) + 1;
	end = end > n ? n : end;
	struct arena scratch = arena_apart(&v->of.file->a->arena);
	uint8_t *raw = arena_alloc(&scratch, (end - i) * width);
	r = raw ? h5_view_read(&v->of, within, (group * GROUP + i) * width, (end - i) * width, raw, err)
		: error_no_memory(err, "sequences");
	*ret = 0;
	for (size_t first = i; r == 0 && i < end && len > 0; i++) {
		struct slice s;
		struct block *heap;
		if ((r = h5_vlen_sequence(v, within, raw + (i - first) * width, &s, &heap, err)) < 0)
			break;
		uint64_t in = offset - begins[i];
		if (s.len != begins[i + 1] - begins[i]) {
			r = error_set(err, EIO, "a sequence that changed while it was read");
		} else if (in < s.len) {
			uint64_t some = s.len - in < len ? s.len - in : len;
			memcpy(out + *ret, s.data + in, (size_t)some);
			*ret += some;
			offset += some;
			len -= some;
		}
		if (heap)
			blocks_release(heap);
	}
	arena_free(&scratch);
	blocks_release(block);
	return r;
}

int h5_vlen_read(const struct h5_vlen *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err)
{
	struct block *block;
	const uint64_t *sums = NULL;
	if (len == 0)
		return 0;
	int r = get(v, within, SUMS, 0, &block, &sums, err);
	if (r < 0)
		return r;
	size_t groups = block->len / 8 - 1;
	if (!range_within(offset, len, sums[groups]))
		r = error_set(err, EIO, "%" PRIu64 " bytes at %" PRIu64 " of %" PRIu64, len, offset, sums[groups]);
	while (r == 0 && len > 0) {
		uint32_t g = pieces_search(sums, 1, (uint32_t)groups, offset);
		uint64_t some = sums[g + 1] - offset, made = 0;
		some = some < len ? some : len;
		r = read_group(v, within, g, offset - sums[g], some, out, &made, err);
		if (r == 0 && made != some)
			r = error_set(err, EIO, "sequences that changed while they were read");
		offset += some;
		out += some;
		len -= some;
	}
	blocks_release(block);
	return r;
}

/* Entries i to `last` of the offsets, counted in items. */
static int entries(const struct h5_vlen *v, const uint64_t *sums, uint64_t count, uint64_t i, uint64_t last, uint64_t *out,
		   struct error *err)
{
	while (i <= last) {
		if (i == count) {
			out[0] = htole64(sums[count / GROUP + (count % GROUP != 0)] / v->base);
			return 0;
		}
		struct block *block;
		const uint64_t *begins = NULL;
		int r = get(v, NULL, GROUPS, i / GROUP, &block, &begins, err);
		if (r < 0)
			return r;
		uint64_t n = block->len / 8 - 1, k = i % GROUP;
		for (; k < n && i <= last; k++, i++)
			*out++ = htole64((sums[i / GROUP] + begins[k]) / v->base);
		blocks_release(block);
	}
	return 0;
}

int h5_vlen_offsets(const struct h5_vlen *v, uint64_t offset, uint64_t len, uint8_t *out, struct error *err)
{
	struct block *block;
	const uint64_t *sums = NULL;
	uint64_t count, first = offset / 8, last = (offset + len - 1) / 8;
	if (is_empty(v)) {
		memset(out, 0, (size_t)len);
		return 0;
	}
	int r = count_of(v, &count, err);
	if (r < 0 || (r = get(v, NULL, SUMS, 0, &block, &sums, err)) < 0)
		return r;
	struct arena scratch = {.limit = len + 4096};
	uint64_t *words = arena_array(&scratch, last - first + 1, 8);
	r = !words ? error_no_memory(err, "offsets") : entries(v, sums, count, first, last, words, err);
	if (r == 0)
		memcpy(out, (uint8_t *)words + offset % 8, (size_t)len);
	arena_free(&scratch);
	blocks_release(block);
	return r;
}
