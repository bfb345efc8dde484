/* SPDX-License-Identifier: MIT */
#include "fs/codec/shuffle.h"

#include <endian.h>

#include "fs/codec/filter.h"

/* Plain loops over a fixed element size, so that the compiler vectorises them. */
static void unshuffle_by_4(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
	const uint8_t *a = in, *b = in + n, *c = in + 2 * n, *d = in + 3 * n;
	for (size_t i = 0; i < n; i++) {
		out[4 * i] = a[i];
		out[4 * i + 1] = b[i];
		out[4 * i + 2] = c[i];
		out[4 * i + 3] = d[i];
	}
}

static void unshuffle_by_2(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = in[i];
		out[2 * i + 1] = in[n + i];
	}
}

static void unshuffle_by_8(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;
		for (unsigned k = 0; k < 8; k++)
			v |= (uint64_t)in[k * n + i] << 8 * k;
		v = htole64(v);
		memcpy(out + 8 * i, &v, 8);
	}
}

void unshuffle_bytes(struct slice in, uint8_t *out, size_t size)
{
	size_t n = in.len / size;
	if (in.len == 0)
		return;
	if (size == 1 || n <= 1) {
		memcpy(out, in.data, in.len);
		return;
	}
	if (size == 2)
		unshuffle_by_2(in.data, out, n);
	else if (size == 4)
		unshuffle_by_4(in.data, out, n);
	else if (size == 8)
		unshuffle_by_8(in.data, out, n);
	else
		for (size_t k = 0; k < size; k++)
			for (size_t i = 0; i < n; i++)
				out[i * size + k] = in.data[k * n + i];
	memcpy(out + n * size, in.data + n * size, in.len - n * size);
}

int filter_shuffle(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   const struct codec_memory *memory, struct error *err)
{
	size_t size = p.count ? p.values[0] : 0;
	(void)memory;
	if (in.len > room || size == 0)
		return error_set(err, EBADMSG, "shuffled bytes: %zu of elements of %zu in room for %zu", in.len, size, room);
	unshuffle_bytes(in, out, size);
	*ret = in.len;
	return 0;
}

/* --- bits ------------------------------------------------------------------------ */

/* Transposes a word as an 8 x 8 bit matrix (Hacker's Delight, 7-3). */
static uint64_t transpose8(uint64_t x)
{
	uint64_t t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);
	x ^= t ^ t << 7;
	t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
	x ^= t ^ t << 14;
	t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
	return x ^ t ^ t << 28;
}

void unshuffle_bits(const uint8_t *in, uint8_t *out, size_t n, size_t size)
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
