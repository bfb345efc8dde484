/* SPDX-License-Identifier: MIT */
/* How much of a column each file has. What must be decoded for it is decoded once, by whoever
 * comes first, and without a lock, so that requests for something else need not wait. */
#include "formats/parquet/dataset/dataset.h"

/* Files opened before they are needed. */
enum { AHEAD = 4 };

/* What an open file has of each quantity of a column. */
static int count_in(struct archive *file, const struct field *f, const struct leaf *column, struct block *within, uint64_t *ret,
		    struct error *err)
{
	const struct parquet *p = file->priv;
	struct mapped m;
	int r = pq_dataset_map_in(file, f, &m, err);
	if (r < 0)
		return r;
	struct leaf *l = m.e ? &p->leaves[m.e->leaf] : m.counts;
	unsigned most = m.e ? pq_leaf_quantities(column) : l ? m.lacked->depth + 1u : 0;
	if (!l)
		return 0;
	if (atomic_load(&column->counted))
		pq_leaf_count(file, l);
	r = pq_leaf_totals(file, l, within, err);
	const uint64_t *totals = atomic_load_explicit(&l->totals, memory_order_acquire);
	for (unsigned q = 1; q < most && q < pq_leaf_quantities(l) && r == 0; q++)
		ret[q] = totals[(size_t)q * (p->ngroups + 1u) + p->ngroups];
	return r;
}

/* The same for a file to be opened. One that is no longer available, but has rows, gets a
 * single, unreadable element below them, as nobody knows how many it had. */
static int count_file(struct archive *a, const struct leaf *column, uint32_t number, struct block *within, uint64_t *ret,
		      struct error *err)
{
	const struct dataset *d = a->priv;
	bool rows = d->p.first_row[number + 1] > d->p.first_row[number];
	unsigned most = pq_leaf_quantities(column);
	struct error own = {""};
	struct archive *file;

	memset(ret, 0, most * sizeof *ret);
	int r = part_hold(d->files->all[number], &file, &own);
	if (r == 0) {
		r = count_in(file, d->columns[column->number], column, within, ret, &own);
		member_release(d->files->all[number]);
	}
	if (error_passes(r))
		return error_set(err, -r, "%s", own.text);
	for (unsigned q = 1; q < most && r < 0; q++)
		ret[q] = rows;
	return 0;
}

/* A block of KIND_TOTALS, like a file's own totals. */
static int totals_block(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	const struct leaf *column = from->owner;
	const struct dataset *d = a->priv;
	unsigned most = pq_leaf_quantities(column);
	size_t each = (size_t)d->p.ngroups + 1;
	uint64_t has[258];
	int r = 0;

	(void)index;
	uint64_t *totals = (uint64_t *)(void *)block_room(ret, each * most * sizeof *totals, err);
	if (!totals)
		return -ENOMEM;
	memset(totals, 0, each * most * sizeof *totals);
	for (uint32_t i = 0; i < d->p.ngroups && r == 0; i++) {
		for (uint32_t k = 1; k <= AHEAD && i + k < d->p.ngroups; k++)
			part_prefetch(a, d->files->all[i + k]);
		r = count_file(a, column, i, ret, has, err);
		for (unsigned q = 1; q < most && r == 0; q++)
			if (__builtin_add_overflow(totals[q * each + i], has[q], &totals[q * each + i + 1]) ||
			    totals[q * each + i + 1] > INT64_MAX / 64)
				r = error_set(err, EFBIG, "a column is larger than any file");
	}
	return r;
}

int pq_dataset_totals(struct archive *a, struct leaf *column, struct error *err)
{
	struct block_source from = {&a->blocks, column, totals_block, KIND_TOTALS};
	return pq_leaf_totals_from(a, column, &from, NULL, err);
}
