/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>
#include <string.h>

#include "fs/values/quant.h"

/*
 * Shared by the decoders of GGML's blocks (quant_*.c).  Each computes what gguf.quants does, in
 * float32 and in its order, so that every bit is the same: no multiplication may be fused with an
 * addition (-ffp-contract=off).
 *
 * A decoder is a function of one block, inlined into a loop.  Compilers vectorise loops that only
 * unpack, and others that only multiply what was unpacked.
 */
#define QUANT_DECODER(name, elements, size)                                      \
	void quant_##name(const uint8_t *from, size_t blocks, float *to)         \
	{                                                                        \
		for (size_t i = 0; i < blocks; i++)                              \
			name(from + i * (size), to + i * (elements));            \
	}

#define QUANT_INLINE static inline __attribute__((always_inline))

quant_decode quant_q4_0, quant_q4_1, quant_q5_0, quant_q5_1, quant_q8_0, quant_q1_0, quant_q8_k, quant_iq4_nl, quant_mxfp4,
	quant_nvfp4, quant_q2_k, quant_q3_k, quant_q4_k, quant_q5_k, quant_q6_k, quant_tq1_0, quant_tq2_0, quant_iq4_xs,
	quant_iq2_xxs, quant_iq2_xs, quant_iq2_s, quant_iq3_xxs, quant_iq3_s, quant_iq1_s, quant_iq1_m;

/* Little-endian integers. */
QUANT_INLINE uint32_t quant_u16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

QUANT_INLINE uint32_t quant_u32(const uint8_t *p)
{
	return quant_u16(p) | quant_u16(p + 2) << 16;
}

QUANT_INLINE float quant_float(uint32_t bits)
{
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

/* The bits of a float16 as a float32, payload and all: the exponent is moved to its place, and
 * subnormals, which have none, are what is left when 2^-14 is taken away. */
QUANT_INLINE uint32_t quant_widen_half(uint32_t h)
{
	const uint32_t magic = 113u << 23;
	uint32_t magnitude = (h & 0x7fff) << 13, exponent = magnitude & 31u << 23, normal, small;
	normal = magnitude + (exponent == 31u << 23 ? 224u << 23 : 112u << 23);
	float v = quant_float(magnitude + magic) - quant_float(magic);
	memcpy(&small, &v, sizeof small);
	return (exponent == 0 ? small : normal) | (h & 0x8000) << 16;
}

/* A float16 that will be multiplied.  That makes a NaN quiet; it is so from the start, as the
 * compiler may leave out a multiplication by 1. */
QUANT_INLINE float quant_half_of(uint32_t half)
{
	uint32_t bits = quant_widen_half(half);
	return quant_float((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x00400000 : bits);
}

QUANT_INLINE float quant_half(const uint8_t *p)
{
	return quant_half_of(quant_u16(p));
}

/* Unpacked, one loop turn at a time: unrolled, it is no loop to be vectorised. */
#if defined(__clang__)
#define QUANT_LOOP
#else
#define QUANT_LOOP _Pragma("GCC unroll 1")
#endif

QUANT_INLINE void quant_scale(const int8_t *restrict q, unsigned n, float d, float *restrict to)
{
	QUANT_LOOP
	for (unsigned i = 0; i < n; i++)
		to[i] = d * (float)q[i];
}

/* The same byte eight times, for computing with eight bytes as one number, where none of them
 * overflows. */
#define QUANT_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Sixteen bytes in one store: a 16-byte load would otherwise have to wait for two. */
QUANT_INLINE void quant_put(uint64_t low, uint64_t high, void *to)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	pair both = {htole64(low), htole64(high)};
	memcpy(to, &both, sizeof both);
}

/* Bit i as byte i, 1 or 0. */
QUANT_INLINE uint64_t quant_bits(uint8_t bits)
{
	uint64_t each = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
	return (each + QUANT_EACH(0x7f)) >> 7 & QUANT_EACH(1);
}
