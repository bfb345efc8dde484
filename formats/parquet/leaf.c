/* SPDX-License-Identifier: MIT */
/* The blocks of a leaf, and its sizes. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

/* --- choosing a leaf of a group ---------------------------------------------------------- */

static uint32_t leaves_end(const struct parquet *p, const struct element *e)
{
	return e->next < p->nelements ? p->elements[e->next].leaf : p->nleaves;
}

/* A small column whose size is known is better than a smaller one that must be decoded
 * to find it. */
static uint64_t cost_of(const struct leaf *leaf)
{
	enum { SMALL = 64 << 10 };
	return leaf->stated || leaf->cost > UINT64_MAX - SMALL ? leaf->cost : leaf->cost + SMALL;
}

static bool is_better(const struct leaf *a, const struct leaf *b)
{
	if (!a->fault != !b->fault)
		return !a->fault;
	if (cost_of(a) != cost_of(b))
		return cost_of(a) < cost_of(b);
	return a->max_rep != b->max_rep ? a->max_rep < b->max_rep : a->number < b->number;
}

struct leaf *pq_leaf_next(const struct parquet *p, const struct element *group, const struct leaf *leaf)
{
	struct leaf *best = NULL;
	for (uint32_t i = group->leaf, end = leaves_end(p, group); i < end; i++) {
		struct leaf *l = &p->leaves[i];
		if ((!leaf || is_better(leaf, l)) && (!best || is_better(l, best)))
			best = l;
	}
	return best;
}

struct leaf *pq_leaf_first(const struct parquet *p, const struct element *group)
{
	return pq_leaf_next(p, group, NULL);
}

/* --- sums ----------------------------------------------------------------------------
 * A block of KIND_SUMS, index = row group: for each quantity, the amount before each
 * page, then the total. */

/* Counts the slots of each depth in one page. */
static int count_levels(struct archive *a, struct leaf *leaf, uint64_t index, struct block *within, uint64_t *ret,
			struct error *err)
{
	struct block *levels;
	int r = pq_leaf_get(a, leaf, KIND_LEVELS, index, within, &levels, err);
	if (r < 0)
		return r;
	size_t n = levels->len / 2;
	const uint8_t *def = levels->bytes, *rep = def + n;
	for (unsigned d = 0; d <= leaf->max_rep; d++) {
		uint8_t exists = leaf->exists[d];
		ret[d] = 0;
		for (size_t i = 0; i < n; i++)
			ret[d] += (unsigned)(rep[i] <= d) & (unsigned)(def[i] >= exists);
	}
	blocks_release(levels);
	return 0;
}

static uint64_t block_strings(const struct block *values, uint64_t slots)
{
	return ((const uint32_t *)(const void *)values->bytes)[slots];
}

/* If it is not known how much an unreadable page held, it counts as this much, and reading that
 * fails: so nothing is omitted silently, and what follows can be read at its place. */
enum { LOST = 1 };

/* Strings that cannot be decoded lose their page; levels that cannot be decoded lose the
 * whole row group. */
static int measure_page(struct archive *a, struct leaf *leaf, uint64_t index, uint64_t entries, struct block *within,
			uint64_t *ret, bool *ret_lost, struct error *err)
{
	struct block *values;
	struct error own = {""};
	int r = 0;

	*ret_lost = false;
	ret[0] = entries;
	if (leaf->max_rep > 0)
		r = count_levels(a, leaf, index, within, ret, err);
	if (r < 0 || !leaf->strings)
		return r;
	r = pq_leaf_get(a, leaf, KIND_VALUES, index, within, &values, &own);
	if (error_passes(r))
		return error_set(err, -r, "%s", own.text);
	*ret_lost = r < 0 && ret[leaf->max_rep] > 0;
	ret[leaf->max_rep + 1] = *ret_lost ? LOST : r < 0 ? 0 : block_strings(values, ret[leaf->max_rep]);
	if (r == 0)
		blocks_release(values);
	return 0;
}

/* Lost pages: how many, and one of them. */
struct losses {
	uint32_t count, page;
};

void pq_leaf_count(struct archive *a, struct leaf *leaf)
{
	if (!atomic_exchange(&leaf->counted, true))
		archive_resize(a);
}

/* Takes the size of a lost page from the size statistics, and checks those against the
 * pages that can be read. */
static int check_sums(struct archive *a, struct leaf *leaf, uint32_t group, uint64_t *sums, uint32_t pages,
		      const struct losses *lost, struct error *err)
{
	const struct parquet *p = a->priv;
	uint64_t rows = p->first_row[group + 1] - p->first_row[group], stated[258];
	bool known;
	int r = pq_chunk_sizes_of(a, leaf, group, stated, &known, err);
	if (r < 0)
		return r;
	known &= !atomic_load(&leaf->counted);
	if (sums[pages] != rows)
		return error_set(err, EBADMSG, "%" PRIu64 " rows in the pages of a row group of %" PRIu64, sums[pages], rows);
	if (known && lost->count == 1) {
		uint64_t *bytes = sums + (size_t)(leaf->max_rep + 1u) * (pages + 1), others = bytes[pages] - LOST;
		for (uint32_t i = lost->page + 1; i <= pages && stated[leaf->max_rep + 1] >= others; i++)
			bytes[i] += stated[leaf->max_rep + 1] - others - LOST;
	}
	for (unsigned q = 0; known && !pq_leaf_is_small(leaf) && q < pq_leaf_quantities(leaf); q++) {
		uint64_t held = sums[(size_t)q * (pages + 1) + pages];
		if (stated[q] == held)
			continue;
		if (lost->count > 0)
			return error_set(err, EBADMSG, "the size statistics say %" PRIu64 ", the pages hold %" PRIu64, stated[q], held);
		pq_leaf_count(a, leaf);
		return 0;
	}
	return 0;
}

static int sums_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err)
{
	unsigned quantities = pq_leaf_quantities(leaf);
	struct block *pages_block;
	uint64_t page[258];
	int r = pq_leaf_get(a, leaf, KIND_PAGES, group, ret, &pages_block, err);
	if (r < 0)
		return r;
	const struct pages *pages = (const struct pages *)(const void *)pages_block->bytes;
	struct losses lost = {0};
	uint32_t n = pages->count;
	uint64_t *sums = (uint64_t *)(void *)block_room(ret, ((size_t)n + 1) * quantities * sizeof *sums, err);
	r = sums ? 0 : -ENOMEM;
	for (unsigned q = 0; q < quantities && r == 0; q++)
		sums[(size_t)q * (n + 1)] = 0;
	struct block_source from = pq_leaf_source(a, leaf, leaf->strings ? KIND_VALUES : KIND_LEVELS);
	unsigned ahead = blocks_ahead(a->options->blocks, 1 << 20);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		for (uint32_t k = i ? i + ahead : 1; k <= i + ahead && k < n; k++)
			blocks_prefetch(a->options->blocks, &from, pq_leaf_page((uint32_t)group, k));
		bool is_lost = false;
		r = measure_page(a, leaf, pq_leaf_page((uint32_t)group, i), pages->page[i + 1].first - pages->page[i].first, ret, page, &is_lost, err);
		if (is_lost)
			lost = (struct losses){lost.count + 1, i};
		for (unsigned q = 0; q < quantities && r == 0; q++) {
			uint64_t *sum = &sums[(size_t)q * (n + 1) + i];
			sum[1] = sum[0] + page[q];
		}
	}
	if (r == 0)
		r = check_sums(a, leaf, (uint32_t)group, sums, n, &lost, err);
	blocks_release(pages_block);
	return r;
}

/* --- totals ----------------------------------------------------------------------------- */

/* Uses the size statistics, or the pages. */
static int count_group(struct archive *a, struct leaf *leaf, uint32_t group, struct block *within, uint64_t *ret,
		       struct error *err)
{
	const struct parquet *p = a->priv;
	unsigned quantities = pq_leaf_quantities(leaf);
	struct block *sums;
	bool known = true;

	ret[0] = p->first_row[group + 1] - p->first_row[group];
	int r = quantities > 1 ? pq_chunk_sizes_of(a, leaf, group, ret, &known, err) : 0;
	known &= quantities == 1 || !atomic_load(&leaf->counted);
	if (r < 0 || (known && (quantities == 1 || !pq_leaf_is_small(leaf))))
		return r;
	if (group + 1 < p->ngroups) {
		struct block_source from = pq_leaf_source(a, leaf, KIND_SUMS);
		blocks_prefetch(a->options->blocks, &from, group + 1);
	}
	r = pq_leaf_get(a, leaf, KIND_SUMS, group, within, &sums, err);
	if (r < 0)
		return r;
	size_t each = sums->len / sizeof(uint64_t) / quantities;
	for (unsigned q = 0; q < quantities; q++)
		ret[q] = ((const uint64_t *)(const void *)sums->bytes)[(q + 1) * each - 1];
	blocks_release(sums);
	return 0;
}

/* The repeated field at that depth on the way down to the leaf, which may be the leaf itself. */
static const struct element *repeated_above(const struct parquet *p, const struct leaf *leaf, unsigned depth)
{
	const struct element *e = p->elements;
	while (e->max_rep < depth) {
		e++;
		while (leaves_end(p, e) <= leaf->number)
			e = &p->elements[e->next];
	}
	return e;
}

/* For a lost row group: lists have the same lengths in the other columns below them.  Where these hold nothing,
 * nothing is lost. */
static int count_lost(struct archive *a, struct leaf *leaf, uint32_t group, struct block *within, uint64_t *ret,
		      struct error *err)
{
	enum { TRIES = 8 };
	struct parquet *p = a->priv;
	for (unsigned d = 1; d <= leaf->max_rep; d++) {
		const struct element *e = repeated_above(p, leaf, d);
		uint32_t end = leaves_end(p, e);
		for (uint32_t i = e->leaf, tries = 0; i < end && tries < TRIES && end - e->leaf > 1; i++, tries++) {
			struct error own = {""};
			uint64_t other[258];
			int r = &p->leaves[i] == leaf ? -EIO : count_group(a, &p->leaves[i], group, within, other, &own);
			if (error_passes(r))
				return error_set(err, -r, "%s", own.text);
			if (r < 0)
				continue;
			ret[d] = other[d];
			break;
		}
	}
	for (unsigned q = 1; q < pq_leaf_quantities(leaf); q++)
		ret[q] = ret[q - 1] > 0 ? ret[q] : 0;
	return 0;
}

static int group_totals(struct archive *a, struct leaf *leaf, uint32_t group, struct block *within, uint64_t *ret,
			struct error *err)
{
	const struct parquet *p = a->priv;
	struct error own = {""};

	int r = count_group(a, leaf, group, within, ret, &own);
	if (r == 0)
		return 0;
	if (error_passes(r))
		return error_set(err, -r, "%s", own.text);
	ret[0] = p->first_row[group + 1] - p->first_row[group];
	for (unsigned q = 1; q < pq_leaf_quantities(leaf); q++)
		ret[q] = ret[0] > 0 ? LOST : 0;
	return count_lost(a, leaf, group, within, ret, err);
}

/* A block of KIND_TOTALS. There are two: by the size statistics and, once the pages
 * contradict those, by the pages. leaf->totals is a copy of one. */
static int totals_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	unsigned quantities = pq_leaf_quantities(leaf);
	size_t each = (size_t)p->ngroups + 1;
	uint64_t group[258];
	int r = 0;

	(void)index;
	uint64_t *totals = (uint64_t *)(void *)block_room(ret, each * quantities * sizeof *totals, err);
	if (!totals)
		return -ENOMEM;
	for (unsigned q = 0; q < quantities; q++)
		totals[q * each] = 0;
	for (uint32_t g = 0; g < p->ngroups && r == 0; g++) {
		r = group_totals(a, leaf, g, ret, group, err);
		for (unsigned q = 0; q < quantities && r == 0; q++)
			if (__builtin_add_overflow(totals[q * each + g], group[q], &totals[q * each + g + 1]) ||
			    totals[q * each + g + 1] > INT64_MAX / 64)
				r = error_set(err, EBADMSG, "a column is larger than any file");
	}
	return r;
}

/* --- blocks ----------------------------------------------------------------------------- */

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	static int (*const kinds[KINDS])(struct archive *, struct leaf *, uint64_t, struct block *, struct error *) = {
		[KIND_PAGES] = pq_pages_decode, [KIND_DICTIONARY] = pq_dictionary_decode, [KIND_LEVELS] = pq_levels_decode,
		[KIND_VALUES] = pq_values_decode, [KIND_SUMS] = sums_decode, [KIND_TOTALS] = totals_decode,
		[KIND_CHECKED] = pq_checked_decode,
	};
	return kinds[from->kind](archive_decoded(from), (struct leaf *)(uintptr_t)from->owner, index, ret, err);
}

struct block_source pq_leaf_source(struct archive *a, struct leaf *leaf, enum kind kind)
{
	return (struct block_source){&a->blocks, leaf, decode, kind};
}

int pq_leaf_get(struct archive *a, struct leaf *leaf, enum kind kind, uint64_t index, struct block *within,
		struct block **ret, struct error *err)
{
	struct block_source from = pq_leaf_source(a, leaf, kind);
	return blocks_get(a->options->blocks, within, &from, index, ret, err);
}

static bool has_totals(struct leaf *leaf)
{
	return atomic_load(&leaf->counted) ? atomic_load(&leaf->recounted) : atomic_load(&leaf->totals) != NULL;
}

/* Keeps the totals unless they are outdated by now; older ones stay valid for readers that
 * still use them. */
static int keep_totals(struct archive *a, struct leaf *leaf, const struct block *block, bool counted, struct error *err)
{
	int r = 0;
	pthread_mutex_lock(&a->lock);
	if (!has_totals(leaf) && atomic_load(&leaf->counted) == counted) {
		uint64_t *totals = arena_alloc(&a->arena, block->len);
		if (totals) {
			memcpy(totals, block->bytes, block->len);
			atomic_store(&leaf->totals, totals);
			atomic_store(&leaf->recounted, counted);
		} else {
			r = error_no_memory(err, "the sizes of a column");
		}
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

/* The first caller decodes them; they are kept. */
int pq_leaf_totals_from(struct archive *a, struct leaf *leaf, const struct block_source *from, struct block *within,
			struct error *err)
{
	int r = 0;
	while (r == 0 && !has_totals(leaf)) {
		bool counted = atomic_load(&leaf->counted);
		struct block *block;
		r = blocks_get(a->options->blocks, within, from, counted, &block, err);
		if (r == 0) {
			r = keep_totals(a, leaf, block, counted, err);
			blocks_release(block);
		}
	}
	return r;
}

int pq_leaf_totals(struct archive *a, struct leaf *leaf, struct block *within, struct error *err)
{
	struct block_source from = pq_leaf_source(a, leaf, KIND_TOTALS);
	return pq_leaf_totals_from(a, leaf, &from, within, err);
}
