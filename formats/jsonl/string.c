/* SPDX-License-Identifier: MIT */
/* Strings of JSON, and what passes over them: by 16 bytes, where the processor can. */
#include "formats/jsonl/impl.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fs/base/name.h"
#include "fs/values/json_escape.h"

/* --- bytes that matter --------------------------------------------------------------------- */

/* The first quote, backslash or control byte; *high: a byte of a longer character is before it, or in its 16. */
static const uint8_t *find_in_string(const uint8_t *p, const uint8_t *end, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back)),
					     _mm_cmpeq_epi8(_mm_min_epu8(x, last), x));
		unsigned bits = (unsigned)_mm_movemask_epi8(found);
		*high |= _mm_movemask_epi8(x) != 0;
		if (bits)
			return p + __builtin_ctz(bits);
	}
#endif
	for (; p < end; p++) {
		if (*p == '"' || *p == '\\' || *p < 0x20)
			return p;
		*high |= *p >= 0x80;
	}
	return end;
}

/* The first quote or bracket. */
static const uint8_t *find_structure(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), bit = _mm_set1_epi8(0x20), open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p), y = _mm_or_si128(x, bit); /* [ and { are one, ] and } too */
		unsigned bits = (unsigned)_mm_movemask_epi8(
			_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(y, open)), _mm_cmpeq_epi8(y, close)));
		if (bits)
			return p + __builtin_ctz(bits);
	}
#endif
	for (; p < end; p++)
		if (*p == '"' || (*p | 0x20) == '{' || (*p | 0x20) == '}')
			return p;
	return end;
}

uint64_t jsonl_lines(const uint8_t *p, const uint8_t *end)
{
	uint64_t lines = 0;
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	return lines;
}

/* The byte after the closing quote of a string, which is not parsed; NULL if there is none. */
static const uint8_t *pass_string(const uint8_t *p, const uint8_t *end)
{
	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		const uint8_t *before = p;
		while (before[-1] == '\\') /* the opening quote is before all of them */
			before--;
		p++;
		if ((p - before) % 2)
			return p;
	}
	return NULL;
}

const uint8_t *jsonl_pass(const uint8_t *p, const uint8_t *end, uint64_t depth)
{
	while (depth > 0) {
		p = find_structure(p, end);
		if (p == end)
			return NULL;
		uint8_t c = *p++;
		if (c == '"') {
			if (!(p = pass_string(p, end)))
				return NULL;
		} else if ((c | 0x20) == '{') {
			depth++;
		} else {
			depth--;
		}
	}
	return p;
}

/* --- escapes ----------------------------------------------------------------------------------- */

static unsigned bytes_of(int32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

const char *jsonl_string(const uint8_t *p, const uint8_t *end, struct jsonl_string *ret)
{
	const uint8_t *begin = p;
	bool high = false;
	*ret = (struct jsonl_string){0};
	for (const uint8_t *from = p;; from = p) {
		p = find_in_string(p, end, &high);
		ret->len += (uint64_t)(p - from);
		if (p == end)
			return "a string without an end";
		uint8_t c = *p;
		if (c == '"')
			break;
		if (c != '\\')
			return c == '\n' ? "a string without an end" : "a control character in a string";
		int32_t code = json_escape(p, end, &p);
		if (code < 0)
			return code == JSON_ESCAPE_HALF ? "half a surrogate pair in a string" : "an escape that JSON does not have";
		ret->len += bytes_of(code);
		ret->escaped = true;
	}
	ret->end = p;
	return high && !utf8_valid((struct slice){begin, (size_t)(p - begin)}) ? "bytes that are not UTF-8" : NULL;
}

size_t jsonl_unescape(const uint8_t *p, const uint8_t *end, uint8_t *ret, size_t len)
{
	size_t made = 0;
	bool high = false;
	while (made < len && p < end) {
		const uint8_t *from = p;
		p = find_in_string(p, end, &high);
		size_t n = (size_t)(p - from) < len - made ? (size_t)(p - from) : len - made;
		memcpy(ret + made, from, n);
		made += n;
		if (made == len || p == end || *p != '\\')
			break;
		uint8_t character[4];
		int32_t code = json_escape(p, end, &p);
		size_t size = code < 0 ? 0 : utf8_put((uint32_t)code, character);
		if (size == 0 || size > len - made)
			break;
		memcpy(ret + made, character, size);
		made += size;
	}
	return made;
}
