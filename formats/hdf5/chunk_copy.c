/* SPDX-License-Identifier: MIT */
/*
 * Copies a range of a dataset from its chunks.  The range is split into boxes, and each
 * chunk contributes its whole part of a box at once: going row by row would look up the
 * same chunks again for every row.
 */
#include "formats/hdf5/store.h"

/*
 * The bytes of an element form an additional last dimension, which every chunk holds in
 * full: so ranges that begin or end within an element are no special case.
 */
struct copy {
	const struct h5_store *s;
	struct block *within;
	bool passing;
	uint64_t offset;  /* of the range */
	uint8_t *out;
	uint32_t rank;    /* including the elements' bytes */
	uint64_t dims[H5_RANK_MAX + 1], chunk[H5_RANK_MAX + 1];
	uint64_t step[H5_RANK_MAX + 1], chunk_step[H5_RANK_MAX + 1]; /* bytes from one index to the next */
	uint64_t looked;  /* the end of what was read of the file */
	struct error *err;
};

/* [lo, hi) per dimension: a single index in those before `d`, everything in those after it. */
struct box {
	uint32_t d;
	uint64_t lo[H5_RANK_MAX + 1], hi[H5_RANK_MAX + 1];
};

/* A chunk's part of a box, itself a box. */
struct part {
	struct box box;
	uint32_t last;          /* the dimension that its runs extend along: the chunk spans all later ones */
	uint64_t run;           /* bytes per run */
	uint64_t number;        /* of the chunk */
	uint64_t from, to;      /* offsets of the first run: in the chunk, in the output */
};

static void part_of(const struct copy *c, const struct box *box, const uint64_t *scaled, struct part *ret)
{
	uint32_t last = c->rank - 1;
	*ret = (struct part){.box = {.d = box->d}};
	while (last > box->d && c->chunk[last] == c->dims[last])
		last--;
	for (uint32_t i = 0; i < c->rank; i++) {
		uint64_t begin = scaled[i] * c->chunk[i], end = c->dims[i] - begin < c->chunk[i] ? c->dims[i] : begin + c->chunk[i];
		ret->box.lo[i] = box->lo[i] > begin ? box->lo[i] : begin;
		ret->box.hi[i] = box->hi[i] < end ? box->hi[i] : end;
		ret->from += (ret->box.lo[i] - begin) * c->chunk_step[i];
		ret->to += ret->box.lo[i] * c->step[i];
		if (i + 1 < c->rank)
			ret->number = ret->number * c->s->chunks[i] + scaled[i];
	}
	ret->last = last;
	ret->run = (ret->box.hi[last] - ret->box.lo[last]) * c->step[last];
	ret->to -= c->offset;
}

/* Advances to the next run; false after the last. */
static bool next_run(const struct copy *c, struct part *p, uint64_t *at)
{
	for (uint32_t i = p->last; i-- > p->box.d;) {
		if (++at[i] < p->box.hi[i]) {
			p->from += c->chunk_step[i];
			p->to += c->step[i];
			return true;
		}
		p->from -= (at[i] - 1 - p->box.lo[i]) * c->chunk_step[i];
		p->to -= (at[i] - 1 - p->box.lo[i]) * c->step[i];
		at[i] = p->box.lo[i];
	}
	return false;
}

static int copy_part(struct copy *c, struct part *p)
{
	struct source *src = h5_source(c->s->file);
	struct h5_chunk_bytes b;
	uint64_t at[H5_RANK_MAX + 1], first = p->from, end = 0;
	int r = h5_chunk_get(c->s, c->within, p->number, &b, c->err);
	if (r < 0)
		return r;
	memcpy(at, p->box.lo, sizeof at);
	if (b.at && !b.block)
		source_enter(src);
	do {
		if (b.at)
			memcpy(c->out + p->to, b.at + p->from, (size_t)p->run);
		else
			h5_fill(c->s, p->from, p->run, c->out + p->to);
		end = p->from + p->run;
	} while (next_run(c, p, at));
	if (b.block) {
		if (c->passing && h5_chunk_ends(c->s, p->number, end))
			blocks_drop_behind(b.block);
		blocks_release(b.block);
	} else if (b.at) {
		source_leave_unchecked();
		c->looked = b.place + end > c->looked ? b.place + end : c->looked;
		if (!source_sound(src, b.place + first, end - first))
			return source_check(src, b.place + first, end - first, c->err);
	}
	return 0;
}

static int copy_box(struct copy *c, const struct box *box)
{
	uint64_t scaled[H5_RANK_MAX + 1];
	struct part part;
	for (uint32_t i = 0; i < c->rank; i++)
		scaled[i] = box->lo[i] / c->chunk[i];
	for (;;) {
		part_of(c, box, scaled, &part);
		int r = copy_part(c, &part);
		if (r < 0)
			return r;
		uint32_t i = c->rank;
		while (i > 0 && ++scaled[i - 1] * c->chunk[i - 1] >= box->hi[i - 1]) {
			scaled[i - 1] = box->lo[i - 1] / c->chunk[i - 1];
			i--;
		}
		if (i == 0)
			return 0;
	}
}

/* Copies bytes [lo, hi) of the dimensions from `d` on, at the box's index in those before:
 * the end of a row, then whole rows, then the beginning of one. */
static int copy_range(struct copy *c, struct box *box, uint32_t d, uint64_t lo, uint64_t hi)
{
	uint64_t step = c->step[d], first = lo / step, end = hi / step;
	int r = 0;
	if (lo % step) {
		uint64_t stop = first < end ? step : hi - first * step;
		box->lo[d] = first;
		box->hi[d] = first + 1;
		r = copy_range(c, box, d + 1, lo % step, stop);
		if (first++ == end)
			return r;
	}
	if (r == 0 && first < end) {
		box->d = d;
		box->lo[d] = first;
		box->hi[d] = end;
		for (uint32_t i = d + 1; i < c->rank; i++)
			box->lo[i] = 0, box->hi[i] = c->dims[i];
		r = copy_box(c, box);
	}
	if (r == 0 && hi % step) {
		box->lo[d] = end;
		box->hi[d] = end + 1;
		r = copy_range(c, box, d + 1, 0, hi % step);
	}
	return r;
}

int h5_chunks_copy(const struct h5_store *s, struct block *within, bool passing, uint64_t offset, uint64_t len,
		   uint8_t *out, struct error *err)
{
	struct copy c = {.s = s, .within = within, .passing = passing, .offset = offset, .out = out, .rank = s->rank + 1, .err = err};
	struct box box = {0};
	for (uint32_t i = 0; i < s->rank; i++) {
		c.dims[i] = s->dims[i];
		c.chunk[i] = s->chunk[i];
	}
	c.dims[s->rank] = c.chunk[s->rank] = s->element;
	c.step[s->rank] = c.chunk_step[s->rank] = 1;
	for (uint32_t i = s->rank; i-- > 0;) {
		c.step[i] = c.step[i + 1] * c.dims[i + 1];
		c.chunk_step[i] = c.chunk_step[i + 1] * c.chunk[i + 1];
	}
	int r = len ? copy_range(&c, &box, 0, offset, offset + len) : 0;
	/* Checked once for all runs, which may be only a few bytes each. */
	if (r == 0 && c.looked)
		r = source_check(h5_source(s->file), c.looked - 1, 1, err);
	return r;
}
