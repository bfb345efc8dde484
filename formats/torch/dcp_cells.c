/* SPDX-License-Identifier: MIT */
/* Which chunk of a tensor has a place: the bounds of all chunks, in each dimension, make a grid. */
#include <inttypes.h>
#include <stdlib.h>

#include "formats/torch/dcp.h"
#include "fs/archive/pieces.h"

/* Chunks that are cut regularly make as many cells as they are; others more. */
enum { RANK_MAX = 64, CELLS_PER_CHUNK = 64, CELLS_MIN = 1 << 16 };

struct dcp_cells {
	uint32_t *chunk_of; /* from 1; 0: none */
	struct axis {
		const uint64_t *bounds; /* where cells begin; the first is 0 */
		uint32_t count;
		uint64_t step; /* from a cell to its neighbour */
	} axes[];
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Where cells begin in a dimension: at 0, and where a chunk begins or ends. */
static int find_bounds(struct archive *a, const struct dcp_tensor *t, uint32_t dimension, struct dcp_cells *c, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	uint64_t *all = arena_array(&scratch, 2 * (size_t)t->nchunks + 1, sizeof *all), *kept = NULL;
	uint32_t n = 0, different = 0;
	if (all) {
		all[n++] = 0;
		for (uint32_t i = 0; i < t->nchunks; i++) {
			uint64_t begin = t->chunks[i].offsets[dimension], end = begin + t->chunks[i].sizes[dimension];
			all[n++] = begin;
			if (end < t->shape[dimension])
				all[n++] = end;
		}
		qsort(all, n, sizeof *all, by_number);
		for (uint32_t i = 0; i < n; i++)
			if (i == 0 || all[i] != all[i - 1])
				all[different++] = all[i];
		kept = arena_array(&a->arena, different, sizeof *kept);
	}
	if (kept)
		memcpy(kept, all, different * sizeof *kept);
	arena_free(&scratch);
	c->axes[dimension].bounds = kept;
	c->axes[dimension].count = different;
	return kept ? 0 : error_no_memory(err, "the chunks of a tensor");
}

static uint32_t find_cell(const struct dcp_cells *c, uint32_t dimension, uint64_t at)
{
	return pieces_search(c->axes[dimension].bounds, 1, c->axes[dimension].count, at);
}

/* Marks the cells of a chunk; false if one is another's. */
static bool mark(const struct dcp_tensor *t, struct dcp_cells *c, uint32_t chunk)
{
	const struct dcp_chunk *box = &t->chunks[chunk];
	uint32_t first[RANK_MAX], last[RANK_MAX], at[RANK_MAX];
	uint64_t cell = 0;
	for (uint32_t i = 0; i < t->rank; i++) {
		first[i] = at[i] = find_cell(c, i, box->offsets[i]);
		last[i] = find_cell(c, i, box->offsets[i] + box->sizes[i] - 1);
		cell += first[i] * c->axes[i].step;
	}
	for (;;) {
		if (c->chunk_of[cell])
			return false;
		c->chunk_of[cell] = chunk + 1;
		uint32_t i = t->rank;
		while (i > 0 && at[i - 1] == last[i - 1]) { /* to its first, and on in the dimension before */
			i--;
			cell -= (uint64_t)(at[i] - first[i]) * c->axes[i].step;
			at[i] = first[i];
		}
		if (i == 0)
			return true;
		at[i - 1]++;
		cell += c->axes[i - 1].step;
	}
}

static bool within(const struct dcp_tensor *t, const struct dcp_chunk *box)
{
	for (uint32_t i = 0; i < t->rank; i++)
		if (!range_within(box->offsets[i], box->sizes[i], t->shape[i]))
			return false;
	return true;
}

static bool is_whole(const struct dcp_tensor *t)
{
	for (uint32_t i = 0; i < t->rank && t->nchunks == 1; i++)
		if (t->chunks[0].sizes[i] != t->shape[i])
			return false;
	return t->nchunks == 1;
}

static int make_grid(struct archive *a, struct dcp_tensor *t, struct dcp_cells *c, uint64_t *ret_cells, struct error *err)
{
	uint64_t most = (uint64_t)t->nchunks * CELLS_PER_CHUNK, cells = 1;
	int r = 0;
	most = most < CELLS_MIN ? CELLS_MIN : most;
	for (uint32_t i = t->rank; r == 0 && i-- > 0;) {
		r = find_bounds(a, t, i, c, err);
		c->axes[i].step = cells;
		if (r == 0 && __builtin_mul_overflow(cells, c->axes[i].count, &cells))
			cells = UINT64_MAX;
		if (r == 0 && cells > most) {
			t->fault = "its chunks are too irregular";
			return 0;
		}
	}
	*ret_cells = cells;
	c->chunk_of = r == 0 ? arena_array(&a->arena, cells, sizeof *c->chunk_of) : NULL;
	return r < 0 || c->chunk_of ? r : error_no_memory(err, "the chunks of a tensor");
}

int dcp_cells(struct archive *a, struct dcp_tensor *t, struct error *err)
{
	struct dcp_cells *c;
	uint64_t cells = 0, empty = 0;
	for (uint32_t i = 0; i < t->nchunks; i++)
		if (!within(t, &t->chunks[i])) {
			t->fault = "a chunk of it leads beyond its shape";
			return 0;
		}
	if (t->nchunks == 0)
		t->fault = "it has no chunks";
	if (t->nchunks == 0 || is_whole(t))
		return 0;
	if (!(c = arena_alloc(&a->arena, sizeof *c + t->rank * sizeof *c->axes)))
		return error_no_memory(err, "the chunks of a tensor");
	int r = make_grid(a, t, c, &cells, err);
	if (r < 0 || t->fault)
		return r;
	for (uint32_t i = 0; i < t->nchunks; i++)
		if (!mark(t, c, i)) {
			t->fault = "two of its chunks overlap";
			return 0;
		}
	for (uint64_t i = 0; i < cells; i++)
		empty += c->chunk_of[i] == 0;
	if (empty)
		t->partly = "its chunks do not cover it";
	t->cells = c;
	return 0;
}

/* --- looking up ------------------------------------------------------------------------------- */

/* The run within a chunk, of the element at x, whose byte `within` is wanted. */
static struct dcp_run run_in(const struct dcp_tensor *t, const struct dcp_chunk *chunk, const uint64_t *x, uint64_t inside)
{
	uint64_t at = 0, len = 1, in = 0;
	uint32_t whole = t->rank; /* the dimensions from here on are the chunk's in full */
	for (uint32_t i = 0; i < t->rank; i++)
		at = at * chunk->sizes[i] + (x[i] - chunk->offsets[i]);
	while (whole > 0 && chunk->sizes[whole - 1] == t->shape[whole - 1])
		whole--;
	for (uint32_t i = whole; i < t->rank; i++) {
		len *= chunk->sizes[i];
		in = in * chunk->sizes[i] + x[i];
	}
	if (whole > 0) {
		in += (x[whole - 1] - chunk->offsets[whole - 1]) * len;
		len *= chunk->sizes[whole - 1];
	}
	return (struct dcp_run){chunk, at * t->width + inside, (len - in) * t->width - inside};
}

/* The run of what is in no chunk: to the cell's end in the last dimension. */
static struct dcp_run run_without(const struct dcp_tensor *t, uint32_t cell, uint64_t x, uint64_t inside)
{
	const struct axis *last = &t->cells->axes[t->rank - 1];
	uint64_t end = cell + 1 < last->count ? last->bounds[cell + 1] : t->shape[t->rank - 1];
	return (struct dcp_run){NULL, 0, (end - x) * t->width - inside};
}

struct dcp_run dcp_locate(const struct dcp_tensor *t, uint64_t at)
{
	uint64_t x[RANK_MAX], rest = at / t->width, inside = at % t->width, cell = 0;
	uint32_t last = 0;
	for (uint32_t i = t->rank; i-- > 0; rest /= t->shape[i])
		x[i] = rest % t->shape[i];
	if (!t->cells)
		return run_in(t, &t->chunks[0], x, inside);
	for (uint32_t i = 0; i < t->rank; i++) {
		last = find_cell(t->cells, i, x[i]);
		cell += last * t->cells->axes[i].step;
	}
	uint32_t chunk = t->cells->chunk_of[cell];
	return chunk ? run_in(t, &t->chunks[chunk - 1], x, inside) : run_without(t, last, x[t->rank - 1], inside);
}
