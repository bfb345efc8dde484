/* SPDX-License-Identifier: MIT */
/* Strings of JSON, and what passes over them: by 16 bytes, where the processor can. */
#include "formats/jsonl/impl.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fs/base/name.h"

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

/* Behind the closing quote of a string that is not looked at; NULL if there is none. */
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

static int hex4(const uint8_t *p, const uint8_t *end)
{
	int value = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i], low = c | 0x20;
		int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* What the escape at p, a backslash, stands for; *ret_next is behind it.  Negative: it is none; LONE: half a pair. */
enum { NONE = -1, LONE = -2 };
static int32_t read_escape(const uint8_t *p, const uint8_t *end, const uint8_t **ret_next)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	if (end - p < 2)
		return NONE;
	uint8_t c = p[1];
	const char *letter = c ? strchr(letters, c) : NULL;
	*ret_next = p + 2;
	if (letter)
		return meant[letter - letters];
	int code = c == 'u' ? hex4(p + 2, end) : -1;
	if (code < 0)
		return NONE;
	*ret_next = p + 6;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	int low = code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return LONE;
	*ret_next = p + 12;
	return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

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
		int32_t code = read_escape(p, end, &p);
		if (code < 0)
			return code == LONE ? "half a surrogate pair in a string" : "an escape that JSON does not have";
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
		int32_t c = read_escape(p, end, &p);
		unsigned size = c < 0 ? 0 : bytes_of(c);
		if (size == 0 || size > len - made)
			break;
		static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
		for (unsigned i = size; i-- > 1; c >>= 6)
			ret[made + i] = (uint8_t)(0x80 | (c & 0x3f));
		ret[made] = (uint8_t)(leads[size] | c);
		made += size;
	}
	return made;
}
