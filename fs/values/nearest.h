/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <string.h>

#include "fs/values/pow10.h"

/* Decimal numbers as floats, for number.c and for code that reads very many of them: number.h
 * describes the method. */

static inline double number_of_bits(uint64_t mantissa, int64_t exponent, bool negative)
{
	uint64_t bits = mantissa | (uint64_t)exponent << 52 | (uint64_t)negative << 63;
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* 10^q, normalised, 128 bits: rounded up from -27 to -1, down otherwise. */
static inline unsigned __int128 number_power_of_ten(int64_t q)
{
	const uint64_t *up = pow10_table[q - POW10_MIN];
	return ((unsigned __int128)up[0] << 64 | up[1]) - (q < -27 || q > 55);
}

/* The nearest float64 of w * 10^q, w not 0; false if 128 bits do not decide it.  There are no
 * powers for numbers that could be subnormal. */
static inline bool number_nearest(uint64_t w, int64_t q, bool negative, double *ret)
{
	if (q < POW10_MIN || q > 308)
		return false;
	int shift = __builtin_clzll(w);
	w <<= shift;
	unsigned __int128 power = number_power_of_ten(q), product = (unsigned __int128)w * (uint64_t)(power >> 64);
	uint64_t upper = (uint64_t)(product >> 64), lower = (uint64_t)product;
	if ((upper & 0x1ff) == 0x1ff) {
		uint64_t more = (uint64_t)((unsigned __int128)w * (uint64_t)power >> 64);
		lower += more;
		upper += lower < more;
		if (lower == UINT64_MAX && (q < -27 || q > 55))
			return false;
	}
	unsigned top = (unsigned)(upper >> 63);
	uint64_t mantissa = upper >> (top + 9);
	int64_t exponent = ((217706 * q) >> 16) + 63 + top - shift + 1023;
	if (lower <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == upper)
		mantissa &= ~UINT64_C(1); /* a tie */
	mantissa = (mantissa + (mantissa & 1)) >> 1;
	if (mantissa == UINT64_C(1) << 53) {
		mantissa = UINT64_C(1) << 52;
		exponent++;
	}
	if (exponent >= 2047)
		*ret = number_of_bits(0, 2047, negative);
	else
		*ret = number_of_bits(mantissa & ~(UINT64_C(1) << 52), exponent, negative);
	return true;
}
