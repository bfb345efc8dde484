/* SPDX-License-Identifier: MIT */
#include "fs/values/array.h"

#include <stdio.h>

static const struct {
	const char *name;
	uint16_t bits;
} dtypes[DTYPE_COUNT] = {
#define DTYPE_ROW(name, id, bits) [id] = {name, bits},
	DTYPES(DTYPE_ROW)
#undef DTYPE_ROW
};

uint64_t dtype_bits(const struct array *a)
{
	if (a->dtype >= DTYPE_COUNT)
		return 0;
	return dtypes[a->dtype].bits ? dtypes[a->dtype].bits : (uint64_t)a->width * 8;
}

const char *dtype_name(const struct array *a, char buf[DTYPE_NAME_MAX])
{
	const char *name = a->dtype && a->dtype < DTYPE_COUNT ? dtypes[a->dtype].name : "";
	if (a->dtype == DTYPE_DECIMAL)
		snprintf(buf, DTYPE_NAME_MAX, "decimal%u(%u, %d)", a->width * 8, a->precision, a->scale);
	else if (a->dtype == DTYPE_FIXED_STRING || a->dtype == DTYPE_VOID)
		snprintf(buf, DTYPE_NAME_MAX, "%s%u", name, a->width);
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
