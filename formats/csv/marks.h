/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * Most fields are short and without quotes.  They are found 64 bytes at a time, a bit for each, the first byte
 * the lowest:
 *
 *	17,0.25,alpha⏎18,
 *	..|....|.....|..|    ends
 *	..x.x..xxxxxxx..x    others
 */
enum { CSV_MARKED = 64 };

struct csv_marks {
	uint64_t ends;   /* delimiters, line feeds, carriage returns */
	uint64_t others; /* all but digits */
	uint64_t quotes; /* if they are quotes */
	bool wide;       /* some are above 7F */
};

/* Where one column alone is looked for. */
struct csv_breaks {
	uint64_t delimiters, feeds;
	uint64_t quotes; /* if they are quotes */
};

/* --- eight bytes at a time, in a general register ---------------------- */

static const uint64_t csv_ones = 0x0101010101010101, csv_low = 0x7f7f7f7f7f7f7f7f;

/* The top bit of each byte that is c, and of no other: no carry passes between them. */
static inline uint64_t csv_same(uint64_t w, uint8_t c)
{
	uint64_t x = w ^ csv_ones * c;
	return ~(((x & csv_low) + csv_low) | x | csv_low);
}

/* Those of bytes that are not digits. */
static inline uint64_t csv_no_digits(uint64_t w)
{
	uint64_t x = w ^ csv_ones * '0';
	return (((x & csv_low) + csv_ones * (0x80 - 10)) | x) & ~csv_low;
}

/* Top bits as bits, the n-th eight of them. */
static inline uint64_t csv_gather(uint64_t tops, unsigned n)
{
	return ((tops >> 7) * 0x0102040810204080) >> 56 << 8 * n;
}

/* Of the CSV_MARKED bytes at p. */
static inline struct csv_marks csv_mark_words(const uint8_t *p, uint8_t delimiter, bool quote)
{
	struct csv_marks m = {0};
	uint64_t w, any = 0;
	for (unsigned i = 0; i < 8; i++, any |= w) {
		memcpy(&w, p + 8 * i, sizeof w);
		w = le64toh(w);
		m.ends |= csv_gather(csv_same(w, delimiter) | csv_same(w, '\n') | csv_same(w, '\r'), i);
		m.others |= csv_gather(csv_no_digits(w), i);
		m.quotes |= quote ? csv_gather(csv_same(w, '"'), i) : 0;
	}
	m.wide = any & ~csv_low;
	return m;
}

static inline struct csv_breaks csv_break_words(const uint8_t *p, uint8_t delimiter, bool quote)
{
	struct csv_breaks b = {0};
	uint64_t w;
	for (unsigned i = 0; i < 8; i++) {
		memcpy(&w, p + 8 * i, sizeof w);
		w = le64toh(w);
		b.delimiters |= csv_gather(csv_same(w, delimiter), i);
		b.feeds |= csv_gather(csv_same(w, '\n'), i);
		b.quotes |= quote ? csv_gather(csv_same(w, '"'), i) : 0;
	}
	return b;
}

/* --- 16 bytes at a time ------------------------------------------------- */

#ifdef __SSE2__
static inline uint64_t csv_bits(const __m128i x[4])
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(x[0]) | (uint64_t)(unsigned)_mm_movemask_epi8(x[1]) << 16 |
	       (uint64_t)(unsigned)_mm_movemask_epi8(x[2]) << 32 | (uint64_t)(unsigned)_mm_movemask_epi8(x[3]) << 48;
}

static inline struct csv_marks csv_mark(const uint8_t *p, uint8_t delimiter, bool quote)
{
	const __m128i d = _mm_set1_epi8((char)delimiter), feed = _mm_set1_epi8('\n'), carriage = _mm_set1_epi8('\r');
	__m128i ends[4], digits[4], quotes[4], any = _mm_setzero_si128();
	for (unsigned i = 0; i < 4; i++) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), n = _mm_sub_epi8(x, _mm_set1_epi8('0'));
		ends[i] = _mm_or_si128(_mm_cmpeq_epi8(x, d), _mm_or_si128(_mm_cmpeq_epi8(x, feed), _mm_cmpeq_epi8(x, carriage)));
		digits[i] = _mm_cmpeq_epi8(_mm_min_epu8(n, _mm_set1_epi8(9)), n);
		quotes[i] = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
		any = _mm_or_si128(any, x);
	}
	return (struct csv_marks){csv_bits(ends), ~csv_bits(digits), quote ? csv_bits(quotes) : 0, _mm_movemask_epi8(any) != 0};
}

static inline struct csv_breaks csv_break(const uint8_t *p, uint8_t delimiter, bool quote)
{
	const __m128i d = _mm_set1_epi8((char)delimiter), feed = _mm_set1_epi8('\n');
	__m128i delimiters[4], feeds[4], quotes[4];
	for (unsigned i = 0; i < 4; i++) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
		delimiters[i] = _mm_cmpeq_epi8(x, d);
		feeds[i] = _mm_cmpeq_epi8(x, feed);
		quotes[i] = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	}
	return (struct csv_breaks){csv_bits(delimiters), csv_bits(feeds), quote ? csv_bits(quotes) : 0};
}
#else
#define csv_mark csv_mark_words
#define csv_break csv_break_words
#endif
