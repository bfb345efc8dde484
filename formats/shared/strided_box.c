/* SPDX-License-Identifier: MIT */
#include "formats/shared/strided_box.h"

#include "fs/archive/pieces.h"

uint64_t strided_box_bytes(const struct strided_box *b)
{
	uint64_t n = b->run;
	for (uint32_t i = 0; i < b->rank; i++)
		n *= b->dims[i].extent;
	return n;
}

uint64_t strided_box_span(const struct strided_box *b)
{
	uint64_t n = b->run;
	for (uint32_t i = 0; i < b->rank; i++)
		n += (b->dims[i].extent - 1) * b->dims[i].in;
	return n;
}

const struct strided_dim *strided_box_across(const struct strided_box *b)
{
	const struct strided_dim *found = NULL;
	if (b->rank < 2 || b->run >= STRIDED_LINE)
		return NULL;
	const struct strided_dim *last = b->dims + b->rank - 1;
	if (last->in < STRIDED_LINE)
		return NULL;
	for (const struct strided_dim *d = b->dims; d < last; d++)
		if (d->extent > 1 && d->in > 0 && d->in < (found ? found->in : STRIDED_LINE))
			found = d;
	return found;
}

/* n runs.  The compiler knows the common lengths. */
static void copy_runs(const uint8_t *in, uint64_t in_step, uint8_t *out, uint64_t out_step, uint64_t n, uint64_t run)
{
#define COPY(bytes)                                                        \
	case bytes:                                                        \
		for (uint64_t i = 0; i < n; i++)                           \
			memcpy(out + i * out_step, in + i * in_step, bytes); \
		return
	switch (run) {
		COPY(1);
		COPY(2);
		COPY(4);
		COPY(8);
		COPY(16);
	}
#undef COPY
	for (uint64_t i = 0; i < n; i++)
		memcpy(out + i * out_step, in + i * in_step, (size_t)run);
}

/* Along one dimension. */
static void copy_row(const struct strided_dim *d, uint64_t run, const uint8_t *in, uint8_t *out)
{
	if (d->in == 0)
		pieces_repeat((struct slice){in, (size_t)run}, 0, d->extent * run, out);
	else
		copy_runs(in, d->in, out, run, d->extent, run);
}

/* --- along two dimensions ------------------------------------------------------------- */

enum { TILE = 24 << 10, APART = STRIDED_LINE }; /* the tile stays in the first cache; APART: its rows share no set of it */

/* The extents of a tile, which is read in rows and written in columns. */
static uint64_t tile_extent(uint64_t run)
{
	return run == 1 ? 128 : run <= 4 ? 64 : run <= 16 ? 32 : 16;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Asks for the lines of a row of the tile after this one: the processor does not guess them. */
static void await_row(const uint8_t *in, uint64_t len)
{
	for (uint64_t i = 0; i < len; i += STRIDED_LINE)
		__builtin_prefetch(in + i);
}

/* Output rows are written by whole lines, from a tile: they may lie at distances that are a
 * power of 2, which the processor's caches keep few of.  `after`: the tile after this one. */
static void copy_tile(const struct strided_dim *across, const struct strided_dim *last, uint64_t run, const uint8_t *in,
		      const uint8_t *after, uint8_t *out)
{
	_Alignas(64) uint8_t tile[TILE];
	uint64_t pitch = tile_extent(run) * run + APART;
	bool compact = across->out < pitch; /* the output is like a tile itself */
	for (uint64_t i = 0; i < last->extent; i++) {
		await_row(after + i * last->in, across->extent * across->in);
		copy_runs(in + i * last->in, across->in, (compact ? out : tile) + i * run, compact ? across->out : pitch, across->extent, run);
	}
	for (uint64_t i = 0; !compact && i < across->extent; i++)
		memcpy(out + i * across->out, tile + i * pitch, (size_t)(last->extent * run));
}

static void copy_plane(const struct strided_dim *across, const struct strided_dim *last, uint64_t run, const uint8_t *in, uint8_t *out)
{
	uint64_t extent = tile_extent(run);
	for (uint64_t i = 0; i < last->extent; i += extent)
		for (uint64_t j = 0; j < across->extent; j += extent) {
			struct strided_dim a = *across, l = *last;
			a.extent = least(extent, a.extent - j);
			l.extent = least(extent, l.extent - i);
			const uint8_t *from = in + i * l.in + j * a.in;
			const uint8_t *after = j + extent < across->extent ? from + extent * a.in : i + extent < last->extent ? in + (i + extent) * l.in : from;
			copy_tile(&a, &l, run, from, after, out + i * run + j * a.out);
		}
}

/* --- all ---------------------------------------------------------------------------------- */

/* The next row or plane: steps along the other dimensions, like an odometer. */
static bool next(const struct strided_box *b, const struct strided_dim *across, uint64_t *at, const uint8_t **in, uint8_t **out)
{
	for (uint32_t i = b->rank - 1; i-- > 0;) {
		const struct strided_dim *d = b->dims + i;
		if (d == across)
			continue;
		if (++at[i] < d->extent) {
			*in += d->in;
			*out += d->out;
			return true;
		}
		*in -= (d->extent - 1) * d->in;
		*out -= (d->extent - 1) * d->out;
		at[i] = 0;
	}
	return false;
}

void strided_box_copy(const struct strided_box *b, const uint8_t *in, uint8_t *out)
{
	uint64_t at[STRIDED_RANK] = {0};
	if (b->rank == 0) {
		memcpy(out, in, (size_t)b->run);
		return;
	}
	const struct strided_dim *across = strided_box_across(b), *last = b->dims + b->rank - 1;
	do {
		if (across)
			copy_plane(across, last, b->run, in, out);
		else
			copy_row(last, b->run, in, out);
	} while (next(b, across, at, &in, &out));
}
