/* SPDX-License-Identifier: MIT */
#include "fs/codec/xxh32.h"

#include <endian.h>

static const uint32_t P1 = 2654435761, P2 = 2246822519, P3 = 3266489917, P4 = 668265263, P5 = 374761393;

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static uint32_t load(const uint8_t *p)
{
	uint32_t x;
	memcpy(&x, p, sizeof x);
	return le32toh(x);
}

struct xxh32 xxh32_begin(void)
{
	return (struct xxh32){{P1 + P2, P2, 0, -P1}, 0};
}

static inline __attribute__((always_inline)) uint32_t step(uint32_t lane, const uint8_t *p)
{
	lane = rotate(lane + load(p) * P2, 13) * P1;
	/* Keeps the compiler from computing the four lanes in one vector: SSE2 has no
	 * multiplication of 32 bits, and takes three times as long without one. */
	__asm__("" : "+r"(lane));
	return lane;
}

size_t xxh32_add(struct xxh32 *x, struct slice s)
{
	uint32_t a = x->lanes[0], b = x->lanes[1], c = x->lanes[2], d = x->lanes[3];
	size_t len = s.len / XXH32_STRIPE * XXH32_STRIPE;
	for (size_t i = 0; i < len; i += XXH32_STRIPE) {
		a = step(a, s.data + i);
		b = step(b, s.data + i + 4);
		c = step(c, s.data + i + 8);
		d = step(d, s.data + i + 12);
	}
	*x = (struct xxh32){{a, b, c, d}, x->len + len};
	return len;
}

uint32_t xxh32_end(const struct xxh32 *x, struct slice rest)
{
	uint32_t sum = x->len == 0 ? P5 : rotate(x->lanes[0], 1) + rotate(x->lanes[1], 7) + rotate(x->lanes[2], 12) + rotate(x->lanes[3], 18);
	sum += (uint32_t)(x->len + rest.len);
	size_t i = 0;
	for (; rest.len - i >= 4; i += 4)
		sum = rotate(sum + load(rest.data + i) * P3, 17) * P4;
	for (; i < rest.len; i++)
		sum = rotate(sum + rest.data[i] * P5, 11) * P1;
	sum = (sum ^ sum >> 15) * P2;
	sum = (sum ^ sum >> 13) * P3;
	return sum ^ sum >> 16;
}
