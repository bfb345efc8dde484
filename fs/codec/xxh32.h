/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * XXH32 with seed 0, the checksum of LZ4 frames.  Specification: github.com/Cyan4973/xxHash,
 * doc/xxhash_spec.md.
 */
enum { XXH32_STRIPE = 16 };

struct xxh32 {
	uint32_t lanes[4];
	uint64_t len; /* summed so far */
};

struct xxh32 xxh32_begin(void);

/* Sums as many whole stripes as s has, and returns how many bytes that are. */
size_t xxh32_add(struct xxh32 *x, struct slice s);

/* The sum, `rest` being what is left: less than a stripe. */
uint32_t xxh32_end(const struct xxh32 *x, struct slice rest);

static inline uint32_t xxh32(struct slice s)
{
	struct xxh32 x = xxh32_begin();
	size_t n = xxh32_add(&x, s);
	return xxh32_end(&x, (struct slice){s.data + n, s.len - n});
}
