/* SPDX-License-Identifier: MIT */
/* Strings as CSV and JSON. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fs/base/name.h"
#include "mount/commands/rows_out.h"

bool rows_needs_quotes(const uint8_t *p, size_t len, char delimiter)
{
	const uint8_t *end = p + len;
#ifdef __SSE2__
	const __m128i a = _mm_set1_epi8(delimiter), b = _mm_set1_epi8('"'), c = _mm_set1_epi8('\n'), d = _mm_set1_epi8('\r');
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, a), _mm_cmpeq_epi8(x, b)), _mm_or_si128(_mm_cmpeq_epi8(x, c), _mm_cmpeq_epi8(x, d)));
		if (_mm_movemask_epi8(found))
			return true;
	}
#endif
	for (; p < end; p++)
		if (*p == (uint8_t)delimiter || *p == '"' || *p == '\n' || *p == '\r')
			return true;
	return false;
}

void rows_put_doubled(struct rows_out *o, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len, *quote;
	while (p < end && !o->failed && (quote = memchr(p, '"', (size_t)(end - p)))) {
		rows_add(o, p, (size_t)(quote + 1 - p));
		rows_add_byte(o, '"');
		p = quote + 1;
	}
	rows_add(o, p, (size_t)(end - p));
}

static void put_quoted(struct rows_out *o, const uint8_t *p, size_t len)
{
	rows_add_byte(o, '"');
	rows_put_doubled(o, p, len);
	rows_add_byte(o, '"');
}

void rows_put_field(struct rows_out *o, const uint8_t *p, size_t len, char delimiter)
{
	if (len == 0 || rows_needs_quotes(p, len, delimiter))
		put_quoted(o, p, len);
	else
		rows_add(o, p, len);
}

/* Is it valid within quotes as it stands? */
static bool is_plain(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len, *at = p;
	bool high = false;
#ifdef __SSE2__
	const __m128i least = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\');
	for (; end - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)at);
		__m128i fine = _mm_cmpeq_epi8(_mm_max_epu8(x, least), x);
		__m128i special = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back));
		if (_mm_movemask_epi8(_mm_andnot_si128(special, fine)) != 0xffff)
			return false;
		high |= _mm_movemask_epi8(x) != 0;
	}
#endif
	for (; at < end; at++) {
		if (*at < 0x20 || *at == '"' || *at == '\\')
			return false;
		high |= *at >= 0x80;
	}
	return !high || utf8_valid((struct slice){p, len});
}

/* What is valid UTF-8, escaped. */
static void put_escaped(struct rows_out *o, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t from = 0;
	for (size_t i = 0; i < len && !o->failed; i++) {
		uint8_t c = p[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		rows_add(o, p + from, i - from);
		from = i + 1;
		const char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
		const char *brief = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
		rows_add(o, brief ? brief : code, brief ? 2 : 6);
	}
	rows_add(o, p + from, len - from);
}

void rows_put_json_string(struct rows_out *o, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	rows_add_byte(o, '"');
	if (is_plain(p, len)) {
		rows_add(o, p, len);
		len = 0;
	}
	while (len && !o->failed) {
		size_t valid = utf8_prefix((struct slice){p, len});
		put_escaped(o, p, valid);
		p += valid;
		len -= valid;
		if (len) {
			rows_add(o, (const char[]){'%', digits[*p >> 4], digits[*p & 15]}, 3);
			p++;
			len--;
		}
	}
	rows_add_byte(o, '"');
}

void rows_put_base64(struct rows_out *o, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
		char *to = rows_room(o, 4);
		if (!to)
			return;
		to[0] = digits[group >> 18];
		to[1] = digits[group >> 12 & 63];
		to[2] = left > 1 ? digits[group >> 6 & 63] : '=';
		to[3] = left > 2 ? digits[group & 63] : '=';
		o->len += 4;
	}
}

void rows_put_json_base64(struct rows_out *o, const uint8_t *p, size_t len)
{
	rows_add_byte(o, '"');
	rows_put_base64(o, p, len);
	rows_add_byte(o, '"');
}
