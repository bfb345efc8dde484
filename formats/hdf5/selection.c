/* SPDX-License-Identifier: MIT */
/* Selections of virtual datasets: "Dataspace Selection", types hyperslab and all.  A list
 * of blocks selects its elements in C order, not block by block, so its rows are sorted
 * and numbered. */
#include "formats/hdf5/virtual.h"

#include <inttypes.h>
#include <stdlib.h>

int h5_selection_impossible(struct error *err)
{
	return error_set(err, EBADMSG, "an impossible selection");
}

/* Counts the elements of a list of blocks. */
static int count_blocks(struct selection *s, struct error *err)
{
	for (uint32_t b = 0; b < s->nblocks; b++) {
		uint64_t n = 1, *start = s->blocks + 2 * (uint64_t)b * s->rank, *end = start + s->rank;
		for (uint32_t i = 0; i < s->rank; i++)
			if (__builtin_mul_overflow(n, end[i] - start[i] + 1, &n))
				return h5_selection_impossible(err);
		if (__builtin_add_overflow(s->elements, n, &s->elements))
			return h5_selection_impossible(err);
	}
	return 0;
}

int h5_selection_check(struct selection *s, uint32_t rank, struct error *err)
{
	uint64_t last;
	if (s->rank != rank)
		return error_set(err, EBADMSG, "a selection of rank %" PRIu32 " in a dataset of %" PRIu32, s->rank, rank);
	s->elements = !s->blocks;
	s->endless = rank;
	if (s->blocks)
		return count_blocks(s, err);
	for (uint32_t i = 0; i < rank; i++) {
		struct span *p = &s->spans[i];
		bool endless = p->count == H5_UNDEFINED || p->block == H5_UNDEFINED;
		if (p->stride == 0 || (endless && s->endless != rank) || (p->count == H5_UNDEFINED && p->block > p->stride))
			return h5_selection_impossible(err);
		if (endless) {
			s->endless = i;
			continue;
		}
		if ((p->count > 1 && p->stride < p->block) || __builtin_mul_overflow(p->count, p->block, &p->n) ||
		    __builtin_mul_overflow(p->count, p->stride, &last) || __builtin_add_overflow(last, p->start, &last) ||
		    __builtin_add_overflow(last, p->block, &last) || __builtin_mul_overflow(s->elements, p->n, &s->elements))
			return h5_selection_impossible(err);
	}
	return 0;
}

/* Do the blocks touch, so that they form one? */
static bool seamless(const struct span *p)
{
	return p->block == H5_UNDEFINED || p->block == p->stride;
}

/* How many coordinates of an extent an unlimited dimension selects. */
uint64_t h5_selection_within(const struct span *p, uint64_t extent)
{
	if (p->start >= extent || p->block == 0)
		return 0;
	uint64_t rest = extent - p->start;
	if (seamless(p))
		return rest;
	uint64_t in = rest % p->stride;
	return rest / p->stride * p->block + (in < p->block ? in : p->block);
}

/* Limits the dimension to n selected coordinates; *extent is how far they reach. */
int h5_selection_cut(struct selection *s, uint64_t n, uint64_t *extent, struct error *err)
{
	struct span *p = &s->spans[s->endless];
	uint64_t last;
	if (seamless(p)) {
		p->count = 1;
		p->block = n;
		p->stride = n ? n : 1;
	} else {
		p->count = p->block ? n / p->block + (n % p->block != 0) : 0;
	}
	p->n = n;
	*extent = 0;
	if (n == 0 || p->block == 0) {
		s->elements = 0;
		return 0;
	}
	if (__builtin_mul_overflow(p->count - 1, p->stride, &last) || __builtin_add_overflow(last, p->start, &last) ||
	    __builtin_add_overflow(last, n - (p->count - 1) * p->block, extent) ||
	    __builtin_add_overflow(last, p->stride, &last) || __builtin_mul_overflow(s->elements, n, &s->elements))
		return h5_selection_impossible(err);
	return 0;
}

int h5_selection_whole(struct arena *keep, const uint64_t *dims, uint32_t rank, struct selection *ret, struct error *err)
{
	ret->rank = rank;
	ret->spans = arena_array(keep, rank + 1u, sizeof *ret->spans);
	if (!ret->spans)
		return error_no_memory(err, "a virtual dataset");
	for (uint32_t i = 0; i < rank; i++)
		ret->spans[i] = (struct span){0, dims[i] ? dims[i] : 1, 1, dims[i], dims[i]};
	return 0;
}

/* Blocks, each given by two opposite corners; a single one is turned into spans. */
static int list_of_blocks(struct arena *keep, struct cursor *c, unsigned each, struct selection *ret, struct error *err)
{
	uint64_t none = each == 8 ? UINT64_MAX : (UINT64_C(1) << each * 8) - 1;
	uint64_t count = cursor_count(c, cursor_le(c, each), (size_t)each * 2 * (ret->rank ? ret->rank : 1));
	int r = cursor_check(c, err, "a selection");
	if (r < 0)
		return r;
	if (count == 0 || ret->rank == 0)
		return h5_selection_impossible(err);
	ret->blocks = arena_array(keep, count * 2 * ret->rank, sizeof *ret->blocks);
	if (!ret->blocks)
		return error_no_memory(err, "a virtual dataset");
	for (uint64_t b = 0; b < count * 2 * ret->rank; b++)
		ret->blocks[b] = cursor_le(c, each);
	for (uint64_t b = 0; b < count; b++)
		for (uint32_t i = 0; i < ret->rank; i++) {
			uint64_t start = ret->blocks[2 * b * ret->rank + i], end = ret->blocks[(2 * b + 1) * ret->rank + i];
			if (end < start || end == none)
				return error_set(err, EBADMSG, "a selection from %" PRIu64 " to %" PRIu64, start, end);
		}
	ret->nblocks = (uint32_t)count;
	if (count > 1)
		return cursor_check(c, err, "a selection");
	uint64_t *start = ret->blocks;
	ret->blocks = NULL;
	ret->spans = arena_array(keep, ret->rank + 1u, sizeof *ret->spans);
	for (uint32_t i = 0; ret->spans && i < ret->rank; i++) {
		uint64_t len = start[ret->rank + i] - start[i] + 1;
		ret->spans[i] = (struct span){start[i], len, 1, len, 0};
	}
	return ret->spans ? cursor_check(c, err, "a selection") : error_no_memory(err, "a virtual dataset");
}

static int hyperslab(struct arena *keep, struct cursor *c, uint32_t version, struct selection *ret, struct error *err)
{
	unsigned flags = version == 1 ? 0 : cursor_u8(c), each = version == 3 ? cursor_u8(c) : version == 2 ? 8 : 4;
	cursor_skip(c, version == 1 ? 8 : version == 2 ? 4 : 0);
	ret->rank = cursor_u32le(c);
	int r = cursor_check(c, err, "a selection");
	if (r < 0)
		return r;
	if (version < 1 || version > 3 || each > 8 || each == 0 || ret->rank > H5_RANK_MAX)
		return error_set(err, ENOTSUP, "a selection of version %" PRIu32 " and rank %" PRIu32, version, ret->rank);
	uint64_t none = each == 8 ? UINT64_MAX : (UINT64_C(1) << each * 8) - 1;
	if (!(flags & 1))
		return list_of_blocks(keep, c, each, ret, err);
	ret->spans = arena_array(keep, ret->rank + 1u, sizeof *ret->spans);
	if (!ret->spans)
		return error_no_memory(err, "a virtual dataset");
	for (uint32_t i = 0; i < ret->rank; i++) {
		uint64_t v[4];
		for (unsigned k = 0; k < 4; k++)
			if ((v[k] = cursor_le(c, each)) == none && k >= 2)
				v[k] = H5_UNDEFINED;
		ret->spans[i] = (struct span){v[0], v[1], v[2], v[3], 0};
	}
	return cursor_check(c, err, "a selection");
}

int h5_selection_read(struct arena *keep, struct cursor *c, struct selection *ret, struct error *err)
{
	uint32_t type = cursor_u32le(c), version = cursor_u32le(c);
	*ret = (struct selection){0};
	if (type == 2)
		return hyperslab(keep, c, version, ret, err);
	if (type != 3)
		return error_set(err, ENOTSUP, "a virtual dataset with a selection of type %" PRIu32, type);
	cursor_skip(c, 8);
	return cursor_check(c, err, "a selection");
}

/* --- lists of blocks as runs --------------------------------------------------------- */

/* The most rows of blocks; more are not worth the memory. */
enum { RUNS_MAX = 1 << 18 };

static int by_place(const void *a, const void *b)
{
	const struct run *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* The rows of one block, positioned in an extent that holds all blocks. */
static struct run *block_rows(const struct selection *s, const uint64_t *start, const uint64_t *extent, struct run *to)
{
	const uint64_t *end = start + s->rank;
	uint64_t at[H5_RANK_MAX];
	memcpy(at, start, s->rank * sizeof *at);
	for (bool more = true; more; to++) {
		uint64_t place = 0;
		for (uint32_t i = 0; i < s->rank; i++)
			place = place * extent[i] + at[i];
		*to = (struct run){.at = place, .len = end[s->rank - 1] - start[s->rank - 1] + 1};
		more = false;
		for (uint32_t i = s->rank - 1; !more && i-- > 0;) {
			more = at[i] < end[i];
			at[i] = more ? at[i] + 1 : start[i];
		}
	}
	return to;
}

/* Determines how far the blocks reach, and how many rows they have. */
static int count_rows(const struct selection *s, uint64_t *extent, uint64_t *ret, struct error *err)
{
	uint64_t all = 1;
	*ret = 0;
	memset(extent, 0, s->rank * sizeof *extent);
	for (uint32_t b = 0; b < s->nblocks; b++) {
		const uint64_t *start = s->blocks + 2 * (uint64_t)b * s->rank, *end = start + s->rank;
		uint64_t rows = 1;
		for (uint32_t i = 0; i < s->rank; i++) {
			extent[i] = end[i] + 1 > extent[i] ? end[i] + 1 : extent[i];
			if (i + 1 < s->rank && (rows > RUNS_MAX || __builtin_mul_overflow(rows, end[i] - start[i] + 1, &rows)))
				rows = RUNS_MAX + 1;
		}
		*ret += rows;
		if (*ret > RUNS_MAX)
			return error_set(err, ENOTSUP, "a virtual dataset with an irregular selection of more than %d rows", RUNS_MAX);
	}
	for (uint32_t i = 0; i < s->rank; i++)
		if (__builtin_mul_overflow(all, extent[i], &all))
			return h5_selection_impossible(err);
	return 0;
}

/* Translates a run's position in that extent to its position in the dataset. */
static void place_run(struct run *run, const uint64_t *extent, const uint64_t *dims, uint32_t rank)
{
	uint64_t at[H5_RANK_MAX] = {0}, rest = run->at;
	bool inside = true;
	for (uint32_t i = rank; i-- > 0; rest /= extent[i]) {
		at[i] = rest % extent[i];
		inside &= at[i] < dims[i];
	}
	uint64_t room = inside ? dims[rank - 1] - at[rank - 1] : 0;
	run->in = room < run->len ? room : run->len;
	run->at = 0;
	for (uint32_t i = 0; inside && i < rank; i++)
		run->at = run->at * dims[i] + at[i];
}

int h5_selection_runs(struct arena *keep, struct selection *s, const uint64_t *dims, bool dense, struct error *err)
{
	uint64_t extent[H5_RANK_MAX], count, k = 0;
	int r = s->blocks ? count_rows(s, extent, &count, err) : 0;
	if (r < 0 || !s->blocks)
		return r;
	struct run *runs = arena_array(keep, count, sizeof *runs), *end = runs;
	if (!runs)
		return error_no_memory(err, "a virtual dataset");
	for (uint32_t b = 0; b < s->nblocks; b++)
		end = block_rows(s, s->blocks + 2 * (uint64_t)b * s->rank, extent, end);
	qsort(runs, count, sizeof *runs, by_place);
	for (uint64_t i = 1; i < count; i++)
		if (runs[i].at - runs[i - 1].at < runs[i - 1].len)
			return error_set(err, EBADMSG, "a selection of blocks that overlap");
	s->runs = runs;
	s->nruns = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct run run = runs[i];
		run.k = k;
		k += run.len;
		place_run(&run, extent, dims, s->rank);
		if (run.in > 0 || !dense)
			runs[s->nruns++] = run;
	}
	return 0;
}
