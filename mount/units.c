/* SPDX-License-Identifier: MIT */
#include "mount/units.h"

#include <inttypes.h>
#include <stdio.h>

const char *size_text(uint64_t bytes, bool human, char ret[SIZE_TEXT])
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = bytes, rest = 0; /* in units, and the bytes beyond */
	unsigned unit = 0;
	while (human && whole + (rest > 0) >= 1024) {
		unit++;
		whole = bytes >> (10 * unit);
		rest = bytes & ((UINT64_C(1) << (10 * unit)) - 1);
	}
	uint64_t tenths = unit ? whole * 10 + (rest * 10 + (UINT64_C(1) << (10 * unit)) - 1) / (UINT64_C(1) << (10 * unit)) : 0;
	if (unit == 0)
		snprintf(ret, SIZE_TEXT, "%" PRIu64, bytes);
	else if (tenths < 100)
		snprintf(ret, SIZE_TEXT, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10, tenths % 10, units[unit]);
	else
		snprintf(ret, SIZE_TEXT, "%" PRIu64 "%c", whole + (rest > 0), units[unit]);
	return ret;
}
