/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where strings in a JSON text may end: one bit per byte, set for '"', '\' and anything
 * below ' '.  64 bytes make a word; the first byte is its lowest bit.  The reader finds the
 * end of a string by counting zeros: so vector instructions process the text in bulk, and
 * the reader itself is plain C.
 */
enum { JSON_INDEX_BLOCK = 64 };

/* Indexes `len` bytes into (len + 63) / 64 words; bits past the end are set. */
void json_index(const uint8_t *text, size_t len, uint64_t *ret);

/* The same with a given implementation, for tests; false if this machine lacks it. */
enum json_index_way { JSON_INDEX_PORTABLE, JSON_INDEX_SSE2, JSON_INDEX_AVX2, JSON_INDEX_WAYS };
bool json_index_by(enum json_index_way way, const uint8_t *text, size_t len, uint64_t *ret);
