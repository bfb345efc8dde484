/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/hdf5/hdf5.h"

/* What virtual.c makes of the mappings, and virtual_read.c reads by. */

/* Per dimension `count` blocks of `block`, every `stride` from `start`; or a list of
 * blocks; or all, and then there is neither. */
struct selection {
	uint32_t rank, endless; /* the dimension without end, or `rank` */
	uint32_t nblocks, nruns;
	uint64_t elements;
	struct span { uint64_t start, stride, count, block, n; } *spans; /* n: selected; the last block may be cut */
	uint64_t *blocks; /* of each the first and the last coordinates */
	/* Its rows in C order: `len` elements from number k of the selection on, of which
	 * the first `in` lie in the dataset, from its element `at` on. */
	struct run { uint64_t at, k, len, in; } *runs;
};

/* The mappings as the file has them, one after another: `c` is at the selection in the
 * source, which that in the virtual dataset follows.  -errno of `each` ends it. */
typedef int h5_mapping_fn(void *arg, struct cursor *c, struct slice file, struct slice path);
int h5_mappings_each(const struct h5_store *store, struct arena *s, h5_mapping_fn *each, void *arg, struct error *err);

/* selection.c.  What is made lies in `keep`.  _all: the extent is still to be settled,
 * by _whole.  _check: fits the rank, and the dimension without end is the only one;
 * _within: how much of an extent that one selects; _cut: ends it behind n that are
 * selected, and tells what they reach.  _runs: for a list of blocks, in an extent that
 * is settled; `dense` leaves out what lies outside. */
static inline bool h5_selection_all(const struct selection *s)
{
	return !s->spans && !s->blocks;
}
int h5_selection_read(struct arena *keep, struct cursor *c, struct selection *ret, struct error *err);
int h5_selection_whole(struct arena *keep, const uint64_t *dims, uint32_t rank, struct selection *ret, struct error *err);
int h5_selection_check(struct selection *s, uint32_t rank, struct error *err);
uint64_t h5_selection_within(const struct span *p, uint64_t extent);
int h5_selection_cut(struct selection *s, uint64_t n, uint64_t *extent, struct error *err);
int h5_selection_runs(struct arena *keep, struct selection *s, const uint64_t *dims, bool dense, struct error *err);
int h5_selection_impossible(struct error *err);

struct h5_mapping {
	const struct h5_store *source; /* NULL: missing */
	struct selection from, to;
};

/* convert.c: how elements of one type become another's, in s; NULL if they do not (or
 * there is no memory): numbers do, but not floating ones integers. */
const struct h5_convert *h5_convert(struct arena *s, const struct h5_type *from, const struct h5_type *to);
void h5_convert_run(const struct h5_convert *c, const uint8_t *in, size_t count, uint8_t *out);
