/* SPDX-License-Identifier: MIT */
/* Reads a shown file: which of its bytes come from which pages. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/parquet/parquet.h"
#include "fs/archive/pieces.h"

/* An open row group. */
struct group {
	uint32_t number;
	struct block *pages_block, *sums_block;
	const struct pages *pages; /* NULL: not open */
	const uint64_t *sums;
};

/* The state of a read. */
struct reading {
	struct archive *a;
	const struct parquet *p;
	const struct shown *shown;
	struct leaf *leaf;
	unsigned quantity;  /* the one it has elements for */
	uint32_t width;     /* bytes per element */
	bool tail;          /* one more element, the total of `counted` */
	unsigned counted;   /* OFFSETS: the quantity that they count */
	struct group group; /* being read */
	struct group ahead; /* being prefetched */
};

static const uint64_t *totals_of(const struct reading *r, unsigned quantity)
{
	if (quantity == 0)
		return r->p->first_row;
	return atomic_load_explicit(&r->leaf->totals, memory_order_acquire) + (size_t)quantity * (r->p->ngroups + 1u);
}

static uint64_t before_page(const struct reading *r, const struct group *g, unsigned quantity, uint32_t page)
{
	if (quantity == 0 && r->leaf->max_rep == 0)
		return g->pages->page[page].first;
	return g->sums[(size_t)quantity * (g->pages->count + 1u) + page];
}

/* The page of the group that holds an element. */
static uint32_t search_page(const struct reading *r, const struct group *g, uint64_t at)
{
	if (r->quantity == 0 && r->leaf->max_rep == 0)
		return pieces_search(&g->pages->page[0].first, sizeof(struct page) / sizeof(uint64_t), g->pages->count, at);
	return pieces_search(g->sums + (size_t)r->quantity * (g->pages->count + 1u), 1, g->pages->count, at);
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

static void close_group(struct group *g)
{
	if (g->pages_block)
		blocks_release(g->pages_block);
	if (g->sums_block)
		blocks_release(g->sums_block);
	*g = (struct group){0};
}

static void use_group(struct group *g, uint32_t number)
{
	g->number = number;
	g->pages = (const struct pages *)(const void *)g->pages_block->bytes;
	g->sums = g->sums_block ? (const uint64_t *)(const void *)g->sums_block->bytes : NULL;
}

/* A row group that was unreadable when the sizes were computed, but can be read now, no
 * longer fits the offsets already shown. */
static bool fits_totals(const struct reading *r, unsigned quantity)
{
	const struct group *g = &r->group;
	const uint64_t *totals = totals_of(r, quantity);
	return before_page(r, g, quantity, g->pages->count) == totals[g->number + 1] - totals[g->number];
}

static int open_group(struct reading *r, uint32_t number, struct error *err)
{
	struct group *g = &r->group;
	if (g->pages && g->number == number)
		return 0;
	close_group(g);
	int e = pq_leaf_get(r->a, r->leaf, KIND_PAGES, number, NULL, &g->pages_block, err);
	if (e == 0 && needs_sums(r))
		e = pq_leaf_get(r->a, r->leaf, KIND_SUMS, number, NULL, &g->sums_block, err);
	if (e < 0)
		return e;
	use_group(g, number);
	if (!fits_totals(r, r->quantity) || (r->tail && !fits_totals(r, r->counted)))
		return error_set(err, EIO, "its size is no longer what was computed first");
	return g->pages->count ? 0 : error_set(err, EBADMSG, "row group %u has no pages", number);
}

/* Like open_group(), but decodes nothing: if a block is missing, prefetches it and returns
 * NULL. */
static const struct group *peek_group(struct reading *r, uint32_t number)
{
	struct blocks *blocks = r->a->options->blocks;
	struct block_source pages = pq_leaf_source(r->a, r->leaf, KIND_PAGES), sums = pq_leaf_source(r->a, r->leaf, KIND_SUMS);
	struct group *g = &r->ahead;
	if (r->group.pages && r->group.number == number)
		return &r->group;
	if (g->pages && g->number == number)
		return g;
	close_group(g);
	if (!(g->pages_block = blocks_peek(blocks, &pages, number)))
		blocks_prefetch(blocks, &pages, number);
	if (needs_sums(r) && !(g->sums_block = blocks_peek(blocks, &sums, number)))
		blocks_prefetch(blocks, &sums, number);
	if (!g->pages_block || (needs_sums(r) && !g->sums_block)) {
		close_group(g);
		return NULL;
	}
	use_group(g, number);
	return g;
}

static int group_fault(uint32_t number, int e, struct error *err)
{
	char name[24];
	snprintf(name, sizeof name, "row group %u", number);
	error_prefix(err, e, name);
	return e;
}

/* --- what one page contributes -------------------------------------------------------- */

/* Produces elements on the fly, possibly starting in the middle of one. */
struct making {
	uint8_t *to;
	uint64_t skip; /* elements to skip */
	size_t within; /* bytes to skip in the first */
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

/* The amount of what the offsets count that lies before the page, in the whole file. */
static uint64_t before_in_all(const struct reading *r, uint32_t page)
{
	return totals_of(r, r->counted)[r->group.number] + before_page(r, &r->group, r->counted, page);
}

static int begin_making(const struct reading *r, uint64_t at, size_t len, struct answer *ret, struct making *m)
{
	*m = (struct making){.skip = at / r->width, .within = (size_t)(at % r->width), .left = len};
	return answer_own(ret, len, &m->to);
}

static int page_string_offsets(const struct reading *r, const struct block *block, uint32_t page, uint64_t at, size_t len,
			       struct answer *ret)
{
	const uint32_t *ends = (const uint32_t *)(const void *)block->bytes;
	uint64_t base = r->shown->base + before_in_all(r, page);
	struct making m;
	int e = begin_making(r, at, len, ret, &m);
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

/* Produces an element for each slot of the depth that begins in the page: the number of
 * slots one level deeper that began before it, or whether it is valid. */
static int page_levels_of(const struct reading *r, const struct block *block, uint32_t page, uint64_t at, size_t len,
			  struct answer *ret)
{
	const struct shown *s = r->shown;
	const struct leaf *leaf = r->leaf;
	size_t n = leaf->max_rep ? block->len / 2 : block->len;
	const uint8_t *def = block->bytes, *rep = def + n;
	uint8_t exists = leaf->exists[s->depth];
	uint8_t inner = s->what == WHAT_OFFSETS ? leaf->exists[s->depth + 1] : 0;
	uint64_t count = s->base;
	if (s->what == WHAT_OFFSETS)
		count += before_in_all(r, page);
	struct making m;
	int e = begin_making(r, at, len, ret, &m);
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

/* Are its values most likely served from the mapping? */
static bool is_mapped(const struct reading *r, const struct group *g)
{
	return g->pages->codec == CODEC_NONE && r->shown->what == WHAT_VALUES && r->leaf->max_def == 0;
}

/* Required PLAIN values are in the mapping just as they are shown. Sets *ret, and *ret_at to
 * where, if there are at least `need` bytes of them. */
static int page_in_place(const struct reading *r, uint64_t index, uint64_t need, uint64_t *ret_at, bool *ret, struct error *err)
{
	const struct leaf *leaf = r->leaf;
	struct block *block;
	struct page_data data;

	*ret = false;
	if (!is_mapped(r, &r->group) || leaf->convert != CONVERT_NONE || leaf->element->physical == BOOLEAN)
		return 0;
	int e = pq_leaf_get(r->a, r->leaf, KIND_CHECKED, index, NULL, &block, err);
	if (e < 0)
		return e;
	memcpy(&data, block->bytes, sizeof data);
	blocks_release(block);
	*ret = data.header.encoding == PLAIN && data.in_place && data.values.len >= need;
	*ret_at = data.at;
	return 0;
}

static bool of_levels(const struct shown *s)
{
	return s->what == WHAT_OFFSETS || s->what == WHAT_VALIDITY;
}

static int get_page(struct reading *r, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	const struct shown *s = r->shown;
	uint32_t page = (uint32_t)piece->number;
	struct block *block;
	bool there;
	int e = page_in_place(r, piece->number, at + len, &piece->at, &there, err);
	if (e == 0 && there) {
		piece->kind = PIECE_SOURCE;
		piece->source = &r->a->source;
	}
	if (e < 0 || there)
		return e;
	piece->at = 0;
	e = pq_leaf_get(r->a, r->leaf, of_levels(s) ? KIND_LEVELS : KIND_VALUES, piece->number, NULL, &block, err);
	if (e < 0)
		return e;
	if (s->whole && !of_levels(s) && pq_values_have_nulls(r->leaf, block)) {
		blocks_release(block);
		return error_set(err, EBADMSG, "page %u has a null, but the column's statistics say that there are none", page);
	}
	if (s->what == WHAT_OFFSETS || s->what == WHAT_STRING_OFFSETS ||
	    (s->what == WHAT_VALIDITY && (r->leaf->max_rep > 0 || r->leaf->max_def > 1))) {
		e = s->what == WHAT_STRING_OFFSETS ? page_string_offsets(r, block, page, at, (size_t)len, ret)
						   : page_levels_of(r, block, page, at, (size_t)len, ret);
		blocks_release(block);
		return e == -EIO ? error_set(err, EIO, "page %u of row group %u has fewer elements than were counted", page, r->group.number) : e;
	}
	piece->kind = PIECE_BLOCK;
	piece->block = block;
	if (s->what == WHAT_STRINGS) { /* they follow their ends, which the offsets are made from */
		piece->shared = true;
		piece->at = (before_page(r, &r->group, r->quantity - 1, page + 1) - before_page(r, &r->group, r->quantity - 1, page) + 1) *
			    sizeof(uint32_t);
	}
	return 0;
}

/* --- pages as pieces, numbered by pq_leaf_page() ---------------------------------------- */

static int place_page(struct reading *r, uint64_t offset, struct piece *ret, struct error *err)
{
	const uint64_t *totals = totals_of(r, r->quantity);
	uint32_t number = pieces_search(totals, 1, r->p->ngroups, offset / r->width);
	int e = open_group(r, number, err);
	if (e < 0)
		return group_fault(number, e, err);
	uint32_t page = search_page(r, &r->group, offset / r->width - totals[number]);
	ret->begin = (totals[number] + before_page(r, &r->group, r->quantity, page)) * r->width;
	ret->end = (totals[number] + before_page(r, &r->group, r->quantity, page + 1)) * r->width;
	ret->number = ret->last = pq_leaf_page(number, page);
	if (ret->end > offset)
		return 0;
	return group_fault(number, error_set(err, EIO, "row group %u has fewer elements than it should", number), err);
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	struct reading *r = p->owner;
	(void)len;
	if (r->tail && offset >= p->size) {
		*ret = (struct piece){.begin = p->size, .end = p->size + r->width, .number = PIECES_END, .last = PIECES_END};
		return 0;
	}
	int e = place_page(r, offset, ret, err);
	p->bytes = ret->end - ret->begin;
	return e;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct reading *r = p->owner;
	if (piece->number == PIECES_END) {
		piece_number(piece, (int64_t)totals_of(r, r->counted)[r->p->ngroups], r->width);
		return 0;
	}
	int e = get_page(r, piece, at, len, ret, err);
	return e < 0 ? group_fault(r->group.number, e, err) : 0;
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	struct reading *r = p->owner;
	const uint64_t *totals = totals_of(r, r->quantity);
	uint32_t number = pieces_search(totals, 1, r->p->ngroups, offset / r->width);
	const struct group *g = peek_group(r, number);
	return pq_leaf_page(number, g && g->pages->count ? search_page(r, g, offset / r->width - totals[number]) : 0);
}

/* If the pages of a group are not known yet, peek_group() prefetches those instead. */
static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *r = p->owner;
	struct block_source from = pq_leaf_source(r->a, r->leaf, of_levels(r->shown) ? KIND_LEVELS : KIND_VALUES);
	uint32_t group = (uint32_t)(number >> 32), page = (uint32_t)number;
	for (; group < r->p->ngroups; group++, page = 0) {
		const struct group *g = peek_group(r, group);
		if (!g)
			return pq_leaf_page(group + 1, 0);
		if (is_mapped(r, g))
			return PIECES_END;
		if (page < g->pages->count) {
			blocks_prefetch(p->blocks, &from, pq_leaf_page(group, page));
			return pq_leaf_page(group, page + 1);
		}
	}
	return PIECES_END;
}

int pq_leaf_read(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		 struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	struct reading r = {.a = a, .p = a->priv, .shown = shown};
	set_up(&r);
	int e = shown_needs_totals(shown) ? pq_leaf_totals(a, r.leaf, NULL, err) : 0;
	if (e < 0)
		return e;
	struct pieces p = {.type = &type, .owner = &r, .blocks = a->options->blocks, .next = next,
			   .size = totals_of(&r, r.quantity)[r.p->ngroups] * r.width};
	e = pieces_read(&p, offset, len, ret, err);
	close_group(&r.group);
	close_group(&r.ahead);
	return e;
}
