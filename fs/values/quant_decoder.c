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

bool quant_is_ordered(enum quant_blocks blocks)
{
	return blocks != QUANT_MXFP4 && blocks != QUANT_NVFP4;
}
