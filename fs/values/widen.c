/* SPDX-License-Identifier: MIT */
#include "fs/values/widen.h"

#include <endian.h>

#include "fs/values/quant_impl.h"

/* --- which arrays ---------------------------------------------------------- */

static bool has_blocks(const struct array *a)
{
	const struct quant_block *b = a->quant ? quant_block(a->quant->blocks) : NULL;
	return b && quant_decoder(a->quant->blocks) && !(a->quant->unordered && quant_is_ordered(a->quant->blocks)) &&
	       a->dtype == DTYPE_UINT8 && !a->unshaped && a->rank > 0 && a->shape[a->rank - 1] % b->bytes == 0;
}

/* A zero point of more than all bits of a type that is not wide. */
enum { FAR = 1 << 20 };

static bool has_scales(const struct array *a)
{
	const struct quant *q = a->quant;
	enum dtype_kind kind = dtype_kind(a->dtype);
	if (!q || q->blocks != QUANT_NONE || q->count == 0 || !q->scales || (kind != KIND_SIGNED && kind != KIND_UNSIGNED))
		return false;
	return q->count == 1 || (!a->unshaped && !a->fortran && q->axis < a->rank && a->shape[q->axis] == q->count);
}

static bool is_narrow(const struct array *a)
{
	return dtype_kind(a->dtype) == KIND_FLOAT && dtype_bits(a) < 32;
}

bool widen_exists(const struct array *a)
{
	return is_narrow(a) || has_blocks(a) || has_scales(a);
}

uint64_t widen_last_extent(const struct array *a)
{
	const struct quant_block *b = has_blocks(a) ? quant_block(a->quant->blocks) : NULL;
	uint64_t last = a->shape[a->rank - 1];
	return b ? last / b->bytes * b->elements : last;
}

/* As many elements as fill whole bytes. */
static void group_bits(struct widen *w, uint32_t bits)
{
	w->elements = bits == 2 ? 4 : bits == 4 ? 2 : bits == 6 ? 4 : 1;
	w->bytes = w->elements * bits / 8;
}

/* Whether floats would round the integers. */
static bool is_wide(const struct array *a)
{
	bool far = false;
	for (uint32_t i = 0; a->quant->zero_points && i < a->quant->count; i++)
		far |= a->quant->zero_points[i] < -FAR || a->quant->zero_points[i] > FAR;
	return far || dtype_bits(a) > 16;
}

void widen_init(struct widen *ret, const struct array *a)
{
	const struct quant *q = a->quant;
	*ret = (struct widen){.array = a, .inner = UINT64_MAX};
	if (has_blocks(a)) {
		ret->decode = quant_decoder(q->blocks);
		ret->elements = quant_block(q->blocks)->elements;
		ret->bytes = quant_block(q->blocks)->bytes;
		return;
	}
	group_bits(ret, (uint32_t)dtype_bits(a));
	for (unsigned i = 0; is_narrow(a) && dtype_bits(a) <= 8 && i < 1u << dtype_bits(a); i++)
		ret->small[i] = narrow_float_value(a->dtype, i);
	if (has_scales(a))
		ret->wide = is_wide(a);
	if (has_scales(a) && q->count > 1 && !shape_elements(a->shape + q->axis + 1, a->rank - q->axis - 1, &ret->inner))
		ret->inner = UINT64_MAX; /* then there are none */
}

/* --- floats ----------------------------------------------------------------- */

#define LOAD(type, from, i) ({ type v_; memcpy(&v_, (from) + (i) * sizeof v_, sizeof v_); v_; })

static void put_bits(float *to, uint32_t bits)
{
	memcpy(to, &bits, sizeof bits);
}

static void halves(bool big, const uint8_t *restrict from, size_t n, float *restrict to)
{
	for (size_t i = 0; big && i < n; i++)
		put_bits(to + i, quant_widen_half(be16toh(LOAD(uint16_t, from, i))));
	for (size_t i = 0; !big && i < n; i++)
		put_bits(to + i, quant_widen_half(le16toh(LOAD(uint16_t, from, i))));
}

static void upper_halves(bool big, const uint8_t *restrict from, size_t n, float *restrict to)
{
	for (size_t i = 0; big && i < n; i++)
		put_bits(to + i, (uint32_t)be16toh(LOAD(uint16_t, from, i)) << 16);
	for (size_t i = 0; !big && i < n; i++)
		put_bits(to + i, (uint32_t)le16toh(LOAD(uint16_t, from, i)) << 16);
}

static void small_floats(const struct widen *w, const uint8_t *restrict from, size_t groups, float *restrict to)
{
	switch (dtype_bits(w->array)) {
	case 4:
		for (size_t i = 0; i < groups; i++, to += 2) {
			to[0] = w->small[from[i] & 15];
			to[1] = w->small[from[i] >> 4];
		}
		break;
	case 6:
		for (size_t i = 0; i < groups; i++, from += 3)
			for (unsigned k = 0; k < 4; k++)
				*to++ = w->small[(quant_u16(from) | (uint32_t)from[2] << 16) >> 6 * k & 63];
		break;
	default:
		for (size_t i = 0; i < groups; i++)
			to[i] = w->small[from[i]];
	}
}

/* --- integers ---------------------------------------------------------------- */

enum { RUN = 512 };

/* Integers of less than a byte as bytes. */
static void unpack(enum dtype dtype, const uint8_t *restrict from, size_t groups, uint8_t *restrict to)
{
	unsigned bits = dtype == DTYPE_INT2 || dtype == DTYPE_UINT2 ? 2 : 4, each = 8 / bits, sign = 1u << (bits - 1);
	bool is_signed = dtype_kind(dtype) == KIND_SIGNED;
	for (size_t i = 0; i < groups; i++)
		for (unsigned k = 0; k < each; k++) {
			unsigned v = from[i] >> bits * k & ((1u << bits) - 1);
			*to++ = (uint8_t)(is_signed ? (v ^ sign) - sign : v);
		}
}

/* Of few bits the product is exact in a double, and the float is rounded once, as it is if all is
 * computed in float. */
static void scale_narrow(const int32_t *restrict q, size_t n, float scale, int32_t zero, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = scale * (float)(q[i] - zero);
}

static void scale_wide(const double *restrict q, size_t n, float scale, double zero, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (float)((double)scale * (q[i] - zero));
}

#define WHOLES(from_type, turn_little, turn_big)                          \
	for (size_t i = 0; i < n; i++)                                    \
		to[i] = (from_type)(big ? turn_big(LOAD(from_type, from, i)) : turn_little(LOAD(from_type, from, i)))

static void narrow_wholes(enum dtype dtype, bool big, const uint8_t *restrict from, size_t n, int32_t *restrict to)
{
	switch (dtype) {
	case DTYPE_INT16:
		WHOLES(int16_t, le16toh, be16toh);
		break;
	case DTYPE_UINT16:
		WHOLES(uint16_t, le16toh, be16toh);
		break;
	case DTYPE_INT2:
	case DTYPE_INT4:
	case DTYPE_INT8:
		for (size_t i = 0; i < n; i++)
			to[i] = (int8_t)from[i];
		break;
	default:
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
}

static void wide_wholes(enum dtype dtype, bool big, const uint8_t *restrict from, size_t n, double *restrict to)
{
	switch (dtype) {
	case DTYPE_INT32:
		WHOLES(int32_t, (int32_t)le32toh, (int32_t)be32toh);
		break;
	case DTYPE_UINT32:
		WHOLES(uint32_t, le32toh, be32toh);
		break;
	case DTYPE_INT64:
		for (size_t i = 0; i < n; i++)
			to[i] = (double)(int64_t)(big ? be64toh(LOAD(uint64_t, from, i)) : le64toh(LOAD(uint64_t, from, i)));
		break;
	case DTYPE_UINT64:
		for (size_t i = 0; i < n; i++)
			to[i] = (double)(big ? be64toh(LOAD(uint64_t, from, i)) : le64toh(LOAD(uint64_t, from, i)));
		break;
	default: { /* with a zero point that is none of its kind */
		int32_t q[RUN];
		narrow_wholes(dtype, big, from, n, q);
		for (size_t i = 0; i < n; i++)
			to[i] = q[i];
	}
	}
}

/* At most RUN elements from element `at` on. */
static void scale_few(const struct widen *w, const uint8_t *from, uint64_t at, size_t n, float *to)
{
	const struct array *a = w->array;
	const struct quant *q = a->quant;
	bool big = a->byteorder == BYTEORDER_BIG;
	uint64_t which = q->count > 1 ? at / w->inner % q->count : 0, left = q->count > 1 ? w->inner - at % w->inner : n;
	union {
		int32_t narrow[RUN];
		double wide[RUN];
	} wholes;
	if (w->wide)
		wide_wholes(a->dtype, big, from, n, wholes.wide);
	else
		narrow_wholes(a->dtype, big, from, n, wholes.narrow);
	for (size_t done = 0, run; done < n; done += run, left = w->inner) {
		int64_t zero = q->zero_points ? q->zero_points[which] : 0;
		run = left < n - done ? (size_t)left : n - done;
		if (w->wide)
			scale_wide(wholes.wide + done, run, q->scales[which], (double)zero, to + done);
		else
			scale_narrow(wholes.narrow + done, run, q->scales[which], (int32_t)zero, to + done);
		which = which + 1 < q->count ? which + 1 : 0;
	}
}

static void scale_wholes(const struct widen *w, const uint8_t *from, uint64_t at, size_t n, float *to)
{
	size_t bytes = dtype_bits(w->array) < 8 ? 1 : (size_t)dtype_bits(w->array) / 8;
	for (size_t run; n > 0; n -= run, from += run * bytes, at += run, to += run) {
		run = n < RUN ? n : RUN;
		scale_few(w, from, at, run, to);
	}
}

static void packed_wholes(const struct widen *w, const uint8_t *from, uint64_t at, size_t groups, float *to)
{
	uint8_t bytes[RUN];
	for (size_t n; groups > 0; groups -= n) {
		n = groups < RUN / w->elements ? groups : RUN / w->elements;
		unpack(w->array->dtype, from, n, bytes);
		scale_wholes(w, bytes, at, n * w->elements, to);
		from += n * w->bytes;
		at += n * w->elements;
		to += n * w->elements;
	}
}

/* --- all --------------------------------------------------------------------- */

void widen_run(const struct widen *w, const uint8_t *groups, uint64_t at, size_t count, float *to)
{
	const struct array *a = w->array;
	bool big = a->byteorder == BYTEORDER_BIG;
	if (w->decode) {
		w->decode(groups, count, to);
	} else if (a->dtype == DTYPE_FLOAT16) {
		halves(big, groups, count, to);
	} else if (a->dtype == DTYPE_BFLOAT16) {
		upper_halves(big, groups, count, to);
	} else if (is_narrow(a)) {
		small_floats(w, groups, count, to);
	} else if (dtype_bits(a) < 8) {
		packed_wholes(w, groups, at, count, to);
	} else {
		scale_wholes(w, groups, at, count, to);
	}
}
