/* SPDX-License-Identifier: MIT */
#include "fs/blocks/readahead.h"

#include <string.h>

/* Ages, in reads: a reader not seen for LATELY has gone; a sequential or strided run
 * outlives any other by WORTH. */
enum { LATELY = 64, WORTH = 256 };

void readahead_init(struct readahead *p)
{
	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->lock, NULL);
}

void readahead_destroy(struct readahead *p)
{
	pthread_mutex_destroy(&p->lock);
}

/* The run that this read continues. */
static struct readahead_run *find_end(struct readahead *p, const void *what, uint64_t offset)
{
	for (unsigned i = 0; i < READAHEAD_RUNS; i++)
		if (p->runs[i].what == what && p->runs[i].end == offset)
			return &p->runs[i];
	return NULL;
}

/* The run that predicts, by its stride, a next one that begins with this read. */
static struct readahead_run *find_stride(struct readahead *p, const void *what, uint64_t offset)
{
	for (unsigned i = 0; i < READAHEAD_RUNS; i++) {
		struct readahead_run *run = &p->runs[i];
		if (run->what == what && run->stride && run->begin + (uint64_t)run->stride == offset)
			return run;
	}
	return NULL;
}

/* The array's most recent run, unless it is too old. */
static struct readahead_run *find_last(struct readahead *p, const void *what)
{
	struct readahead_run *last = NULL;
	for (unsigned i = 0; i < READAHEAD_RUNS; i++) {
		struct readahead_run *run = &p->runs[i];
		if (run->what == what && p->reads - run->when < LATELY && (!last || p->reads - run->when < p->reads - last->when))
			last = run;
	}
	return last;
}

/* A free slot, or that of the least valuable run. */
static struct readahead_run *find_room(struct readahead *p)
{
	struct readahead_run *least = NULL;
	uint32_t longest = 0;
	for (unsigned i = 0; i < READAHEAD_RUNS; i++) {
		struct readahead_run *run = &p->runs[i];
		uint32_t ago = p->reads - run->when;
		if (!run->what)
			return run;
		if (run->in_order || run->strided)
			ago = ago > WORTH ? ago - WORTH : 0;
		if (!least || ago > longest) {
			least = run;
			longest = ago;
		}
	}
	return least;
}

/* A new run, for a read that continues none.  The run before it is kept: it may belong to
 * another reader, since many that share an array start at equal distances. */
static struct readahead_run *begin(struct readahead *p, const void *what, uint64_t offset)
{
	struct readahead_run *expecting = find_stride(p, what, offset), *before = expecting ? expecting : find_last(p, what);
	struct readahead_run new = {.what = what, .begin = offset, .strided = expecting};
	if (before) {
		new.stride = (int64_t)(offset - before->begin);
		new.piece = before->end - before->begin;
	}
	if (expecting) {
		expecting->stride = 0;
		expecting->strided = false;
	}
	struct readahead_run *run = find_room(p);
	*run = new;
	return run;
}

static unsigned count_readers(const struct readahead *p, const void *what)
{
	unsigned n = 0;
	for (unsigned i = 0; i < READAHEAD_RUNS; i++)
		n += p->runs[i].what == what && (p->runs[i].in_order || p->runs[i].strided) && p->reads - p->runs[i].when < LATELY;
	return n;
}

/* Reads that were made in order may arrive in another: a run that began beyond a gap, which
 * is now filled, was of the same reader. */
static void join_later(struct readahead *p, struct readahead_run *run)
{
	for (unsigned i = 0; i < READAHEAD_RUNS; i++) {
		struct readahead_run *later = &p->runs[i];
		if (later->what == run->what && later != run && later->begin == run->end) {
			run->end = later->end;
			*later = (struct readahead_run){0};
		}
	}
}

struct readahead_next readahead_record(struct readahead *p, const void *what, uint64_t offset, uint64_t len)
{
	pthread_mutex_lock(&p->lock);
	p->reads++;
	struct readahead_run *run = find_end(p, what, offset);
	if (run) {
		run->in_order = true;
		/* Longer than the piece before it: not a strided piece after all. */
		run->strided &= offset + len - run->begin <= run->piece;
	} else {
		run = begin(p, what, offset);
	}
	run->end = offset + len;
	run->when = p->reads;
	if (run->in_order)
		join_later(p, run);
	struct readahead_next next = {
		.kind = run->strided ? READ_STRIDED : run->in_order ? READ_SEQUENTIAL : READ_RANDOM,
		.passed = run->end - run->begin,
		.readers = count_readers(p, what),
		.offset = run->begin + (uint64_t)run->stride,
		.len = run->piece > run->end - run->begin ? run->piece : run->end - run->begin,
		.stride = run->stride,
	};
	pthread_mutex_unlock(&p->lock);
	return next;
}
