/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where strings of a JSON text may end: one bit a byte, set for '"', '\' and what is below
 * ' '.  64 bytes give a word, the first byte its lowest bit.  A reader that stands in a
 * string finds its end by counting zeros, so the vector instructions run over the text in
 * bulk and the reader itself is plain C.
 */
enum { JSON_INDEX_BLOCK = 64 };

/* Of `len` bytes, into (len + 63) / 64 words; bits past the text are set. */
void json_index(const uint8_t *text, size_t len, uint64_t *ret);

/* The same by one way of doing it, for tests; false if this machine has not got it. */
enum json_index_way { JSON_INDEX_PORTABLE, JSON_INDEX_SSE2, JSON_INDEX_AVX2, JSON_INDEX_WAYS };
bool json_index_by(enum json_index_way way, const uint8_t *text, size_t len, uint64_t *ret);
