/* SPDX-License-Identifier: MIT */
/* Encodings.md: fixed-width values, and dictionaries. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

enum { BATCH = 1024 };

static int too_few(struct error *err, uint64_t n, size_t len)
{
	return error_set(err, EBADMSG, "%zu bytes for %" PRIu64 " values", len, n);
}

/* --- encodings ----------------------------------------------------------------- */

static int plain(struct slice s, uint64_t n, unsigned width, uint8_t *ret, struct error *err)
{
	if (n > s.len / width)
		return too_few(err, n, s.len);
	memcpy(ret, s.data, (size_t)n * width);
	return 0;
}

static int plain_booleans(struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	if (n > (uint64_t)s.len * 8)
		return too_few(err, n, s.len);
	struct rle r = {.width = 1, .packed = true, .left = n, .run = s};
	return pq_rle_bytes(&r, ret, n) ? 0 : too_few(err, n, s.len);
}

static int rle_booleans(struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	struct cursor c = cursor_over(s);
	uint32_t len = cursor_u32le(&c);
	struct rle r = pq_rle_over(cursor_take(&c, len), 1);
	if (c.failed || !pq_rle_bytes(&r, ret, n))
		return too_few(err, n, s.len);
	for (uint64_t i = 0; i < n; i++)
		ret[i] = ret[i] != 0;
	return 0;
}

/* BYTE_STREAM_SPLIT: one stream per byte of a value. */
static int split(struct slice s, uint64_t n, unsigned width, uint8_t *ret, struct error *err)
{
	if (n > s.len / width || s.len % width)
		return too_few(err, n, s.len);
	size_t each = s.len / width;
	const uint8_t *in = s.data;
	if (width == 4) {
		for (uint64_t i = 0; i < n; i++, ret += 4) {
			uint32_t v = in[i] | (uint32_t)in[each + i] << 8 | (uint32_t)in[2 * each + i] << 16 |
				     (uint32_t)in[3 * each + i] << 24;
			memcpy(ret, &v, 4);
		}
	} else {
		for (uint64_t start = 0; start < n; start += BATCH) {
			uint64_t stop = n - start < BATCH ? n : start + BATCH;
			for (unsigned k = 0; k < width; k++)
				for (uint64_t i = start; i < stop; i++)
					ret[i * width + k] = in[k * each + i];
		}
	}
	return 0;
}

/* DELTA_BYTE_ARRAY of values that are all `width` bytes long. */
static int delta_fixed(struct decoding *d, struct slice s, uint64_t n, unsigned width, uint8_t *ret, struct error *err)
{
	struct strings m;
	int r = pq_strings_measure(d, DELTA_BYTE_ARRAY, s, n, &m, err);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		if (m.lengths[i] != width)
			r = error_set(err, EBADMSG, "a value of %u bytes, though all should have %u", m.lengths[i], width);
	return r < 0 ? r : pq_strings_copy(d, DELTA_BYTE_ARRAY, &m, n, ret, err);
}

static int stored_decode(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	const struct leaf *leaf = d->leaf;
	enum physical type = leaf->element->physical;
	struct cursor c = cursor_over(s);

	if (n == 0)
		return 0;
	if (encoding == PLAIN)
		return type == BOOLEAN ? plain_booleans(s, n, ret, err) : plain(s, n, leaf->stored, ret, err);
	if (encoding == RLE && type == BOOLEAN)
		return rle_booleans(s, n, ret, err);
	if (encoding == DELTA_BINARY_PACKED && (type == INT32 || type == INT64))
		return pq_delta_decode(&c, n, leaf->stored, ret, err);
	if (encoding == BYTE_STREAM_SPLIT && type != BOOLEAN && type != INT96)
		return split(s, n, leaf->stored, ret, err);
	if (encoding == DELTA_BYTE_ARRAY && type == FIXED_LEN_BYTE_ARRAY)
		return delta_fixed(d, s, n, leaf->stored, ret, err);
	return error_set(err, ENOTSUP, "values of physical type %d in encoding %d", type, encoding);
}

/* --- conversion ------------------------------------------------------------------ */

/* Converts big-endian two's complement to little-endian, `width` bytes. */
static bool decimal(const uint8_t *from, size_t len, uint8_t *to, unsigned width)
{
	uint8_t sign = len && from[0] & 0x80 ? 0xff : 0;
	for (; len > width; from++, len--)
		if (*from != sign)
			return false;
	if (len == width && ((from[0] ^ sign) & 0x80))
		return false;
	for (size_t i = 0; i < len; i++)
		to[i] = from[len - 1 - i];
	memset(to + len, sign, width - len);
	return true;
}

/* "INT96 timestamps": nanoseconds of the day, then the Julian day. Wraps on overflow; but
 * day 0, which some writers store for nulls, becomes 0, as in the reference. */
static void int96(const uint8_t *from, uint8_t *to)
{
	uint64_t nanos;
	uint32_t day;
	memcpy(&nanos, from, 8);
	memcpy(&day, from + 8, 4);
	nanos = day ? nanos + ((uint64_t)day - 2440588) * UINT64_C(86400000000000) : 0;
	memcpy(to, &nanos, 8);
}

static int convert(const struct leaf *leaf, const uint8_t *from, uint64_t n, uint8_t *to, struct error *err)
{
	unsigned width = leaf->width, stored = leaf->stored;
	for (uint64_t i = 0; i < n; i++, from += stored, to += width) {
		if (leaf->convert == CONVERT_NARROW)
			memcpy(to, from, width);
		else if (leaf->convert == CONVERT_INT96)
			int96(from, to);
		else if (!decimal(from, stored, to, width))
			return error_set(err, EBADMSG, "a decimal exceeds its precision of %d", leaf->element->precision);
	}
	return 0;
}

/* Decimals of any length. */
static int decode_decimals(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	const struct leaf *leaf = d->leaf;
	struct strings m;
	int r = pq_strings_measure(d, encoding, s, n, &m, err);
	uint8_t *bytes = r == 0 ? block_scratch(d->block, (size_t)m.total, err) : NULL;
	if (!bytes)
		return r < 0 ? r : -ENOMEM;
	r = pq_strings_copy(d, encoding, &m, n, bytes, err);
	for (uint64_t i = 0; r == 0 && i < n; i++, ret += leaf->width) {
		if (!decimal(bytes, m.lengths[i], ret, leaf->width))
			r = error_set(err, EBADMSG, "a decimal exceeds its precision of %d", leaf->element->precision);
		bytes += m.lengths[i];
	}
	return r;
}

static int decode_as_shown(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	const struct leaf *leaf = d->leaf;
	size_t len;

	if (leaf->convert == CONVERT_ZERO) {
		memset(ret, 0, (size_t)n * leaf->width);
		return 0;
	}
	if (leaf->convert == CONVERT_NONE)
		return stored_decode(d, encoding, s, n, ret, err);
	if (leaf->stored == 0)
		return decode_decimals(d, encoding, s, n, ret, err);
	if (__builtin_mul_overflow((size_t)n, leaf->stored, &len))
		return too_few(err, n, s.len);
	uint8_t *stored = block_scratch(d->block, len, err);
	if (!stored)
		return -ENOMEM;
	int r = stored_decode(d, encoding, s, n, stored, err);
	return r < 0 ? r : convert(leaf, stored, n, ret, err);
}

/* --- dictionaries ------------------------------------------------------------------ */

#define GATHER(type)                                                    \
	for (size_t i = 0; i < n; i++) {                                \
		type v;                                                 \
		memcpy(&v, from + (size_t)indices[i] * sizeof v, sizeof v); \
		memcpy(to + i * sizeof v, &v, sizeof v);                \
	}

static void gather(const uint8_t *from, unsigned width, const uint32_t *indices, size_t n, uint8_t *to)
{
	switch (width) {
	case 1: GATHER(uint8_t) break;
	case 2: GATHER(uint16_t) break;
	case 4: GATHER(uint32_t) break;
	case 8: GATHER(uint64_t) break;
	case 16: GATHER(__int128) break;
	default:
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * width, from + (size_t)indices[i] * width, width);
	}
}

static void repeat(const uint8_t *value, unsigned width, uint64_t n, uint8_t *to)
{
	if (width == 4) {
		uint32_t v;
		memcpy(&v, value, 4);
		for (uint64_t i = 0; i < n; i++)
			memcpy(to + i * 4, &v, 4);
	} else if (width == 8) {
		uint64_t v;
		memcpy(&v, value, 8);
		for (uint64_t i = 0; i < n; i++)
			memcpy(to + i * 8, &v, 8);
	} else {
		for (uint64_t i = 0; i < n; i++)
			memcpy(to + i * width, value, width);
	}
}

static int decode_indices(const struct decoding *d, struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	const struct dictionary *dict = &d->dictionary;
	unsigned width = d->leaf->width;
	uint32_t indices[BATCH];

	if (n == 0)
		return 0;
	if (s.len == 0 || s.data[0] > 32)
		return error_set(err, EBADMSG, "dictionary indices of %d bits", s.len ? s.data[0] : -1);
	struct rle r = pq_rle_over((struct slice){s.data + 1, s.len - 1}, s.data[0]);
	while (n > 0) {
		if (!pq_rle_run(&r))
			return error_set(err, EBADMSG, "the dictionary indices end %" PRIu64 " values too early", n);
		uint64_t take = r.left < n ? r.left : n;
		if (r.packed) {
			uint32_t most = 0;
			take = take < BATCH ? take : BATCH;
			if (!pq_rle_unpack(&r, indices, (size_t)take))
				return error_set(err, EBADMSG, "the dictionary indices end %" PRIu64 " values too early", n);
			for (uint64_t i = 0; i < take; i++)
				most = indices[i] > most ? indices[i] : most;
			if (most >= dict->count)
				return error_set(err, EBADMSG, "index %u into a dictionary of %u", most, dict->count);
			gather(dict->values, width, indices, (size_t)take, ret);
		} else {
			if (r.value >= dict->count)
				return error_set(err, EBADMSG, "index %u into a dictionary of %u", r.value, dict->count);
			repeat(dict->values + (size_t)r.value * width, width, take, ret);
			r.left -= take;
		}
		ret += take * width;
		n -= take;
	}
	return 0;
}

int pq_fixed_decode(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, uint8_t *ret, struct error *err)
{
	if ((encoding == RLE_DICTIONARY || encoding == PLAIN_DICTIONARY) && d->leaf->convert != CONVERT_ZERO)
		return d->has_dictionary ? decode_indices(d, s, n, ret, err)
					 : error_set(err, EBADMSG, "dictionary indices without a dictionary");
	return decode_as_shown(d, encoding, s, n, ret, err);
}

/* A block of KIND_DICTIONARY: the count, then, at HEAD, the values as shown, or the ends
 * of the strings followed by their bytes. */
enum { HEAD = 64 };

struct dictionary pq_dictionary_of(const struct leaf *leaf, const struct block *block)
{
	struct dictionary dict = {.values = block->bytes + HEAD};
	memcpy(&dict.count, block->bytes, sizeof dict.count);
	if (leaf->strings) {
		dict.ends = (const uint32_t *)(const void *)dict.values;
		dict.values += ((size_t)dict.count + 1) * sizeof *dict.ends;
	}
	return dict;
}

static int dictionary_strings(struct decoding *d, struct slice s, uint32_t n, struct error *err)
{
	struct strings m;
	int r = pq_strings_measure(d, PLAIN, s, n, &m, err);
	if (r < 0)
		return r;
	size_t ends_len = ((size_t)n + 1) * sizeof(uint32_t);
	uint8_t *room = block_room(d->block, HEAD + ends_len + (size_t)m.total, err);
	if (!room)
		return -ENOMEM;
	uint32_t *ends = (uint32_t *)(void *)(room + HEAD);
	ends[0] = 0;
	for (uint32_t i = 0; i < n; i++)
		ends[i + 1] = ends[i] + m.lengths[i];
	memcpy(room, &n, sizeof n);
	return pq_strings_copy(d, PLAIN, &m, n, room + HEAD + ends_len, err);
}

int pq_dictionary_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err)
{
	struct decoding d = {.leaf = leaf, .block = ret};
	struct block *pages_block;
	struct page_data page;
	int r = pq_leaf_get(a, leaf, KIND_PAGES, group, ret, &pages_block, err);
	if (r < 0)
		return r;
	const struct pages *pages = (const struct pages *)(const void *)pages_block->bytes;
	uint64_t at = pages->dictionary_at;
	source_enter(&a->source);
	r = pq_page_load(a, leaf, pages, at, ret, false, (struct slice){NULL, 0}, &page, err);
	if (r == 0 && (!page.header.dictionary || (page.header.encoding != PLAIN && page.header.encoding != PLAIN_DICTIONARY)))
		r = error_set(err, ENOTSUP, "a dictionary in encoding %d", page.header.encoding);
	uint32_t n = r == 0 ? (uint32_t)page.header.values : 0;
	if (r == 0 && leaf->strings) {
		r = dictionary_strings(&d, page.values, n, err);
	} else if (r == 0) {
		uint8_t *room = block_room(ret, HEAD + (size_t)n * leaf->width, err);
		r = room ? decode_as_shown(&d, PLAIN, page.values, n, room + HEAD, err) : -ENOMEM;
		if (room)
			memcpy(room, &n, sizeof n);
	}
	int left = pq_page_leave(a, at, &page, err);
	blocks_release(pages_block);
	return r < 0 ? r : left;
}
