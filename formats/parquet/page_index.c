/* SPDX-License-Identifier: MIT */
/* PageIndex.md: where the pages of a chunk lie, and bounds for their values, without
 * reading the pages. Nothing in it is trusted without being checked. */
#include "formats/parquet/page_index.h"

#include "formats/parquet/thrift.h"

/* --- "OffsetIndex" ------------------------------------------------------------------ */

static bool part(const struct archive *a, int64_t at, int32_t len, struct cursor *ret)
{
	const struct parquet *p = a->priv;
	struct slice mapped;
	if (at <= 0 || len <= 0 || !range_within((uint64_t)at, (uint64_t)len, p->footer_at) ||
	    source_map(&a->source, (uint64_t)at, (uint64_t)len, &mapped, NULL) < 0)
		return false;
	*ret = cursor_over(mapped);
	return true;
}

bool pq_offset_index_open(const struct archive *a, const struct chunk *chunk, struct cursor *ret, uint32_t *ret_count)
{
	struct pq_thrift_field f = {0};
	struct cursor c;
	if (!part(a, chunk->index_at, chunk->index_bytes, &c))
		return false;
	while (pq_thrift_field(&c, &f)) {
		if (f.id == 1) {
			bool found = pq_thrift_list(&c, &f, THRIFT_STRUCT, ret_count) && *ret_count > 0;
			*ret = c;
			return found;
		}
		pq_thrift_skip(&c, &f);
	}
	return false;
}

bool pq_offset_index_next(struct cursor *c, struct location *ret)
{
	struct pq_thrift_field f = {0};
	int64_t at = -1, bytes = -1, row = -1;
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_int(c, &f, &at); break;
		case 2: pq_thrift_int(c, &f, &bytes); break;
		case 3: pq_thrift_int(c, &f, &row); break;
		default: pq_thrift_skip(c, &f);
		}
	}
	*ret = (struct location){(uint64_t)at, (uint64_t)bytes, (uint64_t)row};
	return !c->failed && at >= 0 && bytes > 0 && row >= 0;
}

/* --- pages -------------------------------------------------------------------------- */

/* Is exactly [at, end) a page of that many values, or a dictionary? */
static bool is_page(const struct archive *a, uint64_t at, uint64_t end, bool dictionary, uint64_t values)
{
	struct pq_page_header h;
	struct slice page;
	if (source_map(&a->source, at, end - at, &page, NULL) < 0)
		return false;
	struct cursor c = cursor_over(page);
	return pq_page_header(&c, &h, NULL) == 0 && (uint64_t)h.stored == cursor_left(&c) &&
	       (dictionary ? h.dictionary : h.data && (uint64_t)h.values == values);
}

bool pq_offset_index_pages(const struct archive *a, const struct chunk *chunk, uint64_t at, uint64_t end, struct pages *ret,
			   uint32_t *ret_count, uint64_t *ret_dictionary)
{
	uint64_t rows = (uint64_t)chunk->values, next = at;
	struct location l, last = {0};
	struct cursor c;
	uint32_t n;

	*ret_dictionary = 0;
	if (!pq_offset_index_open(a, chunk, &c, &n))
		return false;
	for (uint32_t i = 0; i < n; i++, last = l) {
		if (!pq_offset_index_next(&c, &l))
			return false;
		if (i == 0 && l.at > at && l.at < end && is_page(a, at, l.at, true, 0)) {
			*ret_dictionary = at;
			next = l.at;
		}
		if (l.at != next || l.bytes > end - l.at || l.first_row >= rows || (i ? l.first_row <= last.first_row : l.first_row != 0))
			return false;
		if (i == 1 && !is_page(a, last.at, l.at, false, l.first_row))
			return false;
		if (ret && i < ret->count)
			ret->page[i] = (struct page){l.at, l.first_row};
		next = l.at + l.bytes;
	}
	*ret_count = n;
	return next == end && is_page(a, last.at, end, false, rows - last.first_row);
}

/* --- "ColumnIndex" ------------------------------------------------------------------- */

/* Booleans in a list take a byte each; writers disagree on which type the list declares. */
static bool list_of_bools(struct cursor *c, const struct pq_thrift_field *f, uint32_t *ret_count)
{
	struct cursor ahead = *c;
	uint8_t type = pq_thrift_byte(&ahead) & 15;
	return pq_thrift_list(c, f, type == THRIFT_FALSE ? THRIFT_FALSE : THRIFT_TRUE, ret_count);
}

bool pq_column_index_open(const struct archive *a, const struct chunk *chunk, uint32_t pages, struct column_index *ret)
{
	struct pq_thrift_field f = {0};
	uint32_t n = 0, told = 0;
	struct cursor c;

	*ret = (struct column_index){.has_counts = false};
	if (!part(a, chunk->column_index_at, chunk->column_index_bytes, &c))
		return false;
	while (pq_thrift_field(&c, &f)) {
		struct cursor list = c;
		if (f.id == 1 && list_of_bools(&list, &f, &n) && n == pages)
			ret->nulls = list, told |= 1;
		else if (f.id == 2 && pq_thrift_list(&list, &f, THRIFT_BINARY, &n) && n == pages)
			ret->min = list, told |= 2;
		else if (f.id == 3 && pq_thrift_list(&list, &f, THRIFT_BINARY, &n) && n == pages)
			ret->max = list, told |= 4;
		else if (f.id == 5 && pq_thrift_list(&list, &f, THRIFT_I64, &n) && n == pages)
			ret->counts = list, ret->has_counts = true;
		pq_thrift_skip(&c, &f);
	}
	return !c.failed && told == 7;
}

bool pq_column_index_next(struct column_index *x, struct page_statistics *ret)
{
	struct pq_thrift_field f = {.type = THRIFT_BINARY};
	struct bounds bounds = {.min_exact = true, .max_exact = true};

	bool nulls = pq_thrift_byte(&x->nulls) == THRIFT_TRUE;
	pq_thrift_binary(&x->min, &f, &bounds.min);
	pq_thrift_binary(&x->max, &f, &bounds.max);
	*ret = (struct page_statistics){.null_count = x->has_counts ? pq_thrift_zigzag(&x->counts) : -1};
	if (!nulls)
		ret->bounds = bounds;
	return !x->nulls.failed && !x->min.failed && !x->max.failed && !x->counts.failed;
}
