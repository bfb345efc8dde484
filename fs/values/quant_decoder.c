/* SPDX-License-Identifier: MIT */
#include "fs/values/quant_impl.h"

static quant_decode *const decoders[QUANT_COUNT] = {
	[QUANT_Q4_0] = quant_q4_0,	  [QUANT_Q4_1] = quant_q4_1,	[QUANT_Q5_0] = quant_q5_0,   [QUANT_Q5_1] = quant_q5_1,
	[QUANT_Q8_0] = quant_q8_0,	  [QUANT_Q1_0] = quant_q1_0,	[QUANT_Q8_K] = quant_q8_k,   [QUANT_Q2_K] = quant_q2_k,
	[QUANT_Q3_K] = quant_q3_k,	  [QUANT_Q4_K] = quant_q4_k,	[QUANT_Q5_K] = quant_q5_k,   [QUANT_Q6_K] = quant_q6_k,
	[QUANT_TQ1_0] = quant_tq1_0,	  [QUANT_TQ2_0] = quant_tq2_0, [QUANT_MXFP4] = quant_mxfp4, [QUANT_NVFP4] = quant_nvfp4,
	[QUANT_IQ4_NL] = quant_iq4_nl,	  [QUANT_IQ4_XS] = quant_iq4_xs, [QUANT_IQ1_S] = quant_iq1_s, [QUANT_IQ1_M] = quant_iq1_m,
	[QUANT_IQ2_XXS] = quant_iq2_xxs, [QUANT_IQ2_XS] = quant_iq2_xs, [QUANT_IQ2_S] = quant_iq2_s,
	[QUANT_IQ3_XXS] = quant_iq3_xxs, [QUANT_IQ3_S] = quant_iq3_s,
};

quant_decode *quant_decoder(enum quant_blocks blocks)
{
	return blocks < QUANT_COUNT ? decoders[blocks] : NULL;
}

/* Where the numbers of several bytes are in a block: one or two float16, and one of four bytes. */
struct wide {
	bool known;
	uint8_t halves, half; /* how many, and where the first one is */
	uint8_t words, word;
};

static const struct wide wide[QUANT_COUNT] = {
	[QUANT_Q4_0] = {true, 1, 0},   [QUANT_Q4_1] = {true, 2, 0},	  [QUANT_Q5_0] = {true, 1, 0, 1, 2},
	[QUANT_Q8_0] = {true, 1, 0},   [QUANT_Q5_1] = {true, 2, 0, 1, 4}, [QUANT_Q1_0] = {true, 1, 0},
	[QUANT_Q2_K] = {true, 2, 80},  [QUANT_Q3_K] = {true, 1, 108},	  [QUANT_Q4_K] = {true, 2, 0},
	[QUANT_Q5_K] = {true, 2, 0},   [QUANT_Q6_K] = {true, 1, 208},	  [QUANT_TQ1_0] = {true, 1, 52},
	[QUANT_TQ2_0] = {true, 1, 64}, [QUANT_MXFP4] = {true},		  [QUANT_NVFP4] = {true},
	[QUANT_IQ4_NL] = {true, 1, 0}, [QUANT_IQ4_XS] = {true, 2, 0},
};

static void turn(uint8_t *p, unsigned bytes)
{
	for (unsigned i = 0; i < bytes / 2; i++) {
		uint8_t byte = p[i];
		p[i] = p[bytes - 1 - i];
		p[bytes - 1 - i] = byte;
	}
}

bool quant_turn(enum quant_blocks type, uint8_t *blocks, size_t count)
{
	const struct quant_block *each = quant_block(type);
	const struct wide *w = each ? &wide[type] : NULL;
	if (!w || !w->known)
		return false;
	for (size_t i = 0; i < count; i++, blocks += each->bytes) {
		for (unsigned k = 0; k < w->halves; k++)
			turn(blocks + w->half + 2 * k, 2);
		if (w->words)
			turn(blocks + w->word, 4);
	}
	return true;
}
