/* SPDX-License-Identifier: MIT */
/* Reads shown files. Offsets and validity of a group can come from any of its leaves, so
 * they are lost only if none can be read. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

/* The number of leaves to try. */
enum { TRIES = 8 };

static struct leaf *next_leaf(const struct parquet *p, const struct shown *s, const struct leaf *leaf)
{
	struct leaf *next = s->group ? pq_leaf_next(p, s->group, leaf) : NULL;
	return next && !next->fault ? next : NULL;
}

static const uint64_t *totals_of(const struct parquet *p, const struct leaf *leaf, unsigned quantity)
{
	return atomic_load_explicit(&leaf->totals, memory_order_acquire) + (size_t)quantity * (p->ngroups + 1u);
}

/* Does the other leaf have the same number of elements in each row group? What is read
 * from it must match the offsets already shown. */
static bool same_totals(struct archive *a, const struct shown *s, struct leaf *other)
{
	const struct parquet *p = a->priv;
	unsigned asked[] = {shown_quantity(s), shown_tail(s) ? shown_counted(s) : 0};
	if (!shown_needs_totals(s))
		return true;
	if (pq_leaf_totals(a, other, NULL, NULL) < 0)
		return false;
	if (pq_leaf_totals(a, s->leaf, NULL, NULL) < 0)
		return true; /* so the size came from another leaf anyway */
	for (unsigned i = 0; i < 2; i++)
		if (asked[i] > 0 && memcmp(totals_of(p, s->leaf, asked[i]), totals_of(p, other, asked[i]), (p->ngroups + 1u) * sizeof(uint64_t)) != 0)
			   return false;
	return true;
}

int pq_read_shown(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		  struct answer *ret, struct error *err)
{
	struct shown as = *shown;
	struct error own = {""};
	uint64_t before = ret->len;
	int e = pq_leaf_read(a, shown, offset, len, next, ret, &own), other = e;

	for (unsigned i = 1; i < TRIES && other < 0 && other != -EINTR && (as.leaf = next_leaf(a->priv, shown, as.leaf)); i++) {
		answer_cut(ret, before);
		if (same_totals(a, shown, as.leaf))
			other = pq_leaf_read(a, &as, offset, len, next, ret, NULL);
	}
	return other == 0 ? 0 : error_set(err, -e, "%s", own.text);
}

int pq_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
	    struct error *err)
{
	return pq_read_shown(a, n->lazy, offset, len, blocks_readahead(a->options->blocks, n->lazy, offset, len), ret, err);
}

int pq_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	const struct shown *s = n->lazy;
	struct leaf *leaf = s->leaf, *next = leaf;
	unsigned quantity = shown_quantity(s);

	if (leaf->fault)
		return error_set(err, ENOTSUP, "%s", leaf->fault);
	int e = shown_needs_totals(s) ? pq_leaf_totals(a, leaf, NULL, err) : 0;
	for (unsigned i = 1; i < TRIES && e < 0 && (next = next_leaf(p, s, next)); i++)
		if (pq_leaf_totals(a, next, NULL, NULL) == 0) {
			leaf = next;
			e = 0;
		}
	if (e < 0)
		return e;
	uint64_t count = quantity ? totals_of(p, leaf, quantity)[p->ngroups] : p->first_row[p->ngroups];
	if (__builtin_add_overflow(count, (uint64_t)shown_tail(s), &count) || __builtin_mul_overflow(count, shown_width(s), ret) ||
	    *ret > INT64_MAX)
		return error_set(err, EFBIG, "%" PRIu64 " elements are larger than any file", count);
	return 0;
}
