/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a list, 64 bytes of text at a time, where the processor has AVX2.
 *
 *	-0.25, 17, 3.5]     text
 *	1......1...1...     bits of where one begins,
 *	..1..........1..    where its point is,
 *	.....1...1....1     and what is behind it
 *
 * Each class of bytes gives a word of 64 bits, one a byte.  What may stand beside what is checked for all numbers at
 * once; a run of digits is passed by adding a bit to its first: the carry lands behind it.
 *
 * Read so are numbers as most writers have them: DIGITS and DIGITS.DIGITS, with or without a minus, with `,` or `, `
 * between them.  Whatever else comes is left to feed_numbers.c, which would have found the same of these.
 */
#include "formats/jsonl/impl.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "fs/values/nearest.h"
#include "fs/values/number.h"

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

enum {
	AT_ONCE = 64,
	BEHIND = 24,     /* bytes that are read past them, for the last one's digits */
	MANTISSA = 19,   /* digits that always fit it */
};

/* --- bytes of a class ------------------------------------------------------------------------- */

AVX2 static inline uint64_t gather(__m256i a, __m256i b)
{
	return (uint64_t)(uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

AVX2 static inline uint64_t equal(__m256i a, __m256i b, char c)
{
	__m256i all = _mm256_set1_epi8(c);
	return gather(_mm256_cmpeq_epi8(a, all), _mm256_cmpeq_epi8(b, all));
}

AVX2 static inline __m256i are_digits(__m256i x)
{
	x = _mm256_sub_epi8(x, _mm256_set1_epi8('0'));
	return _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(9)), x);
}

/* --- grammar ------------------------------------------------------------------------------------ */

/* The numbers that end within the 64 bytes, up to the first that is odd. */
struct row {
	uint64_t ends;         /* after each */
	uint64_t first, point; /* each one's first digit and point; others may follow these */
	uint64_t minus, text;  /* minus signs; all bytes of numbers; likewise */
	uint64_t ints;         /* of `ends`: after those without a point; */
	uint64_t negative;     /* of `ints`: after those with a minus */
	unsigned next;         /* where the next one begins; 0: something odd is before */
};

/* Of digits, the first of 16 or more that follow one another. */
static inline uint64_t find_16(uint64_t digits)
{
	digits &= digits >> 1;
	digits &= digits >> 2;
	digits &= digits >> 4;
	return digits & digits >> 8;
}

/* Where one begins.  What follows the last byte is not known, so a number that ends with it is left
 * to the next row. */
AVX2 static inline void read_row(const uint8_t *p, struct row *r)
{
	const uint64_t all_but_last = UINT64_MAX >> 1;
	__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p), b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
	uint64_t digit = gather(are_digits(a), are_digits(b)), point = equal(a, b, '.'), minus = equal(a, b, '-');
	uint64_t comma = equal(a, b, ','), space = equal(a, b, ' ') & comma << 1;
	uint64_t begin = 1 | (comma << 1 & ~space) | space << 1;
	uint64_t first = (begin & ~minus) | (begin & minus) << 1, second = point << 1; /* of the digits before the point, and after it */
	uint64_t behind_first = (first + digit) & ~digit, behind_second = (second + digit) & ~digit;
	uint64_t ints = behind_first & ~point, ends = (ints | behind_second) & all_but_last;

	/* A byte that is none of these, or not where it may be, is where a digit or a comma must be, or after one. */
	uint64_t odd = (first & ~digit) | (second & ~digit) | (ends & ~comma);
	odd |= find_16(digit & ~(first + digit)); /* ints that are not exact as a float, or do not fit */
	r->negative = (((begin & minus) << 1) + digit) & ints;
	uint64_t zero = first & (digit | r->negative) >> 1; /* 01, -0 */
	if (zero)
		odd |= zero & equal(a, b, '0');

	r->ends = ends & digit << 1;
	if (odd) {
		uint64_t known = odd ^ (odd - 1), lowest = known & ~(known >> 1);
		bool closed = r->ends & lowest && p[__builtin_ctzll(odd)] == ']';
		r->ends &= closed ? known : known & ~lowest;
	}
	r->next = odd ? 0 : 64 - (unsigned)__builtin_clzll((comma & all_but_last) | space | 1);
	r->first = first;
	r->point = point;
	r->minus = minus;
	r->text = digit | point | minus;
	r->ints = ints & r->ends;
	r->negative &= r->ends;
}

/* --- values --------------------------------------------------------------------------------------- */

/* n digits at p, up to MANTISSA, appended to those in `value`. */
AVX2 static inline uint64_t add_digits(uint64_t value, const uint8_t *p, unsigned n)
{
	static const uint8_t right[] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
					0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
					1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000};
	unsigned over = n > 16 ? n - 16 : 0;
	value = value * tens[over] + number_few_digits(p, over);
	p += over;
	n -= over;
	__m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
	x = _mm_shuffle_epi8(x, _mm_loadu_si128((const __m128i *)(const void *)(right + n))); /* as if padded with leading zeros */
	x = _mm_maddubs_epi16(x, _mm_set1_epi16(1 << 8 | 10));
	x = _mm_madd_epi16(x, _mm_set1_epi32(1 << 16 | 100));
	x = _mm_madd_epi16(_mm_packus_epi32(x, x), _mm_set1_epi32(1 << 16 | 10000));
	uint64_t eights = (uint64_t)_mm_cvtsi128_si64(x);
	return value * tens[n] + (eights & UINT32_MAX) * 100000000 + (eights >> 32);
}

/* False: it has more digits than that, or they do not decide it. */
AVX2 static inline bool read_float(const uint8_t *p, unsigned whole, unsigned fraction, bool negative, double *ret)
{
	const uint8_t *behind = p + whole + 1;
	unsigned n = fraction;
	for (; n > MANTISSA && *p == '0' && *behind == '0'; n--)
		behind++;
	if (whole > 8 || n > MANTISSA || (whole + n > MANTISSA && *p != '0'))
		return false;
	uint64_t mantissa = whole == 1 ? *p & 0xf : number_few_digits(p, whole);
	mantissa = add_digits(mantissa, behind, n);
	*ret = negative ? -0.0 : 0.0;
	return mantissa == 0 || number_nearest(mantissa, -(int64_t)fraction, negative, ret);
}

/* As it is written, of an int column or one of floats. */
AVX2 static inline uint64_t read_int(const uint8_t *p, unsigned len, bool negative, bool as_float)
{
	uint64_t bits = add_digits(0, p, len);
	double value = (double)(int64_t)bits;
	if (!as_float)
		return negative ? -bits : bits;
	value = negative ? -value : value;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* Writes them; the first that is to be read otherwise ends the row. */
AVX2 static inline void put_row(const uint8_t *p, struct row *r, struct records_numbers *n)
{
	uint8_t *out = n->out + 8 * n->count;
	uint64_t first = r->first, point = r->point, bits;
	for (uint64_t left = r->ends; left; left &= left - 1, first &= first - 1, out += sizeof bits) {
		unsigned end = (unsigned)__builtin_ctzll(left), begin = (unsigned)__builtin_ctzll(first);
		bool negative = r->minus << 1 >> begin & 1;
		double value;
		if (r->ints >> end & 1) {
			bits = read_int(p + begin, end - begin, negative, n->type == RECORDS_FLOAT64);
		} else {
			unsigned dot = (unsigned)__builtin_ctzll(point);
			point &= point - 1;
			if (!read_float(p + begin, dot - begin, end - dot - 1, negative, &value)) {
				r->ends &= ~left;
				r->next = 0;
				return;
			}
			memcpy(&bits, &value, sizeof bits);
		}
		memcpy(out, &bits, sizeof bits);
	}
}

/* --- rows ------------------------------------------------------------------------------------------ */

/* What is seen of it; returns the end of the last number. */
AVX2 static inline const uint8_t *note_row(const uint8_t *p, const struct row *r, struct records_numbers *n)
{
	unsigned last = 63 - (unsigned)__builtin_clzll(r->ends);
	n->count += (unsigned)__builtin_popcountll(r->ends);
	n->raw += (unsigned)__builtin_popcountll(r->text & ((UINT64_C(1) << last) - 1));
	n->seen |= (r->ints ? 1u << RECORD_INT : 0) | (r->ints != r->ends ? 1u << RECORD_FLOAT64 : 0);
	n->negative |= r->negative != 0;
	return p + last;
}

AVX2 static const uint8_t *read_rows(const uint8_t *p, const uint8_t *end, struct records_numbers *ret)
{
	struct records_numbers n = *ret;
	const uint8_t *behind = p;
	struct row r = {.next = 1};
	while (r.next && end - p > AT_ONCE + BEHIND && (!n.out || n.room - n.count >= AT_ONCE / 2)) {
		read_row(p, &r);
		if (n.out && n.type != RECORDS_FLOAT64 && r.ints != r.ends)
			break;
		if (n.out)
			put_row(p, &r, &n);
		if (!r.ends)
			break;
		behind = note_row(p, &r, &n);
		p += r.next;
	}
	*ret = n;
	return behind;
}

const uint8_t *jsonl_numbers(const uint8_t *p, const uint8_t *end, struct records_numbers *n)
{
	bool able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
	return able ? read_rows(p, end, n) : p;
}

#else
const uint8_t *jsonl_numbers(const uint8_t *p, const uint8_t *end, struct records_numbers *n)
{
	(void)end, (void)n;
	return p;
}
#endif
