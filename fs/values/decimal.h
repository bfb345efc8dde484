/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Numbers as decimal text, independent of the C library's locale.
 *
 * A float becomes the shortest decimal that reads back as the same number in its
 * type, and of those the nearest: the digits of numpy's and Python's repr().  From
 * 0.0001 up to 1e16 (1e8 for types narrower than a double) it is written out, and
 * otherwise as d.ddde+XX.
 *
 * The method is that of Raffaello Giulietti, "The Schubfach way to render
 * doubles" (2020): all it needs is the interval that rounds to the number, so it
 * works for every binary type.
 */

/* A binary format: mantissa bits as stored, exponent bits, bias. */
struct float_kind {
	uint8_t mantissa, exponent;
	int16_t bias;
	bool has_sign;
	enum { FLOAT_IEEE, FLOAT_FN, FLOAT_FNUZ, FLOAT_E8M0, FLOAT_FINITE } specials;
};

enum { DECIMAL_FLOAT_MAX = 26 }; /* bytes at most */

/* Writes the float with these bits, without a NUL; returns the length. */
size_t decimal_float(const struct float_kind *kind, uint64_t bits, char *ret);

/* At most 20 bytes. */
size_t decimal_unsigned(uint64_t v, char *ret);
size_t decimal_signed(int64_t v, char *ret);

/* Exactly `digits` digits, zero-padded. */
void decimal_padded(uint64_t v, unsigned digits, char *ret);
