/* SPDX-License-Identifier: MIT */
#include "formats/shared/wire.h"

struct wire wire_group(struct wire *w, uint32_t number)
{
	uint32_t open[WIRE_DEPTH];
	unsigned depth = 0;
	uint64_t tag, value;
	struct wire ret = {w->p, w->p};
	bool failed = false;
	open[depth++] = number;
	while (depth > 0) {
		ret.end = w->p;
		if (!wire_short(w, &tag))
			return ret;
		uint32_t inner = (uint32_t)(tag >> 3);
		uint64_t skip = 0;
		failed = tag > UINT32_MAX || inner == 0;
		switch (tag & 7) {
		case WIRE_VARINT: failed |= !wire_varint(w, &value); break;
		case WIRE_I64: skip = 8; break;
		case WIRE_I32: skip = 4; break;
		case WIRE_LEN: failed |= !wire_short(w, &skip); break;
		case WIRE_GROUP:
			failed |= depth == WIRE_DEPTH;
			if (!failed)
				open[depth++] = inner;
			break;
		case WIRE_GROUP_END: failed |= open[--depth] != inner; break;
		default: failed = true;
		}
		if (failed || skip > wire_left(w)) {
			wire_fail(w);
			return ret;
		}
		w->p += skip;
	}
	return ret;
}

bool wire_count_varints(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	const uint64_t tops = 0x8080808080808080;
	uint64_t count = 0, eight;
	unsigned run = 0; /* bytes of the one that has begun */
	for (; end - p >= 8 && run < 10; p += 8) {
		memcpy(&eight, p, 8);
		uint64_t ends = ~le64toh(eight) & tops;
		count += (uint64_t)__builtin_popcountll(ends);
		run += ends ? (unsigned)__builtin_ctzll(ends) / 8 : 8;
		if (ends && run < 10)
			run = (unsigned)__builtin_clzll(ends) / 8;
	}
	for (; p < end && run < 10; p++) {
		run = *p < 0x80 ? 0 : run + 1;
		count += run == 0;
	}
	*ret = count;
	return run == 0;
}
