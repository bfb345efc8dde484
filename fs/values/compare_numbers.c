/* SPDX-License-Identifier: MIT */
#include <endian.h>

#include "fs/values/compare_impl.h"

void compare_prepare(struct compare_side *s)
{
	bool small = dtype_kind(s->dtype) == KIND_FLOAT && s->bytes == 1;
	for (unsigned i = 0; small && i < 256; i++)
		s->small[i] = (double)narrow_float_value(s->dtype, i);
}

static float float_of(uint32_t bits)
{
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

/* Shifts the exponent to a float's position and rescales; float arithmetic takes care
 * of subnormal halves. */
static float half(uint16_t h)
{
	uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, bits;
	float v = float_of(magnitude) * 0x1p112f;
	memcpy(&bits, &v, sizeof bits);
	return float_of(bits | (magnitude >= 31u << 23 ? 0x7f800000u : 0) | (uint32_t)(h & 0x8000) << 16);
}

static double wide(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static void integers(enum dtype dtype, const uint8_t *from, size_t n, double *ret)
{
#define INTEGERS(type, as, turn)         \
	for (size_t i = 0; i < n; i++)   \
		ret[i] = (double)(as)turn(LOAD(type, from, i)); \
	break
	switch (dtype) {
	case DTYPE_INT8: INTEGERS(uint8_t, int8_t, );
	case DTYPE_INT16: INTEGERS(uint16_t, int16_t, le16toh);
	case DTYPE_INT32: INTEGERS(uint32_t, int32_t, le32toh);
	case DTYPE_INT64: INTEGERS(uint64_t, int64_t, le64toh);
	case DTYPE_UINT16: INTEGERS(uint16_t, uint16_t, le16toh);
	case DTYPE_UINT32: INTEGERS(uint32_t, uint32_t, le32toh);
	case DTYPE_UINT64: INTEGERS(uint64_t, uint64_t, le64toh);
	default: INTEGERS(uint8_t, uint8_t, );
	}
#undef INTEGERS
}

void compare_reals(const struct compare_side *s, const uint8_t *from, size_t n, double *ret)
{
	switch ((enum dtype)s->dtype) {
	case DTYPE_FLOAT16:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)half(le16toh(LOAD(uint16_t, from, i)));
		break;
	case DTYPE_BFLOAT16:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)float_of((uint32_t)le16toh(LOAD(uint16_t, from, i)) << 16);
		break;
	case DTYPE_FLOAT32:
	case DTYPE_COMPLEX64:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)float_of(le32toh(LOAD(uint32_t, from, i)));
		break;
	case DTYPE_FLOAT64:
	case DTYPE_COMPLEX128:
		for (size_t i = 0; i < n; i++)
			ret[i] = wide(le64toh(LOAD(uint64_t, from, i)));
		break;
	default:
		if (dtype_kind(s->dtype) != KIND_FLOAT)
			integers(s->dtype, from, n, ret);
		for (size_t i = 0; dtype_kind(s->dtype) == KIND_FLOAT && i < n; i++)
			ret[i] = s->small[from[i]];
	}
}

void compare_wholes(const struct compare_side *s, bool is_signed, const uint8_t *from, size_t n, uint64_t *ret)
{
#define WHOLES(type, sign, turn)                                                                    \
	for (size_t i = 0; i < n; i++)                                                              \
		ret[i] = is_signed ? (uint64_t)(int64_t)(sign)turn(LOAD(type, from, i)) : turn(LOAD(type, from, i))
	switch (s->bytes) {
	case 1:
		WHOLES(uint8_t, int8_t, );
		break;
	case 2:
		WHOLES(uint16_t, int16_t, le16toh);
		break;
	case 4:
		WHOLES(uint32_t, int32_t, le32toh);
		break;
	default:
		WHOLES(uint64_t, int64_t, le64toh);
	}
#undef WHOLES
}
