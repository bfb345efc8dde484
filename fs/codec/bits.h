/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/* Bits, most significant first, as HDF5's filters n-bit and scale-offset pack them. */
struct bits {
	struct slice in;
	size_t at; /* in bits */
};

/* The next n bits, at most 32; zeros past the end. */
static inline unsigned bits_take(struct bits *b, unsigned n)
{
	unsigned value = 0;
	while (n > 0) {
		size_t byte = b->at / 8;
		unsigned here = 8 - b->at % 8, some = n < here ? n : here;
		unsigned have = byte < b->in.len ? b->in.data[byte] : 0;
		value = value << some | (have >> (here - some) & ((1u << some) - 1));
		b->at += some;
		n -= some;
	}
	return value;
}

static inline bool bits_have(const struct bits *b, uint64_t n)
{
	return n <= (uint64_t)b->in.len * 8 - b->at;
}
