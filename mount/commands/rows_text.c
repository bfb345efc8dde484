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
#include "mount/commands/rows_out.h"

/* Bytes of JSON in a field that are held until it is known whether they are quoted. */
enum { NESTED = 64 << 10 };

/* --- elements -------------------------------------------------------------------------------- */

/* Characters of four bytes each as UTF-8; NULs at the end do not count. */
static void take_unicode(const struct array *a, const uint8_t *p, uint32_t width, struct text *t)
{
	while (width >= 4 && !(p[width - 4] | p[width - 3] | p[width - 2] | p[width - 1]))
		width -= 4;
	for (uint32_t i = 0; i + 4 <= width; i += 4) {
		uint8_t utf8[4];
		uint32_t c;
		memcpy(&c, p + i, sizeof c);
		c = a->byteorder == BYTEORDER_BIG ? be32toh(c) : le32toh(c);
		text_put(t, (struct slice){utf8, utf8_put(c, utf8)});
	}
}

/* Characters of a fixed width. */
static void put_chars(struct rows_out *o, const struct rows_column *c, const uint8_t *p, bool json, char delimiter)
{
	struct text t = {0};
	struct slice s = {p, c->width};
	if (dtype_kind(c->array.dtype) == KIND_UNICODE) {
		take_unicode(&c->array, p, c->width, &t);
		s = text_slice(&t);
	}
	while (s.len > 0 && s.data[s.len - 1] == 0)
		s.len--;
	if (json)
		rows_put_json_string(o, s.data, s.len);
	else
		rows_put_field(o, s.data, s.len, delimiter);
	o->failed |= t.failed != 0;
	text_free(&t);
}

static bool is_text_kind(enum dtype_kind kind)
{
	return kind == KIND_TIMESTAMP || kind == KIND_DATE || kind == KIND_TIME || kind == KIND_COMPLEX;
}

static void put_number(struct rows_out *o, const struct rows_column *c, const uint8_t *p, bool json)
{
	enum dtype_kind kind = dtype_kind(c->array.dtype);
	char *to = rows_room(o, VIEW_TEXT_NUMBER + 8);
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
	if (c->utc && memchr(begin, 'T', (size_t)(to - begin))) /* not of a number that is no date */
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
	char *to = c->plain ? rows_room(o, DECIMAL_FLOAT_MAX) : NULL;
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
		rows_add(o, *p ? "true" : "false", *p ? 4 : 5);
		break;
	case KIND_RAW:
		if (json)
			rows_put_json_base64(o, p, c->width);
		else
			rows_put_base64(o, p, c->width);
		break;
	case KIND_CHARS:
	case KIND_UNICODE:
		put_chars(o, c, p, json, delimiter);
		break;
	default:
		put_number(o, c, p, json);
	}
}

/* --- where a value is --------------------------------------------------------------------------- */

/* The run that the slot is in. */
static bool lead_to_run(const struct rows_batch **b, uint64_t *i)
{
	const struct rows_batch *below = (*b)->below;
	uint64_t slot = (*b)->first + *i, low = 0, high = below->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if ((*b)->offsets[middle] > slot)
			high = middle;
		else
			low = middle + 1;
	}
	*b = below;
	*i = low;
	return low < below->count;
}

/* The word that the index refers to. */
static bool lead_to_word(const struct rows_batch **b, uint64_t *i)
{
	const struct rows_batch *indices = (*b)->below;
	uint64_t index, low = 0, high = (*b)->npieces;
	if (indices->validity && !indices->validity[*i])
		return false;
	index = rows_index(indices, *i);
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if ((*b)->pieces[middle].first > index)
			high = middle;
		else
			low = middle;
	}
	if (low == high || index < (*b)->pieces[low].first)
		return false;
	*b = &(*b)->pieces[low];
	*i = index - (*b)->first;
	return *i < (*b)->count;
}

/* NumPy's NaT, which is no time. */
static bool is_nat(const struct rows_batch *b, uint64_t i)
{
	uint64_t v;
	memcpy(&v, b->data + 8 * i, sizeof v);
	return (b->column->plain ? le64toh(v) : be64toh(v)) == (uint64_t)INT64_MIN;
}

static __attribute__((noinline)) bool resolve_odd(const struct rows_batch **b, uint64_t *i)
{
	for (;;) {
		if ((*b)->validity && !(*b)->validity[*i])
			return false;
		switch ((enum rows_kind)(*b)->column->kind) {
		case ROWS_DICTIONARY:
			if (!lead_to_word(b, i))
				return false;
			break;
		case ROWS_RUNS:
			if (!lead_to_run(b, i))
				return false;
			break;
		case ROWS_NULL:
			return false;
		default:
			return !(*b)->column->times || !is_nat(*b, *i);
		}
	}
}

/* Down to the value itself; false: it is null.  As deep as columns are. */
static inline bool resolve(const struct rows_batch **b, uint64_t *i)
{
	if ((*b)->column->kind >= ROWS_DICTIONARY || (*b)->column->times)
		return resolve_odd(b, i);
	return !(*b)->validity || (*b)->validity[*i];
}

/* --- JSON --------------------------------------------------------------------------------------- */

static void put_json(struct rows_out *o, const struct rows_batch *b, uint64_t i);

static void put_json_elements(struct rows_out *o, const struct rows_batch *b, uint64_t begin, uint64_t end)
{
	rows_add_byte(o, '[');
	for (uint64_t i = begin; i < end && !o->failed; i++) {
		if (i > begin)
			rows_add_byte(o, ',');
		put_json(o, b, i);
	}
	rows_add_byte(o, ']');
}

static void put_json_pairs(struct rows_out *o, const struct rows_batch *keys, uint64_t begin, uint64_t end)
{
	rows_add_byte(o, '[');
	for (uint64_t i = begin; i < end && !o->failed; i++) {
		rows_add(o, i > begin ? ",{\"key\":" : "{\"key\":", i > begin ? 8 : 7);
		put_json(o, keys, i);
		if (keys->next) {
			rows_add(o, ",\"value\":", 9);
			put_json(o, keys->next, i);
		}
		rows_add_byte(o, '}');
	}
	rows_add_byte(o, ']');
}

static void put_json_fields(struct rows_out *o, const struct rows_batch *fields, uint64_t i)
{
	rows_add_byte(o, '{');
	for (const struct rows_batch *f = fields; f && !o->failed; f = f->next) {
		bool first = f == fields;
		rows_add(o, f->column->label.data + first, f->column->label.len - first);
		put_json(o, f, i);
	}
	rows_add_byte(o, '}');
}

/* As deep as columns are nested. */
static void put_json(struct rows_out *o, const struct rows_batch *b, uint64_t i)
{
	if (!resolve(&b, &i)) {
		rows_add(o, "null", 4);
		return;
	}
	switch ((enum rows_kind)b->column->kind) {
	case ROWS_FIXED:
		put_element(o, b->column, b->data + i * b->column->width, true, 0);
		break;
	case ROWS_STRING: {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (b->column->bytes)
			rows_put_json_base64(o, p, len);
		else
			rows_put_json_string(o, p, len);
		break;
	}
	case ROWS_LIST:
		put_json_elements(o, b->below, b->offsets[i] - b->offsets[0], b->offsets[i + 1] - b->offsets[0]);
		break;
	case ROWS_ARRAY:
		put_json_elements(o, b->below, i * b->column->each, (i + 1) * b->column->each);
		break;
	case ROWS_MAP:
		put_json_pairs(o, b->below, b->offsets[i] - b->offsets[0], b->offsets[i + 1] - b->offsets[0]);
		break;
	default:
		put_json_fields(o, b->below, i);
	}
}

/* --- CSV --------------------------------------------------------------------------------------------- */

/* A field of at most ROWS_SLACK bytes, after which as many may be read; false: it has to be quoted. */
static inline bool put_short(struct rows_out *o, const uint8_t *p, size_t len, char delimiter)
{
#ifdef __SSE2__
	char *to = rows_room(o, 16);
	if (!to || len == 0)
		return false;
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(delimiter)), _mm_cmpeq_epi8(x, _mm_set1_epi8('"'))),
				     _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))));
	if ((unsigned)_mm_movemask_epi8(found) & ((1u << len) - 1))
		return false;
	_mm_storeu_si128((__m128i *)(void *)to, x);
	o->len += len;
	return true;
#else
	(void)o, (void)p, (void)len, (void)delimiter;
	return false;
#endif
}

/* JSON in a field.  What is longer than NESTED is made twice: to see whether it has to be quoted, and to be written. */
struct nesting {
	struct rows_out *out;
	char delimiter;
	bool longer, quotes, again;
};

static int pass_on(struct rows_out *json, const char *bytes, size_t len)
{
	struct nesting *n = json->arg;
	const uint8_t *p = (const uint8_t *)bytes;
	n->longer = true;
	if (!n->again)
		n->quotes = n->quotes || rows_needs_quotes(p, len, n->delimiter);
	else if (n->quotes)
		rows_put_doubled(n->out, p, len);
	else
		rows_add(n->out, p, len);
	return n->out->failed ? -1 : 0;
}

static void put_again(struct nesting *n, struct rows_out *json, const struct rows_batch *b, uint64_t i)
{
	rows_flush(json);
	n->again = true;
	if (n->quotes)
		rows_add_byte(n->out, '"');
	put_json(json, b, i);
	rows_flush(json);
	if (n->quotes)
		rows_add_byte(n->out, '"');
}

static void put_nested(struct rows_out *o, const struct rows_batch *b, uint64_t i, char delimiter)
{
	struct nesting n = {.out = o, .delimiter = delimiter};
	struct rows_out *json = o->nested ? o->nested : (o->nested = calloc(1, sizeof *json));
	if (!json) {
		o->failed = true;
		return;
	}
	json->most = NESTED;
	json->flush = pass_on;
	json->arg = &n;
	json->len = 0;
	put_json(json, b, i);
	if (n.longer)
		put_again(&n, json, b, i);
	else
		rows_put_field(o, (const uint8_t *)json->bytes, json->len, delimiter);
	o->failed |= json->failed;
	o->lost |= json->lost;
}

static void put_cell(struct rows_out *o, const struct rows_batch *b, uint64_t i, char delimiter, bool alone)
{
	if (!resolve(&b, &i)) {
		if (alone)
			rows_add(o, "\"\"", 2);
		return;
	}
	const struct rows_column *c = b->column;
	if (c->kind == ROWS_FIXED) {
		put_element(o, c, b->data + i * c->width, false, delimiter);
	} else if (c->kind == ROWS_STRING) {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (c->bytes && len)
			rows_put_base64(o, p, len);
		else if (len > ROWS_SLACK || !put_short(o, p, len, delimiter))
			rows_put_field(o, p, len, delimiter);
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
	if (!columns)
		rows_add_byte(o, '\n');
	for (const struct rows_column *c = columns; c; c = c->next) {
		rows_put_field(o, c->name.data, c->name.len, delimiter);
		rows_add_byte(o, c->next ? delimiter : '\n');
	}
}

void rows_put(struct rows_out *o, enum rows_format format, const struct rows_batch *columns, uint64_t count)
{
	char delimiter = format == ROWS_TSV ? '\t' : ',';
	for (uint64_t i = 0; i < count && !o->failed; i++) {
		if (format == ROWS_JSONL) {
			put_json_fields(o, columns, i);
		} else {
			for (const struct rows_batch *b = columns; b && !o->failed; b = b->next) {
				put_cell(o, b, i, delimiter, !columns->next);
				if (b->next)
					rows_add_byte(o, delimiter);
			}
		}
		rows_add_byte(o, '\n');
	}
}
