/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * What writers do to arrays before they compress them: bytes, or bits, of the same
 * weight lie together.  It takes the size of an element to undo, which those who wrote
 * it keep elsewhere.
 */

/* All first bytes of the elements, then all second ones …, become elements; what is left
 * of a whole element follows as it is.  `out` has in.len bytes; `size` is not 0. */
void unshuffle_bytes(struct slice in, uint8_t *out, size_t size);

/* Bitshuffle, by Kiyoshi Masui: n elements, a multiple of 8, plane by plane of bits,
 * become element by element.  Both have n * size bytes. */
void unshuffle_bits(const uint8_t *in, uint8_t *out, size_t n, size_t size);
