/* SPDX-License-Identifier: MIT */
#include "fs/values/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fs/values/nearest.h"

enum { DIGITS_MOST = 19 }; /* that always fit a uint64_t */

/* --- digits ----------------------------------------------------------------------------- */

static bool is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

/* The first byte that is no digit. */
static const uint8_t *pass_digits(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
		unsigned others = 0xffff ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x));
		if (others)
			return p + __builtin_ctz(others);
		p += 16;
	}
#endif
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* Appends digits [p, end) to *value, which they fit. */
static uint64_t add_digits(uint64_t value, const uint8_t *p, const uint8_t *end)
{
	static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	while (end - p >= 8) {
		uint64_t some = 0;
		unsigned n = number_eight_digits(p, &some);
		if (n == 0) /* the bytes have changed */
			return value;
		value = value * tens[n] + some;
		p += n;
	}
	for (; p < end; p++)
		value = value * 10 + (uint8_t)(*p - '0');
	return value;
}

/* Parts of a number, as they stand. */
struct parts {
	const uint8_t *whole, *whole_end, *fraction, *fraction_end;
	int64_t exponent;
};

static bool any_but_zeros(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p == '0')
		p++;
	return p < end;
}

/* Of more digits than fit: those from the first that is not 0 on. */
static void take_many(const struct parts *a, struct number *n)
{
	const uint8_t *p = a->whole, *end = a->whole_end;
	unsigned taken = 0;
	for (int part = 0; part < 2; part++, p = a->fraction, end = a->fraction_end) {
		for (; p < end && taken < DIGITS_MOST; p++) {
			n->mantissa = n->mantissa * 10 + (uint8_t)(*p - '0');
			n->exponent -= part;
			taken += n->mantissa != 0;
		}
		n->cut |= any_but_zeros(p, end);
		n->exponent += part ? 0 : end - p;
	}
}

/* A uint64_t may have one digit more. */
static bool take_wide(const struct parts *a, struct number *n)
{
	const uint8_t *p = a->whole;
	uint64_t value = 0;
	while (p < a->whole_end && *p == '0')
		p++;
	if (a->whole_end - p > DIGITS_MOST + 1)
		return false;
	for (; p < a->whole_end; p++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint8_t)(*p - '0'), &value))
			return false;
	n->mantissa = value;
	n->exponent = 0;
	n->cut = false;
	return true;
}

static void take_digits(const struct parts *a, struct number *n)
{
	ptrdiff_t whole = a->whole_end - a->whole, fraction = a->fraction_end - a->fraction;
	n->exponent = a->exponent;
	if (whole <= DIGITS_MOST && fraction <= DIGITS_MOST - whole) {
		n->mantissa = add_digits(add_digits(0, a->whole, a->whole_end), a->fraction, a->fraction_end);
		n->exponent -= fraction;
		n->fits = n->integer;
		return;
	}
	take_many(a, n);
	n->fits = n->integer && take_wide(a, n);
}

/* The part after the e; NULL if it is not an exponent.  It saturates beyond the range of any float. */
static const uint8_t *read_exponent(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	const int64_t most = INT64_C(1) << 40;
	bool negative = p < end && *p == '-';
	int64_t value = 0;
	p += p < end && (*p == '-' || *p == '+');
	if (p == end || !is_digit(*p))
		return NULL;
	for (; p < end && is_digit(*p); p++)
		value = value < most ? value * 10 + (*p - '0') : value;
	*ret = negative ? -value : value;
	return p;
}

/* --- the usual number ------------------------------------------------------------------ */

enum { AHEAD = 32 }; /* bytes that are looked at, at once */

/* A bit for each of the 32 bytes at p that is not a digit. */
static uint32_t others_ahead(const uint8_t *p)
{
#ifdef __SSE2__
	uint32_t bits = 0;
	for (unsigned i = 0; i < 2; i++) {
		__m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), _mm_set1_epi8('0'));
		bits |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x)) << 16 * i;
	}
	return ~bits;
#else
	uint32_t bits = 0;
	for (unsigned i = 0; i < AHEAD; i++)
		bits |= (uint32_t)!is_digit(p[i]) << i;
	return bits;
#endif
}

/* Digits, or digits, a point and digits, without an exponent, all within 32 bytes, perhaps
 * after a minus: where the first is, and how many there are before and after the point.  NULL:
 * it is not such a number, or needs a closer look. */
static inline const uint8_t *find_usual(const uint8_t *p, const uint8_t *end, bool *negative, unsigned *whole, unsigned *fraction)
{
	if (end - p < 1 + AHEAD + 24) /* as much as is read at once */
		return NULL;
	*negative = *p == '-';
	p += *negative;
	uint32_t others = others_ahead(p);
	*fraction = 0;
	if (others == 0)
		return NULL;
	*whole = (unsigned)__builtin_ctz(others);
	if (*whole == 0 || (*whole > 1 && *p == '0'))
		return NULL;
	unsigned next = *whole;
	if (p[next] == '.') {
		others &= others - 1;
		if (others == 0)
			return NULL;
		next = (unsigned)__builtin_ctz(others);
		*fraction = next - *whole - 1;
		if (*fraction == 0)
			return NULL;
	}
	return p[next] != '.' && (p[next] | 0x20) != 'e' ? p : NULL;
}

/* n digits at p, up to 19, where 24 bytes can be read, appended to those in `value`. */
static uint64_t more_digits(uint64_t value, const uint8_t *p, unsigned n)
{
	static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	for (; n >= 8; n -= 8, p += 8)
		value = value * 100000000 + number_few_digits(p, 8);
	return value * tens[n] + number_few_digits(p, n);
}

/* Reads it; NULL if it is not one of these. */
static const uint8_t *read_usual(const uint8_t *p, const uint8_t *end, struct number *ret)
{
	unsigned whole, fraction;
	bool negative;
	p = find_usual(p, end, &negative, &whole, &fraction);
	if (!p || whole + fraction > DIGITS_MOST)
		return NULL;
	*ret = (struct number){.mantissa = more_digits(0, p, whole), .negative = negative, .integer = fraction == 0, .fits = fraction == 0};
	if (fraction == 0)
		return p + whole;
	ret->mantissa = more_digits(ret->mantissa, p + whole + 1, fraction);
	ret->exponent = -(int64_t)fraction;
	return p + whole + 1 + fraction;
}

const uint8_t *number_usual_double(const uint8_t *p, const uint8_t *end, double *ret)
{
	unsigned whole, fraction;
	bool negative;
	p = find_usual(p, end, &negative, &whole, &fraction);
	if (!p || whole + fraction > DIGITS_MOST)
		return NULL;
	uint64_t mantissa = more_digits(more_digits(0, p, whole), p + whole + 1, fraction);
	*ret = negative ? -0.0 : 0.0;
	if (mantissa && !number_nearest(mantissa, -(int64_t)fraction, negative, ret))
		return NULL;
	return p + whole + (fraction ? 1 + fraction : 0);
}

/* Only looks at it. */
static const uint8_t *pass_usual(const uint8_t *p, const uint8_t *end, struct number *ret)
{
	unsigned whole, fraction;
	bool negative;
	p = find_usual(p, end, &negative, &whole, &fraction);
	if (!p || (fraction == 0 && whole > DIGITS_MOST))
		return NULL;
	*ret = (struct number){.negative = negative, .integer = fraction == 0, .fits = fraction == 0};
	if (fraction == 0)
		ret->mantissa = more_digits(0, p, whole);
	return p + whole + (fraction ? 1 + fraction : 0);
}

/* --- grammar ------------------------------------------------------------------------------ */

static const uint8_t *read_parts(const uint8_t *p, const uint8_t *end, bool json, struct parts *a, struct number *n)
{
	*n = (struct number){.integer = true};
	a->exponent = 0;
	if (p < end && *p == '-') {
		n->negative = true;
		p++;
	}
	a->whole = p;
	a->whole_end = a->fraction = a->fraction_end = p = pass_digits(p, end);
	ptrdiff_t whole = p - a->whole;
	n->leading_zero = whole > 1 && *a->whole == '0';
	if (json && (whole == 0 || n->leading_zero))
		return NULL;
	if (p < end && *p == '.') {
		n->integer = false;
		a->fraction = p + 1;
		a->fraction_end = p = pass_digits(p + 1, end);
		if (json && a->fraction_end == a->fraction)
			return NULL;
	}
	if (whole == 0 && a->fraction_end == a->fraction)
		return NULL;
	if (p < end && (*p | 0x20) == 'e') {
		n->integer = false;
		p = read_exponent(p + 1, end, &a->exponent);
	}
	return p;
}

const uint8_t *number_read(const uint8_t *p, const uint8_t *end, enum number_grammar grammar, struct number *ret)
{
	const uint8_t *usual = read_usual(p, end, ret);
	struct parts a;
	if (usual)
		return usual;
	p = read_parts(p, end, grammar == NUMBER_JSON, &a, ret);
	if (p)
		take_digits(&a, ret);
	return p;
}

const uint8_t *number_pass(const uint8_t *p, const uint8_t *end, enum number_grammar grammar, struct number *ret, bool *far)
{
	enum { FEW = 300 }; /* digits and exponent of a float that cannot be infinite */
	const uint8_t *usual = pass_usual(p, end, ret);
	struct parts a;
	*far = false;
	if (usual)
		return usual;
	p = read_parts(p, end, grammar == NUMBER_JSON, &a, ret);
	if (p && ret->integer)
		take_digits(&a, ret);
	else if (p)
		*far = a.exponent > FEW || a.whole_end - a.whole > FEW || a.exponent + (a.whole_end - a.whole) > FEW;
	return p;
}

/* --- floats ---------------------------------------------------------------------------------- */

enum { MATTER = 800 }; /* digits, at most, that decide which float is the nearest */

struct kept {
	char text[MATTER + 40];
	size_t len;
	int64_t exponent; /* of the last one that is kept */
	bool more;        /* some digit after them is not 0 */
};

/* The digits from p on; returns their end. */
static const uint8_t *keep(struct kept *k, const uint8_t *p, const uint8_t *end, bool fraction)
{
	const uint8_t *behind = pass_digits(p, end);
	for (; p < behind && k->len < MATTER; p++) {
		k->exponent -= fraction;
		if (k->len > 0 || *p != '0')
			k->text[k->len++] = (char)*p;
	}
	k->more |= any_but_zeros(p, behind);
	k->exponent += fraction ? 0 : behind - p;
	return behind;
}

/* By the C library, from as many digits as matter, and one more for all that follow.  Without a
 * point, which depends on the locale. */
static double ask_library(const struct number *n, const uint8_t *p, const uint8_t *end)
{
	struct kept k;
	int64_t given = 0;
	k.len = 0;
	k.exponent = 0;
	k.more = false;
	p = keep(&k, p + n->negative, end, false);
	if (p < end && *p == '.')
		p = keep(&k, p + 1, end, true);
	if (p < end)
		read_exponent(p + 1, end, &given);
	snprintf(k.text + k.len, sizeof k.text - k.len, "%se%lld", k.more ? "1" : "", (long long)(k.exponent + given - k.more));
	double value = strtod(k.text, NULL);
	return n->negative ? -value : value;
}

double number_double(const struct number *n, const uint8_t *p, const uint8_t *end)
{
	static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
				      1e18, 1e19, 1e20, 1e21, 1e22};
	double value, above;
	if (n->mantissa == 0)
		return n->negative ? -0.0 : 0.0;
	if (!n->cut && n->mantissa <= UINT64_C(1) << 53 && n->exponent >= -22 && n->exponent <= 22) {
		value = (double)n->mantissa;
		value = n->exponent < 0 ? value / tens[-n->exponent] : value * tens[n->exponent];
		return n->negative ? -value : value;
	}
	if (number_nearest(n->mantissa, n->exponent, n->negative, &value) &&
	    (!n->cut || (number_nearest(n->mantissa + 1, n->exponent, n->negative, &above) && memcmp(&value, &above, sizeof value) == 0)))
		return value;
	return ask_library(n, p, end);
}

bool number_is_exact(double value, const uint8_t *p, const uint8_t *end)
{
	char text[320];
	p += p < end && *p == '-';
	while (p < end && *p == '0')
		p++;
	int n = isfinite(value) ? snprintf(text, sizeof text, "%.0f", fabs(value)) : -1;
	return n > 0 && n == end - p && memcmp(text, p, (size_t)n) == 0;
}
