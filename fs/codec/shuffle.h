/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * Undoes the shuffle filters that writers apply to arrays before compression, which group
 * bytes, or bits, of equal significance.  Needs the element size, which the file format
 * stores elsewhere.
 */

/* Input: the first bytes of all elements, then all second bytes, and so on; trailing bytes
 * that make no whole element are copied.  `out` has in.len bytes; `size` is not 0. */
void unshuffle_bytes(struct slice in, uint8_t *out, size_t size);

/* Bitshuffle, by Kiyoshi Masui.  Input: n elements, a multiple of 8, as bit planes.  `in`
 * and `out` have n * size bytes each. */
void unshuffle_bits(const uint8_t *in, uint8_t *out, size_t n, size_t size);
