/* SPDX-License-Identifier: MIT */
#include "fs/values/json_index.h"

#include <endian.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef void index_blocks(const uint8_t *text, size_t blocks, uint64_t *ret);

/* --- eight bytes at a time, in a general register ---------------------- */

/* Sets the top bit of exactly those bytes that are 0: no borrow passes between bytes. */
static uint64_t zeros(uint64_t x)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7f;
	return ~(((x & low) + low) | x | low);
}

static uint64_t index_word(const uint8_t *text)
{
	const uint64_t ones = 0x0101010101010101, gather = 0x0102040810204080;
	uint64_t w;
	memcpy(&w, text, sizeof w);
	w = le64toh(w);
	w = zeros(w ^ ones * '"') | zeros(w ^ ones * '\\') | zeros(w & ones * 0xe0);
	return ((w >> 7) * gather) >> 56;
}

static void portable(const uint8_t *text, size_t blocks, uint64_t *ret)
{
	for (size_t i = 0; i < blocks; i++, text += JSON_INDEX_BLOCK) {
		uint64_t bits = 0;
		for (unsigned k = 0; k < 8; k++)
			bits |= index_word(text + k * 8) << k * 8;
		ret[i] = bits;
	}
}

/* --- 16 and 32 bytes at a time ----------------------------------------- */

#if defined(__x86_64__)
static uint64_t sse2_bits(const uint8_t *text)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)text);
	__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}

static void sse2(const uint8_t *text, size_t blocks, uint64_t *ret)
{
	for (size_t i = 0; i < blocks; i++, text += JSON_INDEX_BLOCK)
		ret[i] = sse2_bits(text) | sse2_bits(text + 16) << 16 | sse2_bits(text + 32) << 32 | sse2_bits(text + 48) << 48;
}

__attribute__((target("avx2"))) static uint64_t avx2_bits(const uint8_t *text)
{
	__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)text);
	__m256i quote = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"')), slash = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'));
	__m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x1f)), x);
	return (unsigned)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), low));
}

__attribute__((target("avx2"))) static void avx2(const uint8_t *text, size_t blocks, uint64_t *ret)
{
	for (size_t i = 0; i < blocks; i++, text += JSON_INDEX_BLOCK)
		ret[i] = avx2_bits(text) | avx2_bits(text + 32) << 32;
}
#endif

/* --- choosing ---------------------------------------------------------- */

/* NULL if this machine lacks it. */
static index_blocks *blocks_by(enum json_index_way way)
{
	if (way == JSON_INDEX_PORTABLE)
		return portable;
#if defined(__x86_64__)
	if (way == JSON_INDEX_SSE2)
		return sse2;
	if (way == JSON_INDEX_AVX2 && __builtin_cpu_supports("avx2"))
		return avx2;
#endif
	return NULL;
}

bool json_index_by(enum json_index_way way, const uint8_t *text, size_t len, uint64_t *ret)
{
	index_blocks *blocks = blocks_by(way);
	size_t whole = len / JSON_INDEX_BLOCK, rest = len % JSON_INDEX_BLOCK;
	uint8_t last[JSON_INDEX_BLOCK] = {0}; /* so as not to read past the text */

	if (!blocks)
		return false;
	blocks(text, whole, ret);
	if (rest) {
		memcpy(last, text + whole * JSON_INDEX_BLOCK, rest);
		blocks(last, 1, ret + whole);
	}
	return true;
}

void json_index(const uint8_t *text, size_t len, uint64_t *ret)
{
	enum json_index_way way = JSON_INDEX_WAYS - 1;
	while (!json_index_by(way, text, len, ret))
		way--;
}
