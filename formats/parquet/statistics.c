/* SPDX-License-Identifier: MIT */
/* "Statistics", "ColumnOrder": what is known about row groups and pages without
 * decoding them, as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "formats/parquet/page_index.h"
#include "formats/parquet/statistics.h"
#include "formats/parquet/thrift.h"
#include "fs/base/name.h"

/* --- which bounds can be used ---------------------------------------------------------- */

enum order { ORDER_NONE, ORDER_NUMBER, ORDER_UNSIGNED, ORDER_FLOAT, ORDER_BYTES };

static enum order order_of(const struct element *e)
{
	if (e->foreign || e->physical == INT96)
		return ORDER_NONE;
	switch ((enum logical)e->logical) {
	case LOGICAL_INTEGER: return e->is_signed ? ORDER_NUMBER : ORDER_UNSIGNED;
	case LOGICAL_DECIMAL: return ORDER_NUMBER;
	case LOGICAL_FLOAT16: return ORDER_FLOAT;
	case LOGICAL_INTERVAL:
	case LOGICAL_UNKNOWN:
	case LOGICAL_VARIANT:
	case LOGICAL_GEOMETRY:
	case LOGICAL_GEOGRAPHY:
	case LOGICAL_FILE: return ORDER_NONE;
	default: break;
	}
	if (e->physical == FLOAT || e->physical == DOUBLE)
		return ORDER_FLOAT;
	return e->physical >= BYTE_ARRAY ? ORDER_BYTES : ORDER_NUMBER;
}

static bool is_trusted(const struct leaf *leaf, enum order order)
{
	return order != ORDER_NONE && (leaf->order == 1 || (leaf->order == 2 && order == ORDER_FLOAT));
}

/* The deprecated bounds were determined by signed comparison, whatever the type. */
static bool is_trusted_old(const struct leaf *leaf, enum order order)
{
	return (order == ORDER_NUMBER || order == ORDER_FLOAT) && leaf->element->physical < BYTE_ARRAY;
}

static double float_of(const struct element *e, struct slice s)
{
	struct cursor c = cursor_over(s);
	uint64_t bits = cursor_le(&c, (unsigned)s.len);
	uint32_t low = (uint32_t)bits;
	float f;
	double d;
	memcpy(&f, &low, sizeof f);
	memcpy(&d, &bits, sizeof d);
	return e->physical == DOUBLE ? d : e->physical == FLOAT ? (double)f : float16_value((uint16_t)bits);
}

/* Truncates a bound to whole characters; a minimum remains one. */
static void cut_text(struct slice *s, bool *exact)
{
	for (size_t n = 0, each; n < s->len; n += each) {
		each = utf8_length((struct slice){s->data + n, s->len - n});
		if (each == 0) {
			s->len = n;
			*exact = false;
		}
	}
}

static bool is_text(const struct element *e)
{
	return e->logical == LOGICAL_STRING || e->logical == LOGICAL_JSON || e->logical == LOGICAL_ENUM;
}

/* Drops what cannot be a bound. */
static struct bounds sound(const struct leaf *leaf, enum order order, struct bounds b)
{
	const struct element *e = leaf->element;
	size_t most = e->logical == LOGICAL_DECIMAL ? 32 : SIZE_MAX;

	for (unsigned i = 0; i < 2; i++) {
		struct slice *s = i ? &b.max : &b.min;
		if (s->data && (leaf->stored ? s->len != leaf->stored : s->len > most || (s->len == 0 && most == 32)))
			s->data = NULL;
		/* A writer that stores a NaN here compares wrongly. */
		if (order == ORDER_FLOAT && s->data && isnan(float_of(e, *s)))
			b.min.data = b.max.data = NULL;
	}
	if (is_text(e) && b.max.data && !utf8_valid(b.max))
		b.max.data = NULL;
	if (is_text(e) && b.min.data)
		cut_text(&b.min, &b.min_exact);
	return b;
}

/* --- values ------------------------------------------------------------------------------ */

/* Big-endian two's complement of 1 to 32 bytes, by long division. */
static void put_decimal(struct text *t, struct slice s, unsigned scale)
{
	uint8_t left[32];
	char digits[160], *at = digits + sizeof digits;
	bool negative = s.data[0] >> 7;
	unsigned carry = negative, n = 0, any;

	for (size_t i = s.len; i-- > 0; carry >>= 8) {
		carry += negative ? (uint8_t)~s.data[i] : s.data[i];
		left[i] = (uint8_t)carry;
	}
	do {
		unsigned rest = any = 0;
		for (size_t i = 0; i < s.len; i++) {
			rest = rest << 8 | left[i];
			left[i] = (uint8_t)(rest / 10);
			any |= left[i];
			rest %= 10;
		}
		*--at = (char)('0' + rest);
		if (++n == scale)
			*--at = '.';
	} while (any || n <= scale);
	text_add(t, negative ? "-" : "");
	text_put(t, (struct slice){(uint8_t *)at, (size_t)(digits + sizeof digits - at)});
}

static void put_number(struct text *t, const struct element *e, struct slice s)
{
	struct cursor c = cursor_over(s);
	uint64_t bits = cursor_le(&c, (unsigned)s.len);
	uint8_t bytes[8];

	if (e->physical == BOOLEAN)
		text_add(t, bits & 1 ? "true" : "false");
	else if (e->logical != LOGICAL_DECIMAL)
		text_print(t, "%" PRId64, s.len == 4 ? (int32_t)bits : (int64_t)bits);
	else {
		for (size_t i = 0; i < s.len; i++)
			bytes[i] = s.data[s.len - 1 - i];
		put_decimal(t, (struct slice){bytes, s.len}, (unsigned)e->scale);
	}
}

/* A zero of one sign may stand for the other. */
static void put_float(struct text *t, const struct element *e, struct slice s, bool min)
{
	double v = float_of(e, s);
	if (v == 0)
		v = min ? -0. : 0.;
	if (e->physical == DOUBLE)
		text_double(t, v);
	else
		text_float(t, (float)v);
}

static void put_value(struct text *t, const struct element *e, enum order order, struct slice s, bool min)
{
	struct cursor c = cursor_over(s);
	if (order == ORDER_FLOAT)
		put_float(t, e, s, min);
	else if (order == ORDER_UNSIGNED)
		text_print(t, "%" PRIu64, cursor_le(&c, (unsigned)s.len));
	else if (order == ORDER_NUMBER && e->physical >= BYTE_ARRAY)
		put_decimal(t, s, (unsigned)e->scale);
	else if (order == ORDER_NUMBER)
		put_number(t, e, s);
	else if (is_text(e))
		text_json(t, s);
	else
		text_hex(t, s);
}

static void put_bounds(struct text *t, const struct leaf *leaf, enum order order, struct bounds given)
{
	struct bounds b = sound(leaf, order, given);
	for (unsigned max = 0; max < 2; max++) {
		struct slice s = max ? b.max : b.min;
		if (!s.data)
			continue;
		text_add(t, max ? ",\"max\":" : ",\"min\":");
		put_value(t, leaf->element, order, s, !max);
		if (max ? !b.max_exact : !b.min_exact)
			text_add(t, max ? ",\"max_exact\":false" : ",\"min_exact\":false");
	}
}

/* Omits a count that is unknown or too large to be true. */
static void put_count(struct text *t, const char *name, int64_t n, uint64_t most)
{
	if (n >= 0 && (uint64_t)n <= most)
		text_print(t, ",\"%s\":%" PRId64, name, n);
}

/* --- row groups ---------------------------------------------------------------------------- */

static const char *const encoding_names[] = {
	"PLAIN", NULL, "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY",
	"DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT", "ALP",
};

static void put_encodings(struct text *t, struct slice list)
{
	struct cursor c = cursor_over(list);
	struct pq_thrift_field f = {.type = THRIFT_LIST};
	uint32_t n;
	if (list.len == 0 || !pq_thrift_list(&c, &f, THRIFT_I32, &n))
		return;
	text_add(t, ",\"encodings\":[");
	for (uint32_t i = 0; i < n && !c.failed; i++) {
		int64_t encoding = pq_thrift_zigzag(&c);
		const char *name = encoding >= 0 && encoding < (int64_t)(sizeof encoding_names / sizeof *encoding_names)
				 ? encoding_names[encoding] : NULL;
		text_add(t, i ? "," : "");
		if (name)
			text_print(t, "\"%s\"", name);
		else
			text_print(t, "%" PRId64, encoding);
	}
	text_add(t, "]");
}

static void put_range(struct text *t, const char *name, uint64_t begin, uint64_t end)
{
	text_print(t, "\"%s\":[%" PRIu64 ",%" PRIu64 "]", name, begin, end);
}

/* Only if both indexes cover the same pages. */
static void put_pages(const struct statistics_of *of, const struct chunk *chunk, uint64_t first, uint64_t rows, struct text *t)
{
	const struct leaf *leaf = of->shown->leaf;
	enum order order = order_of(leaf->element);
	uint64_t width = shown_quantity(of->shown) == 0 && of->byte != UINT64_MAX ? shown_width(of->shown) : 0;
	struct location l, next = {0};
	struct column_index index;
	struct cursor c;
	uint32_t n;

	if (!pq_offset_index_open(of->file, chunk, &c, &n) || !pq_column_index_open(of->file, chunk, n, &index) ||
	    !pq_offset_index_next(&c, &next))
		return;
	text_add(t, ",\"pages\":[");
	for (uint32_t i = 0; i < n; i++) {
		struct page_statistics s;
		l = next;
		next.first_row = rows;
		if ((i + 1 < n && !pq_offset_index_next(&c, &next)) || next.first_row < l.first_row || next.first_row > rows ||
		    !pq_column_index_next(&index, &s))
			break;
		uint64_t begin = first + l.first_row, end = first + next.first_row;
		text_add(t, i ? ",{" : "{");
		put_range(t, "rows", begin, end);
		if (width) {
			text_add(t, ",");
			put_range(t, "bytes", of->byte + (begin - of->row) * width, of->byte + (end - of->row + shown_tail(of->shown)) * width);
		}
		if (is_trusted(leaf, order))
			put_bounds(t, leaf, order, s.bounds);
		put_count(t, "null_count", s.null_count, leaf->max_rep ? UINT64_MAX : end - begin);
		text_add(t, "}");
	}
	text_add(t, "]");
}

static void put_chunk(const struct statistics_of *of, const struct chunk *chunk, uint64_t first, uint64_t rows, struct text *t)
{
	const struct leaf *leaf = of->shown->leaf;
	enum order order = order_of(leaf->element);
	struct error err = {""};

	if (pq_chunk_readable(leaf, chunk, &err) < 0) {
		text_add(t, ",\"error\":");
		text_json(t, slice_text(err.text));
	}
	if (of->shown->what == WHAT_OFFSETS || of->shown->what == WHAT_VALIDITY || chunk->encrypted)
		return;
	if (is_trusted(leaf, order) && (chunk->bounds.min.data || chunk->bounds.max.data))
		put_bounds(t, leaf, order, chunk->bounds);
	else if (is_trusted_old(leaf, order))
		put_bounds(t, leaf, order, chunk->old_bounds);
	uint64_t values = chunk->values < 0 ? 0 : (uint64_t)chunk->values;
	put_count(t, "null_count", chunk->null_count, values);
	put_count(t, "distinct_count", chunk->distinct_count, values);
	put_count(t, "compressed_size", chunk->bytes, of->file->source.size);
	put_count(t, "size", chunk->uncompressed, UINT64_MAX);
	text_print(t, ",\"codec\":\"%s\"", codec_name(pq_chunk_codec(chunk->codec)));
	put_encodings(t, chunk->encodings);
	put_pages(of, chunk, first, rows, t);
}

/* The amount before each row group, if it is already known; else NULL. */
static const uint64_t *totals_of(const struct parquet *p, const struct leaf *leaf, unsigned quantity)
{
	const uint64_t *totals = atomic_load_explicit(&leaf->totals, memory_order_acquire);
	return quantity == 0 ? p->first_row : totals ? totals + (size_t)quantity * (p->ngroups + 1u) : NULL;
}

int pq_statistics_put(const struct statistics_of *of, bool first, struct text *ret, struct error *err)
{
	const struct parquet *p = of->file->priv;
	const struct leaf *leaf = of->shown->leaf;
	unsigned quantity = shown_quantity(of->shown);
	uint64_t sizes[258] = {0}, byte = of->byte, width = shown_width(of->shown), all;
	const uint64_t *before = totals_of(p, leaf, quantity);
	uint64_t count = before ? before[p->ngroups] : leaf->stated ? leaf->stated[quantity] : 0;
	bool known = byte != UINT64_MAX && (before || (leaf->stated && !atomic_load(&leaf->counted) && !pq_leaf_is_small(leaf))) && !__builtin_mul_overflow(count, width, &all);
	int r = 0;

	for (uint32_t g = 0; g < p->ngroups && r == 0 && !ret->failed; g++) {
		uint64_t begin = of->row + p->first_row[g], rows = p->first_row[g + 1] - p->first_row[g];
		struct chunk chunk;
		source_enter(&of->file->source);
		r = pq_chunk_peek(p, leaf, g, &chunk, err);
		if (r == 0) {
			text_add(ret, first && g == 0 ? "{" : ",{");
			text_put(ret, of->members);
			put_range(ret, "rows", begin, begin + rows);
			if (before)
				sizes[quantity] = before[g + 1] - before[g];
			if (known && (before || pq_chunk_sizes(leaf, &chunk, sizes))) {
				text_add(ret, ",");
				put_range(ret, "bytes", byte, byte + (sizes[quantity] + shown_tail(of->shown)) * width);
				byte += sizes[quantity] * width;
			}
			put_chunk(known ? of : &(struct statistics_of){.file = of->file, .shown = of->shown, .row = of->row, .byte = UINT64_MAX}, &chunk, begin, rows, ret);
			text_add(ret, "}");
		}
		int left = source_leave(&of->file->source, p->footer_at, p->mapped ? p->footer.len : 0, err);
		r = r < 0 ? r : left;
	}
	return r;
}

/* The directory of a string column has its values' statistics, except byte ranges. */
const struct shown *pq_statistics_shown(struct archive *a, const struct node *n, bool *ret_whole)
{
	const struct node *first = n->kind == NODE_DIR && n->child ? tree_node(&a->tree, n->child) : NULL;
	*ret_whole = first != NULL;
	if (n->kind == NODE_LAZY)
		return n->lazy;
	if (!first || first->kind != NODE_LAZY)
		return NULL;
	const struct shown *offsets = first->lazy;
	return offsets->what == WHAT_STRING_OFFSETS ? offsets : NULL;
}

/* About the file itself. */
static int put_root(const struct parquet *p, struct text *ret)
{
	text_print(ret, ",\"num_rows\":%" PRIu64 ",\"num_row_groups\":%u,\"num_leaf_columns\":%u,\"created_by\":",
		   p->first_row[p->ngroups], p->ngroups, p->nleaves);
	text_json(ret, p->created_by);
	return 0;
}

int pq_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	bool whole;
	const struct shown *shown = index == TREE_ROOT ? NULL : pq_statistics_shown(a, n, &whole);
	if (index == TREE_ROOT)
		return put_root(a->priv, ret);
	if (!shown)
		return 0;
	text_add(ret, ",\"row_groups\":[");
	struct statistics_of of = {.file = a, .shown = shown, .byte = whole ? UINT64_MAX : 0};
	int r = pq_statistics_put(&of, true, ret, err);
	text_add(ret, "]");
	return r;
}
