/* SPDX-License-Identifier: MIT */
/* Which bytes of a shown file are made of which pages. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/parquet/parquet.h"

/* A read under way. */
struct reading {
	struct archive *a;
	const struct parquet *p;
	const struct shown *shown;
	struct leaf *leaf;
	struct answer *answer;
	unsigned quantity;     /* which it has elements for */
	uint32_t width;        /* bytes of an element */
	bool tail;             /* one more element, the total of `counted` */
	unsigned counted;      /* OFFSETS: the quantity that they count */
	struct pace_next next; /* how the reader goes on */

	uint32_t group;
	struct block *pages_block, *sums_block;
	const struct pages *pages;
	const uint64_t *sums;
};

static const uint64_t *totals_of(const struct reading *r, unsigned quantity)
{
	if (quantity == 0)
		return r->p->first_row;
	return atomic_load_explicit(&r->leaf->totals, memory_order_acquire) + (size_t)quantity * (r->p->ngroups + 1u);
}

static uint64_t before_page(const struct reading *r, unsigned quantity, uint32_t page)
{
	if (quantity == 0 && r->leaf->max_rep == 0)
		return r->pages->page[page].first;
	return r->sums[(size_t)quantity * (r->pages->count + 1u) + page];
}

static void set_up(struct reading *r)
{
	const struct shown *s = r->shown;
	r->leaf = s->leaf;
	r->width = shown_width(s);
	r->quantity = shown_quantity(s);
	r->tail = shown_tail(s);
	r->counted = shown_counted(s);
}

static bool needs_sums(const struct reading *r)
{
	return r->leaf->max_rep > 0 || r->shown->what == WHAT_STRINGS || r->shown->what == WHAT_STRING_OFFSETS;
}

/* --- groups and pages -------------------------------------------------------------- */

static void close_group(struct reading *r)
{
	if (r->pages_block)
		blocks_release(r->pages_block);
	if (r->sums_block)
		blocks_release(r->sums_block);
	r->pages_block = r->sums_block = NULL;
}

/* A row group that was lost when its size was found, and can be read now, does not
 * fit where it is shown. */
static bool fits_totals(const struct reading *r, unsigned quantity)
{
	const uint64_t *totals = totals_of(r, quantity);
	return before_page(r, quantity, r->pages->count) == totals[r->group + 1] - totals[r->group];
}

static int open_group(struct reading *r, uint32_t group, struct error *err)
{
	close_group(r);
	r->group = group;
	int e = pq_leaf_get(r->a, r->leaf, KIND_PAGES, group, NULL, &r->pages_block, err);
	if (e == 0 && needs_sums(r))
		e = pq_leaf_get(r->a, r->leaf, KIND_SUMS, group, NULL, &r->sums_block, err);
	if (e < 0) {
		close_group(r);
		return e;
	}
	r->pages = (const struct pages *)(const void *)r->pages_block->bytes;
	r->sums = r->sums_block ? (const uint64_t *)(const void *)r->sums_block->bytes : NULL;
	if (!fits_totals(r, r->quantity) || (r->tail && !fits_totals(r, r->counted)))
		return error_set(err, EIO, "it does not hold what it did when its size was found");
	return 0;
}

/* The last of n positions at or below `at`; there is one. */
static uint32_t search(const uint64_t *positions, uint32_t n, uint64_t at)
{
	uint32_t low = 0, high = n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (positions[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint32_t search_page(const struct reading *r, uint64_t at)
{
	uint32_t low = 0, high = r->pages->count;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (before_page(r, r->quantity, middle) <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* --- what one page contributes -------------------------------------------------------- */

/* Elements that are made as they are asked for, from the middle of one on. */
struct making {
	uint8_t *to;
	uint64_t skip; /* elements */
	size_t within; /* bytes of the first */
	size_t left;
};

static void put(struct making *m, uint64_t value)
{
	uint8_t bytes[8];
	memcpy(bytes, &value, 8);
	size_t n = 8 - m->within < m->left ? 8 - m->within : m->left;
	memcpy(m->to, bytes + m->within, n);
	m->to += n;
	m->left -= n;
	m->within = 0;
}

static int begin_making(struct reading *r, uint64_t at, size_t len, struct making *m)
{
	*m = (struct making){.skip = at / r->width, .within = (size_t)(at % r->width), .left = len};
	return answer_own(r->answer, len, &m->to);
}

static int page_string_offsets(struct reading *r, const struct block *block, uint32_t page, uint64_t at, size_t len)
{
	const uint32_t *ends = (const uint32_t *)(const void *)block->bytes;
	uint64_t base = r->shown->base + totals_of(r, r->counted)[r->group] + before_page(r, r->counted, page);
	struct making m;
	int e = begin_making(r, at, len, &m);
	if (e < 0)
		return e;
	for (uint64_t i = m.skip; m.left > 0 && m.within > 0; i++, m.skip++)
		put(&m, base + ends[i]);
	for (; m.left >= 8; m.left -= 8, m.to += 8) {
		uint64_t value = base + ends[m.skip++];
		memcpy(m.to, &value, 8);
	}
	if (m.left > 0)
		put(&m, base + ends[m.skip]);
	return 0;
}

/* An element for each slot of the depth that begins in the page: how many slots
 * one deeper began before it, or whether it is valid. */
static int page_levels_of(struct reading *r, const struct block *block, uint32_t page, uint64_t at, size_t len)
{
	const struct shown *s = r->shown;
	const struct leaf *leaf = r->leaf;
	size_t n = leaf->max_rep ? block->len / 2 : block->len;
	const uint8_t *def = block->bytes, *rep = def + n;
	uint8_t exists = leaf->exists[s->depth];
	uint8_t inner = s->what == WHAT_OFFSETS ? leaf->exists[s->depth + 1] : 0;
	uint64_t count = s->base;
	if (s->what == WHAT_OFFSETS)
		count += totals_of(r, r->counted)[r->group] + before_page(r, r->counted, page);
	struct making m;
	int e = begin_making(r, at, len, &m);
	for (size_t i = 0; e == 0 && i < n && m.left > 0; i++) {
		if ((leaf->max_rep == 0 || rep[i] <= s->depth) && def[i] >= exists) {
			if (m.skip > 0) {
				m.skip--;
			} else if (s->what == WHAT_OFFSETS) {
				put(&m, count);
			} else {
				*m.to++ = def[i] >= s->level;
				m.left--;
			}
		}
		if (s->what == WHAT_OFFSETS)
			count += rep[i] <= s->depth + 1 && def[i] >= inner;
	}
	return e < 0 ? e : m.left > 0 ? -EIO : 0;
}

/* Required PLAIN values lie in the mapping as they are shown. */
static int page_in_place(struct reading *r, uint32_t page, uint64_t at, size_t len, bool *ret_done, struct error *err)
{
	const struct leaf *leaf = r->leaf;
	struct block *block;
	struct page_data data;

	*ret_done = false;
	if (leaf->max_def > 0 || leaf->convert != CONVERT_NONE || leaf->element->physical == BOOLEAN ||
	    r->pages->codec != CODEC_NONE)
		return 0;
	int e = pq_leaf_get(r->a, r->leaf, KIND_CHECKED, pq_leaf_page(r->group, page), NULL, &block, err);
	if (e < 0)
		return e;
	memcpy(&data, block->bytes, sizeof data);
	blocks_release(block);
	if (data.header.encoding != PLAIN || !data.in_place || data.values.len < at + len)
		return 0;
	*ret_done = true;
	return answer_source(r->answer, &r->a->source, data.at + at, len, err);
}

/* `passed`: a reader in order has come to the end of the page. */
static int read_page(struct reading *r, uint32_t page, uint64_t at, size_t len, bool passed, struct error *err)
{
	const struct shown *s = r->shown;
	struct blocks *blocks = r->a->options->blocks;
	bool levels = s->what == WHAT_OFFSETS || s->what == WHAT_VALIDITY, done = false;
	struct block *block;
	int e = 0;

	if (s->what == WHAT_VALUES)
		e = page_in_place(r, page, at, len, &done, err);
	if (e < 0 || done)
		return e;
	e = pq_leaf_get(r->a, r->leaf, levels ? KIND_LEVELS : KIND_VALUES, pq_leaf_page(r->group, page), NULL, &block, err);
	if (e < 0)
		return e;
	if (s->whole && !levels && pq_values_have_nulls(r->leaf, block)) {
		blocks_release(block);
		return error_set(err, EBADMSG, "page %u has a null, of which the statistics of the column tell none", page);
	}
	if (s->what == WHAT_VALUES || (s->what == WHAT_VALIDITY && r->leaf->max_rep == 0 && r->leaf->max_def == 1)) {
		if (passed)
			blocks_spent(block);
		return blocks_answer(blocks, block, (size_t)at, len, r->answer);
	}
	if (s->what == WHAT_STRINGS) {
		uint64_t slots = before_page(r, r->quantity - 1, page + 1) - before_page(r, r->quantity - 1, page);
		return blocks_answer(blocks, block, ((size_t)slots + 1) * sizeof(uint32_t) + (size_t)at, len, r->answer);
	}
	e = s->what == WHAT_STRING_OFFSETS ? page_string_offsets(r, block, page, at, len)
					   : page_levels_of(r, block, page, at, len);
	blocks_release(block);
	return e == -EIO ? error_set(err, EIO, "page %u of row group %u has fewer elements than its sums", page, r->group) : e;
}

/* --- ahead of the reader ------------------------------------------------------------------ */

/* What pages are decoded to, for such files. */
static struct block_source decoded(const struct reading *r)
{
	bool levels = r->shown->what == WHAT_OFFSETS || r->shown->what == WHAT_VALIDITY;
	return pq_leaf_source(r->a, r->leaf, levels ? KIND_LEVELS : KIND_VALUES);
}

/* Most likely served from the mapping? */
static bool is_mapped(const struct reading *r)
{
	return r->pages->codec == CODEC_NONE && r->shown->what == WHAT_VALUES && r->leaf->max_def == 0;
}

/* The pages behind one. */
static void want_ahead(const struct reading *r, uint32_t page, uint64_t page_bytes)
{
	struct blocks *blocks = r->a->options->blocks;
	struct block_source pages_from = pq_leaf_source(r->a, r->leaf, KIND_PAGES), from = decoded(r);
	unsigned left = blocks_ahead(blocks, (size_t)page_bytes);

	if (is_mapped(r))
		return;
	for (uint32_t i = page + 1; i < r->pages->count && left > 0; i++, left--)
		blocks_want(blocks, &from, pq_leaf_page(r->group, i));
	for (uint32_t g = r->group + 1; g < r->p->ngroups && left > 0; g++) {
		struct block *next = blocks_peek(blocks, &pages_from, g);
		if (!next) {
			blocks_want(blocks, &pages_from, g);
			left--;
			continue;
		}
		uint32_t count = ((const struct pages *)(const void *)next->bytes)->count;
		blocks_release(next);
		for (uint32_t i = 0; i < count && left > 0; i++, left--)
			blocks_want(blocks, &from, pq_leaf_page(g, i));
	}
}

/* As open_group(), if nothing need be made for it; else that is wanted. */
static bool peek_group(struct reading *r, uint32_t group)
{
	struct blocks *blocks = r->a->options->blocks;
	struct block_source pages = pq_leaf_source(r->a, r->leaf, KIND_PAGES), sums = pq_leaf_source(r->a, r->leaf, KIND_SUMS);
	if (!(r->pages_block = blocks_peek(blocks, &pages, group)))
		blocks_want(blocks, &pages, group);
	if (needs_sums(r) && !(r->sums_block = blocks_peek(blocks, &sums, group)))
		blocks_want(blocks, &sums, group);
	if (!r->pages_block || (needs_sums(r) && !r->sums_block)) {
		close_group(r);
		return false;
	}
	r->group = group;
	r->pages = (const struct pages *)(const void *)r->pages_block->bytes;
	r->sums = r->sums_block ? (const uint64_t *)(const void *)r->sums_block->bytes : NULL;
	return true;
}

/* The pages of the reader's next pieces, which may lie far apart. */
static void want_pieces(const struct reading *reading)
{
	struct reading r = *reading;
	struct blocks *blocks = r.a->options->blocks;
	struct block_source from = decoded(&r);
	const uint64_t *totals = totals_of(&r, r.quantity);
	uint64_t size = totals[r.p->ngroups] * r.width, len = r.next.len;
	unsigned left = blocks_ahead(blocks, len < 1 << 20 ? 1 << 20 : (size_t)len);
	r.pages_block = r.sums_block = NULL;
	for (uint64_t at = r.next.offset; left > 0 && len > 0 && range_within(at, len, size); at += (uint64_t)r.next.stride, left--) {
		uint32_t group = search(totals, r.p->ngroups, at / r.width);
		if (!peek_group(&r, group))
			continue;
		uint64_t first = at / r.width - totals[group], last = (at + len - 1) / r.width - totals[group];
		for (uint32_t page = r.pages->count ? search_page(&r, first) : 0;
		     !is_mapped(&r) && page < r.pages->count && before_page(&r, r.quantity, page) <= last; page++)
			blocks_want(blocks, &from, pq_leaf_page(group, page));
		close_group(&r);
	}
}

/* --- a read ------------------------------------------------------------------------------- */

/* Answers what the open group has of [at, at + len), counted within it. */
static int read_group(struct reading *r, uint64_t at, uint64_t len, uint64_t *ret_done, struct error *err)
{
	uint64_t done = 0;
	if (r->pages->count == 0)
		return error_set(err, EBADMSG, "row group %u has no pages", r->group);
	for (uint32_t page = search_page(r, at / r->width); done < len && page < r->pages->count; page++) {
		uint64_t start = before_page(r, r->quantity, page) * r->width;
		uint64_t end = before_page(r, r->quantity, page + 1) * r->width;
		if (end <= at + done)
			continue;
		uint64_t n = end - (at + done) < len - done ? end - (at + done) : len - done;
		if (r->next.kind == PACE_IN_ORDER || done + n < len)
			want_ahead(r, page, end - start);
		int e = read_page(r, page, at + done - start, (size_t)n, r->next.kind == PACE_IN_ORDER && at + done + n == end, err);
		if (e < 0)
			return e;
		done += n;
	}
	*ret_done = done;
	return done > 0 ? 0 : error_set(err, EIO, "row group %u has fewer elements than it should", r->group);
}

static int read_tail(struct reading *r, uint64_t at, uint64_t len)
{
	uint64_t total = totals_of(r, r->counted)[r->p->ngroups];
	struct making m = {.within = (size_t)at, .left = (size_t)len};
	int e = answer_own(r->answer, (size_t)len, &m.to);
	if (e == 0)
		put(&m, total);
	return e;
}

static const char *group_name(uint32_t group, char name[24])
{
	snprintf(name, 24, "row group %u", group);
	return name;
}

int pq_leaf_read(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct pace_next next,
		 struct answer *ret, struct error *err)
{
	struct reading r = {.a = a, .p = a->priv, .shown = shown, .answer = ret, .next = next};
	char name[24];
	int e = 0;

	set_up(&r);
	if (shown_needs_totals(shown))
		e = pq_leaf_totals(a, r.leaf, NULL, err);
	const uint64_t *totals = e == 0 ? totals_of(&r, r.quantity) : NULL;
	while (e == 0 && len > 0) {
		uint64_t done = len;
		if (r.tail && offset / r.width >= totals[r.p->ngroups]) {
			e = read_tail(&r, offset % r.width, len);
		} else {
			uint32_t g = search(totals, r.p->ngroups, offset / r.width);
			uint64_t start = totals[g] * r.width, end = totals[g + 1] * r.width;
			e = open_group(&r, g, err);
			if (e == 0)
				e = read_group(&r, offset - start, len < end - offset ? len : end - offset, &done, err);
			if (e < 0)
				error_prefix(err, e, group_name(g, name));
		}
		offset += done;
		len -= done;
	}
	close_group(&r);
	if (e == 0 && next.kind == PACE_STRIDED)
		want_pieces(&r);
	return e;
}
