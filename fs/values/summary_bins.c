/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "fs/values/summary_impl.h"

/* As numpy.linspace() computes them. */
static bool set_edges(double first, double last, unsigned count, double *edges)
{
	double step = (last - first) / count;
	bool rising = true;
	for (unsigned i = 0; i < count; i++)
		edges[i] = (step == 0 ? i / (double)count * (last - first) : i * step) + first;
	edges[count] = last;
	for (unsigned i = 0; i < count; i++)
		rising &= edges[i] < edges[i + 1];
	return rising && edges[count] <= DBL_MAX && edges[0] >= -DBL_MAX;
}

bool summary_bins(const struct summary_plan *p, const struct summary *r, unsigned count, double *edges, struct summary_bins *ret)
{
	bool whole = p->kind == SUMMARY_WHOLE;
	double first = whole ? summary_whole_value(&r->least_whole) : r->least;
	double last = whole ? summary_whole_value(&r->most_whole) : r->most;
	if (first == last) {
		first -= 0.5;
		last += 0.5;
	}
	if (p->kind == SUMMARY_COMPLEX || r->parts[0].count == 0 || !set_edges(first, last, count, edges))
		return false;
	*ret = (struct summary_bins){count, edges, count / (last - first)};
	return ret->scale <= DBL_MAX;
}

struct counting {
	const struct summary_bins *bins;
	uint64_t *counts;
};

/* The index is computed and then corrected, as it may be off where edges are rounded.  What is
 * outside, which only a file that is changed meanwhile has, goes to the ends. */
static void count_one(const struct summary_bins *b, double x, uint64_t *counts)
{
	const double *edges = b->edges;
	double guess = (x - edges[0]) * b->scale, last = b->count - 1;
	unsigned i = guess > 0 ? (unsigned)(guess < last ? guess : last) : 0;
	while (i > 0 && x < edges[i])
		i--;
	while (i + 1 < b->count && x >= edges[i + 1])
		i++;
	counts[i]++;
}

static void count_block(const struct summary_plan *p, const uint8_t *block, size_t n, void *arg)
{
	const struct counting *c = arg;
	double x[SUMMARY_BLOCK];
	uint64_t nan = 0, inf = 0;
	if (p->kind == SUMMARY_WHOLE)
		n = summary_whole_doubles(p, block, n, x);
	else
		n = summary_finite(p, block, n, x, &nan, &inf);
	for (size_t i = 0; i < n; i++)
		count_one(c->bins, x[i], c->counts);
}

void summary_count(const struct summary_plan *p, const struct summary_bins *bins, const uint8_t *from, uint64_t at, uint64_t count,
		   const struct summary_valid *valid, uint64_t *counts)
{
	summary_blocks(p, from, at, count, valid, count_block, &(struct counting){bins, counts});
}
