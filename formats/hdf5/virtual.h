/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/hdf5/store.h"

/* The mappings as virtual.c prepares them and virtual_read.c uses them. */

/* Per dimension `count` blocks of size `block`, every `stride` from `start`; or a list of
 * blocks; or everything, if there is neither. */
struct selection {
	uint32_t rank, endless; /* the unlimited dimension, or `rank` */
	uint32_t nblocks, nruns;
	uint64_t elements;
	/* n: coordinates selected; the last block may be partial. */
	struct span { uint64_t start, stride, count, block, n; } *spans;
	uint64_t *blocks; /* each block's first and last coordinates */
	/* The rows in C order: `len` elements, beginning with element k of the selection. The
	 * first `in` of them lie within the dataset, beginning at its element `at`. */
	struct run { uint64_t at, k, len, in; } *runs;
};

/* Calls `each` for every mapping as stored in the file: `c` is at the source selection,
 * followed by the virtual one. An error of `each` ends it. */
typedef int h5_mapping_fn(void *arg, struct cursor *c, struct slice file, struct slice path);
int h5_mappings_each(const struct h5_store *store, struct arena *s, h5_mapping_fn *each, void *arg, struct error *err);

/* selection.c. Allocates from `keep`. _all: everything is selected, and _whole must still
 * set the extent. _check: does it fit the rank, with at most one unlimited dimension?
 * _within: how many coordinates of an extent the unlimited dimension selects. _cut: limits
 * it to n selected coordinates, and returns the extent that they reach. _runs: makes the runs of
 * a list of blocks once the extent is known; `dense` omits those outside it. */
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

/* convert.c: a conversion between element types, allocated from s; NULL if there is none (or
 * no memory). Numbers can be converted, except floating-point ones to integers. */
const struct h5_convert *h5_convert(struct arena *s, const struct h5_type *from, const struct h5_type *to);
void h5_convert_run(const struct h5_convert *c, const uint8_t *in, size_t count, uint8_t *out);
