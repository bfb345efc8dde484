/* SPDX-License-Identifier: MIT */
/* HDF5's filter scale-offset, which packs differences from a minimum, as decoded by
 * H5Zscaleoffset.c. */
#include <math.h>

#include "fs/codec/bits.h"
#include "fs/codec/filter.h"

struct scale {
	uint32_t type, factor, count, class, size, order, has_fill;
	uint32_t bits;
	uint64_t min, fill;
};

enum { SCALE_FLOAT_D = 0, SCALE_INT = 2, SCALE_DATA = 21 };

static uint64_t scale_integer(const struct scale *p, uint64_t v)
{
	if (p->has_fill && v == (p->bits < 64 ? (UINT64_C(1) << p->bits) - 1 : UINT64_MAX))
		return p->fill;
	return v + p->min;
}

/* value = q / 10^D + min, in the type's own arithmetic. */
static uint64_t scale_float(const struct scale *p, uint64_t v)
{
	if (p->has_fill && v == (p->bits < 64 ? (UINT64_C(1) << p->bits) - 1 : UINT64_MAX))
		return p->fill;
	if (p->size == 4) {
		uint32_t bits = (uint32_t)p->min;
		float min, value;
		memcpy(&min, &bits, 4);
		value = (float)(int32_t)v / powf(10.0f, (float)(int32_t)p->factor) + min;
		memcpy(&bits, &value, 4);
		return bits;
	}
	double min, value = 0;
	memcpy(&min, &p->min, 8);
	value = (double)(int64_t)v / pow(10.0, (double)(int32_t)p->factor) + min;
	memcpy(&v, &value, 8);
	return v;
}

static int scale_parameters(struct filter_parameters given, struct scale *p, size_t room, struct error *err)
{
	if (given.count < 8)
		return error_set(err, EBADMSG, "%u parameters", given.count);
	*p = (struct scale){given.values[0], given.values[1], given.values[2], given.values[3], given.values[4], given.values[6], given.values[7]};
	bool integer = p->class == 0 && p->type == SCALE_INT, real = p->class == 1 && p->type == SCALE_FLOAT_D;
	if (!integer && !real)
		return error_set(err, ENOTSUP, "a scale of type %u for class %u", p->type, p->class);
	if ((p->size != 1 && p->size != 2 && p->size != 4 && p->size != 8) || (real && p->size < 4) ||
	    p->count > room / p->size)
		return error_set(err, EBADMSG, "%u elements of %u bytes in room for %zu", p->count, p->size, room);
	for (uint32_t i = 0; p->has_fill && i < 2 && 8 + i < given.count; i++)
		p->fill |= (uint64_t)given.values[8 + i] << 32 * i;
	if (p->has_fill > 1)
		return error_set(err, EBADMSG, "a fill value of kind %u", p->has_fill);
	return 0;
}

static void store(uint8_t *out, uint64_t v, unsigned size, bool big)
{
	for (unsigned k = 0; k < size; k++)
		out[big ? size - 1 - k : k] = (uint8_t)(v >> 8 * k);
}

int filter_scaleoffset(struct filter_parameters given, struct slice in, uint8_t *out, size_t room, size_t *ret,
		       const struct codec_memory *memory, struct error *err)
{
	(void)memory;
	struct scale p = {0};
	struct cursor c = cursor_over(in), packed = c;
	int r = scale_parameters(given, &p, room, err);
	if (r < 0)
		return r;
	p.bits = cursor_u32le(&c);
	unsigned len = cursor_u8(&c);
	p.min = cursor_le(&c, len < 8 ? len : 8);
	cursor_skip(&packed, SCALE_DATA);
	struct bits bits = {{packed.pos, cursor_left(&packed)}, 0};
	if (packed.failed || p.bits > p.size * 8 || !bits_have(&bits, (uint64_t)p.bits * p.count))
		return error_set(err, EBADMSG, "%u elements of %u bits in %zu bytes", p.count, p.bits, in.len);
	*ret = (size_t)p.count * p.size;
	for (uint32_t i = 0; i < p.count; i++) {
		uint64_t v = 0;
		if (p.bits == p.size * 8) { /* not packed: plain little-endian bytes */
			for (unsigned k = 0; k < p.size; k++)
				v |= (uint64_t)bits.in.data[(size_t)i * p.size + k] << 8 * k;
		} else {
			for (unsigned left = p.bits; left > 0; left -= left < 8 ? left : 8)
				v = v << (left < 8 ? left : 8) | bits_take(&bits, left < 8 ? left : 8);
			v = p.class ? scale_float(&p, v) : scale_integer(&p, v);
		}
		store(out + (size_t)i * p.size, v, p.size, p.order == 1);
	}
	return 0;
}
