/* SPDX-License-Identifier: MIT */
/* Filters that are registered with The HDF Group, each by its own project's
 * description. */
#include <blosc.h>
#include <bzlib.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"
#include "fs/codec/codec.h"

/* bzip2 and blosc look at their input more than once: h5_pipeline_run() gives
 * them bytes that stay. */

int h5_bzip2(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	unsigned len = room < UINT32_MAX ? (unsigned)room : UINT32_MAX;
	(void)f;
	if (in.len > UINT32_MAX)
		return error_set(err, EBADMSG, "a stream of %zu bytes", in.len);
	int r = BZ2_bzBuffToBuffDecompress((char *)out, &len, (char *)(uintptr_t)in.data, (unsigned)in.len, 0, 0);
	*ret = len;
	return r == BZ_OK ? 0 : error_set(err, EBADMSG, "the stream is broken");
}

int h5_blosc(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	size_t len = 0;
	(void)f;
	int r = in.len >= BLOSC_MIN_HEADER_LENGTH ? blosc_cbuffer_validate(in.data, in.len, &len) : -1;
	if (r == 0 && len <= room)
		r = len == 0 ? 0 : blosc_decompress_ctx(in.data, out, len, 1) == (int)len ? 0 : -1;
	else
		r = -1;
	*ret = len;
	return r == 0 ? 0 : error_set(err, EBADMSG, "the stream is broken");
}

/* LZF, by Marc Lehmann: literal runs and back references. */
int h5_lzf(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	struct cursor c = cursor_over(in);
	size_t made = 0;
	(void)f;
	while (cursor_left(&c) > 0) {
		unsigned control = cursor_u8(&c);
		size_t len = control >> 5;
		if (control < 32) {
			struct slice literal = cursor_take(&c, control + 1u);
			if (c.failed || literal.len > room - made)
				return error_set(err, EBADMSG, "the stream is broken");
			memcpy(out + made, literal.data, literal.len);
			made += literal.len;
			continue;
		}
		if (len == 7)
			len += cursor_u8(&c);
		len += 2;
		size_t back = ((size_t)(control & 31) << 8 | cursor_u8(&c)) + 1;
		if (c.failed || back > made || len > room - made)
			return error_set(err, EBADMSG, "the stream is broken");
		for (; len; len--, made++)
			out[made] = out[made - back];
	}
	*ret = made;
	return 0;
}

/* LZ4: the whole size (u64) and the block size (u32), big-endian; then blocks,
 * each behind its size.  One as large as its bytes is stored. */
int h5_lz4(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	struct cursor c = cursor_over(in);
	uint64_t size = cursor_be(&c, 8), each = cursor_be(&c, 4);
	(void)f;
	if (c.failed || size > room || each == 0)
		return error_set(err, EBADMSG, "a header that does not fit");
	for (uint64_t done = 0; done < size;) {
		size_t want = (size_t)(each < size - done ? each : size - done);
		struct slice block = cursor_take(&c, cursor_be(&c, 4));
		if (c.failed)
			return error_set(err, EBADMSG, "the stream is cut short");
		int r = codec_run(block.len == want ? CODEC_NONE : CODEC_LZ4_RAW, block, out + done, want, err);
		if (r < 0)
			return r;
		done += want;
	}
	*ret = (size_t)size;
	return 0;
}

/* --- bitshuffle, by Kiyoshi Masui -------------------------------------------------------- */

/* The 8 x 8 bits of a word, rows for columns (Hacker's Delight, 7-3). */
static uint64_t transpose8(uint64_t x)
{
	uint64_t t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);
	x ^= t ^ t << 7;
	t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
	x ^= t ^ t << 14;
	t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
	return x ^ t ^ t << 28;
}

/* n elements, a multiple of 8: plane by plane of bits becomes element by element. */
static void unshuffle_bits(const uint8_t *in, uint8_t *out, size_t n, size_t size)
{
	size_t plane = n / 8;
	for (size_t b = 0; b < size; b++)
		for (size_t g = 0; g < plane; g++) {
			uint64_t x = 0;
			for (unsigned k = 0; k < 8; k++)
				x |= (uint64_t)in[(b * 8 + k) * plane + g] << 8 * k;
			x = transpose8(x);
			for (unsigned e = 0; e < 8; e++)
				out[(g * 8 + e) * size + b] = (uint8_t)(x >> 8 * e);
		}
}

/* One block: compressed behind its size, or as it is. */
static int bit_block(struct cursor *c, unsigned codec, size_t n, size_t size, uint8_t *planes, uint8_t *out, struct error *err)
{
	struct slice in;
	if (codec == 0) {
		in = cursor_take(c, n * size);
	} else {
		struct slice packed = cursor_take(c, cursor_be(c, 4));
		int r = c->failed ? 0 : codec_run(codec == 2 ? CODEC_LZ4_RAW : CODEC_ZSTD, packed, planes, n * size, err);
		if (r < 0)
			return r;
		in = (struct slice){planes, n * size};
	}
	if (c->failed)
		return error_set(err, EBADMSG, "the stream is cut short");
	unshuffle_bits(in.data, out, n, size);
	return 0;
}

int h5_bitshuffle(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	struct cursor c = cursor_over(in);
	size_t size = f->nvalues > 2 ? f->values[2] : 0, each = f->nvalues > 3 ? f->values[3] : 0;
	unsigned codec = f->nvalues > 4 ? f->values[4] : 0;
	if (size == 0 || (codec != 0 && codec != 2 && codec != 3))
		return error_set(err, EBADMSG, "elements of %zu bytes, codec %u", size, codec);
	uint64_t bytes = in.len;
	if (codec) {
		bytes = cursor_be(&c, 8);
		each = (size_t)(cursor_be(&c, 4) / size);
	}
	if (each == 0) {
		each = 8192 / size / 8 * 8;
		each = each < 128 ? 128 : each;
	}
	if (c.failed || bytes > room || each % 8 || bytes % size || each > SIZE_MAX / size)
		return error_set(err, EBADMSG, "a header that does not fit");
	size_t n = (size_t)bytes / size, most = each < n ? each : n;
	struct arena scratch = {.limit = most * size + 4096};
	uint8_t *planes = arena_alloc(&scratch, most * size + 1);
	int r = planes ? 0 : error_set(err, ENOMEM, "no memory to decode");
	size_t done = 0;
	while (r == 0 && n - done >= 8) {
		size_t some = n - done >= each ? each : (n - done) / 8 * 8;
		r = bit_block(&c, codec, some, size, planes, out + done * size, err);
		done += some;
	}
	if (r == 0) { /* what is left of 8 is stored */
		struct slice rest = cursor_take(&c, (n - done) * size);
		if (c.failed)
			r = error_set(err, EBADMSG, "the stream is cut short");
		else if (rest.len)
			memcpy(out + done * size, rest.data, rest.len);
	}
	arena_free(&scratch);
	*ret = n * size;
	return r;
}
