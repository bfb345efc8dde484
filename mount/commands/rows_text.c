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

/* Bytes of JSON in a field that are held until it is known whether they are quoted. */
enum { NESTED = 64 << 10 };

/* --- bytes ------------------------------------------------------------------------------ */

static void fail_unless(struct rows_out *o, bool fine)
{
	o->failed |= !fine;
}

static void flush(struct rows_out *o)
{
	if (!o->failed && o->len)
		fail_unless(o, o->flush(o, o->bytes, o->len) == 0);
	o->len = 0;
}

static __attribute__((noinline)) char *grow(struct rows_out *o, size_t n)
{
	if (o->flush && o->len + n > o->most)
		flush(o);
	if (o->room - o->len < n) {
		size_t want = o->room * 2 > o->len + n ? o->room * 2 : o->len + n;
		want = o->flush && want > o->most && o->len + n <= o->most ? o->most : want;
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

/* Room for n bytes more; NULL: no memory. */
static inline char *room(struct rows_out *o, size_t n)
{
	return o->room - o->len >= n ? o->bytes + o->len : grow(o, n);
}

static __attribute__((noinline)) void put_long(struct rows_out *o, const void *bytes, size_t len)
{
	if (o->flush && len > o->most / 2) { /* as it is, without a copy */
		flush(o);
		if (!o->failed)
			fail_unless(o, o->flush(o, bytes, len) == 0);
		return;
	}
	char *to = room(o, len);
	if (to) {
		memcpy(to, bytes, len);
		o->len += len;
	}
}

static inline void put(struct rows_out *o, const void *bytes, size_t len)
{
	if (o->room - o->len < len) {
		put_long(o, bytes, len);
	} else if (len) {
		memcpy(o->bytes + o->len, bytes, len);
		o->len += len;
	}
}

static inline void put_byte(struct rows_out *o, char c)
{
	char *to = room(o, 1);
	if (to) {
		*to = c;
		o->len++;
	}
}

void rows_out_free(struct rows_out *o)
{
	if (o->nested)
		rows_out_free(o->nested);
	free(o->nested);
	free(o->bytes);
	*o = (struct rows_out){0};
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

/* A field of at most ROWS_SLACK bytes, behind which as many may be read; false: it has to be quoted. */
static inline bool put_short(struct rows_out *o, const uint8_t *p, size_t len, char delimiter)
{
#ifdef __SSE2__
	char *to = room(o, 16);
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

/* With its quotes doubled. */
static void put_doubled(struct rows_out *o, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len, *quote;
	while (p < end && !o->failed && (quote = memchr(p, '"', (size_t)(end - p)))) {
		put(o, p, (size_t)(quote + 1 - p));
		put_byte(o, '"');
		p = quote + 1;
	}
	put(o, p, (size_t)(end - p));
}

static void put_quoted(struct rows_out *o, const uint8_t *p, size_t len)
{
	put_byte(o, '"');
	put_doubled(o, p, len);
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
		put(o, p + from, i - from);
		from = i + 1;
		const char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
		const char *brief = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
		put(o, brief ? brief : code, brief ? 2 : 6);
	}
	put(o, p + from, len - from);
}

/* Bytes that are not UTF-8 are %XX, as everywhere in our JSON. */
static void put_json_string(struct rows_out *o, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	put_byte(o, '"');
	if (is_plain(p, len)) {
		put(o, p, len);
		len = 0;
	}
	while (len && !o->failed) {
		size_t valid = utf8_prefix((struct slice){p, len});
		put_escaped(o, p, valid);
		p += valid;
		len -= valid;
		if (len) {
			put(o, (const char[]){'%', digits[*p >> 4], digits[*p & 15]}, 3);
			p++;
			len--;
		}
	}
	put_byte(o, '"');
}

static void put_base64(struct rows_out *o, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
		char *to = room(o, 4);
		if (!to)
			return;
		to[0] = digits[group >> 18];
		to[1] = digits[group >> 12 & 63];
		to[2] = left > 1 ? digits[group >> 6 & 63] : '=';
		to[3] = left > 2 ? digits[group & 63] : '=';
		o->len += 4;
	}
}

static void put_json_base64(struct rows_out *o, const uint8_t *p, size_t len)
{
	put_byte(o, '"');
	put_base64(o, p, len);
	put_byte(o, '"');
}

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
		put_json_string(o, s.data, s.len);
	else
		put_field(o, s.data, s.len, delimiter);
	fail_unless(o, t.failed == 0);
	text_free(&t);
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
		if (json)
			put_json_base64(o, p, c->width);
		else
			put_base64(o, p, c->width);
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

/* The word that the index tells. */
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
		if (keys->next) {
			put(o, ",\"value\":", 9);
			put_json(o, keys->next, i);
		}
		put_byte(o, '}');
	}
	put_byte(o, ']');
}

static void put_json_fields(struct rows_out *o, const struct rows_batch *fields, uint64_t i)
{
	put_byte(o, '{');
	for (const struct rows_batch *f = fields; f && !o->failed; f = f->next) {
		bool first = f == fields;
		put(o, f->column->label.data + first, f->column->label.len - first);
		put_json(o, f, i);
	}
	put_byte(o, '}');
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
		put_element(o, b->column, b->data + i * b->column->width, true, 0);
		break;
	case ROWS_STRING: {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (b->column->bytes)
			put_json_base64(o, p, len);
		else
			put_json_string(o, p, len);
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
		n->quotes = n->quotes || needs_quotes(p, len, n->delimiter);
	else if (n->quotes)
		put_doubled(n->out, p, len);
	else
		put(n->out, p, len);
	return n->out->failed ? -1 : 0;
}

static void put_again(struct nesting *n, struct rows_out *json, const struct rows_batch *b, uint64_t i)
{
	flush(json);
	n->again = true;
	if (n->quotes)
		put_byte(n->out, '"');
	put_json(json, b, i);
	flush(json);
	if (n->quotes)
		put_byte(n->out, '"');
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
		put_field(o, (const uint8_t *)json->bytes, json->len, delimiter);
	fail_unless(o, !json->failed);
	o->lost |= json->lost;
}

static void put_cell(struct rows_out *o, const struct rows_batch *b, uint64_t i, char delimiter, bool alone)
{
	if (!resolve(&b, &i)) {
		if (alone)
			put(o, "\"\"", 2);
		return;
	}
	const struct rows_column *c = b->column;
	if (c->kind == ROWS_FIXED) {
		put_element(o, c, b->data + i * c->width, false, delimiter);
	} else if (c->kind == ROWS_STRING) {
		const uint8_t *p = b->data + (b->offsets[i] - b->data_first);
		size_t len = (size_t)(b->offsets[i + 1] - b->offsets[i]);
		if (c->bytes && len)
			put_base64(o, p, len);
		else if (len > ROWS_SLACK || !put_short(o, p, len, delimiter))
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
	if (!columns)
		put_byte(o, '\n');
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
			for (const struct rows_batch *b = columns; b && !o->failed; b = b->next) {
				put_cell(o, b, i, delimiter, !columns->next);
				if (b->next)
					put_byte(o, delimiter);
			}
		}
		put_byte(o, '\n');
	}
}
