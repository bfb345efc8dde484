/* SPDX-License-Identifier: MIT */
/* The blocks of a leaf; and how much there is of it. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

/* --- sums ----------------------------------------------------------------------------
 * A block of KIND_SUMS, index = row group: for each quantity, what lies before
 * each page, and all of it. */

/* Slots of each depth in one page. */
static int count_levels(struct archive *a, struct leaf *leaf, uint64_t index, struct block *within, uint64_t *ret,
			struct error *err)
{
	struct block *levels;
	int r = leaf_get(a, leaf, KIND_LEVELS, index, within, &levels, err);
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

/* A page of a flat column that cannot be decoded has one byte, which is an error to
 * who comes to it, so that the others can be read; below lists nobody knows what it
 * held, and the row group is lost. */
static int measure_page(struct archive *a, struct leaf *leaf, uint64_t index, uint64_t entries, struct block *within,
			uint64_t *ret, struct error *err)
{
	struct block *values;
	int r = 0;

	ret[0] = entries;
	if (leaf->max_rep > 0)
		r = count_levels(a, leaf, index, within, ret, err);
	if (r < 0 || !leaf->strings)
		return r;
	struct error own = {""};
	r = leaf_get(a, leaf, KIND_VALUES, index, within, &values, &own);
	if (r == 0) {
		ret[leaf->max_rep + 1] = block_strings(values, ret[leaf->max_rep]);
		blocks_release(values);
	} else if (r != -ENOMEM && leaf->max_rep == 0) {
		ret[1] = entries > 0;
		r = 0;
	} else {
		error_set(err, -r, "%s", own.text);
	}
	return r;
}

/* The file's own statement, where it made one, must be true: others relied on it. */
static int check_sums(struct archive *a, struct leaf *leaf, uint32_t group, const uint64_t *sums, uint32_t pages,
		      struct error *err)
{
	const struct parquet *p = a->priv;
	uint64_t rows = p->first_row[group + 1] - p->first_row[group], stated[258];
	bool told;
	int r = chunk_sizes_of(a, leaf, group, stated, &told, err);
	if (r < 0)
		return r;
	if (sums[pages] != rows)
		return error_set(err, EBADMSG, "%" PRIu64 " rows in the pages of a row group of %" PRIu64, sums[pages], rows);
	for (unsigned q = 0; told && q < leaf_quantities(leaf); q++)
		if (stated[q] != sums[(size_t)q * (pages + 1) + pages])
			return error_set(err, EBADMSG, "the size statistics say %" PRIu64 ", the pages hold %" PRIu64, stated[q],
					 sums[(size_t)q * (pages + 1) + pages]);
	return 0;
}

static int sums_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err)
{
	unsigned quantities = leaf_quantities(leaf);
	struct block *pages_block;
	uint64_t page[258];
	int r = leaf_get(a, leaf, KIND_PAGES, group, ret, &pages_block, err);
	if (r < 0)
		return r;
	const struct pages *pages = (const struct pages *)(const void *)pages_block->bytes;
	uint32_t n = pages->count;
	uint64_t *sums = (uint64_t *)(void *)block_room(ret, ((size_t)n + 1) * quantities * sizeof *sums, err);
	r = sums ? 0 : -ENOMEM;
	for (unsigned q = 0; q < quantities && r == 0; q++)
		sums[(size_t)q * (n + 1)] = 0;
	struct block_source from = leaf_source(a, leaf, leaf->strings ? KIND_VALUES : KIND_LEVELS);
	unsigned ahead = blocks_ahead(a->options->blocks, 1 << 20);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		for (uint32_t k = i ? i + ahead : 1; k <= i + ahead && k < n; k++)
			blocks_want(a->options->blocks, &from, leaf_page((uint32_t)group, k));
		r = measure_page(a, leaf, leaf_page((uint32_t)group, i), pages->page[i + 1].first - pages->page[i].first, ret, page, err);
		for (unsigned q = 0; q < quantities && r == 0; q++) {
			uint64_t *sum = &sums[(size_t)q * (n + 1) + i];
			sum[1] = sum[0] + page[q];
		}
	}
	if (r == 0)
		r = check_sums(a, leaf, (uint32_t)group, sums, n, err);
	blocks_release(pages_block);
	return r;
}

/* --- totals ----------------------------------------------------------------------------- */

/* What a row group holds: by the size statistics, or by its pages.  Of one that
 * cannot be read, its rows, and for all else one element, which is an error to who
 * comes to it: else the file would just be shorter, and nobody told. */
static int group_totals(struct archive *a, struct leaf *leaf, uint32_t group, struct block *within,
			uint64_t *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	unsigned quantities = leaf_quantities(leaf);
	struct error own = {""};
	struct block *sums;
	bool told = true;

	memset(ret, 0, quantities * sizeof *ret);
	ret[0] = p->first_row[group + 1] - p->first_row[group];
	int r = quantities > 1 ? chunk_sizes_of(a, leaf, group, ret, &told, err) : 0;
	if (r < 0 || told)
		return r;
	for (unsigned q = 1; q < quantities; q++)
		ret[q] = ret[0] > 0;
	if (group + 1 < p->ngroups) {
		struct block_source from = leaf_source(a, leaf, KIND_SUMS);
		blocks_want(a->options->blocks, &from, group + 1);
	}
	r = leaf_get(a, leaf, KIND_SUMS, group, within, &sums, &own);
	if (r < 0)
		return r == -ENOMEM ? error_set(err, ENOMEM, "%s", own.text) : 0;
	size_t each = sums->len / sizeof(uint64_t) / quantities;
	for (unsigned q = 0; q < quantities; q++)
		ret[q] = ((const uint64_t *)(const void *)sums->bytes)[(q + 1) * each - 1];
	blocks_release(sums);
	return 0;
}

/* A block of KIND_TOTALS, the only one: what leaf->totals is a copy of. */
static int totals_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	unsigned quantities = leaf_quantities(leaf);
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

#define DECODE(kind)                                                                                              \
	static int kind##_block(struct archive *a, const void *owner, uint64_t index, struct block *ret, struct error *err) \
	{                                                                                                         \
		return kind##_decode(a, ((const struct owner *)owner)->leaf, index, ret, err);                    \
	}
DECODE(pages)
DECODE(dictionary)
DECODE(levels)
DECODE(values)
DECODE(sums)
DECODE(totals)
DECODE(checked)

struct block_source leaf_source(struct archive *a, struct leaf *leaf, enum kind kind)
{
	static int (*const decode[KINDS])(struct archive *, const void *, uint64_t, struct block *, struct error *) = {
		[KIND_PAGES] = pages_block, [KIND_DICTIONARY] = dictionary_block, [KIND_LEVELS] = levels_block,
		[KIND_VALUES] = values_block, [KIND_SUMS] = sums_block, [KIND_TOTALS] = totals_block,
		[KIND_CHECKED] = checked_block,
	};
	return (struct block_source){a, &leaf->owners[kind], decode[kind]};
}

int leaf_get(struct archive *a, struct leaf *leaf, enum kind kind, uint64_t index, struct block *within,
	     struct block **ret, struct error *err)
{
	struct block_source from = leaf_source(a, leaf, kind);
	return blocks_get(a->options->blocks, within, &from, index, ret, err);
}

/* Decoded once, by whoever comes first, and kept. */
int leaf_totals(struct archive *a, struct leaf *leaf, struct error *err)
{
	struct block *block;
	if (atomic_load_explicit(&leaf->totals, memory_order_acquire))
		return 0;
	int r = leaf_get(a, leaf, KIND_TOTALS, 0, NULL, &block, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&a->lock);
	if (!atomic_load_explicit(&leaf->totals, memory_order_relaxed)) {
		uint64_t *totals = arena_alloc(&a->arena, block->len);
		if (totals) {
			memcpy(totals, block->bytes, block->len);
			atomic_store_explicit(&leaf->totals, totals, memory_order_release);
		} else {
			r = error_set(err, ENOMEM, "no memory for the sizes of a column");
		}
	}
	pthread_mutex_unlock(&a->lock);
	blocks_release(block);
	return r;
}
