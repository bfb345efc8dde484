/* SPDX-License-Identifier: MIT */
#include "fs/blocks/stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fs/codec/decoder.h"

enum { INPUT = 64 << 10, POINT = 48 << 10 /* approximate size of a point */ };

/* --- a decoding run along the stream ------------------------------------------ */

struct run {
	const struct stream *s;
	struct decoder *d;
	uint64_t at;     /* how much of the stream has been read */
	struct slice in; /* input read but not decoded yet */
	uint64_t index;  /* the next stretch */
	uint32_t crc;    /* of all bytes before it */
	uint8_t input[INPUT];
};

/* The header of a point's block; the decoder's saved state follows it. */
struct point {
	_Alignas(64) uint64_t at;
	uint32_t crc;
};

static void run_close(struct run *run)
{
	if (run)
		run->s->steps->close(run->d);
	free(run);
}

/* Starts at the beginning of the stream, or at a point. */
static int run_open(const struct stream *s, const struct point *from, uint64_t index, struct run **ret, struct error *err)
{
	struct run *run = calloc(1, sizeof *run);
	if (run)
		run->d = from ? s->steps->resume(from + 1) : s->steps->open();
	if (!run || !run->d) {
		free(run);
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(s->codec));
	}
	run->s = s;
	run->index = index;
	run->at = from ? from->at : 0;
	run->crc = from ? from->crc : 0;
	*ret = run;
	return 0;
}

/* Refills the input.  It is a copy, so it cannot change under the decoder. */
static int run_read(struct run *run, struct error *err)
{
	uint64_t left = run->s->len - run->at;
	size_t n = left < INPUT ? (size_t)left : INPUT;
	if (run->in.len > 0 || n == 0)
		return 0;
	int r = source_read(run->s->source, run->s->offset + run->at, run->input, n, err);
	if (r < 0)
		return r;
	run->at += n;
	run->in = (struct slice){run->input, n};
	return 0;
}

static bool at_end(const struct run *run)
{
	return run->at == run->s->len && run->in.len == 0;
}

static int broken(const struct run *run, int r, struct error *err)
{
	const char *why = run->s->steps->why(run->d);
	if (r == -ENOMEM)
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(run->s->codec));
	return error_set(err, EBADMSG, "%s is broken at byte %" PRIu64 " of %" PRIu64 "%s%s", codec_name(run->s->codec),
			 run->at - run->in.len, run->s->len, why ? ": " : "", why ? why : "");
}

/* Decodes the next `len` bytes, and consumes the end of the stream if it comes next.
 * *ret is the number decoded, less than len only if *ended. */
static int run_on(struct run *run, uint8_t *out, size_t len, size_t *ret, bool *ended, struct error *err)
{
	size_t room = len;
	int r = DECODER_GOES_ON;
	uint8_t *to = out;
	*ended = false;
	for (bool moved = true; moved;) {
		if ((r = run_read(run, err)) < 0)
			return r;
		struct slice in = run->in;
		size_t had = room;
		if ((r = run->s->steps->step(run->d, &run->in, &to, &room)) < 0)
			return broken(run, r, err);
		moved = run->in.len != in.len || room != had;
		*ended = r == DECODER_ENDED && at_end(run);
		if (r == DECODER_ENDED && !at_end(run) && !run->s->steps->several)
			return error_set(err, EBADMSG, "%s ends at byte %" PRIu64 " of %" PRIu64, codec_name(run->s->codec),
					 run->at - run->in.len, run->s->len);
		if (*ended)
			break;
	}
	*ret = len - room;
	run->crc = run->s->has_crc32 ? codec_crc32(run->crc, (struct slice){out, *ret}) : 0;
	if (room > 0 && !*ended)
		return error_set(err, EBADMSG, "%s is cut short after %" PRIu64 " bytes", codec_name(run->s->codec), run->s->len);
	return 0;
}

/* --- stated size and CRC against what is there ---------------------------------- */

static uint64_t size_known(const struct stream *s)
{
	return s->size != STREAM_SIZE_UNKNOWN ? s->size : s->found;
}

/* The length of a stretch; the full length if the size is unknown. */
static size_t stretch_len(const struct stream *s, uint64_t index)
{
	uint64_t size = size_known(s), at = index * s->stretch;
	return size == STREAM_SIZE_UNKNOWN || size - at > s->stretch ? s->stretch : (size_t)(size - at);
}

static bool is_last(const struct stream *s, uint64_t index)
{
	uint64_t size = size_known(s);
	return size != STREAM_SIZE_UNKNOWN && (index + 1) * s->stretch >= size;
}

/* Checks the end of the stream after a stretch that decoded to `made` bytes. */
static int check_end(const struct run *run, size_t made, bool ended, struct error *err)
{
	const struct stream *s = run->s;
	uint64_t size = size_known(s), have = run->index * s->stretch + made;
	if (ended && size != STREAM_SIZE_UNKNOWN && have != size)
		return error_set(err, EBADMSG, "%s decodes to %" PRIu64 " bytes, not %" PRIu64, codec_name(s->codec), have, size);
	if (!ended && is_last(s, run->index))
		return at_end(run) ? error_set(err, EBADMSG, "%s is cut short after %" PRIu64 " bytes", codec_name(s->codec), s->len)
				   : error_set(err, EBADMSG, "%s decodes to more than %" PRIu64 " bytes", codec_name(s->codec), size);
	if (ended && s->has_crc32 && run->crc != s->crc32)
		return error_set(err, EBADMSG, "a CRC-32 of %08" PRIx32 " over bytes that make %08" PRIx32, s->crc32, run->crc);
	return 0;
}

/* --- points ----------------------------------------------------------------------- */

enum kind { STRETCHES, POINTS };

static int decode_point(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);
static int decode_stretch(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);

static struct block_source stretches(const struct stream *s)
{
	return (struct block_source){s->client, s, decode_stretch, STRETCHES};
}

static struct block_source points(const struct stream *s)
{
	return (struct block_source){s->client, s, decode_point, POINTS};
}

/* The decoder at the end of the stretch that this thread has just decoded: passes its state
 * to decode_point(), which the cache calls at once, in this thread. */
static _Thread_local struct run *arrived;

static int save(struct run *run, struct block *ret, struct error *err)
{
	size_t size = run->s->steps->saved_size(run->d);
	struct point *point = (struct point *)(void *)block_room(ret, sizeof *point + size, err);
	if (!point)
		return -ENOMEM;
	point->at = run->at - run->in.len;
	point->crc = run->crc;
	if (run->s->steps->save(run->d, point + 1, size) < 0)
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(run->s->codec));
	blocks_costly(ret);
	return 0;
}

/* Decodes one stretch and discards its bytes. */
static int run_over(struct run *run, struct error *err)
{
	enum { SOME = 32 << 10 };
	uint8_t out[SOME];
	int r = 0;
	for (uint64_t left = run->s->stretch; r == 0 && left > 0;) {
		size_t made = 0, some = left < SOME ? (size_t)left : SOME;
		bool ended;
		r = run_on(run, out, some, &made, &ended, err);
		if (r == 0 && ended && made < left)
			r = error_set(err, EBADMSG, "%s is shorter than it was", codec_name(run->s->codec));
		left -= made;
	}
	run->index++;
	return r;
}

/* Decodes from the beginning up to the stretch, without points. */
static int start_alone(const struct stream *s, uint64_t index, struct run **ret, struct error *err)
{
	int r = run_open(s, NULL, 0, ret, err);
	while (r == 0 && (*ret)->index < index)
		r = run_over(*ret, err);
	if (r < 0)
		run_close(*ret);
	return r;
}

/* A decoder at the start of a stretch.  Finds the nearest cached point at or before it, and
 * makes the points in between, each from the one before, which is held until then. */
static int start(const struct stream *s, uint64_t index, struct block *within, struct run **ret, struct error *err)
{
	struct block_source from = points(s);
	struct block *point = NULL, *next;
	uint64_t at = index;
	int r = 0;
	*ret = NULL;
	if (!s->blocks)
		return start_alone(s, index, ret, err);
	while (at > 0 && !(point = blocks_peek(s->blocks, &from, at)))
		at--;
	while (r == 0 && at < index && (r = blocks_get(s->blocks, within, &from, ++at, &next, err)) == 0) {
		if (point)
			blocks_release(point);
		point = next;
	}
	if (r == 0)
		r = run_open(s, point ? (const void *)point->bytes : NULL, index, ret, err);
	if (point)
		blocks_release(point);
	return r;
}

static int decode_point(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct stream *s = from->owner;
	struct run *run = arrived;
	if (run && run->s == s && run->index == index)
		return save(run, ret, err);
	int r = start(s, index - 1, ret, &run, err);
	if (r < 0)
		return r;
	r = run_over(run, err);
	if (r == 0)
		r = save(run, ret, err);
	run_close(run);
	return r;
}

/* Saves a point at the decoder's position.  Failure is ignored: the point is then made when
 * it is needed. */
static void leave_point(struct run *run, struct block *within)
{
	struct block_source from = points(run->s);
	struct block *point;
	if (!run->s->blocks)
		return;
	arrived = run;
	int r = blocks_get(run->s->blocks, within, &from, run->index, &point, NULL);
	arrived = NULL;
	if (r == 0)
		blocks_release(point);
}

/* --- stretches ---------------------------------------------------------------------- */

static int decode_stretch(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct stream *s = (struct stream *)(uintptr_t)from->owner;
	struct run *run;
	size_t made;
	bool ended;
	int r = start(s, index, ret, &run, err);
	if (r < 0)
		return r;
	uint8_t *out = block_room(ret, stretch_len(s, index), err);
	r = out ? run_on(run, out, ret->len, &made, &ended, err) : -ENOMEM;
	if (r == 0)
		r = check_end(run, made, ended, err);
	if (r == 0 && ended)
		s->found = index * s->stretch + made;
	if (r == 0)
		block_trim(ret, made);
	run->index++;
	if (r == 0 && !ended)
		leave_point(run, ret);
	run_close(run);
	return r;
}

static bool is_checked(const struct stream *s, uint64_t checked)
{
	return s->found != STREAM_SIZE_UNKNOWN && checked > 0 && is_last(s, checked - 1);
}

/* Several threads may run this at once: the first to reach a stretch decodes it, the others
 * wait for it.  If the cache could not hold what follows, stretches are dropped behind; the
 * points stay. */
int stream_check(struct stream *s, const _Atomic bool *gone, struct error *err)
{
	struct block_source from = stretches(s);
	for (uint64_t index; !is_checked(s, index = s->checked);) { /* others may go on meanwhile, to the end */
		struct block *block;
		if (gone && *gone)
			return error_set(err, EINTR, "nobody waits for it any more");
		int r = blocks_get(s->blocks, NULL, &from, index, &block, err);
		if (r < 0)
			return r;
		if (!blocks_fit(s->blocks, s->stretch, 2 * index + 2))
			blocks_drop_behind(block);
		blocks_release(block);
		atomic_compare_exchange_strong(&s->checked, &index, index + 1);
	}
	return 0;
}

/* --- public --------------------------------------------------------------------------- */

int stream_open(struct stream *s, struct error *err)
{
	s->steps = codec_steps(s->codec);
	s->stretch = STREAM_STRETCH;
	s->found = STREAM_SIZE_UNKNOWN;
	s->checked = 0;
	if (!s->steps)
		return error_set(err, ENOTSUP, "%s is not decoded in steps", codec_name(s->codec));
	if (!range_within(s->offset, s->len, s->source->size))
		return error_set(err, EBADMSG, "%" PRIu64 " bytes at %" PRIu64 " in a file of %" PRIu64, s->len, s->offset,
				 s->source->size);
	if (s->size != STREAM_SIZE_UNKNOWN && s->size / s->steps->ratio > s->len)
		return error_set(err, EBADMSG, "%" PRIu64 " bytes of %s cannot decode to %" PRIu64, s->len, codec_name(s->codec),
				 s->size);
	uint64_t about = s->size != STREAM_SIZE_UNKNOWN ? s->size : s->len <= UINT64_MAX / 8 ? 4 * s->len : s->len;
	/* A stretch that fills the cache would leave no room for the point at its end. */
	while (!blocks_fit(s->blocks, s->stretch, 2) && blocks_fit(s->blocks, STREAM_STRETCH_LEAST, 2))
		s->stretch /= 2;
	while (s->stretch < STREAM_STRETCH_MOST && !blocks_fit(s->blocks, POINT, 4 * (about / s->stretch)) &&
	       blocks_fit(s->blocks, 2 * s->stretch, 8))
		s->stretch *= 2;
	return 0;
}

int stream_size(struct stream *s, uint64_t *ret, struct error *err)
{
	int r = s->size != STREAM_SIZE_UNKNOWN ? 0 : stream_check(s, NULL, err);
	*ret = r == 0 ? size_known(s) : 0;
	return r;
}

static int answer_stretch(struct stream *s, uint64_t offset, uint64_t len, struct answer *answer, uint64_t *ret,
			  struct error *err)
{
	struct block_source from = stretches(s);
	struct block *block;
	size_t at = (size_t)(offset % s->stretch);
	int r = answer->gone && *answer->gone ? -EINTR
					      : blocks_get(s->blocks, NULL, &from, offset / s->stretch, &block, err);
	if (r < 0)
		return r;
	*ret = block->len <= at ? 0 : block->len - at < len ? block->len - at : len;
	return blocks_answer(s->blocks, block, *ret ? at : 0, (size_t)*ret, answer);
}

int stream_answer(struct stream *s, uint64_t offset, uint64_t len, struct answer *answer, struct error *err)
{
	int r = s->unchecked && s->size != STREAM_SIZE_UNKNOWN ? 0 : stream_check(s, answer->gone, err);
	uint64_t size = r == 0 ? size_known(s) : 0, some = 0;
	if (r == 0 && offset < size && len > size - offset)
		len = size - offset;
	for (; r == 0 && offset < size && len > 0; offset += some, len -= some) {
		r = answer_stretch(s, offset, len, answer, &some, err);
		if (r == 0 && some == 0) /* the file changed since it was checked */
			r = error_set(err, EIO, "%s is shorter than it was", codec_name(s->codec));
	}
	return r;
}

int stream_prefix(const struct stream *s, uint8_t *buf, size_t len, size_t *ret, struct error *err)
{
	struct run *run = NULL;
	bool ended;
	*ret = 0;
	int r = len > 0 ? run_open(s, NULL, 0, &run, err) : 0;
	if (r < 0 || len == 0)
		return r;
	r = run_on(run, buf, len, ret, &ended, err);
	if (r == 0 && s->size != STREAM_SIZE_UNKNOWN && *ret < len && *ret != s->size)
		r = error_set(err, EBADMSG, "%s decodes to %zu bytes, not %" PRIu64, codec_name(s->codec), *ret, s->size);
	run_close(run);
	return r;
}
