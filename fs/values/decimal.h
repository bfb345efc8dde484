/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Numbers as decimal text, without the C library's locale.
 *
 * A float becomes the shortest decimal that reads back as itself in its own
 * type, and of those the nearest: digits as numpy's and Python's repr() have
 * them.  It is written out from 0.0001 up to 1e16 (1e8 for what is narrower than
 * a double), and as d.ddde+XX beyond.
 *
 * The method is that of Raffaello Giulietti, "The Schubfach way to render
 * doubles" (2020): it asks for nothing but the interval that rounds to the
 * number, so it serves every binary type.
 */

/* A binary format: mantissa bits as stored, exponent bits, bias. */
struct float_kind {
	uint8_t mantissa, exponent;
	int16_t bias;
	bool has_sign;
	enum { FLOAT_IEEE, FLOAT_FN, FLOAT_FNUZ, FLOAT_E8M0 } specials;
};

enum { DECIMAL_FLOAT_MAX = 26 }; /* bytes that are written at most */

/* Writes the number that `bits` are, and returns its length; no NUL. */
size_t decimal_float(const struct float_kind *kind, uint64_t bits, char *ret);

/* At most 20 bytes. */
size_t decimal_unsigned(uint64_t v, char *ret);
size_t decimal_signed(int64_t v, char *ret);

/* `digits` of them, with zeros in front. */
void decimal_padded(uint64_t v, unsigned digits, char *ret);
