/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "fs/values/decimal.h"
#include "fs/views/text.h"

enum { STRING_MAX = 4096, LONGEST = 128 };

/* Digits of the largest integer of that width. */
static unsigned decimal_digits(const struct array *a)
{
	return a->width == 4 ? 10 : a->width == 8 ? 19 : a->width == 16 ? 39 : a->width == 32 ? 77 : 0;
}

static unsigned decimal_width(const struct array *a)
{
	unsigned digits = decimal_digits(a);
	if (digits == 0)
		return 0;
	if (a->scale <= 0)
		return digits + (unsigned)-a->scale + 1;
	return ((unsigned)a->scale + 1 > digits ? (unsigned)a->scale + 1 : digits) + 2;
}

unsigned view_text_width(const struct array *a)
{
	static const uint8_t widths[DTYPE_COUNT] = {
		[DTYPE_BOOL] = 1, [DTYPE_INT8] = 4, [DTYPE_INT16] = 6, [DTYPE_INT32] = 11, [DTYPE_INT64] = 20,
		[DTYPE_UINT8] = 3, [DTYPE_UINT16] = 5, [DTYPE_UINT32] = 10, [DTYPE_UINT64] = 20,
		[DTYPE_FLOAT8_E4M3FN] = 9, [DTYPE_FLOAT8_E4M3FNUZ] = 9, [DTYPE_FLOAT8_E5M2] = 9,
		[DTYPE_FLOAT8_E5M2FNUZ] = 9, [DTYPE_FLOAT8_E8M0FNU] = 9, [DTYPE_FLOAT16] = 11, [DTYPE_BFLOAT16] = 11,
		[DTYPE_FLOAT32] = 15, [DTYPE_FLOAT64] = 24, [DTYPE_COMPLEX64] = 31, [DTYPE_COMPLEX128] = 49,
		[DTYPE_DATE32] = 14, [DTYPE_TIME32_S] = 13, [DTYPE_TIME32_MS] = 14, [DTYPE_TIME64_US] = 24,
		[DTYPE_TIME64_NS] = 24, [DTYPE_TIMESTAMP_S] = 28, [DTYPE_TIMESTAMP_MS] = 29, [DTYPE_TIMESTAMP_US] = 29,
		[DTYPE_TIMESTAMP_NS] = 29, [DTYPE_DURATION_S] = 20, [DTYPE_DURATION_MS] = 20, [DTYPE_DURATION_US] = 20,
		[DTYPE_DURATION_NS] = 20,
	};
	if (a->dtype >= DTYPE_COUNT || a->fortran)
		return 0;
	if (a->dtype == DTYPE_DECIMAL)
		return decimal_width(a);
	if (a->dtype == DTYPE_FIXED_STRING)
		return a->width <= STRING_MAX ? a->width * 4 : 0;
	if (a->dtype == DTYPE_VOID)
		return a->width <= STRING_MAX ? a->width * 2 : 0;
	return widths[a->dtype];
}

static uint64_t load(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;
	switch (bytes) {
	case 1:
		return *p;
	case 2:
		return (uint64_t)p[0] | (uint64_t)p[1] << 8;
	case 4:
		for (unsigned i = 0; i < 4; i++)
			v |= (uint64_t)p[i] << 8 * i;
		return v;
	default:
		for (unsigned i = 0; i < 8; i++)
			v |= (uint64_t)p[i] << 8 * i;
		return v;
	}
}

/* --- times ---------------------------------------------------------------- */

static int64_t divide_down(int64_t v, int64_t by, int64_t *rest)
{
	int64_t q = v / by;
	*rest = v % by;
	if (*rest < 0)
		*rest += by, q--;
	return q;
}

/* Days since 1970 as a date in the Gregorian calendar, which numpy extends without
 * limit in both directions. */
static size_t put_date(int64_t days, char *ret)
{
	int64_t of_era, era = divide_down(days + 719468, 146097, &of_era);
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153; /* months since March */
	int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
	int64_t year = era * 400 + year_of_era + (month <= 2);
	char digits[24];
	size_t n = decimal_unsigned((uint64_t)(year < 0 ? -year : year), digits), at = 0;
	if (year < 0)
		ret[at++] = '-';
	for (size_t i = n; i < 4; i++)
		ret[at++] = '0';
	memcpy(ret + at, digits, n);
	at += n;
	ret[at] = '-';
	decimal_padded((uint64_t)month, 2, ret + at + 1);
	ret[at + 3] = '-';
	decimal_padded((uint64_t)day, 2, ret + at + 4);
	return at + 6;
}

static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};

/* ":MM:SS.ffffff" for the rest of an hour */
static size_t put_minutes(int64_t rest, unsigned unit, char *ret)
{
	int64_t fraction, seconds = divide_down(rest, per_second[unit], &fraction);
	ret[0] = ret[3] = ':';
	decimal_padded((uint64_t)(seconds / 60), 2, ret + 1);
	decimal_padded((uint64_t)(seconds % 60), 2, ret + 4);
	if (unit == 0)
		return 6;
	ret[6] = '.';
	decimal_padded((uint64_t)fraction, unit * 3, ret + 7);
	return 7 + unit * 3;
}

static size_t put_timestamp(int64_t v, unsigned unit, char *ret)
{
	int64_t rest, days = divide_down(v, 86400 * per_second[unit], &rest);
	if (v == INT64_MIN)
		return memcpy(ret, "NaT", 3), 3;
	size_t n = put_date(days, ret);
	ret[n] = 'T';
	decimal_padded((uint64_t)(rest / (3600 * per_second[unit])), 2, ret + n + 1);
	return n + 3 + put_minutes(rest % (3600 * per_second[unit]), unit, ret + n + 3);
}

/* A time of day; a file may hold more than 24 hours, or a negative time. */
static size_t put_time(int64_t v, unsigned unit, char *ret)
{
	int64_t hour = 3600 * per_second[unit];
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	char digits[24];
	size_t n = decimal_unsigned(u / (uint64_t)hour, digits), at = 0;
	if (v < 0)
		ret[at++] = '-';
	if (n < 2)
		ret[at++] = '0';
	memcpy(ret + at, digits, n);
	return at + n + put_minutes((int64_t)(u % (uint64_t)hour), unit, ret + at + n);
}

/* --- decimals ------------------------------------------------------------- */

/* Little-endian two's complement of up to 32 bytes. */
static size_t put_big(const struct array *a, const uint8_t *p, char *ret)
{
	uint32_t limbs[8] = {0};
	char digits[96];
	unsigned n = sizeof digits, count = a->width / 4;
	bool minus = p[a->width - 1] & 0x80, any = true;
	uint64_t carry = minus;
	for (unsigned i = 0; i < count; i++) {
		uint32_t v = (uint32_t)load(p + 4 * i, 4);
		carry += minus ? (uint32_t)~v : v;
		limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	while (any) {
		uint64_t rest = 0;
		any = false;
		for (unsigned i = count; i-- > 0;) {
			rest = rest << 32 | limbs[i];
			limbs[i] = (uint32_t)(rest / 1000000000);
			rest %= 1000000000;
			any |= limbs[i] != 0;
		}
		n -= 9;
		decimal_padded(rest, 9, digits + n);
	}
	while (n < sizeof digits - 1 && digits[n] == '0')
		n++;
	*ret = '-';
	memcpy(ret + minus, digits + n, sizeof digits - n);
	return sizeof digits - n + minus;
}

static size_t put_decimal(const struct array *a, const uint8_t *p, char *ret)
{
	char whole[160];
	size_t n = put_big(a, p, whole), minus = whole[0] == '-', digits = n - minus;
	unsigned scale = a->scale > 0 ? (unsigned)a->scale : 0, zeros = a->scale < 0 ? (unsigned)-a->scale : 0;
	size_t lead = digits <= scale ? scale + 1 - digits : 0, at = minus;
	ret[0] = '-';
	memset(ret + at, '0', lead);
	memcpy(ret + at + lead, whole + minus, digits);
	at += lead + digits;
	if (zeros && !(digits == 1 && whole[minus] == '0')) {
		memset(ret + at, '0', zeros);
		at += zeros;
	}
	if (scale) {
		memmove(ret + at - scale + 1, ret + at - scale, scale);
		ret[at - scale] = '.';
		at++;
	}
	return at;
}

/* --- bytes ---------------------------------------------------------------- */

static void put_hex(uint8_t c, char *ret)
{
	ret[0] = "0123456789abcdef"[c >> 4];
	ret[1] = "0123456789abcdef"[c & 15];
}

static void put_string(const struct array *a, const uint8_t *p, char *field)
{
	size_t n = a->width;
	while (n > 0 && p[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < ' ' || p[i] == 0x7f || p[i] == '\\' || (p[i] == ' ' && a->rank > 1)) {
			*field++ = '\\';
			*field++ = 'x';
			put_hex(p[i], field);
			field += 2;
		} else {
			*field++ = (char)p[i];
		}
	}
}

/* --- any type -------------------------------------------------------------- */

static size_t put_complex(enum dtype part, const uint8_t *p, unsigned bytes, char *ret)
{
	size_t n = decimal_float(dtype_float_kind(part), load(p, bytes), ret);
	size_t imaginary = decimal_float(dtype_float_kind(part), load(p + bytes, bytes), ret + n + 1);
	if (ret[n + 1] == '-') {
		memmove(ret + n, ret + n + 1, imaginary);
		n--;
	} else {
		ret[n] = '+';
	}
	ret[n + 1 + imaginary] = 'j';
	return n + imaginary + 2;
}

static size_t put_number(const struct array *a, const uint8_t *p, unsigned bytes, char *ret)
{
	uint64_t v = bytes <= 8 ? load(p, bytes) : 0;
	switch ((enum dtype)a->dtype) {
	case DTYPE_BOOL:
		*ret = v ? '1' : '0';
		return 1;
	case DTYPE_INT8:
		return decimal_signed((int8_t)v, ret);
	case DTYPE_INT16:
		return decimal_signed((int16_t)v, ret);
	case DTYPE_INT32:
		return decimal_signed((int32_t)v, ret);
	case DTYPE_INT64:
	case DTYPE_DURATION_S:
	case DTYPE_DURATION_MS:
	case DTYPE_DURATION_US:
	case DTYPE_DURATION_NS:
		return decimal_signed((int64_t)v, ret);
	case DTYPE_UINT8:
	case DTYPE_UINT16:
	case DTYPE_UINT32:
	case DTYPE_UINT64:
		return decimal_unsigned(v, ret);
	case DTYPE_COMPLEX64:
		return put_complex(DTYPE_FLOAT32, p, 4, ret);
	case DTYPE_COMPLEX128:
		return put_complex(DTYPE_FLOAT64, p, 8, ret);
	case DTYPE_DATE32:
		return put_date((int32_t)v, ret);
	case DTYPE_TIME32_S:
	case DTYPE_TIME32_MS:
		return put_time((int32_t)v, a->dtype - DTYPE_TIME32_S, ret);
	case DTYPE_TIME64_US:
	case DTYPE_TIME64_NS:
		return put_time((int64_t)v, a->dtype - DTYPE_TIME64_US + 2, ret);
	case DTYPE_TIMESTAMP_S:
	case DTYPE_TIMESTAMP_MS:
	case DTYPE_TIMESTAMP_US:
	case DTYPE_TIMESTAMP_NS:
		return put_timestamp((int64_t)v, a->dtype - DTYPE_TIMESTAMP_S, ret);
	default:
		return decimal_float(dtype_float_kind(a->dtype), v, ret);
	}
}

void view_text_field(const struct array *a, const uint8_t *element, char *field, unsigned width)
{
	uint8_t turned[32];
	char number[LONGEST * 3];
	unsigned bytes = (unsigned)(dtype_bits(a) / 8);
	if (a->dtype == DTYPE_FIXED_STRING) {
		memset(field, ' ', width);
		put_string(a, element, field);
		return;
	}
	if (a->dtype == DTYPE_VOID) {
		for (unsigned i = 0; i < a->width; i++)
			put_hex(element[i], field + 2 * i);
		return;
	}
	if (a->byteorder == BYTEORDER_BIG && bytes > 1) {
		unsigned part = a->dtype == DTYPE_COMPLEX64 || a->dtype == DTYPE_COMPLEX128 ? bytes / 2 : bytes;
		for (unsigned i = 0; i < bytes; i++)
			turned[i] = element[i / part * part + part - 1 - i % part];
		element = turned;
	}
	size_t n = a->dtype == DTYPE_DECIMAL ? put_decimal(a, element, number) : put_number(a, element, bytes, number);
	if (n > width) /* cannot happen with the widths above; never overwrite the neighbour */
		n = width;
	memset(field, ' ', width - n);
	memcpy(field + (width - n), number, n);
}
