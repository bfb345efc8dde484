/* SPDX-License-Identifier: MIT */
#include "fs/values/array.h"
#include "fs/values/decimal.h"

#include <stdio.h>

static const struct {
	const char *name;
	uint8_t bits, kind, unit;
	char letter;
} dtypes[DTYPE_COUNT] = {
#define DTYPE_ROW(name, id, bits, kind, letter, unit) [id] = {name, bits, KIND_##kind, UNIT_##unit, letter},
	DTYPES(DTYPE_ROW)
#undef DTYPE_ROW
};

static const char *const units[UNIT_COUNT] = {"", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"};

const char *time_unit_name(enum time_unit unit)
{
	return unit < UNIT_COUNT ? units[unit] : "";
}

enum dtype_kind dtype_kind(enum dtype dtype)
{
	return dtype < DTYPE_COUNT ? dtypes[dtype].kind : KIND_NONE;
}

enum time_unit dtype_unit(enum dtype dtype)
{
	return dtype < DTYPE_COUNT ? dtypes[dtype].unit : UNIT_GENERIC;
}

char dtype_letter(enum dtype dtype)
{
	return dtype < DTYPE_COUNT ? dtypes[dtype].letter : '\0';
}

uint64_t dtype_bits(const struct array *a)
{
	if (a->dtype >= DTYPE_COUNT)
		return 0;
	return dtypes[a->dtype].bits ? dtypes[a->dtype].bits : (uint64_t)a->width * 8;
}

static void name_of_time(const struct array *a, const char *name, char buf[DTYPE_NAME_MAX])
{
	const char *unit = time_unit_name(a->unit);
	if (a->unit == UNIT_GENERIC)
		snprintf(buf, DTYPE_NAME_MAX, "%s", name);
	else if (a->step == 1)
		snprintf(buf, DTYPE_NAME_MAX, "%s[%s]", name, unit);
	else
		snprintf(buf, DTYPE_NAME_MAX, "%s[%u%s]", name, a->step, unit);
}

const char *dtype_name(const struct array *a, char buf[DTYPE_NAME_MAX])
{
	const char *name = a->dtype && a->dtype < DTYPE_COUNT ? dtypes[a->dtype].name : "";
	if (a->dtype == DTYPE_DECIMAL)
		snprintf(buf, DTYPE_NAME_MAX, "decimal%u(%u, %d)", a->width * 8, a->precision, a->scale);
	else if (a->dtype == DTYPE_FIXED_STRING || a->dtype == DTYPE_VOID)
		snprintf(buf, DTYPE_NAME_MAX, "%s%u", name, a->width);
	else if (a->dtype == DTYPE_UNICODE)
		snprintf(buf, DTYPE_NAME_MAX, "%s%u", name, a->width / 4);
	else if (a->dtype == DTYPE_DATETIME64 || a->dtype == DTYPE_TIMEDELTA64)
		name_of_time(a, name, buf);
	else
		snprintf(buf, DTYPE_NAME_MAX, "%s", name);
	return buf;
}

bool shape_elements(const uint64_t *shape, size_t rank, uint64_t *ret)
{
	*ret = 1;
	for (size_t i = 0; i < rank; i++)
		if (__builtin_mul_overflow(*ret, shape[i], ret))
			return false;
	return true;
}

static const struct float_kind kinds[DTYPE_COUNT] = {
	[DTYPE_FLOAT4_E2M1FN] = {1, 2, 1, true, FLOAT_FINITE},
	[DTYPE_FLOAT6_E2M3FN] = {3, 2, 1, true, FLOAT_FINITE},
	[DTYPE_FLOAT6_E3M2FN] = {2, 3, 3, true, FLOAT_FINITE},
	[DTYPE_FLOAT8_E4M3FN] = {3, 4, 7, true, FLOAT_FN},
	[DTYPE_FLOAT8_E4M3FNUZ] = {3, 4, 8, true, FLOAT_FNUZ},
	[DTYPE_FLOAT8_E5M2] = {2, 5, 15, true, FLOAT_IEEE},
	[DTYPE_FLOAT8_E5M2FNUZ] = {2, 5, 16, true, FLOAT_FNUZ},
	[DTYPE_FLOAT8_E8M0FNU] = {0, 8, 127, false, FLOAT_E8M0},
	[DTYPE_FLOAT16] = {10, 5, 15, true, FLOAT_IEEE},
	[DTYPE_BFLOAT16] = {7, 8, 127, true, FLOAT_IEEE},
	[DTYPE_FLOAT32] = {23, 8, 127, true, FLOAT_IEEE},
	[DTYPE_FLOAT64] = {52, 11, 1023, true, FLOAT_IEEE},
};

const struct float_kind *dtype_float_kind(enum dtype dtype)
{
	return dtype < DTYPE_COUNT && kinds[dtype].exponent ? &kinds[dtype] : NULL;
}

double float16_value(uint16_t h)
{
	unsigned exponent = h >> 10 & 31;
	uint64_t fraction = h & 1023u, bits = (uint64_t)2047 << 52 | fraction << 42; /* infinity or NaN */
	double v;
	memcpy(&v, &bits, 8);
	if (exponent < 31)
		v = exponent ? __builtin_ldexp((double)(1024 + fraction), (int)exponent - 25) : __builtin_ldexp((double)fraction, -24);
	return h & 0x8000 ? -v : v;
}

static float no_number(bool minus)
{
	return minus ? -__builtin_nanf("") : __builtin_nanf("");
}

float narrow_float_value(enum dtype dtype, unsigned bits)
{
	const struct float_kind *k = &kinds[dtype];
	unsigned width = (unsigned)k->mantissa + k->exponent, top = (1u << k->exponent) - 1, all = (1u << k->mantissa) - 1;
	unsigned exponent = bits >> k->mantissa & top, mantissa = bits & all;
	bool minus = k->has_sign && bits >> width & 1;
	if (k->specials == FLOAT_E8M0)
		return bits == top ? no_number(false) : __builtin_ldexpf(1, (int)bits - k->bias);
	if ((k->specials == FLOAT_FNUZ && bits == 1u << width) || (k->specials == FLOAT_FN && exponent == top && mantissa == all))
		return no_number(minus);
	float v = exponent ? __builtin_ldexpf((float)(mantissa + all + 1), (int)exponent - k->bias - k->mantissa)
			   : __builtin_ldexpf((float)mantissa, 1 - k->bias - k->mantissa);
	if (k->specials == FLOAT_IEEE && exponent == top && mantissa)
		return no_number(minus);
	if (k->specials == FLOAT_IEEE && exponent == top)
		v = __builtin_inff();
	return minus ? -v : v;
}
