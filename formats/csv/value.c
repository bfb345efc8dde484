/* SPDX-License-Identifier: MIT */
/* What the values of a table of text are. */
#include <math.h>

#include "formats/csv/impl.h"
#include "fs/base/name.h"
#include "fs/values/number.h"

static bool is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

/* --- dates and times ------------------------------------------------------------------------ */

struct moment {
	int64_t days, seconds; /* since 1970; of the day */
	uint32_t nanoseconds;
	uint32_t digits;       /* of the fraction */
	bool zone;
};

/* Two digits, at most `most`; -1: none. */
static int two(const uint8_t *p, int most)
{
	int value = is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
	return value <= most ? value : -1;
}

/* In the proleptic Gregorian calendar: every 400 years from a March on are alike. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_date(const uint8_t *p, int64_t *ret)
{
	static const uint8_t days[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int high = two(p, 99), low = two(p + 2, 99), month = two(p + 5, 12), day = two(p + 8, 31);
	if (high < 0 || low < 0 || month < 1 || day < 1 || p[4] != '-' || p[7] != '-' || day > days[month])
		return false;
	int year = high * 100 + low;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	*ret = days_of(year, month, day);
	return month != 2 || day < 29 || leap;
}

/* Z, or how far it is from there. */
static bool read_zone(const uint8_t *p, const uint8_t *end, struct moment *m)
{
	if (p == end)
		return true;
	m->zone = true;
	if (*p == 'Z')
		return end - p == 1;
	int sign = *p == '-' ? -1 : *p == '+' ? 1 : 0;
	if (!sign || end - p < 3)
		return false;
	int hours = two(p + 1, 23), minutes = 0;
	p += 3;
	if (end - p == 3 && *p == ':')
		minutes = two(p + 1, 59);
	else if (end - p == 2)
		minutes = two(p, 59);
	else if (p != end)
		return false;
	m->seconds -= sign * (hours * 3600 + minutes * 60);
	return hours >= 0 && minutes >= 0;
}

static const uint8_t *read_fraction(const uint8_t *p, const uint8_t *end, struct moment *m)
{
	for (; p < end && is_digit(*p); p++, m->digits++)
		if (m->digits < 9)
			m->nanoseconds = m->nanoseconds * 10 + (uint32_t)(*p - '0');
	for (uint32_t i = m->digits; i < 9; i++)
		m->nanoseconds *= 10;
	return m->digits >= 1 && m->digits <= 9 ? p : NULL;
}

static bool read_moment(const uint8_t *p, const uint8_t *end, struct moment *ret)
{
	*ret = (struct moment){0};
	if (end - p < 16 || !read_date(p, &ret->days) || (p[10] != 'T' && p[10] != ' '))
		return false;
	int hours = two(p + 11, 23), minutes = two(p + 14, 59), seconds = 0;
	if (hours < 0 || minutes < 0 || p[13] != ':')
		return false;
	p += 16;
	if (end - p >= 3 && *p == ':') {
		seconds = two(p + 1, 59);
		p += 3;
		if (seconds >= 0 && p < end && *p == '.' && !(p = read_fraction(p + 1, end, ret)))
			return false;
	}
	ret->seconds = hours * 3600 + minutes * 60 + seconds;
	return seconds >= 0 && read_zone(p, end, ret);
}

static bool in_nanoseconds(const struct moment *m, int64_t *ret)
{
	int64_t seconds = m->days * 86400 + m->seconds, nanoseconds = m->nanoseconds;
	if (seconds < 0 && nanoseconds) { /* from above, so that the minimum does not overflow on the way */
		seconds++;
		nanoseconds -= 1000000000;
	}
	return !__builtin_mul_overflow(seconds, INT64_C(1000000000), ret) && !__builtin_add_overflow(*ret, nanoseconds, ret);
}

static uint32_t kind_of_moment(const struct moment *m)
{
	int64_t unused;
	return CSV_TIME | (m->digits > 6 ? CSV_NANOSECONDS : 0) | (m->zone ? CSV_ZONE : CSV_LOCAL) | (in_nanoseconds(m, &unused) ? 0 : CSV_NS_BEYOND);
}

/* --- kinds --------------------------------------------------------------------------------------- */

static bool is_word(const uint8_t *p, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++)
		if ((p[i] | 0x20) != (uint8_t)word[i])
			return false;
	return word[len] == '\0';
}

/* true, True, TRUE … */
static bool is_bool(const uint8_t *p, size_t len, uint64_t *ret)
{
	*ret = len == 4;
	if (len == 4)
		return memcmp(p, "true", 4) == 0 || memcmp(p, "True", 4) == 0 || memcmp(p, "TRUE", 4) == 0;
	return len == 5 && (memcmp(p, "false", 5) == 0 || memcmp(p, "False", 5) == 0 || memcmp(p, "FALSE", 5) == 0);
}

/* nan, inf, infinity, in any case, with a sign or without. */
static bool is_special(const uint8_t *p, size_t len, double *ret)
{
	bool negative = len && *p == '-';
	size_t sign = len && (*p == '-' || *p == '+');
	p += sign;
	len -= sign;
	if (is_word(p, len, "nan"))
		*ret = NAN;
	else if (is_word(p, len, "inf") || is_word(p, len, "infinity"))
		*ret = INFINITY;
	else
		return false;
	*ret = negative ? -*ret : *ret;
	return true;
}

static bool exact(uint64_t n)
{
	return n == 0 || 64 - __builtin_clzll(n) - __builtin_ctzll(n) <= 53;
}

static uint32_t kind_of_integer(const struct number *n, const uint8_t *p, const uint8_t *end)
{
	if (n->fits && (!n->negative || n->mantissa <= UINT64_C(1) << 63))
		return CSV_INT | (n->negative && n->mantissa ? CSV_NEGATIVE : 0) | (!n->negative && n->mantissa > INT64_MAX ? CSV_BEYOND : 0) |
		       (exact(n->mantissa) ? 0 : CSV_INEXACT);
	double value = number_double(n, p, end);
	if (isinf(value))
		return CSV_STRING;
	return CSV_FLOAT | (number_is_exact(value, p, end) ? 0 : CSV_INEXACT);
}

static uint32_t kind_of_number(const uint8_t *p, const uint8_t *end)
{
	struct number n;
	bool far;
	if (number_pass(p, end, NUMBER_TABLE, &n, &far) != end || n.leading_zero)
		return CSV_STRING;
	if (n.integer)
		return kind_of_integer(&n, p, end);
	return far && number_read(p, end, NUMBER_TABLE, &n) && isinf(number_double(&n, p, end)) ? CSV_STRING : CSV_FLOAT;
}

static void trim(const uint8_t **p, const uint8_t **end)
{
	while (*p < *end && (**p == ' ' || **p == '\t'))
		++*p;
	while (*end > *p && ((*end)[-1] == ' ' || (*end)[-1] == '\t'))
		--*end;
}

/* A closer look. */
uint32_t csv_kind_text(const uint8_t *p, const uint8_t *end)
{
	struct moment m;
	int64_t days;
	uint64_t value;
	double special;
	trim(&p, &end);
	size_t len = (size_t)(end - p);
	if (len == 0)
		return CSV_STRING;
	bool dated = len >= 10 && p[4] == '-' && p[7] == '-';
	uint32_t kind = !dated && (is_digit(*p) || *p == '-' || *p == '.') ? kind_of_number(p, end) : CSV_STRING;
	if (kind != CSV_STRING)
		return kind;
	if (len == 10 && read_date(p, &days))
		return CSV_DATE;
	if (len >= 16 && len <= 35 && read_moment(p, end, &m))
		return kind_of_moment(&m);
	if (is_bool(p, len, &value))
		return CSV_BOOL;
	return len <= 9 && is_special(p, len, &special) ? CSV_FLOAT : CSV_STRING;
}

/* A bit for each of the 32 bytes at p that is not a digit. */
static inline uint32_t others_ahead(const uint8_t *p)
{
	uint32_t digits = 0;
#ifdef __SSE2__
	for (unsigned i = 0; i < 2; i++) {
		__m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), _mm_set1_epi8('0'));
		digits |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x)) << 16 * i;
	}
#else
	for (unsigned i = 0; i < 32; i++)
		digits |= (uint32_t)is_digit(p[i]) << i;
#endif
	return ~digits;
}

uint32_t csv_kind(const uint8_t *p, const uint8_t *end, const uint8_t *room)
{
	size_t len = (size_t)(end - p);
	uint32_t few = len <= 31 && room - p >= 32 ? csv_kind_few(p, len, others_ahead(p) & ((1u << len) - 1), 0) : 0;
	return few ? few : csv_kind_text(p, end);
}

/* --- values ----------------------------------------------------------------------------------------- */

static bool value_of_moment(const uint8_t *p, const uint8_t *end, enum records_type type, uint64_t *ret)
{
	struct moment m;
	int64_t value;
	if (!read_moment(p, end, &m))
		return false;
	if (type == RECORDS_TIMESTAMP) {
		if (!in_nanoseconds(&m, &value))
			return false;
	} else {
		value = (m.days * 86400 + m.seconds) * 1000000 + m.nanoseconds / 1000;
	}
	*ret = (uint64_t)value;
	return true;
}

/* One of many digits, with an exponent, or a word. */
static bool read_unusual(const uint8_t *p, const uint8_t *end, const uint8_t *room, double *ret)
{
	struct number n;
	if (number_read(p, room, NUMBER_TABLE, &n) != end)
		return is_special(p, (size_t)(end - p), ret);
	*ret = number_double(&n, p, end);
	return true;
}

static bool value_of_float(const uint8_t *p, const uint8_t *end, const uint8_t *room, uint64_t *ret)
{
	double value;
	if (number_usual_double(p, room, &value) != end && !read_unusual(p, end, room, &value))
		return false;
	memcpy(ret, &value, sizeof value);
	return true;
}

static bool value_of_integer(const uint8_t *p, const uint8_t *end, const uint8_t *room, enum records_type type, uint64_t *ret)
{
	struct number n;
	if (number_read(p, room, NUMBER_TABLE, &n) != end || !n.integer || !n.fits)
		return false;
	*ret = n.negative ? -n.mantissa : n.mantissa;
	if (n.negative && n.mantissa)
		return type == RECORDS_INT64 && n.mantissa <= UINT64_C(1) << 63;
	return type == RECORDS_UINT64 || n.mantissa <= INT64_MAX;
}

bool csv_value(const uint8_t *p, const uint8_t *end, const uint8_t *room, enum records_type type, uint64_t *ret)
{
	int64_t days;
	trim(&p, &end);
	switch (type) {
	case RECORDS_BOOL:
		return is_bool(p, (size_t)(end - p), ret);
	case RECORDS_INT64:
	case RECORDS_UINT64:
		return value_of_integer(p, end, room, type, ret);
	case RECORDS_FLOAT64:
		return value_of_float(p, end, room, ret);
	case RECORDS_DATE32:
		if (end - p != 10 || !read_date(p, &days))
			return false;
		*ret = (uint64_t)days;
		return true;
	case RECORDS_TIMESTAMP_US:
	case RECORDS_TIMESTAMP:
		return value_of_moment(p, end, type, ret);
	default:
		return false;
	}
}

/* --- the column's ------------------------------------------------------------------------------------ */

static enum records_type type_of_times(uint32_t seen)
{
	if ((seen & CSV_ZONE && seen & CSV_LOCAL) || (seen & CSV_NANOSECONDS && seen & CSV_NS_BEYOND))
		return RECORDS_STRING;
	return seen & CSV_NANOSECONDS ? RECORDS_TIMESTAMP : RECORDS_TIMESTAMP_US;
}

static enum records_type type_of(uint32_t seen)
{
	switch (seen & CSV_KINDS) {
	case 0: return seen & CSV_EMPTY ? RECORDS_STRING : RECORDS_NULL;
	case CSV_BOOL: return RECORDS_BOOL;
	case CSV_INT: return !(seen & CSV_BEYOND) ? RECORDS_INT64 : seen & CSV_NEGATIVE ? RECORDS_STRING : RECORDS_UINT64;
	case CSV_FLOAT:
	case CSV_INT | CSV_FLOAT: return seen & CSV_INEXACT ? RECORDS_STRING : RECORDS_FLOAT64;
	case CSV_DATE: return RECORDS_DATE32;
	case CSV_TIME: return type_of_times(seen);
	default: return seen & CSV_BYTES_KIND ? RECORDS_BYTES : RECORDS_STRING;
	}
}

void csv_settle(const struct records_table *t, struct records_column *c)
{
	const struct csv_how *how = t->own;
	uint32_t seen = (uint32_t)c->seen;
	if (!c->parent) {
		c->type = RECORDS_STRUCT;
		return;
	}
	c->name = how->names[c->born];
	c->type = (uint8_t)type_of(seen);
	if (c->type != RECORDS_STRING && c->type != RECORDS_BYTES)
		c->nulls += c->empties;
	if (seen & CSV_ZONE && c->type == RECORDS_TIMESTAMP_US)
		c->word = "timestamp[us, tz=UTC]";
	else if (seen & CSV_ZONE && c->type == RECORDS_TIMESTAMP)
		c->word = "timestamp[ns, tz=UTC]";
}
