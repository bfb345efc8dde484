/* SPDX-License-Identifier: MIT */
#include "fs/values/quant.h"

#include <string.h>

const struct quant_block *quant_block(enum quant_blocks blocks)
{
	static const struct quant_block table[QUANT_COUNT] = {
#define QUANT_LINE(name, id, elements, bytes) [id] = {name, elements, bytes},
		QUANT_BLOCKS(QUANT_LINE)
#undef QUANT_LINE
	};
	return blocks > QUANT_NONE && blocks < QUANT_COUNT ? &table[blocks] : NULL;
}

bool quant_same(const struct quant *a, const struct quant *b)
{
	if (a == b || !a || !b)
		return a == b;
	if (a->blocks != b->blocks || a->unordered != b->unordered || a->axis != b->axis || a->count != b->count || !a->zero_points != !b->zero_points)
		return false;
	return a->count == 0 || (memcmp(a->scales, b->scales, a->count * sizeof *a->scales) == 0 &&
				 (!a->zero_points || memcmp(a->zero_points, b->zero_points, a->count * sizeof *a->zero_points) == 0));
}
