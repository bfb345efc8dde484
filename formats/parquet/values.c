/* SPDX-License-Identifier: MIT */
/* Decodes one page: its levels, or its values by slot. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

/* --- levels ------------------------------------------------------------------------
 * A block of KIND_LEVELS: the definition level of each entry, then, if the leaf is below
 * a list, the repetition level of each. */

struct page_view {
	struct block *pages_block;
	const struct pages *pages;
	struct page page;
	uint64_t entries;
	uint64_t end; /* of the page, by the offset index; 0: unknown */
};

static int view_page(struct archive *a, struct leaf *leaf, uint64_t index, struct block *within, struct page_view *v,
		     struct error *err)
{
	uint32_t number = (uint32_t)index;
	int r = pq_leaf_get(a, leaf, KIND_PAGES, index >> 32, within, &v->pages_block, err);
	if (r < 0)
		return r;
	v->pages = (const struct pages *)(const void *)v->pages_block->bytes;
	if (number >= v->pages->count) {
		blocks_release(v->pages_block);
		return error_set(err, EIO, "page %u of %u", number, v->pages->count);
	}
	v->page = v->pages->page[number];
	v->entries = v->pages->page[number + 1].first - v->page.first;
	v->end = v->pages->indexed ? v->pages->page[number + 1].at : 0;
	return 0;
}

static int check_header(const struct page_view *v, const struct page_data *page, struct error *err)
{
	if (!page->header.data || (uint64_t)page->header.values != v->entries)
		return error_set(err, EBADMSG, "a page of %d values where there should be %" PRIu64, page->header.values, v->entries);
	if (v->end && page->end != v->end)
		return error_set(err, EBADMSG, "a page ends at byte %" PRIu64 ", but by the offset index at %" PRIu64, page->end, v->end);
	return 0;
}

/* The first entry of a row group cannot continue a list. */
static int decode_levels(const struct leaf *leaf, const struct page_data *page, bool first, uint64_t n, uint8_t *def,
			 uint8_t *rep, struct error *err)
{
	int r = pq_page_levels(page->def, page->header.def_encoding, leaf->max_def, n, def, err);
	if (r == 0 && leaf->max_rep > 0)
		r = pq_page_levels(page->rep, page->header.rep_encoding, leaf->max_rep, n, rep, err);
	if (r == 0 && leaf->max_rep > 0 && first && n > 0 && rep[0] != 0)
		r = error_set(err, EBADMSG, "the row group begins within a list");
	return r;
}

/* Makes a block from a page without its values: of its levels, or of its struct page_data. */
static int decode_head(struct archive *a, struct leaf *leaf, uint64_t index, bool levels, struct block *ret, struct error *err)
{
	struct page_view v;
	struct page_data page = {.end = 0};
	uint8_t *room = NULL;
	int r = view_page(a, leaf, index, ret, &v, err);
	if (r < 0)
		return r;
	source_enter(&a->source);
	r = pq_page_load(a, leaf, v.pages, v.page.at, ret, true, (struct slice){NULL, 0}, &page, err);
	if (r == 0)
		r = check_header(&v, &page, err);
	if (r == 0)
		room = block_room(ret, levels ? (size_t)v.entries * (1u + (leaf->max_rep > 0)) : sizeof page, err);
	if (room && levels)
		r = decode_levels(leaf, &page, (uint32_t)index == 0, v.entries, room, room + v.entries, err);
	else if (room)
		memcpy(room, &page, sizeof page);
	int left = pq_page_leave(a, v.page.at, &page, err);
	blocks_release(v.pages_block);
	return r < 0 ? r : left < 0 ? left : room ? 0 : -ENOMEM;
}

int pq_levels_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err)
{
	return decode_head(a, leaf, index, true, ret, err);
}

/* A block of KIND_CHECKED: the struct page_data of a page to be served from the mapping, once
 * its checksum has been verified. */
int pq_checked_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err)
{
	return decode_head(a, leaf, index, false, ret, err);
}

/* --- values ------------------------------------------------------------------------
 * A block of KIND_VALUES: one value per slot of the innermost depth, zeros for those
 * without one; or, for strings, where each slot's bytes end, beginning with 0, and then
 * the bytes. A nullable leaf has one more byte: whether any are null. */

struct values {
	struct decoding d;
	struct page_data page;
	const uint8_t *def;  /* NULL: no nulls */
	uint64_t entries, slots, present;
	bool nulls;
};

static bool is_nullable(const struct leaf *leaf)
{
	return leaf->element->repetition == OPTIONAL;
}

bool pq_values_have_nulls(const struct leaf *leaf, const struct block *values)
{
	return is_nullable(leaf) && values->bytes[values->len - 1];
}

static int count_slots(struct values *v, bool first, struct error *err)
{
	const struct leaf *leaf = v->d.leaf;
	v->slots = v->present = v->entries;
	if (leaf->max_def == 0)
		return 0;
	uint8_t *levels = block_scratch(v->d.block, (size_t)v->entries * (1u + (leaf->max_rep > 0)), err);
	if (!levels)
		return -ENOMEM;
	int r = decode_levels(leaf, &v->page, first, v->entries, levels, levels + v->entries, err);
	if (r < 0)
		return r;
	uint8_t exists = leaf->exists[leaf->max_rep], max = leaf->max_def;
	uint64_t slots = 0, present = 0, null = 0;
	for (uint64_t i = 0; i < v->entries; i++) {
		slots += levels[i] >= exists;
		present += levels[i] == max;
		null += levels[i] == max - 1;
	}
	v->nulls = is_nullable(leaf) && null > 0;
	v->slots = slots;
	v->present = present;
	v->def = present < v->entries ? levels : NULL;
	return 0;
}

#define SPREAD(type)                                               \
	for (uint64_t i = 0; i < v->entries; i++) {                \
		type value = 0;                                    \
		if (v->def[i] < exists)                            \
			continue;                                  \
		if (v->def[i] == max) {                            \
			memcpy(&value, from, sizeof value);        \
			from += sizeof value;                      \
		}                                                  \
		memcpy(to, &value, sizeof value);                  \
		to += sizeof value;                                \
	}

/* Moves the values from the end of the block, where they are contiguous, to their slots. */
static void spread(const struct values *v, unsigned width, const uint8_t *from, uint8_t *to)
{
	uint8_t exists = v->d.leaf->exists[v->d.leaf->max_rep], max = v->d.leaf->max_def;
	switch (width) {
	case 1: SPREAD(uint8_t) break;
	case 2: SPREAD(uint16_t) break;
	case 4: SPREAD(uint32_t) break;
	case 8: SPREAD(uint64_t) break;
	default:
		for (uint64_t i = 0; i < v->entries; i++) {
			if (v->def[i] < exists)
				continue;
			if (v->def[i] == max) {
				memmove(to, from, width);
				from += width;
			} else {
				memset(to, 0, width);
			}
			to += width;
		}
	}
}

static int fixed_values(struct values *v, struct error *err)
{
	unsigned width = v->d.leaf->width;
	size_t len;
	if (__builtin_mul_overflow((size_t)v->slots, width, &len))
		return error_set(err, ENOMEM, "%" PRIu64 " values in one page", v->slots);
	bool nullable = is_nullable(v->d.leaf);
	uint8_t *room = v->d.block->bytes ? v->d.block->bytes : block_room(v->d.block, len + nullable, err);
	if (!room)
		return -ENOMEM;
	if (v->page.values.data == room && len > 0) /* already decompressed in place */
		return 0;
	uint8_t *dense = room + (v->slots - v->present) * width;
	int r = pq_fixed_decode(&v->d, v->page.header.encoding, v->page.values, v->present, dense, err);
	if (r == 0 && v->def)
		spread(v, width, dense, room);
	if (nullable)
		room[len] = v->nulls;
	return r;
}

static void fill_ends(const struct values *v, const struct strings *m, uint32_t *ends)
{
	uint8_t exists = v->d.leaf->exists[v->d.leaf->max_rep], max = v->d.leaf->max_def;
	uint32_t end = 0;
	*ends++ = 0;
	if (!v->def) {
		for (uint64_t i = 0; i < v->present; i++)
			*ends++ = end += m->lengths[i];
		return;
	}
	for (uint64_t i = 0, k = 0; i < v->entries; i++) {
		if (v->def[i] < exists)
			continue;
		if (v->def[i] == max)
			end += m->lengths[k++];
		*ends++ = end;
	}
}

static int string_values(struct values *v, struct error *err)
{
	struct strings m;
	int r = pq_strings_measure(&v->d, v->page.header.encoding, v->page.values, v->present, &m, err);
	if (r < 0)
		return r;
	size_t ends = ((size_t)v->slots + 1) * sizeof(uint32_t), len = ends + (size_t)m.total;
	bool nullable = is_nullable(v->d.leaf);
	uint8_t *room = block_room(v->d.block, len + nullable, err);
	if (!room)
		return -ENOMEM;
	fill_ends(v, &m, (uint32_t *)(void *)room);
	r = pq_strings_copy(&v->d, v->page.header.encoding, &m, v->present, room + ends, err);
	if (nullable)
		room[len] = v->nulls;
	return r;
}

static int load_values(struct archive *a, struct values *v, const struct page_view *view, bool first, struct error *err)
{
	const struct leaf *leaf = v->d.leaf;
	struct slice straight = {NULL, 0}, page;
	struct cursor c;
	size_t len;
	int r;

	/* Required PLAIN values are decompressed straight into the block. */
	if (leaf->max_def == 0 && !leaf->strings && leaf->convert == CONVERT_NONE && leaf->element->physical != BOOLEAN &&
	    view->pages->codec != CODEC_NONE && view->page.at < view->pages->end &&
	    !__builtin_mul_overflow((size_t)v->entries, leaf->width, &len)) {
		struct pq_page_header h;
		if ((r = source_map(&a->source, view->page.at, view->pages->end - view->page.at, &page, err)) < 0)
			return r;
		c = cursor_over(page);
		if (pq_page_header(&c, &h, NULL) == 0 && h.data && h.encoding == PLAIN && (uint64_t)h.values == v->entries &&
		    (uint64_t)h.size == len) {
			uint8_t *room = block_room(v->d.block, len, err);
			if (!room)
				return -ENOMEM;
			straight = (struct slice){room, len};
		}
	}
	r = pq_page_load(a, leaf, view->pages, view->page.at, v->d.block, false, straight, &v->page, err);
	if (r == 0)
		r = check_header(view, &v->page, err);
	if (r == 0)
		r = count_slots(v, first, err);
	if (r < 0)
		return r;
	return leaf->strings ? string_values(v, err) : fixed_values(v, err);
}

/* A page without dictionary indices can be read even if the dictionary is lost. */
static int has_indices(struct archive *a, const struct page_view *v, bool *ret, struct error *err)
{
	struct pq_page_header h = {.data = false};
	struct slice page;
	*ret = false;
	if (!v->pages->dictionary_at || v->page.at >= v->pages->end)
		return 0;
	int r = source_map(&a->source, v->page.at, v->pages->end - v->page.at, &page, err);
	if (r < 0)
		return r;
	struct cursor c = cursor_over(page);
	source_enter(&a->source);
	*ret = pq_page_header(&c, &h, NULL) == 0 && h.data && (h.encoding == RLE_DICTIONARY || h.encoding == PLAIN_DICTIONARY);
	source_leave(&a->source, 0, 0, NULL); /* pq_page_load() reports a truncated file */
	return 0;
}

int pq_values_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err)
{
	struct values v = {.d = {.leaf = leaf, .block = ret}};
	struct page_view view;
	struct block *dictionary = NULL;
	int r = view_page(a, leaf, index, ret, &view, err);
	if (r < 0)
		return r;
	v.entries = view.entries;
	bool indices;
	r = has_indices(a, &view, &indices, err);
	if (r == 0 && indices) {
		r = pq_leaf_get(a, leaf, KIND_DICTIONARY, index >> 32, ret, &dictionary, err);
		if (r == 0) {
			v.d.dictionary = pq_dictionary_of(leaf, dictionary);
			v.d.has_dictionary = true;
		}
	}
	if (r == 0) {
		source_enter(&a->source);
		r = load_values(a, &v, &view, (uint32_t)index == 0, err);
		int left = pq_page_leave(a, view.page.at, &v.page, err);
		r = r < 0 ? r : left;
	}
	if (dictionary)
		blocks_release(dictionary);
	blocks_release(view.pages_block);
	return r;
}
