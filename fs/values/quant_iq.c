/* SPDX-License-Identifier: MIT */
/*
 * Super-blocks of 256 elements whose values are points of a grid: a number stands for four or
 * eight of them at once, without their signs.
 */
#include "fs/values/quant_grids.h"
#include "fs/values/quant_impl.h"

/* --- points ---------------------------------------------------------------- */

/* Eight numbers of two bits as bytes, the lowest first. */
QUANT_INLINE uint64_t spread_2(uint64_t point)
{
	point = (point | point << 24) & UINT64_C(0x000000ff000000ff);
	point = (point | point << 12) & UINT64_C(0x000f000f000f000f);
	return (point | point << 6) & UINT64_C(0x0303030303030303);
}

/* Twice four numbers of four bits. */
QUANT_INLINE uint64_t spread_4(uint64_t first, uint64_t second)
{
	uint64_t points = first | second << 32;
	points = (points | points << 8) & UINT64_C(0x00ff00ff00ff00ff);
	return (points | points << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* 0, 1, 2: 8, 25, 43 */
QUANT_INLINE uint64_t values_of_2(uint64_t numbers)
{
	return numbers * 17 + (numbers >> 1 & QUANT_EACH(1)) + QUANT_EACH(8);
}

/* 0 … 7: 4, 12, 20 … 52, 62 */
QUANT_INLINE uint64_t values_of_3_xxs(uint64_t numbers)
{
	return numbers * 8 + ((numbers + QUANT_EACH(1)) >> 3 & QUANT_EACH(1)) * 2 + QUANT_EACH(4);
}

/* 0 … 7: 1, 3 … 15 */
QUANT_INLINE uint64_t values_of_3_s(uint64_t numbers)
{
	return numbers * 2 + QUANT_EACH(1);
}

/* Seven signs; the eighth makes their number even. */
QUANT_INLINE uint8_t eight_signs(uint32_t seven)
{
	uint32_t odd = seven & 127;
	odd ^= odd >> 4;
	odd ^= odd >> 2;
	odd ^= odd >> 1;
	return (uint8_t)((seven & 127) | odd << 7);
}

/* Eight values, none of them 0. A minus makes no difference to a NaN, so it is the value that
 * changes its sign, not the product. */
QUANT_INLINE uint64_t add_signs(uint64_t values, uint8_t signs)
{
	uint64_t minus = quant_bits(signs);
	return (values ^ minus * 255) + minus;
}

QUANT_INLINE void put_four(const uint64_t eights[4], int8_t *restrict to)
{
	quant_put(eights[0], eights[1], to);
	quant_put(eights[2], eights[3], to + 16);
}

/* --- two bits --------------------------------------------------------------- */

QUANT_INLINE void iq2_xxs(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	b += 2;
	for (unsigned i = 0; i < 8; i++, b += 8, to += 32) {
		uint32_t rest = quant_u32(b + 4);
		uint64_t eights[4];
		int8_t q[32];
		for (unsigned k = 0; k < 4; k++)
			eights[k] = add_signs(values_of_2(spread_2(quant_grid_2_xxs[b[k]])), eight_signs(rest >> 7 * k));
		put_four(eights, q);
		quant_scale(q, 32, d * (0.5f + (float)(rest >> 28)) * 0.25f, to);
	}
}
QUANT_DECODER(iq2_xxs, 256, 66)

/* A byte with a scale of four bits for each 16 elements. */
QUANT_INLINE void scale_2(const int8_t *restrict q, float d, uint8_t scales, float *restrict to)
{
	quant_scale(q, 16, d * (0.5f + (float)(scales & 15)) * 0.25f, to);
	quant_scale(q + 16, 16, d * (0.5f + (float)(scales >> 4)) * 0.25f, to + 16);
}

QUANT_INLINE void iq2_xs(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	for (unsigned i = 0; i < 8; i++, to += 32) {
		uint64_t eights[4];
		int8_t q[32];
		for (unsigned k = 0; k < 4; k++) {
			uint32_t point = quant_u16(b + 2 + 8 * i + 2 * k);
			eights[k] = add_signs(values_of_2(spread_2(quant_grid_2_xs[point & 511])), eight_signs(point >> 9));
		}
		put_four(eights, q);
		scale_2(q, d, b[66 + i], to);
	}
}
QUANT_DECODER(iq2_xs, 256, 74)

QUANT_INLINE void iq2_s(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	const uint8_t *low = b + 2, *signs = b + 34, *high = b + 66, *scales = b + 74;
	for (unsigned i = 0; i < 8; i++, to += 32) {
		uint64_t eights[4];
		int8_t q[32];
		for (unsigned k = 0; k < 4; k++) {
			unsigned point = low[4 * i + k] | (high[i] >> 2 * k & 3u) << 8;
			eights[k] = add_signs(values_of_2(spread_2(quant_grid_2_s[point])), signs[4 * i + k]);
		}
		put_four(eights, q);
		scale_2(q, d, scales[i], to);
	}
}
QUANT_DECODER(iq2_s, 256, 82)

/* --- three bits -------------------------------------------------------------- */

QUANT_INLINE void iq3_xxs(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	const uint8_t *points = b + 2;
	for (unsigned i = 0; i < 8; i++, points += 8, to += 32) {
		uint32_t rest = quant_u32(b + 66 + 4 * i);
		uint64_t eights[4];
		int8_t q[32];
		for (unsigned k = 0; k < 4; k++) {
			uint64_t numbers = spread_4(quant_grid_3_xxs[points[2 * k]], quant_grid_3_xxs[points[2 * k + 1]]);
			eights[k] = add_signs(values_of_3_xxs(numbers), eight_signs(rest >> 7 * k));
		}
		put_four(eights, q);
		quant_scale(q, 32, d * (0.5f + (float)(rest >> 28)) * 0.5f, to);
	}
}
QUANT_DECODER(iq3_xxs, 256, 98)

QUANT_INLINE void iq3_s(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	const uint8_t *low = b + 2, *high = b + 66, *signs = b + 74, *scales = b + 106;
	for (unsigned i = 0; i < 8; i++, low += 8, to += 32) {
		uint64_t eights[4];
		int8_t q[32];
		for (unsigned k = 0; k < 4; k++) {
			unsigned first = low[2 * k] | (high[i] >> 2 * k & 1u) << 8;
			unsigned second = low[2 * k + 1] | (high[i] >> (2 * k + 1) & 1u) << 8;
			uint64_t numbers = spread_4(quant_grid_3_s[first], quant_grid_3_s[second]);
			eights[k] = add_signs(values_of_3_s(numbers), signs[4 * i + k]);
		}
		put_four(eights, q);
		quant_scale(q, 32, d * (float)(1 + 2 * (scales[i / 2] >> i % 2 * 4 & 15)), to);
	}
}
QUANT_DECODER(iq3_s, 256, 110)

/* --- one bit: -1, 0 and 1, eight of them shifted by an eighth, up or down -------- */

QUANT_INLINE float shift_1(bool down)
{
	return down ? -1.125f : -0.875f; /* the numbers begin at 0 */
}

QUANT_INLINE void put_eight(const uint8_t *restrict numbers, float shift, float by, float *restrict to)
{
	QUANT_LOOP
	for (unsigned i = 0; i < 8; i++)
		to[i] = by * ((float)numbers[i] + shift);
}

QUANT_INLINE void iq1_s(const uint8_t *restrict b, float *restrict to)
{
	float d = quant_half(b);
	const uint8_t *low = b + 2;
	for (unsigned i = 0; i < 8; i++, low += 4) {
		uint32_t rest = quant_u16(b + 34 + 2 * i);
		float by = d * (float)(2 * (rest >> 12 & 7) + 1);
		for (unsigned k = 0; k < 4; k++, to += 8) {
			uint64_t numbers = htole64(spread_2(quant_grid_1[low[k] | (rest >> 3 * k & 7) << 8]));
			put_eight((const uint8_t *)&numbers, shift_1(rest >> 15), by, to);
		}
	}
}
QUANT_DECODER(iq1_s, 256, 50)

/* The float16 is the top four bits of each of the four words that hold the scales. */
QUANT_INLINE void iq1_m(const uint8_t *restrict b, float *restrict to)
{
	const uint8_t *high = b + 32, *words = b + 48;
	uint32_t half = 0;
	for (unsigned i = 0; i < 4; i++)
		half |= quant_u16(words + 2 * i) >> 12 << 4 * i;
	float d = quant_half_of(half);
	for (unsigned i = 0; i < 32; i++, to += 8) {
		unsigned rest = high[i / 2] >> i % 2 * 4 & 15u, scale = quant_u16(words + i / 8 * 2) >> i / 2 % 4 * 3 & 7;
		uint64_t numbers = htole64(spread_2(quant_grid_1[b[i] | (rest & 7) << 8]));
		put_eight((const uint8_t *)&numbers, shift_1(rest >> 3), d * (float)(2 * scale + 1), to);
	}
}
QUANT_DECODER(iq1_m, 256, 56)
