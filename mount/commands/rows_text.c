/* SPDX-License-Identifier: MIT */
/* Values as CSV and JSON. */
#include <endian.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fs/base/name.h"
#include "fs/values/decimal.h"
#include "fs/views/text.h"
#include "mount/commands/rows.h"

/* --- bytes ------------------------------------------------------------------------------ */

/* Room for n bytes more; NULL: no memory. */
static char *room(struct rows_out *o, size_t n)
{
	if (o->room - o->len < n) {
		size_t want = o->room * 2 > o->len + n ? o->room * 2 : o->len + n;
		char *grown = o->failed ? NULL : realloc(o->bytes, want);
		if (!grown) {
			o->failed = true;
			return NULL;
		}
		o->bytes = grown;
		o->room = want;
	}
	return o->bytes + o->len;
}

static void put(struct rows_out *o, const void *bytes, size_t len)
{
	char *to = room(o, len);
	if (to && len) {
		memcpy(to, bytes, len);
		o->len += len;
	}
}

static void put_byte(struct rows_out *o, char c)
{
	char *to = room(o, 1);
	if (to) {
		*to = c;
		o->len++;
	}
}

/* --- strings -------------------------------------------------------------------------------- */

/* Does a field have to be quoted: is there a delimiter, a quote or a line end in it? */
static bool needs_quotes(const uint8_t *p, size_t len, char delimiter)
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

static void put_quoted(struct rows_out *o, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len, *quote;
	put_byte(o, '"');
	while ((quote = memchr(p, '"', (size_t)(end - p)))) {
		put(o, p, (size_t)(quote + 1 - p));
		put_byte(o, '"');
		p = quote + 1;
	}
	put(o, p, (size_t)(end - p));
	put_byte(o, '"');
}

static void put_field(struct rows_out *o, const uint8_t *p, size_t len, char delimiter)
{
	if (len == 0 || needs_quotes(p, len, delimiter))
		put_quoted(o, p, len);
	else
		put(o, p, len);
}

/* Is it valid within quotes as it stands? */
static bool is_plain(const uint8_t *p, size_t len)
{
	bool high = false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			return false;
		high |= p[i] >= 0x80;
	}
	return !high || utf8_valid((struct slice){p, len});
}

static void put_json_string(struct rows_out *o, const uint8_t *p, size_t len)
{
	if (is_plain(p, len)) {
		put_byte(o, '"');
		put(o, p, len);
		put_byte(o, '"');
		return;
	}
	struct text t = {0};
	text_json(&t, (struct slice){p, len});
	o->failed |= t.failed != 0;
	put(o, t.bytes, t.len);
	text_free(&t);
}

static void put_base64(struct rows_out *o, const uint8_t *p, size_t len, bool quoted)
{
	struct text t = {0};
	text_base64(&t, (struct slice){p, len});
	o->failed |= t.failed != 0;
	if (!t.failed)
		put(o, t.bytes + !quoted, t.len - 2 * (size_t)!quoted);
	text_free(&t);
}

/* --- elements -------------------------------------------------------------------------------- */

/* Characters of a fixed width, as UTF-8. */
static void take_chars(const struct array *a, const uint8_t *p, uint32_t width, struct text *t)
{
	if (dtype_kind(a->dtype) == KIND_CHARS) {
		while (width > 0 && p[width - 1] == 0)
			width--;
		text_put(t, (struct slice){p, width});
		return;
	}
	for (uint32_t i = 0; i + 4 <= width; i += 4) {
		uint8_t utf8[4];
		uint32_t c = a->byteorder == BYTEORDER_BIG ? (uint32_t)p[i] << 24 | (uint32_t)p[i + 1] << 16 | (uint32_t)p[i + 2] << 8 | p[i + 3]
							   : p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
		if (c)
			text_put(t, (struct slice){utf8, utf8_put(c, utf8)});
	}
}

static bool is_text_kind(enum dtype_kind kind)
{
	return kind == KIND_TIMESTAMP || kind == KIND_DATE || kind == KIND_TIME || kind == KIND_COMPLEX;
}

static void put_number(struct rows_out *o, const struct rows_column *c, const uint8_t *p, bool json)
{
	enum dtype_kind kind = dtype_kind(c->array.dtype);
	char *to = room(o, VIEW_TEXT_NUMBER + 8);
	if (!to)
		return;
	char *begin = to;
	bool quoted = json && is_text_kind(kind);
	if (quoted)
		*to++ = '"';
	size_t n = view_text_number(&c->array, p, to);
	if (kind == KIND_FLOAT && (to[n - 1] == 'n' || to[n - 1] == 'f')) {
		bool nan = to[n - 1] == 'n';
		if (json) {
			memcpy(to, "null", 4);
			n = 4;
			o->lost = true;
		} else if (nan) {
			memcpy(to, "NaN", 3);
			n = 3;
		}
	}
	to += n;
	if (c->utc)
		*to++ = 'Z';
	if (quoted)
		*to++ = '"';
	o->len += (size_t)(to - begin);
}

/* The usual numbers, without a detour. */
static bool put_usual(struct rows_out *o, const struct rows_column *c, const uint8_t *p)
{
	uint64_t wide;
	uint32_t narrow;
	char *to = c->plain ? room(o, DECIMAL_FLOAT_MAX) : NULL;
	if (!to)
		return false;
	switch ((enum dtype)c->array.dtype) {
	case DTYPE_INT64:
		memcpy(&wide, p, sizeof wide);
		o->len += decimal_signed((int64_t)le64toh(wide), to);
		return true;
	case DTYPE_INT32:
		memcpy(&narrow, p, sizeof narrow);
		o->len += decimal_signed((int32_t)le32toh(narrow), to);
		return true;
	case DTYPE_FLOAT64:
		memcpy(&wide, p, sizeof wide);
		wide = le64toh(wide);
		if ((wide >> 52 & 0x7ff) == 0x7ff)
			return false;
		o->len += decimal_float(dtype_float_kind(DTYPE_FLOAT64), wide, to);
		return true;
	default:
		return false;
	}
}

static void put_element(struct rows_out *o, const struct rows_column *c, const uint8_t *p, bool json, char delimiter)
{
	if (put_usual(o, c, p))
		return;
	switch (dtype_kind(c->array.dtype)) {
	case KIND_BOOL:
		put(o, *p ? "true" : "false", *p ? 4 : 5);
		break;
	case KIND_RAW:
		put_base64(o, p, c->width, json);
		break;
	case KIND_CHARS:
	case KIND_UNICODE: {
		struct text t = {0};
		take_chars(&c->array, p, c->width, &t);
		if (json)
			put_json_string(o, (const uint8_t *)t.bytes, t.len);
		else
			put_field(o, (const uint8_t *)t.bytes, t.len, delimiter);
		o->failed |= t.failed != 0;
		text_free(&t);
		break;
	}
	default:
		put_number(o, c, p, json);
	}
}

/* --- JSON --------------------------------------------------------------------------------------- */

static void put_json(struct rows_out *o, const struct rows_batch *b, uint64_t i);

static void put_json_elements(struct rows_out *o, const struct rows_batch *b, uint64_t begin, uint64_t end)
{
	put_byte(o, '[');
	for (uint64_t i = begin; i < end && !o->failed; i++) {
		if (i > begin)
			put_byte(o, ',');
		put_json(o, b, i);
	}
	put_byte(o, ']');
}

static void put_json_pairs(struct rows_out *o, const struct rows_batch *keys, uint64_t begin, uint64_t end)
{
	put_byte(o, '[');
	for (uint64_t i = begin; i < end && !o->failed; i++) {
		put(o, i > begin ? ",{\"key\":" : "{\"key\":", i > begin ? 8 : 7);
		put_json(o, keys, i);
		put(o, ",\"value\":", 9);
		put_json(o, keys->next, i);
		put_byte(o, '}');
	}
	put_byte(o, ']');
}

static void put_json_fields(struct rows_out *o, const struct rows_batch *fields, uint64_t i)
{
	put_byte(o, '{');
	for (const struct rows_batch *f = fields; f && !o->failed; f = f->next) {
		if (f != fields)
			put_byte(o, ',');
		put_json_string(o, f->column->member.data, f->column->member.len);
		put_byte(o, ':');
		put_json(o, f, i);
	}
	put_byte(o, '}');
}

static void put_json_fixed(struct rows_out *o, const struct rows_batch *b, uint64_t i)
{
	const struct rows_column *c = b->column;
	const uint8_t *p = b->data + i * c->each * c->width;
	bool several = c->each != 1;
	if (several)
		put_byte(o, '[');
	for (uint64_t k = 0; k < c->each && !o->failed; k++, p += c->width) {
		if (k)
			put_byte(o, ',');
		if (b->inner_validity && !b->inner_validity[i * c->each + k])
			put(o, "null", 4);
		else
			put_element(o, c, p, true, 0);
	}
	if (several)
		put_byte(o, ']');
}

/* What the row stands for in the column below, of dictionaries and runs; false: null. */
static bool lead_on(const struct rows_batch **b, uint64_t *i)
{
	const struct rows_batch *below = (*b)->below;
	uint64_t at = *i;
	if ((*b)->column->kind == ROWS_RUNS) {
		uint64_t row = (*b)->first + at, run = 0, high = below->count;
		while (run < high) {
			uint64_t middle = run + (high - run) / 2;
			if ((*b)->offsets[middle] > row)
				high = middle;
			else
				run = middle + 1;
		}
		*b = below;
		*i = run;
		return run < below->count;
	}
	const struct rows_column *c = below->column;
	const uint8_t *p = below->data + at * c->width;
	uint64_t index = 0;
	if (below->validity && !below->validity[at])
		return false;
	for (uint32_t k = 0; k < c->width && k < 8; k++)
		index |= (uint64_t)p[c->array.byteorder == BYTEORDER_BIG ? c->width - 1 - k : k] << 8 * k;
	*b = below->next;
	*i = index;
	return index < below->next->count;
}

static bool is_null(const struct rows_batch *b, uint64_t i)
{
	return b->column->kind == ROWS_NULL || (b->validity && !b->validity[i]);
}

/* Down to the value itself; false: it is null.  As deep as columns are. */
static bool resolve(const struct rows_batch **b, uint64_t *i)
{
	while (!is_null(*b, *i)) {
		if ((*b)->column->kind != ROWS_DICTIONARY && (*b)->column->kind != ROWS_RUNS)
			return true;
		if (!lead_on(b, i))
			return false;
	}
	return false;
}

/* As deep as columns are nested. */
static void put_json(struct rows_out *o, const struct rows_batch *b, uint64_t i)
{
	if (!resolve(&b, &i)) {
		put(o, "null", 4);
		return;
	}
	switch ((enum rows_kind)b->column->kind) {
	case ROWS_FIXED:
		put_json_fixed(o, b, i);
		break;
	case ROWS_STRING: {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (b->column->bytes)
			put_base64(o, p, len, true);
		else
			put_json_string(o, p, len);
		break;
	}
	case ROWS_LIST:
		put_json_elements(o, b->below, b->offsets[i] - b->offsets[0], b->offsets[i + 1] - b->offsets[0]);
		break;
	case ROWS_MAP:
		put_json_pairs(o, b->below, b->offsets[i] - b->offsets[0], b->offsets[i + 1] - b->offsets[0]);
		break;
	default:
		put_json_fields(o, b->below, i);
	}
}

/* --- CSV --------------------------------------------------------------------------------------------- */

static void put_nested(struct rows_out *o, const struct rows_batch *b, uint64_t i, char delimiter)
{
	struct rows_out json = {0};
	put_json(&json, b, i);
	put_field(o, (const uint8_t *)json.bytes, json.len, delimiter);
	o->failed |= json.failed;
	o->lost |= json.lost;
	free(json.bytes);
}

static void put_cell(struct rows_out *o, const struct rows_batch *b, uint64_t i, char delimiter, bool alone)
{
	if (!resolve(&b, &i)) {
		if (alone)
			put(o, "\"\"", 2);
		return;
	}
	const struct rows_column *c = b->column;
	if (c->kind == ROWS_FIXED && c->each == 1) {
		put_element(o, c, b->data + i * c->width, false, delimiter);
	} else if (c->kind == ROWS_STRING) {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (c->bytes && len)
			put_base64(o, p, len, false);
		else
			put_field(o, p, len, delimiter);
	} else {
		put_nested(o, b, i, delimiter);
	}
}

/* --- rows -------------------------------------------------------------------------------------------- */

void rows_put_header(struct rows_out *o, enum rows_format format, const struct rows_column *columns)
{
	char delimiter = format == ROWS_TSV ? '\t' : ',';
	if (format == ROWS_JSONL)
		return;
	for (const struct rows_column *c = columns; c; c = c->next) {
		put_field(o, c->name.data, c->name.len, delimiter);
		put_byte(o, c->next ? delimiter : '\n');
	}
}

void rows_put(struct rows_out *o, enum rows_format format, const struct rows_batch *columns, uint64_t count)
{
	char delimiter = format == ROWS_TSV ? '\t' : ',';
	for (uint64_t i = 0; i < count && !o->failed; i++) {
		if (format == ROWS_JSONL) {
			put_json_fields(o, columns, i);
		} else {
			for (const struct rows_batch *b = columns; b; b = b->next) {
				put_cell(o, b, i, delimiter, !columns->next);
				if (b->next)
					put_byte(o, delimiter);
			}
		}
		put_byte(o, '\n');
	}
}
