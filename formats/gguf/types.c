/* SPDX-License-Identifier: MIT */
/* The numbers of types: gguf_metadata_value_type in ggml's docs/gguf.md, ggml_type in ggml.h. */
#include "formats/gguf/gguf.h"

const struct gguf_value_type gguf_value_types[GGUF_TYPES] = {
	[GGUF_UINT8] = {"UINT8", DTYPE_UINT8, 1},
	[GGUF_INT8] = {"INT8", DTYPE_INT8, 1},
	[GGUF_UINT16] = {"UINT16", DTYPE_UINT16, 2},
	[GGUF_INT16] = {"INT16", DTYPE_INT16, 2},
	[GGUF_UINT32] = {"UINT32", DTYPE_UINT32, 4},
	[GGUF_INT32] = {"INT32", DTYPE_INT32, 4},
	[GGUF_FLOAT32] = {"FLOAT32", DTYPE_FLOAT32, 4},
	[GGUF_BOOL] = {"BOOL", DTYPE_BOOL, 1},
	[GGUF_STRING] = {"STRING", DTYPE_STRING, 0},
	[GGUF_ARRAY] = {"ARRAY", DTYPE_LIST, 0},
	[GGUF_UINT64] = {"UINT64", DTYPE_UINT64, 8},
	[GGUF_INT64] = {"INT64", DTYPE_INT64, 8},
	[GGUF_FLOAT64] = {"FLOAT64", DTYPE_FLOAT64, 8},
};

static const struct {
	const char *name;
	uint8_t dtype;
} plain[] = {
	[0] = {"F32", DTYPE_FLOAT32},  [1] = {"F16", DTYPE_FLOAT16},  [24] = {"I8", DTYPE_INT8},
	[25] = {"I16", DTYPE_INT16},   [26] = {"I32", DTYPE_INT32},   [27] = {"I64", DTYPE_INT64},
	[28] = {"F64", DTYPE_FLOAT64}, [30] = {"BF16", DTYPE_BFLOAT16},
};

static const uint8_t blocks[] = {
	[2] = QUANT_Q4_0,     [3] = QUANT_Q4_1,    [6] = QUANT_Q5_0,   [7] = QUANT_Q5_1,     [8] = QUANT_Q8_0,
	[9] = QUANT_Q8_1,     [10] = QUANT_Q2_K,   [11] = QUANT_Q3_K,  [12] = QUANT_Q4_K,    [13] = QUANT_Q5_K,
	[14] = QUANT_Q6_K,    [15] = QUANT_Q8_K,   [16] = QUANT_IQ2_XXS, [17] = QUANT_IQ2_XS, [18] = QUANT_IQ3_XXS,
	[19] = QUANT_IQ1_S,   [20] = QUANT_IQ4_NL, [21] = QUANT_IQ3_S, [22] = QUANT_IQ2_S,   [23] = QUANT_IQ4_XS,
	[29] = QUANT_IQ1_M,   [34] = QUANT_TQ1_0,  [35] = QUANT_TQ2_0, [39] = QUANT_MXFP4,   [40] = QUANT_NVFP4,
	[41] = QUANT_Q1_0,
};

/* Of little-endian files, and of big-endian ones: there gguf's writer leaves blocks as they are, and
 * its gguf-convert-endian swaps the numbers in them. */
static const struct quant quants[2][QUANT_COUNT] = {
#define QUANT_OF(name, id, elements, bytes) [id] = {.blocks = id},
	{QUANT_BLOCKS(QUANT_OF)},
#undef QUANT_OF
#define QUANT_OF(name, id, elements, bytes) [id] = {.blocks = id, .unordered = true},
	{QUANT_BLOCKS(QUANT_OF)},
#undef QUANT_OF
};

bool gguf_tensor_type(uint32_t number, bool big, struct array *ret)
{
	if (number < sizeof plain / sizeof *plain && plain[number].name) {
		*ret = (struct array){.dtype = plain[number].dtype, .type = plain[number].name};
		return true;
	}
	if (number >= sizeof blocks / sizeof *blocks || !blocks[number])
		return false;
	const struct quant *quant = &quants[big][blocks[number]];
	*ret = (struct array){.dtype = DTYPE_UINT8, .type = quant_block(quant->blocks)->name, .quant = quant};
	return true;
}
