/* SPDX-License-Identifier: MIT */
/*
 * The places where decoding can continue, all of them blocks of the cache, so that its budget
 * bounds them.  A point is a saved state: it can be resumed from again and again.  A seat holds
 * one decoder, of a codec whose state cannot be saved: the thread that continues takes it, and
 * gives it back further along the stream.
 */
#include <stdlib.h>

#include "fs/blocks/stream_impl.h"

enum kind { STRETCHES, POINTS, SEATS };
enum { SEAT_COUNT = 4 /* readers at different places of one stream that can continue where they were */ };

struct seat {
	_Atomic bool busy;      /* its decoder is taken */
	_Atomic uint64_t index; /* the stretch where that is */
	struct run *run;        /* or NULL */
};

/* --- points ---------------------------------------------------------------------------- */

/* The decoder that leaves a point: for save_point(), which the cache calls at once, in this
 * thread. */
static _Thread_local struct run *arrived;

static int save_point(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct run *run = arrived;
	(void)from, (void)index;
	size_t size = run->steps->saved_size(run->d);
	struct point *point = (struct point *)(void *)block_room(ret, sizeof *point + size, err);
	if (!point)
		return -ENOMEM;
	point->at = run->at - run->in.len;
	point->index = run->index;
	point->crc = run->crc;
	if (run->steps->save(run->d, point + 1, size) < 0)
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(run->s->codec));
	if (run->index % run->s->every == 0)
		blocks_costly(ret);
	return 0;
}

static struct block_source points(const struct stream *s)
{
	return (struct block_source){s->client, s, save_point, POINTS};
}

static const struct point *point_of(const struct block *block)
{
	return block ? (const struct point *)(const void *)block->bytes : NULL;
}

/* The nearest point at or before `index`, held; NULL: there is none. */
static struct block *find_point(const struct stream *s, uint64_t index)
{
	struct block_source from = points(s);
	struct block *point = NULL;
	uint64_t reached = s->reached;
	for (index = index < reached ? index : reached; index > 0 && !point; index--)
		point = blocks_peek(s->blocks, &from, index);
	return point;
}

static int take_from_point(const struct stream *s, uint64_t index, struct taken *ret, struct error *err)
{
	struct block *point = find_point(s, index);
	int r = run_open(s, point_of(point), &ret->run, err);
	if (point)
		blocks_release(point);
	return r;
}

/* A failure is ignored: then the next decoder begins at an earlier point. */
static void leave_point(struct run *run, struct block *within)
{
	struct block_source from = points(run->s);
	struct block *point;
	arrived = run;
	int r = blocks_get(run->s->blocks, within, &from, run->index, &point, NULL);
	arrived = NULL;
	if (r == 0)
		blocks_release(point);
}

/* --- seats ------------------------------------------------------------------------------ */

static struct seat *seat_of(const struct block *block)
{
	return (struct seat *)(void *)block->bytes;
}

static void drop_seat(struct block *block)
{
	run_close(seat_of(block)->run);
}

/* It accounts for what its decoder will take. */
static int make_seat(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct seat *seat = (struct seat *)(void *)block_room(ret, sizeof *seat, err);
	size_t memory;
	(void)index;
	if (!seat)
		return -ENOMEM;
	memset(seat, 0, sizeof *seat);
	ret->drop = drop_seat;
	blocks_costly(ret);
	int r = run_memory(from->owner, &memory, err);
	return r == 0 ? block_count(ret, memory, err) : r;
}

static struct block_source seats(const struct stream *s)
{
	return (struct block_source){s->client, s, make_seat, SEATS};
}

/* How well a seat serves to get to `index`: its own index plus one if its decoder can continue;
 * 0 if it would have to start over. */
static uint64_t fitness(const struct seat *seat, uint64_t index)
{
	uint64_t at = seat->index;
	return at > 0 && at <= index ? at + 1 : 0;
}

/* The seat, unless it is taken.  `within`: it is made if it is not there. */
static struct block *try_seat(const struct stream *s, uint64_t i, struct block *within)
{
	struct block_source from = seats(s);
	struct block *seat = NULL;
	if (!within)
		seat = blocks_peek(s->blocks, &from, i);
	else if (blocks_get(s->blocks, within, &from, i, &seat, NULL) < 0)
		return NULL;
	if (!seat || !atomic_exchange(&seat_of(seat)->busy, true))
		return seat;
	blocks_release(seat);
	return NULL;
}

static void free_seat(struct block *seat)
{
	seat_of(seat)->busy = false;
	blocks_release(seat);
}

/* The seat whose decoder has the shortest way to `index`; SEAT_COUNT if none leads there. */
static uint64_t fittest(const struct stream *s, uint64_t index)
{
	struct block_source from = seats(s);
	uint64_t best = SEAT_COUNT, most = 0;
	for (uint64_t i = 0; i < SEAT_COUNT; i++) {
		struct block *seat = blocks_peek(s->blocks, &from, i);
		uint64_t fit = seat && !seat_of(seat)->busy ? fitness(seat_of(seat), index) : 0;
		if (fit > most) {
			most = fit;
			best = i;
		}
		if (seat)
			blocks_release(seat);
	}
	return best;
}

/* That one, or one without a decoder, or one whose decoder has to start over. */
static struct block *find_seat(const struct stream *s, uint64_t index, struct block *within)
{
	uint64_t best = fittest(s, index);
	struct block *seat = best < SEAT_COUNT ? try_seat(s, best, NULL) : NULL;
	for (uint64_t i = 0; i < SEAT_COUNT && !seat; i++) {
		seat = try_seat(s, i, within);
		if (seat && seat_of(seat)->run) {
			free_seat(seat);
			seat = NULL;
		}
	}
	for (uint64_t i = 0; i < SEAT_COUNT && !seat; i++)
		seat = try_seat(s, i, NULL);
	return seat;
}

/* A decoder at the beginning.  Without a seat, it counts as the block's scratch memory. */
static int begin(const struct stream *s, struct block *within, struct taken *ret, struct error *err)
{
	size_t memory;
	int r = ret->seat ? 0 : run_memory(s, &memory, err);
	if (r == 0 && !ret->seat)
		r = block_count_scratch(within, memory, err);
	return r == 0 ? run_open(s, NULL, &ret->run, err) : r;
}

static int take_from_seat(const struct stream *s, uint64_t index, struct block *within, struct taken *ret, struct error *err)
{
	ret->seat = find_seat(s, index, within);
	struct seat *seat = ret->seat ? seat_of(ret->seat) : NULL;
	bool goes_on = seat && seat->run && fitness(seat, index) > 0;
	if (goes_on)
		ret->run = seat->run;
	else if (seat)
		run_close(seat->run);
	if (seat) {
		seat->run = NULL;
		seat->index = index;
	}
	return goes_on ? 0 : begin(s, within, ret, err);
}

static uint64_t nearest_seat(const struct stream *s, uint64_t index)
{
	struct block_source from = seats(s);
	uint64_t nearest = 0;
	for (uint64_t i = 0; i < SEAT_COUNT; i++) {
		struct block *seat = blocks_peek(s->blocks, &from, i);
		uint64_t at = seat ? (uint64_t)seat_of(seat)->index : 0;
		if (at > nearest && at <= index)
			nearest = at;
		if (seat)
			blocks_release(seat);
	}
	return nearest;
}

/* --- either ----------------------------------------------------------------------------- */

static bool has_points(const struct stream *s)
{
	return s->steps->save;
}

uint64_t place_nearest(const struct stream *s, uint64_t index)
{
	if (!s->blocks)
		return index;
	if (!has_points(s))
		return nearest_seat(s, index);
	struct block *point = find_point(s, index);
	uint64_t nearest = point ? point_of(point)->index : 0;
	if (point)
		blocks_release(point);
	return nearest;
}

int place_take(const struct stream *s, uint64_t index, struct block *within, struct taken *ret, struct error *err)
{
	*ret = (struct taken){0};
	int r = !s->blocks ? begin(s, within, ret, err)
		: has_points(s) ? take_from_point(s, index, ret, err) : take_from_seat(s, index, within, ret, err);
	while (r == 0 && ret->run->index < index) {
		r = run_over(ret->run, err);
		if (r == 0 && s->blocks && has_points(s))
			leave_point(ret->run, within);
	}
	if (r < 0)
		place_give(ret, within, false);
	return r;
}

void place_give(struct taken *t, struct block *within, bool more)
{
	struct run *run = t->run;
	if (t->seat) {
		seat_of(t->seat)->index = more ? run->index : 0;
		seat_of(t->seat)->run = more ? run : NULL;
		free_seat(t->seat);
	} else if (more && run->s->blocks && has_points(run->s)) {
		leave_point(run, within);
	}
	if (!more || !t->seat)
		run_close(run);
}
