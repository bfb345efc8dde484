/* SPDX-License-Identifier: MIT */
/* Fields and rows of CSV, as RFC 4180 has them. */
#include "formats/csv/impl.h"

/* --- bytes that matter ----------------------------------------------------------------------- */

/* The first of three bytes. */
static inline const uint8_t *find_three(const uint8_t *p, const uint8_t *end, uint8_t a, uint8_t b, uint8_t c)
{
#ifdef __SSE2__
	const __m128i va = _mm_set1_epi8((char)a), vb = _mm_set1_epi8((char)b), vc = _mm_set1_epi8((char)c);
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned bits = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, va), _mm_cmpeq_epi8(x, vb)), _mm_cmpeq_epi8(x, vc)));
		if (bits)
			return p + __builtin_ctz(bits);
	}
#endif
	while (p < end && *p != a && *p != b && *p != c)
		p++;
	return p;
}

uint64_t csv_lines(const uint8_t *p, const uint8_t *end)
{
	uint64_t lines = 0;
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	return lines;
}

/* --- fields ------------------------------------------------------------------------------------- */

/* What ends a field at p; NULL: nothing does. */
static const uint8_t *end_field(const struct csv_how *how, const uint8_t *p, const uint8_t *end, struct csv_field *ret)
{
	if (p == end) {
		ret->last = CSV_BYTES;
		return p;
	}
	ret->last = *p == how->delimiter ? CSV_FIELD : CSV_ROW;
	if (*p == how->delimiter || *p == '\n')
		return p + 1;
	return *p == '\r' && end - p > 1 && p[1] == '\n' ? p + 2 : NULL;
}

/* The quote that closes, from the first byte within on; NULL: none. */
static const uint8_t *closing_quote(const uint8_t *p, const uint8_t *end, bool *doubled)
{
	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		if (end - p < 2 || p[1] != '"')
			return p;
		*doubled = true;
		p += 2;
	}
	return NULL;
}

static const uint8_t *quoted_field(const struct csv_how *how, const uint8_t *p, const uint8_t *end, struct csv_field *ret, const char **ret_why)
{
	*ret = (struct csv_field){.begin = p + 1, .quoted = true};
	ret->end = closing_quote(p + 1, end, &ret->doubled);
	if (!ret->end) {
		*ret_why = "a quote that is never closed";
		return NULL;
	}
	const uint8_t *next = end_field(how, ret->end + 1, end, ret);
	if (!next)
		*ret_why = ret->end[1] == '\r' ? "a carriage return without a line feed" : "text behind a closing quote";
	return next;
}

const uint8_t *csv_field_any(const struct csv_how *how, const uint8_t *p, const uint8_t *end, struct csv_field *ret, const char **ret_why)
{
	if (p < end && *p == '"' && how->quote)
		return quoted_field(how, p, end, ret, ret_why);
	*ret = (struct csv_field){.begin = p, .end = find_three(p, end, how->delimiter, '\n', '\r')};
	const uint8_t *next = end_field(how, ret->end, end, ret);
	if (!next)
		*ret_why = "a carriage return without a line feed";
	return next;
}

/* --- rows ---------------------------------------------------------------------------------------- */

/* After the next line feed; if there is none, the end of the last bytes. */
static const uint8_t *line_end(const uint8_t *p, const uint8_t *end, bool last)
{
	const uint8_t *feed = memchr(p, '\n', (size_t)(end - p));
	return feed ? feed + 1 : last ? end : NULL;
}

/* A broken row ends with its line, so that those after it can be read. */
const uint8_t *csv_row_end(const struct csv_how *how, const uint8_t *p, const uint8_t *end, bool last)
{
	const uint8_t *row = p;
	bool doubled;
	if (!how->quote)
		return line_end(p, end, last);
	for (;;) {
		p = find_three(p, end, '"', '\n', '\n');
		if (p == end)
			return last ? end : NULL;
		if (*p == '\n')
			return p + 1;
		if (p > row && p[-1] != how->delimiter) { /* a character of its field */
			p++;
			continue;
		}
		const uint8_t *closing = closing_quote(p + 1, end, &doubled);
		if (!closing)
			return last ? line_end(row, end, true) : NULL;
		if (closing + 1 == end)
			return last ? end : NULL;
		p = closing + 1;
		if (*p != how->delimiter && *p != '\n' && !(*p == '\r' && end - p > 1 && p[1] == '\n'))
			return line_end(row, end, last);
	}
}

bool csv_row_whole(const struct csv_how *how, const uint8_t *p, const uint8_t *end, uint32_t *fields, const char **ret_why)
{
	struct csv_field f;
	*fields = 0;
	do {
		if (!(p = csv_field(how, p, end, &f, ret_why)))
			return false;
		++*fields;
	} while (f.last == CSV_FIELD);
	*ret_why = NULL;
	return *fields == how->columns;
}

size_t csv_length(const struct csv_field *f)
{
	size_t len = (size_t)(f->end - f->begin);
	for (const uint8_t *p = f->begin; f->doubled && (p = memchr(p, '"', (size_t)(f->end - p))) && f->end - p > 1; p += 2)
		len--;
	return len;
}

size_t csv_undouble(const struct csv_field *f, uint8_t *ret)
{
	size_t made = 0;
	for (const uint8_t *p = f->begin; p < f->end; p++) {
		ret[made++] = *p;
		p += *p == '"' && f->end - p > 1 && p[1] == '"';
	}
	return made;
}
