/* SPDX-License-Identifier: MIT */
#include "fs/values/decimal.h"

#include <endian.h>
#include <string.h>

#include "fs/values/pow10.h"

/* --- integers ------------------------------------------------------------ */

static unsigned digits_of(uint64_t v)
{
	static const uint64_t tens[] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
					1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
					1000000000000000000, UINT64_C(10000000000000000000)};
	unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12; /* floor(bits * log10(2)) */
	return n + (v >= tens[n]);
}

/* Eight digits, the first in the lowest byte: halves of four, then pairs, then each, all at once; the divisions are exact
 * for so few digits. */
static uint64_t eight_digits(uint32_t v)
{
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t high = (fours * 10486 >> 20) & 0x0000007f0000007f;
	uint64_t pairs = high | (fours - high * 100) << 16;
	uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000f;
	return (tens | (pairs - tens * 10) << 8) + 0x3030303030303030;
}

void decimal_padded(uint64_t v, unsigned digits, char *ret)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
				    "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
				    "9899";
	const uint64_t all = 100000000;
	for (; digits >= 8; digits -= 8, v /= all) {
		uint64_t eight = htole64(eight_digits((uint32_t)(v % all)));
		memcpy(ret + digits - 8, &eight, 8);
	}
	for (; digits >= 2; digits -= 2, v /= 100)
		memcpy(ret + digits - 2, pairs + v % 100 * 2, 2);
	if (digits)
		ret[0] = (char)('0' + v % 10);
}

size_t decimal_unsigned(uint64_t v, char *ret)
{
	unsigned n = digits_of(v);
	decimal_padded(v, n, ret);
	return n;
}

size_t decimal_signed(int64_t v, char *ret)
{
	if (v >= 0)
		return decimal_unsigned((uint64_t)v, ret);
	*ret = '-';
	return decimal_unsigned(-(uint64_t)v, ret + 1) + 1;
}

/* --- floats -------------------------------------------------------------- */

struct decimal {
	uint64_t digits;
	int exponent; /* digits * 10^exponent */
};

static uint64_t round_to_odd(const uint64_t g[2], uint64_t cp)
{
	unsigned __int128 x = (unsigned __int128)g[1] * cp, y = (unsigned __int128)g[0] * cp;
	y += (uint64_t)(x >> 64);
	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/*
 * The shortest decimal of c * 2^q, c < 2^53.  Its neighbours are 2^q away, the
 * lower one half that if `closer`.  The interval includes its ends if c is even,
 * since ties round to even.
 */
static struct decimal shortest(uint64_t c, int q, bool closer)
{
	if (q <= 0 && q > -53 && (c & ((1ull << -q) - 1)) == 0)
		return (struct decimal){c >> -q, 0}; /* an integer, represented exactly */

	bool odd = c & 1;
	int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22; /* floor(log10(2^q)), or of 3/4 of 2^q */
	int h = q + (int)((-k * 1741647) >> 19) + 1;
	const uint64_t *g = pow10_table[-k - POW10_MIN];
	uint64_t lower = round_to_odd(g, (4 * c - 2 + closer) << h) + odd;
	uint64_t vb = round_to_odd(g, (4 * c) << h);
	uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
	uint64_t s = vb / 4;

	if (s >= 10) { /* one digit fewer? */
		uint64_t sp = s / 10;
		bool down = lower <= 40 * sp, up = 40 * sp + 40 <= upper;
		if (down != up)
			return (struct decimal){sp + up, k + 1};
	}
	bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
	if (down != up)
		return (struct decimal){s + up, k};
	uint64_t middle = 4 * s + 2;
	return (struct decimal){s + (vb > middle || (vb == middle && (s & 1))), k};
}

/* "d.ddde+XX" */
static size_t put_scientific(const char *digits, unsigned n, int exponent, char *ret)
{
	char *p = ret;
	*p++ = digits[0];
	if (n > 1) {
		*p++ = '.';
		memcpy(p, digits + 1, n - 1);
		p += n - 1;
	}
	*p++ = 'e';
	*p++ = exponent < 0 ? '-' : '+';
	unsigned e = (unsigned)(exponent < 0 ? -exponent : exponent);
	unsigned length = e < 100 ? 2 : 3;
	decimal_padded(e, length, p);
	return (size_t)(p - ret) + length;
}

static size_t put_decimal(struct decimal d, bool wide, char *ret)
{
	char digits[20];
	unsigned all = digits_of(d.digits), n = all;
	int exponent = d.exponent + (int)all - 1; /* of the first digit */
	decimal_padded(d.digits, all, digits);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (exponent < -4 || exponent >= (wide ? 16 : 8))
		return put_scientific(digits, n, exponent, ret);

	char *p = ret;
	if (exponent < 0) {
		memcpy(p, "0.0000", 6);
		p += 1 - exponent;
		memcpy(p, digits, n);
		return (size_t)(p - ret) + n;
	}
	unsigned whole = (unsigned)exponent + 1;
	memcpy(p, "0000000000000000", 16);
	memcpy(p, digits, n < whole ? n : whole);
	p += whole;
	*p++ = '.';
	if (n <= whole) {
		*p++ = '0';
	} else {
		memcpy(p, digits + whole, n - whole);
		p += n - whole;
	}
	return (size_t)(p - ret);
}

static size_t put_word(bool minus, const char *word, char *ret)
{
	size_t n = strlen(word);
	*ret = '-';
	memcpy(ret + minus, word, n);
	return n + minus;
}

size_t decimal_float(const struct float_kind *kind, uint64_t bits, char *ret)
{
	uint64_t mantissa = bits & ((1ull << kind->mantissa) - 1);
	unsigned all = (1u << kind->exponent) - 1;
	unsigned exponent = (unsigned)(bits >> kind->mantissa) & all;
	bool minus = kind->has_sign && bits >> (kind->mantissa + kind->exponent) & 1;
	bool top = exponent == all;

	switch (kind->specials) {
	case FLOAT_IEEE:
		if (top)
			return mantissa ? put_word(false, "nan", ret) : put_word(minus, "inf", ret);
		break;
	case FLOAT_FN:
		if (top && mantissa == (1ull << kind->mantissa) - 1)
			return put_word(false, "nan", ret);
		break;
	case FLOAT_FNUZ:
		if (minus && exponent == 0 && mantissa == 0)
			return put_word(false, "nan", ret);
		break;
	case FLOAT_E8M0:
		if (top)
			return put_word(false, "nan", ret);
		exponent++; /* neither zero nor subnormals exist */
		break;
	case FLOAT_FINITE:
		break;
	}
	if (minus)
		*ret++ = '-';
	if (exponent == 0 && mantissa == 0)
		return put_word(false, "0.0", ret) + minus;
	bool closer = mantissa == 0 && exponent > 1;
	uint64_t c = exponent ? mantissa | 1ull << kind->mantissa : mantissa;
	int q = (int)(exponent ? exponent : 1) - kind->bias - kind->mantissa;
	if (kind->specials == FLOAT_E8M0)
		q--;
	return put_decimal(shortest(c, q, closer), kind->mantissa == 52, ret) + minus;
}
