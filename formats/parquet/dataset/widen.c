/* SPDX-License-Identifier: MIT */
/* Converts a file's values to the widened type of a column. */
#include "formats/parquet/dataset/dataset.h"

static void widen_one(enum pq_dataset_widening how, const uint8_t *from, uint32_t from_width, uint8_t *to, uint32_t width)
{
	uint16_t h;
	float s;
	double v = 0;
	switch (how) {
	case SIGNED:
	case UNSIGNED:
		memcpy(to, from, from_width);
		memset(to + from_width, how == SIGNED && from[from_width - 1] & 0x80 ? 0xff : 0, width - from_width);
		return;
	case HALF:
		memcpy(&h, from, 2);
		v = float16_value(h);
		break;
	case SINGLE:
		memcpy(&s, from, 4);
		v = (double)s;
		break;
	case HALF_TO_SINGLE:
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

static void widen(enum pq_dataset_widening how, const uint8_t *from, uint32_t from_width, uint8_t *to, uint32_t width, size_t n)
{
	BULK(SIGNED, int32_t, int64_t)
	BULK(UNSIGNED, uint32_t, uint64_t)
	BULK(SIGNED, int16_t, int32_t)
	BULK(SIGNED, int16_t, int64_t)
	BULK(SINGLE, float, double)
	for (size_t i = 0; i < n; i++)
		widen_one(how, from + i * from_width, from_width, to + i * width, width);
}

bool pq_dataset_widening(const struct field *f, const struct element *e, uint32_t e_width, enum pq_dataset_widening *ret)
{
	struct element as = f->type;
	uint32_t width = f->width;
	uint8_t dtype = pq_schema_dtype(e), to = pq_schema_dtype(&f->type);
	if (!pq_dataset_widen(&as, &width, e, e_width) || width != f->width || pq_schema_dtype(&as) != to ||
	    as.precision != f->type.precision)
		return false;
	if (dtype == DTYPE_FLOAT16)
		*ret = width == 8 ? HALF : HALF_TO_SINGLE;
	else if (dtype == DTYPE_FLOAT32)
		*ret = SINGLE;
	else
		*ret = dtype >= DTYPE_UINT8 && dtype <= DTYPE_UINT64 ? UNSIGNED : SIGNED;
	return true;
}

void pq_dataset_convert(enum pq_dataset_widening how, const uint8_t *from, uint32_t from_width, uint32_t width, uint64_t within, uint64_t len,
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
		pq_dataset_convert(how, from + whole * from_width, from_width, width, 0, len, to + whole * width);
}
