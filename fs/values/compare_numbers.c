/* SPDX-License-Identifier: MIT */
#include <endian.h>

#include "fs/values/compare_impl.h"

void compare_prepare(struct compare *c)
{
	for (unsigned i = 0; c->bytes == 1 && c->kind == COMPARE_REAL && i < 256; i++)
		c->small[i] = (double)narrow_float_value(c->dtype, i);
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

void compare_reals(const struct compare *c, const uint8_t *from, size_t n, double *ret)
{
	switch ((enum dtype)c->dtype) {
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
		for (size_t i = 0; i < n; i++)
			ret[i] = c->small[from[i]];
	}
}

void compare_wholes(const struct compare *c, const uint8_t *from, size_t n, uint64_t *ret)
{
#define WHOLES(type, sign, turn)                                                                    \
	for (size_t i = 0; i < n; i++)                                                              \
		ret[i] = c->is_signed ? (uint64_t)(int64_t)(sign)turn(LOAD(type, from, i)) : turn(LOAD(type, from, i))
	switch (c->bytes) {
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
