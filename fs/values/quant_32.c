/* SPDX-License-Identifier: MIT */
/* Blocks with one scale, or one and a minimum; most are of 32 elements. */
#include "fs/values/quant_impl.h"

/* --- four and five bits: element i and i + 16 share a byte --------------- */

QUANT_INLINE void q4_0(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	for (unsigned i = 0; i < 16; i++)
		to[i] = d * (float)((b[2 + i] & 15) - 8);
	for (unsigned i = 0; i < 16; i++)
		to[16 + i] = d * (float)((b[2 + i] >> 4) - 8);
}
QUANT_DECODER(q4_0, 32, 18)

/* The sum of two NaNs is the first, which a compiler that swaps them does not know. */
QUANT_INLINE float minimum(float d, const uint8_t *p)
{
	return d != d ? 0 : quant_half(p);
}

QUANT_INLINE void q4_1(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b), m = minimum(d, b + 2);
	for (unsigned i = 0; i < 16; i++)
		to[i] = d * (float)(b[4 + i] & 15) + m;
	for (unsigned i = 0; i < 16; i++)
		to[16 + i] = d * (float)(b[4 + i] >> 4) + m;
}
QUANT_DECODER(q4_1, 32, 20)

/* Four bits of each in `low`, and the fifth, from bit 0 on, in `high`. */
QUANT_INLINE void five_bits(const uint8_t *restrict low, const uint8_t *restrict high, uint8_t *restrict to)
{
	uint8_t fifth[32];
	quant_put(quant_bits(high[0]) << 4, quant_bits(high[1]) << 4, fifth);
	quant_put(quant_bits(high[2]) << 4, quant_bits(high[3]) << 4, fifth + 16);
	for (unsigned i = 0; i < 16; i++)
		to[i] = (uint8_t)((low[i] & 15) | fifth[i]);
	for (unsigned i = 0; i < 16; i++)
		to[16 + i] = (uint8_t)(low[i] >> 4 | fifth[16 + i]);
}

QUANT_INLINE void q5_0(const uint8_t *restrict b, float *restrict to)
{
	uint8_t q[32];
	float d = quant_half(b);
	five_bits(b + 6, b + 2, q);
	for (unsigned i = 0; i < 32; i++)
		to[i] = d * (float)(q[i] - 16);
}
QUANT_DECODER(q5_0, 32, 22)

QUANT_INLINE void q5_1(const uint8_t *restrict b, float *restrict to)
{
	uint8_t q[32];
	float d = quant_half(b), m = minimum(d, b + 2);
	five_bits(b + 8, b + 4, q);
	for (unsigned i = 0; i < 32; i++)
		to[i] = d * (float)q[i] + m;
}
QUANT_DECODER(q5_1, 32, 24)

/* --- eight bits, and one ------------------------------------------------- */

QUANT_INLINE void q8_0(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	for (unsigned i = 0; i < 32; i++)
		to[i] = (float)(int8_t)b[2 + i] * d;
}
QUANT_DECODER(q8_0, 32, 34)

/* The sums after the elements are for multiplication only. */
QUANT_INLINE void q8_k(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_float(quant_u32(b));
	for (unsigned i = 0; i < 256; i++)
		to[i] = d * (float)(int8_t)b[4 + i];
}
QUANT_DECODER(q8_k, 256, 292)

/* A sign for each. */
QUANT_INLINE void q1_0(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	for (unsigned i = 0; i < 16; i += 2, to += 16) {
		uint8_t plus[16];
		quant_put(quant_bits(b[2 + i]), quant_bits(b[3 + i]), plus);
		QUANT_LOOP
		for (unsigned k = 0; k < 16; k++)
			to[k] = plus[k] ? d : -d;
	}
}
QUANT_DECODER(q1_0, 128, 18)

/* --- four bits that are the number of a value ----------------------------- */

static const int8_t nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}; /* doubled */

/* n bytes: the low halves, then the high ones. */
QUANT_INLINE void by_number(const int8_t values[16], float d, const uint8_t *restrict from, unsigned n, float *restrict to)
{
	float scaled[16];
	for (unsigned i = 0; i < 16; i++)
		scaled[i] = d * (float)values[i];
	for (unsigned i = 0; i < n; i++) {
		to[i] = scaled[from[i] & 15];
		to[n + i] = scaled[from[i] >> 4];
	}
}

QUANT_INLINE void iq4_nl(const uint8_t *restrict b, float *restrict to)
{
	by_number(nonlinear, quant_half(b), b + 2, 16, to);
}
QUANT_DECODER(iq4_nl, 32, 18)

/* A scale of six bits for each 32 elements: four bits of each, then two of each. */
QUANT_INLINE void iq4_xs(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	uint32_t high = quant_u16(b + 2);
	for (unsigned i = 0; i < 8; i++) {
		int scale = (int)(b[4 + i / 2] >> i % 2 * 4 & 15u) | (int)(high >> 2 * i & 3) << 4;
		by_number(nonlinear, d * (float)(scale - 32), b + 8 + 16 * i, 16, to + 32 * i);
	}
}
QUANT_DECODER(iq4_xs, 256, 136)

/* The scale is a power of two, halved as the values are doubled. */
QUANT_INLINE void mxfp4(const uint8_t *restrict b, float *restrict to)
{
	uint32_t bits = b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23;
	by_number(e2m1, quant_float(bits), b + 1, 16, to);
}
QUANT_DECODER(mxfp4, 32, 17)

/* An unsigned float8_e4m3 without its top bit, halved; 0x7f is 0. */
QUANT_INLINE float e4m3(uint8_t bits)
{
	uint32_t exponent = bits >> 3 & 15, mantissa = bits & 7;
	float normal = quant_float((exponent + 119) << 23 | mantissa << 20), small = (float)mantissa * 0x1p-10f;
	return bits == 0x7f ? 0 : exponent ? normal : small;
}

/* Four scales, then 16 elements of each. */
QUANT_INLINE void nvfp4(const uint8_t *restrict b, float *restrict to)
{
	for (unsigned i = 0; i < 4; i++)
		by_number(e2m1, e4m3(b[i]), b + 4 + 8 * i, 8, to + 16 * i);
}
QUANT_DECODER(nvfp4, 64, 36)
