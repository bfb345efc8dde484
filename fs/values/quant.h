/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/cursor.h"

/*
 * Quantized numbers: what a number stands for where it is not stored as itself.
 *
 * Either the array is made of blocks (GGML's types, as GGUF files hold them): a row, which is
 * the last dimension, is a whole number of blocks, each of so many elements in so many bytes,
 * and the array is uint8 with a last extent in bytes.  Or its elements are integers, each
 * scale * (q - zero_point), for all of them or for each index of one axis (TensorFlow Lite).
 *
 *        name       enum             elements bytes     in a block
 */
#define QUANT_BLOCKS(X)                              \
	X("Q4_0",    QUANT_Q4_0,       32,   18)     \
	X("Q4_1",    QUANT_Q4_1,       32,   20)     \
	X("Q5_0",    QUANT_Q5_0,       32,   22)     \
	X("Q5_1",    QUANT_Q5_1,       32,   24)     \
	X("Q8_0",    QUANT_Q8_0,       32,   34)     \
	X("Q8_1",    QUANT_Q8_1,       32,   40)     \
	X("Q2_K",    QUANT_Q2_K,       256,  84)     \
	X("Q3_K",    QUANT_Q3_K,       256, 110)     \
	X("Q4_K",    QUANT_Q4_K,       256, 144)     \
	X("Q5_K",    QUANT_Q5_K,       256, 176)     \
	X("Q6_K",    QUANT_Q6_K,       256, 210)     \
	X("Q8_K",    QUANT_Q8_K,       256, 292)     \
	X("IQ2_XXS", QUANT_IQ2_XXS,    256,  66)     \
	X("IQ2_XS",  QUANT_IQ2_XS,     256,  74)     \
	X("IQ3_XXS", QUANT_IQ3_XXS,    256,  98)     \
	X("IQ1_S",   QUANT_IQ1_S,      256,  50)     \
	X("IQ4_NL",  QUANT_IQ4_NL,     32,   18)     \
	X("IQ3_S",   QUANT_IQ3_S,      256, 110)     \
	X("IQ2_S",   QUANT_IQ2_S,      256,  82)     \
	X("IQ4_XS",  QUANT_IQ4_XS,     256, 136)     \
	X("IQ1_M",   QUANT_IQ1_M,      256,  56)     \
	X("TQ1_0",   QUANT_TQ1_0,      256,  54)     \
	X("TQ2_0",   QUANT_TQ2_0,      256,  66)     \
	X("MXFP4",   QUANT_MXFP4,      32,   17)     \
	X("NVFP4",   QUANT_NVFP4,      64,   36)     \
	X("Q1_0",    QUANT_Q1_0,       128,  18)

enum quant_blocks {
	QUANT_NONE,
#define QUANT_ENUM(name, id, elements, bytes) id,
	QUANT_BLOCKS(QUANT_ENUM)
#undef QUANT_ENUM
	QUANT_COUNT
};

/* Of an array: either blocks, or `count` scales (1, or the extent of `axis`) and as many zero
 * points, or none of these where all are 0.  Lives as long as the archive. */
struct quant {
	enum quant_blocks blocks;
	bool unordered; /* the byte order of the numbers in the blocks is not known */
	uint32_t axis, count;
	const float *scales;
	const int64_t *zero_points;
};

/* What a block is; NULL for QUANT_NONE. */
struct quant_block {
	const char *name;
	uint32_t elements, bytes;
};
const struct quant_block *quant_block(enum quant_blocks blocks);

/* Equal, or both absent. */
bool quant_same(const struct quant *a, const struct quant *b);

/* Decodes whole blocks of this type: what gguf.quants.dequantize() of gguf 0.19 gives, and ggml
 * for Q1_0 and Q8_K.  NULL if there is none (Q8_1, on whose layout the two do not agree). */
typedef void quant_decode(const uint8_t *from, size_t blocks, float *to);
quant_decode *quant_decoder(enum quant_blocks blocks);

/* Whether a block holds numbers of several bytes, so that it has a byte order. */
bool quant_is_ordered(enum quant_blocks blocks);
