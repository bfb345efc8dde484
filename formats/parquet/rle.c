/* SPDX-License-Identifier: MIT */
/*
 * Encodings.md, "Run Length Encoding / Bit-Packing Hybrid" and "Delta Encoding".
 *
 *      run    varint n << 1, then one value of ceil(width / 8) bytes, repeated n times
 *      packed varint n << 1 | 1, then n groups of 8 values of `width` bits, the
 *             least significant bit first
 */
#include <inttypes.h>

#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

/* --- bits ------------------------------------------------------------------- */

static uint64_t load64(const uint8_t *from)
{
	uint64_t value;
	memcpy(&value, from, sizeof value);
	return value;
}

/* Unpacks n values of `width` bits, starting at `bit`; the caller has checked that they lie
 * within `len` bytes. Loads whole words where those lie within, too. */
void pq_unpack_bits(const uint8_t *from, size_t len, uint64_t bit, unsigned width, uint64_t *ret, size_t n)
{
	uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
	for (size_t i = 0; i < n; i++, bit += width) {
		size_t at = (size_t)(bit / 8);
		uint8_t end[16] = {0};
		const uint8_t *p = from + at;
		if (len - at < 16) {
			memcpy(end, p, len - at);
			p = end;
		}
		unsigned shift = bit % 8;
		uint64_t value = load64(p) >> shift;
		if (shift && shift + width > 64)
			value |= load64(p + 8) << (64 - shift);
		ret[i] = value & mask;
	}
}

static void unpack32(const uint8_t *from, size_t len, uint64_t bit, unsigned width, uint32_t *ret, size_t n)
{
	uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
	size_t fast = 0;

	if (len >= 8) { /* values whose whole word lies within: they begin at len - 8 at most */
		uint64_t last = (uint64_t)(len - 8) * 8 + 7;
		if (bit <= last)
			fast = width ? (size_t)((last - bit) / width) + 1 : n;
		if (fast > n)
			fast = n;
	}
	for (size_t i = 0; i < fast; i++, bit += width)
		ret[i] = (uint32_t)(load64(from + bit / 8) >> (bit % 8)) & mask;
	for (size_t i = fast; i < n; i++, bit += width) {
		uint8_t end[8] = {0};
		size_t at = (size_t)(bit / 8), left = len - at;
		memcpy(end, from + at, left < 8 ? left : 8);
		ret[i] = (uint32_t)(load64(end) >> (bit % 8)) & mask;
	}
}

/* --- the hybrid --------------------------------------------------------------- */

struct rle pq_rle_over(struct slice s, unsigned width)
{
	return (struct rle){.c = cursor_over(s), .width = width};
}

bool pq_rle_run(struct rle *r)
{
	while (r->left == 0) {
		if (r->c.failed || cursor_left(&r->c) == 0)
			return false;
		uint64_t head = pq_thrift_varint(&r->c);
		r->packed = head & 1;
		if (head >> 1 > UINT32_MAX)
			r->c.failed = true;
		if (r->packed) {
			uint64_t bytes = (head >> 1) * r->width;
			if (bytes > cursor_left(&r->c)) /* the padding of the last group may be missing */
				bytes = cursor_left(&r->c);
			r->run = cursor_take(&r->c, bytes);
			r->left = (head >> 1) * 8;
			r->at = 0;
		} else {
			r->value = (uint32_t)cursor_le(&r->c, (r->width + 7) / 8);
			r->left = head >> 1;
		}
	}
	return !r->c.failed;
}

bool pq_rle_unpack(struct rle *r, uint32_t *ret, size_t n)
{
	if (n > r->left || (r->at + n) * r->width > (uint64_t)r->run.len * 8)
		return false;
	unpack32(r->run.data, r->run.len, r->at * r->width, r->width, ret, n);
	r->at += n;
	r->left -= n;
	return true;
}

enum { BATCH = 1024 };

/* Expands each byte's eight bits to eight bytes. */
static bool spread_bits(struct rle *r, uint8_t *ret, size_t n)
{
	if (n > r->left || r->at + n > (uint64_t)r->run.len * 8)
		return false;
	size_t i = 0;
	for (; r->at % 8 == 0 && i + 8 <= n; i += 8, r->at += 8) {
		uint64_t bits = r->run.data[r->at / 8];
		bits = (bits * UINT64_C(0x8040201008040201) >> 7 & UINT64_C(0x0101010101010101));
		uint64_t bytes = __builtin_bswap64(bits);
		memcpy(ret + i, &bytes, 8);
	}
	for (; i < n; i++, r->at++)
		ret[i] = r->run.data[r->at / 8] >> (r->at % 8) & 1;
	r->left -= n;
	return true;
}

bool pq_rle_bytes(struct rle *r, uint8_t *ret, uint64_t n)
{
	uint32_t batch[BATCH];
	while (n > 0) {
		if (!pq_rle_run(r))
			return false;
		uint64_t take = r->left < n ? r->left : n;
		if (!r->packed) {
			memset(ret, (int)r->value, (size_t)take);
			r->left -= take;
			if (r->value > UINT8_MAX)
				return false;
		} else if (r->width == 1) {
			if (!spread_bits(r, ret, (size_t)take))
				return false;
		} else {
			take = take < BATCH ? take : BATCH;
			if (!pq_rle_unpack(r, batch, (size_t)take))
				return false;
			for (uint64_t i = 0; i < take; i++)
				ret[i] = (uint8_t)batch[i];
		}
		ret += take;
		n -= take;
	}
	return true;
}

bool pq_rle_indices(struct rle *r, uint32_t *ret, uint64_t n, uint32_t limit)
{
	uint32_t most = 0;
	while (n > 0) {
		if (!pq_rle_run(r))
			return false;
		uint64_t take = r->left < n ? r->left : n;
		if (r->packed) {
			if (!pq_rle_unpack(r, ret, (size_t)take))
				return false;
			for (uint64_t i = 0; i < take; i++)
				most = ret[i] > most ? ret[i] : most;
		} else {
			for (uint64_t i = 0; i < take; i++)
				ret[i] = r->value;
			most = r->value > most ? r->value : most;
			r->left -= take;
		}
		if (most >= limit)
			return false;
		ret += take;
		n -= take;
	}
	return true;
}

/* --- DELTA_BINARY_PACKED -------------------------------------------------------
 *
 *      varint values per block, varint miniblocks per block, varint total values,
 *      zigzag first value; then blocks:
 *      zigzag smallest delta, a width for each miniblock, the miniblocks
 */
enum { MINI = 32 };

struct delta {
	uint64_t value;
	uint64_t left;    /* remaining values */
	unsigned bytes;
	uint8_t *to;
};

static void delta_put(struct delta *d, uint64_t smallest, const uint64_t *deltas, size_t n)
{
	uint64_t value = d->value;
	if (d->bytes == 4) {
		for (size_t i = 0; i < n; i++) {
			uint32_t low = (uint32_t)(value += smallest + deltas[i]);
			memcpy(d->to + i * 4, &low, 4);
		}
	} else {
		for (size_t i = 0; i < n; i++) {
			value += smallest + deltas[i];
			memcpy(d->to + i * 8, &value, 8);
		}
	}
	d->to += n * d->bytes;
	d->value = value;
	d->left -= n;
}

static bool delta_miniblock(struct cursor *c, struct delta *d, uint64_t smallest, unsigned width, uint64_t values)
{
	uint64_t deltas[MINI] = {0};
	struct slice s = cursor_take(c, values / 8 * width);
	uint64_t n = d->left < values ? d->left : values;

	if (c->failed)
		return false;
	for (uint64_t at = 0; at < n; at += MINI) {
		size_t take = n - at < MINI ? (size_t)(n - at) : MINI;
		if (width)
			pq_unpack_bits(s.data, s.len, at * width, width, deltas, take);
		delta_put(d, smallest, deltas, take);
	}
	return true;
}

int pq_delta_decode(struct cursor *c, uint64_t n, unsigned bytes, void *ret, struct error *err)
{
	uint64_t block = pq_thrift_varint(c), minis = pq_thrift_varint(c), total = pq_thrift_varint(c);
	struct delta d = {.value = (uint64_t)pq_thrift_zigzag(c), .left = n, .bytes = bytes, .to = ret};
	if (c->failed || minis == 0 || block % 128 || block == 0 || block > 1 << 24 || block % minis || block / minis % 32)
		return error_set(err, EBADMSG, "delta blocks of %" PRIu64 " values in %" PRIu64 " parts", block, minis);
	if (total != n)
		return error_set(err, EBADMSG, "%" PRIu64 " deltas for %" PRIu64 " values", total, n);
	if (n == 0)
		return 0;
	delta_put(&d, 0, (uint64_t[]){0}, 1);
	while (d.left > 0 && !c->failed) {
		uint64_t smallest = (uint64_t)pq_thrift_zigzag(c);
		struct slice widths = cursor_take(c, minis);
		for (uint64_t i = 0; i < widths.len && d.left > 0; i++)
			if (widths.data[i] > 64 || !delta_miniblock(c, &d, smallest, widths.data[i], block / minis))
				return error_set(err, EBADMSG, "a delta block is broken");
	}
	return c->failed ? error_set(err, EBADMSG, "the deltas are cut short") : 0;
}
