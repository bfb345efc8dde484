/* SPDX-License-Identifier: MIT */
/* The library's filters that drop bits, n-bit and scale-offset, as decoded by H5Znbit.c and
 * H5Zscaleoffset.c. */
#include <math.h>

#include "formats/hdf5/hdf5.h"

/* Bits, most significant first, as both filters pack them. */
struct bits {
	struct slice in;
	size_t at; /* in bits */
};

static unsigned take_bits(struct bits *b, unsigned n)
{
	unsigned value = 0;
	while (n > 0) {
		size_t byte = b->at / 8;
		unsigned here = 8 - b->at % 8, some = n < here ? n : here;
		unsigned have = byte < b->in.len ? b->in.data[byte] : 0;
		value = value << some | (have >> (here - some) & ((1u << some) - 1));
		b->at += some;
		n -= some;
	}
	return value;
}

static bool has_bits(const struct bits *b, uint64_t n)
{
	return n <= (uint64_t)b->in.len * 8 - b->at;
}

/* Stores `precision` bits at bit `offset` of an element, from the most significant byte down. */
static void place_bits(struct bits *b, uint8_t *out, unsigned size, bool big, unsigned precision, unsigned offset)
{
	for (unsigned k = (offset + precision + 7) / 8; k-- > offset / 8;) {
		unsigned low = offset > 8 * k ? offset - 8 * k : 0;
		unsigned high = offset + precision < 8 * k + 8 ? offset + precision - 8 * k : 8;
		out[big ? size - 1 - k : k] |= (uint8_t)(take_bits(b, high - low) << low);
	}
}

/* --- n-bit ------------------------------------------------------------------------------ */

enum { NBIT_ATOMIC = 1, NBIT_ARRAY = 2, NBIT_COMPOUND = 3, NBIT_COPY = 4 };

struct nbit {
	const uint32_t *values;
	uint32_t count;
	struct bits bits;
	struct error *err;
};

static uint32_t parameter(const struct nbit *n, uint32_t at)
{
	return at < n->count ? n->values[at] : 0;
}

static int nbit_element(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t room, unsigned depth);

static int nbit_atomic(struct nbit *n, uint32_t at, uint8_t *out, uint32_t size)
{
	uint32_t order = parameter(n, at), precision = parameter(n, at + 1), offset = parameter(n, at + 2);
	if (precision == 0 || precision > size * 8 || offset > size * 8 - precision || !has_bits(&n->bits, precision))
		return error_set(n->err, EBADMSG, "%u bits at %u of %u bytes", precision, offset, size);
	place_bits(&n->bits, out, size, order == 1, precision, offset);
	return 0;
}

static int nbit_copy(struct nbit *n, uint8_t *out, uint32_t size)
{
	if (!has_bits(&n->bits, (uint64_t)size * 8))
		return error_set(n->err, EBADMSG, "the bits end too early");
	for (uint32_t i = 0; i < size; i++)
		out[i] = (uint8_t)take_bits(&n->bits, 8);
	return 0;
}

static int nbit_array(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t size, unsigned depth)
{
	uint32_t start = *at, each = parameter(n, start + 1);
	if (parameter(n, start) == NBIT_COPY) { /* all items at once, whatever their size */
		*at += 2;
		return nbit_copy(n, out, size);
	}
	if (each == 0 || size % each)
		return error_set(n->err, EBADMSG, "an array of %u bytes in items of %u", size, each);
	for (uint32_t done = 0; done < size; done += each) {
		*at = start;
		int r = nbit_element(n, at, out + done, size - done, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int nbit_compound(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t size, unsigned depth)
{
	uint32_t members = parameter(n, (*at)++);
	/* A compound without members would take no bits, so nothing would bound their number. */
	if (members == 0 || members > n->count)
		return error_set(n->err, EBADMSG, "a compound of %u members", members);
	for (uint32_t i = 0; i < members; i++) {
		uint32_t offset = parameter(n, (*at)++);
		if (offset > size)
			return error_set(n->err, EBADMSG, "a member at %u of %u bytes", offset, size);
		int r = nbit_element(n, at, out + offset, size - offset, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int nbit_element(struct nbit *n, uint32_t *at, uint8_t *out, uint32_t room, unsigned depth)
{
	uint32_t class = parameter(n, (*at)++), size = parameter(n, (*at)++);
	if (size == 0 || size > room || depth > H5_DEPTH_MAX || *at > n->count)
		return error_set(n->err, EBADMSG, "an element of %u bytes in %u", size, room);
	switch (class) {
	case NBIT_ATOMIC:
		*at += 3;
		return nbit_atomic(n, *at - 3, out, size);
	case NBIT_ARRAY:
		return nbit_array(n, at, out, size, depth);
	case NBIT_COMPOUND:
		return nbit_compound(n, at, out, size, depth);
	case NBIT_COPY:
		return nbit_copy(n, out, size);
	default:
		return error_set(n->err, EBADMSG, "a class of %u", class);
	}
}

int h5_nbit(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret,
	    const struct codec_memory *memory, struct error *err)
{
	(void)memory;
	struct nbit n = {f->values, f->nvalues, {in, 0}, err};
	bool as_is = f->nvalues >= 3 && f->values[1]; /* nothing to save, so the type is not stored */
	if ((f->nvalues < 5 && !as_is) || (as_is && in.len > room))
		return error_set(err, EBADMSG, "%u parameters", f->nvalues);
	if (as_is) {
		memcpy(out, in.data, in.len);
		*ret = in.len;
		return 0;
	}
	uint64_t count = f->values[2], size = f->values[4];
	if (size == 0 || count > room / size)
		return error_set(err, EBADMSG, "more elements than a chunk holds");
	memset(out, 0, (size_t)(count * size));
	for (uint64_t i = 0; i < count; i++) {
		uint32_t at = 3;
		int r = nbit_element(&n, &at, out + i * size, (uint32_t)size, 0);
		if (r < 0)
			return r;
	}
	*ret = (size_t)(count * size);
	return 0;
}

/* --- scale-offset ------------------------------------------------------------------------- */

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

static int scale_parameters(const struct h5_filter *f, struct scale *p, size_t room, struct error *err)
{
	if (f->nvalues < 8)
		return error_set(err, EBADMSG, "%u parameters", f->nvalues);
	*p = (struct scale){f->values[0], f->values[1], f->values[2], f->values[3], f->values[4], f->values[6], f->values[7]};
	bool integer = p->class == 0 && p->type == SCALE_INT, real = p->class == 1 && p->type == SCALE_FLOAT_D;
	if (!integer && !real)
		return error_set(err, ENOTSUP, "a scale of type %u for class %u", p->type, p->class);
	if ((p->size != 1 && p->size != 2 && p->size != 4 && p->size != 8) || (real && p->size < 4) ||
	    p->count > room / p->size)
		return error_set(err, EBADMSG, "%u elements of %u bytes in room for %zu", p->count, p->size, room);
	for (uint32_t i = 0; p->has_fill && i < 2 && 8 + i < f->nvalues; i++)
		p->fill |= (uint64_t)f->values[8 + i] << 32 * i;
	if (p->has_fill > 1)
		return error_set(err, EBADMSG, "a fill value of kind %u", p->has_fill);
	return 0;
}

static void store(uint8_t *out, uint64_t v, unsigned size, bool big)
{
	for (unsigned k = 0; k < size; k++)
		out[big ? size - 1 - k : k] = (uint8_t)(v >> 8 * k);
}

int h5_scaleoffset(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   const struct codec_memory *memory, struct error *err)
{
	(void)memory;
	struct scale p = {0};
	struct cursor c = cursor_over(in);
	int r = scale_parameters(f, &p, room, err);
	if (r < 0)
		return r;
	p.bits = cursor_u32le(&c);
	unsigned len = cursor_u8(&c);
	p.min = cursor_le(&c, len < 8 ? len : 8);
	struct bits bits = {{in.data + SCALE_DATA, in.len - SCALE_DATA}, 0};
	if (c.failed || in.len < SCALE_DATA || p.bits > p.size * 8 || !has_bits(&bits, (uint64_t)p.bits * p.count))
		return error_set(err, EBADMSG, "%u elements of %u bits in %zu bytes", p.count, p.bits, in.len);
	*ret = (size_t)p.count * p.size;
	for (uint32_t i = 0; i < p.count; i++) {
		uint64_t v = 0;
		if (p.bits == p.size * 8) { /* not packed: plain little-endian bytes */
			for (unsigned k = 0; k < p.size; k++)
				v |= (uint64_t)bits.in.data[(size_t)i * p.size + k] << 8 * k;
		} else {
			for (unsigned left = p.bits; left > 0; left -= left < 8 ? left : 8)
				v = v << (left < 8 ? left : 8) | take_bits(&bits, left < 8 ? left : 8);
			v = p.class ? scale_float(&p, v) : scale_integer(&p, v);
		}
		store(out + (size_t)i * p.size, v, p.size, p.order == 1);
	}
	return 0;
}
