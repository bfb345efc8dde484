/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "fs/base/name.h"
#include "fs/values/decimal.h"
#include "fs/views/text.h"

enum { STRING_MAX = 4096 };

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

/* The longest text of a timestamp in 64 bits of the unit (put_timestamp()). */
static unsigned timestamp_width(enum time_unit unit)
{
	static const uint8_t widths[UNIT_COUNT] = {
		[UNIT_GENERIC] = 20, [UNIT_Y] = 20, [UNIT_M] = 22, [UNIT_W] = 24, [UNIT_D] = 24, [UNIT_HOUR] = 26, [UNIT_MINUTE] = 27,
		[UNIT_S] = 28, [UNIT_MS] = 29, [UNIT_US] = 29, [UNIT_NS] = 29, [UNIT_PS] = 32, [UNIT_FS] = 35, [UNIT_AS] = 38,
	};
	return widths[unit];
}

static unsigned float_width(enum dtype dtype)
{
	static const uint8_t widths[DTYPE_COUNT] = {
		[DTYPE_FLOAT8_E4M3FN] = 9, [DTYPE_FLOAT8_E4M3FNUZ] = 9, [DTYPE_FLOAT8_E5M2] = 9, [DTYPE_FLOAT8_E5M2FNUZ] = 9,
		[DTYPE_FLOAT8_E8M0FNU] = 9, [DTYPE_FLOAT16] = 11, [DTYPE_BFLOAT16] = 11, [DTYPE_FLOAT32] = 15, [DTYPE_FLOAT64] = 24,
	};
	return widths[dtype];
}

/* Only of whole bytes: narrower integers are packed, and have no text. */
static unsigned integer_width(uint64_t bits, bool is_signed)
{
	switch (bits) {
	case 8: return is_signed ? 4 : 3;
	case 16: return is_signed ? 6 : 5;
	case 32: return is_signed ? 11 : 10;
	case 64: return 20;
	default: return 0;
	}
}

static enum time_unit unit_of(const struct array *a)
{
	return a->dtype == DTYPE_DATETIME64 ? (enum time_unit)a->unit : dtype_unit(a->dtype);
}

unsigned view_text_width(const struct array *a)
{
	if (a->dtype >= DTYPE_COUNT || a->fortran)
		return 0;
	enum dtype_kind kind = dtype_kind(a->dtype);
	switch (kind) {
	case KIND_BOOL: return 1;
	case KIND_SIGNED:
	case KIND_UNSIGNED: return integer_width(dtype_bits(a), kind == KIND_SIGNED);
	case KIND_FLOAT: return float_width(a->dtype);
	case KIND_COMPLEX: return 2 * float_width(a->dtype == DTYPE_COMPLEX64 ? DTYPE_FLOAT32 : DTYPE_FLOAT64) + 1;
	case KIND_DATE: return 14;
	case KIND_TIME: return unit_of(a) == UNIT_S ? 13 : unit_of(a) == UNIT_MS ? 14 : 24;
	case KIND_TIMESTAMP: return timestamp_width(unit_of(a));
	case KIND_DURATION: return 20;
	case KIND_DECIMAL: return decimal_width(a);
	case KIND_CHARS: return a->width <= STRING_MAX ? a->width * 4 : 0;
	case KIND_RAW: return a->width <= STRING_MAX ? a->width * 2 : 0;
	case KIND_UNICODE: return a->width <= STRING_MAX ? a->width : 0; /* four bytes a character, as stored */
	default: return 0;
	}
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

/* As numpy pads it: to four characters, of which the sign is one. */
static size_t put_year(int64_t year, char *ret)
{
	char digits[24];
	size_t n = decimal_unsigned(year < 0 ? -(uint64_t)year : (uint64_t)year, digits), at = 0;
	if (year < 0)
		ret[at++] = '-';
	for (size_t i = n + at; i < 4; i++)
		ret[at++] = '0';
	memcpy(ret + at, digits, n);
	return at + n;
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
	size_t at = put_year(year, ret);
	ret[at] = '-';
	decimal_padded((uint64_t)month, 2, ret + at + 1);
	ret[at + 3] = '-';
	decimal_padded((uint64_t)day, 2, ret + at + 4);
	return at + 6;
}

static const int64_t per_second[UNIT_COUNT] = {
	[UNIT_S] = 1, [UNIT_MS] = 1000, [UNIT_US] = 1000000, [UNIT_NS] = 1000000000, [UNIT_PS] = 1000000000000,
	[UNIT_FS] = 1000000000000000, [UNIT_AS] = 1000000000000000000,
};

/* ".ffffff" in a unit of a second or less */
static size_t put_fraction(int64_t fraction, enum time_unit unit, char *ret)
{
	unsigned digits = 3 * (unsigned)(unit - UNIT_S);
	if (digits == 0)
		return 0;
	*ret = '.';
	decimal_padded((uint64_t)fraction, digits, ret + 1);
	return 1 + digits;
}

/* ":MM:SS" for the rest of an hour */
static size_t put_minutes(int64_t seconds, char *ret)
{
	ret[0] = ret[3] = ':';
	decimal_padded((uint64_t)(seconds / 60), 2, ret + 1);
	decimal_padded((uint64_t)(seconds % 60), 2, ret + 4);
	return 6;
}

/* A year, or a year and its month; 0 if the year does not fit 64 bits. */
static size_t put_months(int64_t v, enum time_unit unit, char *ret)
{
	int64_t month = 0, year = unit == UNIT_Y ? v : divide_down(v, 12, &month);
	if (__builtin_add_overflow(year, 1970, &year))
		return 0;
	size_t n = put_year(year, ret);
	if (unit == UNIT_Y)
		return n;
	ret[n] = '-';
	decimal_padded((uint64_t)month + 1, 2, ret + n + 1);
	return n + 3;
}

/* The time of day, "THH", "THH:MM" or "THH:MM:SS.ffffff" */
static size_t put_of_day(int64_t seconds, int64_t fraction, enum time_unit unit, char *ret)
{
	ret[0] = 'T';
	decimal_padded((uint64_t)(seconds / 3600), 2, ret + 1);
	if (unit == UNIT_HOUR)
		return 3;
	put_minutes(seconds % 3600, ret + 3);
	return unit == UNIT_MINUTE ? 6 : 9 + put_fraction(fraction, unit, ret + 9);
}

/* A date and, of smaller units, the time; 0 if the day is beyond what put_date() counts. */
static size_t put_days(int64_t v, enum time_unit unit, char *ret)
{
	int64_t days = v, seconds = 0, fraction = 0, sum;
	if (unit == UNIT_W && __builtin_mul_overflow(v, 7, &days))
		return 0;
	if (unit == UNIT_HOUR || unit == UNIT_MINUTE) {
		days = divide_down(v, unit == UNIT_HOUR ? 24 : 1440, &seconds);
		seconds *= unit == UNIT_HOUR ? 3600 : 60;
	} else if (unit >= UNIT_S) {
		days = divide_down(divide_down(v, per_second[unit], &fraction), 86400, &seconds);
	}
	if (__builtin_add_overflow(days, 719468, &sum))
		return 0;
	size_t n = put_date(days, ret);
	return unit <= UNIT_D ? n : n + put_of_day(seconds, fraction, unit, ret + n);
}

/* As numpy writes it.  A count that is no date, for want of a unit or because it is beyond
 * all dates, is written as the number that it is. */
static size_t put_timestamp(int64_t v, uint32_t step, enum time_unit unit, char *ret)
{
	int64_t at;
	size_t n = 0;
	if (v == INT64_MIN)
		return memcpy(ret, "NaT", 3), 3;
	if (unit != UNIT_GENERIC && !__builtin_mul_overflow(v, (int64_t)step, &at))
		n = unit <= UNIT_M ? put_months(at, unit, ret) : put_days(at, unit, ret);
	return n ? n : decimal_signed(v, ret);
}

/* A time of day; a file may hold more than 24 hours, or a negative time. */
static size_t put_time(int64_t v, enum time_unit unit, char *ret)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v, second = (uint64_t)per_second[unit], hour = 3600 * second;
	char digits[24];
	size_t n = decimal_unsigned(u / hour, digits), at = 0;
	if (v < 0)
		ret[at++] = '-';
	if (n < 2)
		ret[at++] = '0';
	memcpy(ret + at, digits, n);
	at += n;
	at += put_minutes((int64_t)(u % hour / second), ret + at);
	return at + put_fraction((int64_t)(u % second), unit, ret + at);
}

/* --- decimals ------------------------------------------------------------- */

/* Little-endian, of up to 32 bytes; in two's complement unless the type has no sign. */
static size_t put_big(const struct array *a, const uint8_t *p, char *ret)
{
	uint32_t limbs[8] = {0};
	char digits[96];
	unsigned n = sizeof digits, count = a->width / 4;
	bool minus = a->dtype != DTYPE_UINT128 && p[a->width - 1] & 0x80, any = true;
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

static bool is_escaped(const struct array *a, uint32_t c)
{
	return c < ' ' || c == 0x7f || c == '\\' || (c == ' ' && a->rank > 1);
}

static char *put_escaped(uint32_t c, char *field)
{
	memcpy(field, "\\x", 2);
	put_hex((uint8_t)c, field + 2);
	return field + 4;
}

static void put_string(const struct array *a, const uint8_t *p, char *field)
{
	size_t n = a->width;
	while (n > 0 && p[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		if (is_escaped(a, p[i]))
			field = put_escaped(p[i], field);
		else
			*field++ = (char)p[i];
	}
}

/* As UTF-8; what is no character becomes U+FFFD. */
static void put_unicode(const struct array *a, const uint8_t *p, char *field)
{
	size_t n = a->width / 4;
	while (n > 0 && load(p + 4 * (n - 1), 4) == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = (uint32_t)load(p + 4 * i, 4);
		if (a->byteorder == BYTEORDER_BIG)
			c = __builtin_bswap32(c);
		field = is_escaped(a, c) ? put_escaped(c, field) : field + utf8_put(c, (uint8_t *)field);
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

static int64_t extend_sign(uint64_t v, unsigned bytes)
{
	unsigned spare = 64 - 8 * bytes;
	return (int64_t)(v << spare) >> spare;
}

static size_t put_number(const struct array *a, const uint8_t *p, unsigned bytes, char *ret)
{
	uint64_t v = bytes <= 8 ? load(p, bytes) : 0;
	switch (dtype_kind(a->dtype)) {
	case KIND_BOOL:
		*ret = v ? '1' : '0';
		return 1;
	case KIND_SIGNED:
	case KIND_DURATION:
		return decimal_signed(extend_sign(v, bytes), ret);
	case KIND_UNSIGNED:
		return decimal_unsigned(v, ret);
	case KIND_COMPLEX:
		return put_complex(bytes == 8 ? DTYPE_FLOAT32 : DTYPE_FLOAT64, p, bytes / 2, ret);
	case KIND_DATE:
		return put_date(extend_sign(v, bytes), ret);
	case KIND_TIME:
		return put_time(extend_sign(v, bytes), unit_of(a), ret);
	case KIND_TIMESTAMP:
		return put_timestamp((int64_t)v, a->dtype == DTYPE_DATETIME64 ? a->step : 1, unit_of(a), ret);
	case KIND_DECIMAL:
		return put_decimal(a, p, ret);
	default:
		return decimal_float(dtype_float_kind(a->dtype), v, ret);
	}
}

/* Turned round, if it is big-endian. */
static const uint8_t *in_order(const struct array *a, const uint8_t *element, unsigned bytes, uint8_t turned[32])
{
	if (a->byteorder != BYTEORDER_BIG || bytes < 2)
		return element;
	unsigned part = dtype_kind(a->dtype) == KIND_COMPLEX ? bytes / 2 : bytes;
	for (unsigned i = 0; i < bytes; i++)
		turned[i] = element[i / part * part + part - 1 - i % part];
	return turned;
}

size_t view_text_number(const struct array *a, const uint8_t *element, char ret[VIEW_TEXT_NUMBER])
{
	uint8_t turned[32];
	unsigned bytes = (unsigned)(dtype_bits(a) / 8);
	return put_number(a, in_order(a, element, bytes, turned), bytes, ret);
}

void view_text_field(const struct array *a, const uint8_t *element, char *field, unsigned width)
{
	char number[VIEW_TEXT_NUMBER];
	enum dtype_kind kind = dtype_kind(a->dtype);
	if (kind == KIND_CHARS || kind == KIND_UNICODE) {
		memset(field, ' ', width);
		(kind == KIND_CHARS ? put_string : put_unicode)(a, element, field);
		return;
	}
	if (kind == KIND_RAW) {
		for (unsigned i = 0; i < a->width; i++)
			put_hex(element[i], field + 2 * i);
		return;
	}
	size_t n = view_text_number(a, element, number);
	if (n > width) /* cannot happen with the widths above; never overwrite the neighbour */
		n = width;
	memset(field, ' ', width - n);
	memcpy(field + (width - n), number, n);
}
