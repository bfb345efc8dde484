/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Decimal text as numbers, independent of the C library's locale:
 *
 *	-  DIGITS  .  DIGITS  e  +-DIGITS
 *
 * A float is the nearest to the decimal, ties to even, however many digits that has.  It is found from the
 * first 19 digits by the method of Daniel Lemire, "Number parsing at a gigabyte per second" (2021), which
 * detects when it cannot decide; then the C library does.
 */
struct number {
	uint64_t mantissa;   /* the digits, as far as they fit: at most 19 significant ones; of an integer that `fits` all */
	int64_t exponent;    /* value = mantissa * 10^exponent, or, if `cut`, a little more */
	bool negative;
	bool integer;        /* digits alone */
	bool fits;           /* an integer within uint64 */
	bool cut;            /* there are more digits than in the mantissa */
	bool leading_zero;   /* as in 007 and 00.5, but not 0.5 */
};

/* JSON's grammar, or that of tables: 1. and .5 are numbers there, and so are 007 and 00.5. */
enum number_grammar { NUMBER_JSON, NUMBER_TABLE };

/* Reads the number at p; returns its end, NULL if there is none. */
const uint8_t *number_read(const uint8_t *p, const uint8_t *end, enum number_grammar grammar, struct number *ret);

/* The same, but of a float finds only that it is one, its end, and whether it is `far`. */
const uint8_t *number_pass(const uint8_t *p, const uint8_t *end, enum number_grammar grammar, struct number *ret, bool *far);

/* The nearest float64 of the number that was read from [p, end); infinite if that is. */
double number_double(const struct number *n, const uint8_t *p, const uint8_t *end);

/* Both at once, for the usual number: digits, a point and digits, at most 19, without an exponent, and with readable
 * bytes well past its end; NULL for any other. */
const uint8_t *number_usual_double(const uint8_t *p, const uint8_t *end, double *ret);

/* For an integer that does not fit: is that float64 the same number? */
bool number_is_exact(double value, const uint8_t *p, const uint8_t *end);

/* How many of the eight bytes at p are leading digits, and their value, without a loop over them. */
static inline unsigned number_eight_digits(const uint8_t *p, uint64_t *ret)
{
	const uint64_t ones = 0x0101010101010101, pairs = 0x000000ff000000ff;
	uint64_t w;
	memcpy(&w, p, sizeof w);
	w = le64toh(w);
	/* Exact up to the first of them. */
	uint64_t others = ((w + ones * (0x80 - '9' - 1)) | (w - ones * '0')) & ones * 0x80;
	unsigned n = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
	if (n == 0)
		return 0;
	w = (w - ones * '0') << (64 - 8 * n); /* as if padded with leading zeros */
	w = w * 10 + (w >> 8);
	*ret = ((w & pairs) * (100 + (1000000ull << 32)) + (w >> 16 & pairs) * (1 + (10000ull << 32))) >> 32;
	return n;
}

/* n digits at p, up to 8, where 8 bytes can be read. */
static inline uint64_t number_few_digits(const uint8_t *p, unsigned n)
{
	const uint64_t pairs = 0x000000ff000000ff;
	uint64_t w;
	memcpy(&w, p, sizeof w);
	w = (le64toh(w) - 0x3030303030303030) << (32 - 4 * n) << (32 - 4 * n); /* of none: 0 */
	w = w * 10 + (w >> 8);
	return ((w & pairs) * (100 + (1000000ull << 32)) + (w >> 16 & pairs) * (1 + (10000ull << 32))) >> 32;
}
