/* SPDX-License-Identifier: MIT */
/* Super-blocks of 256 elements: scales for each 16 or 32 of them, and a scale of these. */
#include "fs/values/quant_impl.h"

/* --- four and five bits: eight scales and minima of six bits --------------- */

QUANT_INLINE void scales_and_minima(const uint8_t *restrict from, uint8_t scales[8], uint8_t minima[8])
{
	for (unsigned i = 0; i < 4; i++) {
		scales[i] = from[i] & 63;
		minima[i] = from[4 + i] & 63;
		scales[4 + i] = (uint8_t)((from[8 + i] & 15) | (from[i] >> 2 & 0x30));
		minima[4 + i] = (uint8_t)(from[8 + i] >> 4 | (from[4 + i] >> 2 & 0x30));
	}
}

QUANT_INLINE void q4_k(const uint8_t *restrict b, float *restrict to)
{
	uint8_t scales[8], minima[8];
	float d = quant_half(b), dmin = quant_half(b + 2);
	scales_and_minima(b + 4, scales, minima);
	for (unsigned i = 0; i < 8; i += 2, to += 64) {
		const uint8_t *q = b + 16 + 16 * i;
		float d0 = d * (float)scales[i], m0 = dmin * (float)minima[i];
		float d1 = d * (float)scales[i + 1], m1 = dmin * (float)minima[i + 1];
		for (unsigned k = 0; k < 32; k++)
			to[k] = d0 * (float)(q[k] & 15) - m0;
		for (unsigned k = 0; k < 32; k++)
			to[32 + k] = d1 * (float)(q[k] >> 4) - m1;
	}
}
QUANT_DECODER(q4_k, 256, 144)

QUANT_INLINE void q5_k(const uint8_t *restrict b, float *restrict to)
{
	uint8_t scales[8], minima[8];
	float d = quant_half(b), dmin = quant_half(b + 2);
	const uint8_t *high = b + 16;
	scales_and_minima(b + 4, scales, minima);
	for (unsigned i = 0; i < 8; i += 2, to += 64) {
		const uint8_t *q = b + 48 + 16 * i;
		float d0 = d * (float)scales[i], m0 = dmin * (float)minima[i];
		float d1 = d * (float)scales[i + 1], m1 = dmin * (float)minima[i + 1];
		for (unsigned k = 0; k < 32; k++)
			to[k] = d0 * (float)((q[k] & 15) | (high[k] >> i & 1) << 4) - m0;
		for (unsigned k = 0; k < 32; k++)
			to[32 + k] = d1 * (float)(q[k] >> 4 | (high[k] >> (i + 1) & 1) << 4) - m1;
	}
}
QUANT_DECODER(q5_k, 256, 176)

/* --- two, three and six bits: a scale for each 16 elements ------------------ */

QUANT_INLINE void q2_k(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b + 80), dmin = quant_half(b + 82);
	for (unsigned i = 0; i < 16; i++, to += 16) {
		const uint8_t *q = b + 16 + i / 8 * 32 + i % 2 * 16;
		unsigned shift = i / 2 % 4 * 2;
		float scale = d * (float)(b[i] & 15), minimum = dmin * (float)(b[i] >> 4);
		for (unsigned k = 0; k < 16; k++)
			to[k] = scale * (float)(q[k] >> shift & 3) - minimum;
	}
}
QUANT_DECODER(q2_k, 256, 84)

/* The scales are four bits of each, then two of each; the bit that is the third one of an element
 * is stored inverted. */
QUANT_INLINE void q3_k(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b + 108);
	for (unsigned i = 0; i < 16; i++, to += 16) {
		const uint8_t *q = b + 32 + i / 8 * 32 + i % 2 * 16, *high = b + i % 2 * 16;
		unsigned shift = i / 2 % 4 * 2;
		int scale = (b[96 + i % 8] >> i / 8 * 4 & 15) | (b[104 + i % 4] >> i / 4 * 2 & 3) << 4;
		float by = d * (float)(scale - 32);
		for (unsigned k = 0; k < 16; k++)
			to[k] = by * (float)((q[k] >> shift & 3) - (~high[k] >> i / 2 & 1) * 4);
	}
}
QUANT_DECODER(q3_k, 256, 110)

/* Of each 128 elements, the low bits of the first and the last 64 share bytes. */
QUANT_INLINE void q6_k(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b + 208);
	const uint8_t *low = b, *high = b + 128, *scales = b + 192;
	for (unsigned half = 0; half < 2; half++, low += 64, high += 32, scales += 8, to += 128) {
		int8_t q[128];
		for (unsigned k = 0; k < 32; k++) {
			q[k] = (int8_t)(((low[k] & 15) | (high[k] & 3) << 4) - 32);
			q[32 + k] = (int8_t)(((low[32 + k] & 15) | (high[k] >> 2 & 3) << 4) - 32);
			q[64 + k] = (int8_t)((low[k] >> 4 | (high[k] >> 4 & 3) << 4) - 32);
			q[96 + k] = (int8_t)((low[32 + k] >> 4 | high[k] >> 6 << 4) - 32);
		}
		for (unsigned i = 0; i < 8; i++)
			quant_scale(q + 16 * i, 16, d * (float)(int8_t)scales[i], to + 16 * i);
	}
}
QUANT_DECODER(q6_k, 256, 210)

/* --- ternary ---------------------------------------------------------------- */

/* n bytes hold five times as many digits, or `digits` times, each byte as a fraction of 256. */
QUANT_INLINE float *ternary(const uint8_t *restrict from, unsigned n, unsigned digits, float d, float *restrict to)
{
	static const uint8_t powers[5] = {1, 3, 9, 27, 81};
	for (unsigned i = 0; i < digits; i++, to += n)
		for (unsigned k = 0; k < n; k++)
			to[k] = d * (float)(((uint8_t)(from[k] * powers[i]) * 3 >> 8) - 1);
	return to;
}

QUANT_INLINE void tq1_0(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b + 52);
	to = ternary(b, 32, 5, d, to);
	to = ternary(b + 32, 16, 5, d, to);
	ternary(b + 48, 4, 4, d, to);
}
QUANT_DECODER(tq1_0, 256, 54)

QUANT_INLINE void tq2_0(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b + 64);
	for (unsigned i = 0; i < 8; i++, to += 32)
		for (unsigned k = 0; k < 32; k++)
			to[k] = d * (float)((b[i / 4 * 32 + k] >> i % 4 * 2 & 3) - 1);
}
QUANT_DECODER(tq2_0, 256, 66)
