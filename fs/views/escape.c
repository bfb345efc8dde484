/* SPDX-License-Identifier: MIT */
#include "fs/views/escape.h"

#include <stdbool.h>
#include <string.h>

enum { STEP = ESCAPE_MORE };

static char letter_of(uint8_t c)
{
	return c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c == '\\' ? '\\' : 0;
}

static bool is_special(uint8_t c)
{
	return c < 0x20 || c == '\\' || c == 0x7f;
}

static unsigned added(uint8_t c)
{
	return !is_special(c) ? 0 : letter_of(c) ? 1 : 3;
}

static uint8_t *put_special(uint8_t c, uint8_t *to)
{
	static const char digits[] = "0123456789abcdef";
	char letter = letter_of(c);
	*to++ = '\\';
	*to++ = letter ? (uint8_t)letter : 'x';
	if (!letter) {
		*to++ = (uint8_t)digits[c >> 4];
		*to++ = (uint8_t)digits[c & 15];
	}
	return to;
}

#ifdef __SSE2__
#include <emmintrin.h>

static __m128i is_any(__m128i x)
{
	__m128i below = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	return _mm_or_si128(below, _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f))));
}

static __m128i has_letter(__m128i x)
{
	return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'))),
			    _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
}

static __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* A bit for each byte that is not shown as it is; the bytes themselves are copied. */
static unsigned copy_step(const uint8_t *p, uint8_t *to)
{
	__m128i x = load(p);
	_mm_storeu_si128((__m128i *)(void *)to, x);
	return (unsigned)_mm_movemask_epi8(is_any(x));
}

/* What STEP bytes become more: 3 for each, or 1 where it has a letter. */
static unsigned added_step(const uint8_t *p)
{
	__m128i x = load(p), any = is_any(x);
	if (!_mm_movemask_epi8(any))
		return 0;
	__m128i more = _mm_and_si128(any, _mm_andnot_si128(_mm_and_si128(has_letter(x), _mm_set1_epi8(2)), _mm_set1_epi8(3)));
	__m128i sums = _mm_sad_epu8(more, _mm_setzero_si128());
	return (unsigned)(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
}
#else
static unsigned copy_step(const uint8_t *p, uint8_t *to)
{
	unsigned bits = 0;
	memcpy(to, p, STEP);
	for (unsigned i = 0; i < STEP; i++)
		bits |= (unsigned)is_special(p[i]) << i;
	return bits;
}

static unsigned added_step(const uint8_t *p)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < STEP; i++)
		sum += added(p[i]);
	return sum;
}
#endif

uint64_t escape_length(const uint8_t *p, size_t len)
{
	uint64_t length = len;
	size_t i = 0;
	for (; i + STEP <= len; i += STEP)
		length += added_step(p + i);
	for (; i < len; i++)
		length += added(p[i]);
	return length;
}

/* The first n of STEP bytes, which are copied; those whose bits are set are escaped. */
static uint8_t *put_step(const uint8_t *p, unsigned n, unsigned bits, uint8_t *to)
{
	unsigned done = 0;
	for (; bits; bits &= bits - 1) {
		unsigned plain = (unsigned)__builtin_ctz(bits) - done;
		memcpy(to, p + done, STEP);
		to = put_special(p[done + plain], to + plain);
		done += plain + 1;
	}
	memcpy(to, p + done, STEP);
	return to + (n - done);
}

uint8_t *escape_put(const uint8_t *p, size_t len, uint8_t *to)
{
	for (size_t left = len; left > 0;) {
		unsigned n = left < STEP ? (unsigned)left : STEP, bits = copy_step(p, to) & ((1u << n) - 1);
		to = bits ? put_step(p, n, bits, to) : to + n;
		p += n;
		left -= n;
	}
	return to;
}
