/* SPDX-License-Identifier: MIT */
/* Converts a file's values to the widened type of a column. */
#include "formats/shared/table.h"

static void widen_one(enum table_widening how, const uint8_t *from, uint32_t from_width, uint8_t *to, uint32_t width)
{
	uint16_t h;
	float s;
	double v = 0;
	switch (how) {
	case WIDEN_SIGNED:
	case WIDEN_UNSIGNED:
		memcpy(to, from, from_width);
		memset(to + from_width, how == WIDEN_SIGNED && from[from_width - 1] & 0x80 ? 0xff : 0, width - from_width);
		return;
	case WIDEN_HALF:
		memcpy(&h, from, 2);
		v = float16_value(h);
		break;
	case WIDEN_SINGLE:
		memcpy(&s, from, 4);
		v = (double)s;
		break;
	case WIDEN_HALF_TO_SINGLE:
		memcpy(&h, from, 2);
		s = (float)float16_value(h);
		memcpy(to, &s, 4);
		return;
	}
	memcpy(to, &v, 8);
}

#define BULK(how_is, from_type, to_type)                                                      \
	if (how == how_is && from_width == sizeof(from_type) && width == sizeof(to_type)) {   \
		for (size_t i = 0; i < n; i++) {                                              \
			from_type x;                                                          \
			memcpy(&x, from + i * sizeof x, sizeof x);                            \
			to_type y = (to_type)x;                                               \
			memcpy(to + i * sizeof y, &y, sizeof y);                              \
		}                                                                             \
		return;                                                                       \
	}

static void widen(enum table_widening how, const uint8_t *from, uint32_t from_width, uint8_t *to, uint32_t width, size_t n)
{
	BULK(WIDEN_SIGNED, int32_t, int64_t)
	BULK(WIDEN_UNSIGNED, uint32_t, uint64_t)
	BULK(WIDEN_SIGNED, int16_t, int32_t)
	BULK(WIDEN_SIGNED, int16_t, int64_t)
	BULK(WIDEN_SINGLE, float, double)
	for (size_t i = 0; i < n; i++)
		widen_one(how, from + i * from_width, from_width, to + i * width, width);
}

enum table_widening table_widening(enum dtype from, uint32_t width)
{
	if (from == DTYPE_FLOAT16)
		return width == 8 ? WIDEN_HALF : WIDEN_HALF_TO_SINGLE;
	if (from == DTYPE_FLOAT32)
		return WIDEN_SINGLE;
	return dtype_kind(from) == KIND_UNSIGNED ? WIDEN_UNSIGNED : WIDEN_SIGNED;
}

void table_convert(enum table_widening how, const uint8_t *from, uint32_t from_width, uint32_t width, uint64_t within, uint64_t len,
		    uint8_t *to)
{
	uint8_t one[32];
	while (len > 0 && (within > 0 || len < width)) {
		size_t n = width - within < len ? (size_t)(width - within) : (size_t)len;
		widen_one(how, from, from_width, one, width);
		memcpy(to, one + within, n);
		from += from_width, to += n, len -= n, within = 0;
		if (len >= width)
			break;
	}
	size_t whole = (size_t)(len / width);
	widen(how, from, from_width, to, width, whole);
	len -= (uint64_t)whole * width;
	if (len > 0)
		table_convert(how, from + whole * from_width, from_width, width, 0, len, to + whole * width);
}
