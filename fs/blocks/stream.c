/* SPDX-License-Identifier: MIT */
#include "fs/blocks/stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fs/blocks/stream_impl.h"

enum { POINT = 60 << 10 /* approximate size of a point */ };

/* --- stated size and CRC against the actual ones ---------------------------------- */

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

/* Does anything come after the last byte that the container states? Takes the end of the
 * stream, if that comes. */
static int find_more(struct run *run, bool *ended, struct error *err)
{
	uint8_t more;
	size_t n;
	int r = run_on(run, &more, 1, &n, ended, err);
	if (r == 0 && n > 0)
		r = error_set(err, EBADMSG, "%s decodes to more than %" PRIu64 " bytes", codec_name(run->s->codec), size_known(run->s));
	return r;
}

/* Checks the end of the stream after a stretch that decoded to `made` bytes. */
static int check_end(struct run *run, size_t made, bool *ended, struct error *err)
{
	const struct stream *s = run->s;
	uint64_t size = size_known(s), have = run->index * s->stretch + made;
	int r = !*ended && is_last(s, run->index) ? find_more(run, ended, err) : 0;
	if (r < 0)
		return r;
	if (*ended && size != STREAM_SIZE_UNKNOWN && have != size)
		return error_set(err, EBADMSG, "%s decodes to %" PRIu64 " bytes, not %" PRIu64, codec_name(s->codec), have, size);
	if (*ended && s->has_crc32 && run->crc != s->crc32)
		return error_set(err, EBADMSG, "a CRC-32 of %08" PRIx32 " over bytes that make %08" PRIx32, s->crc32, run->crc);
	return 0;
}

/* --- stretches ---------------------------------------------------------------------- */

enum { STRETCHES }; /* stream_place.c has other kinds of block */

static int decode_stretch(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);

static struct block_source stretches(const struct stream *s)
{
	return (struct block_source){s->client, s, decode_stretch, STRETCHES};
}

/* Has what is before the stretch decoded, each stretch by the thread that comes first, until a
 * decoder could begin at it.  If that does not get there, since the cache is too small,
 * place_take() goes the rest of the way. */
static int approach(struct stream *s, uint64_t index, struct block *within, const _Atomic bool *gone, struct error *err)
{
	struct block_source from = stretches(s);
	for (uint64_t at, last = UINT64_MAX; (at = place_nearest(s, index)) < index && at != last; last = at) {
		struct block *block;
		if (gone && *gone)
			return error_set(err, EINTR, "nobody waits for it any more");
		int r = blocks_get(s->blocks, within, &from, at, &block, err);
		if (r < 0)
			return r;
		if (!blocks_fit(s->blocks, s->stretch, 2 * index + 2))
			blocks_drop_behind(block);
		blocks_release(block);
	}
	return 0;
}

static void raise_to(_Atomic uint64_t *to, uint64_t index)
{
	uint64_t before = *to;
	while (before < index && !atomic_compare_exchange_weak(to, &before, index))
		;
}

/* A sequential reader has come to the stretch: those after it are to be decoded, and some can be at
 * once.  Those that no thread has reached yet follow in turn: see go_on(). */
static void decode_ahead(struct stream *s, uint64_t index)
{
	enum { IN_TURN = 8 };
	if (!s->blocks)
		return;
	struct block_source from = stretches(s);
	uint64_t most = blocks_ahead(s->blocks, s->stretch), at_once = s->steps->save ? most : 1;
	s->cancels = s->client->cancels;
	raise_to(&s->ahead, index + (most < IN_TURN ? most : IN_TURN));
	for (uint64_t i = index + 1; i <= index + at_once && i <= s->reached && !is_last(s, i - 1); i++)
		blocks_prefetch(s->blocks, &from, i);
}

/* The stretch was the first that had not been decoded: the same worker continues, unless another thread does. */
static void go_on(struct stream *s, const struct block_source *from, uint64_t index)
{
	if (s->reached == index + 1 && index < s->ahead && s->cancels == s->client->cancels)
		blocks_prefetch(s->blocks, from, index + 1);
}

static int decode_stretch(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct stream *s = (struct stream *)(uintptr_t)from->owner;
	struct taken taken;
	size_t made = 0;
	bool ended = false;
	int r = approach(s, index, ret, NULL, err);
	if (r == 0)
		r = place_take(s, index, ret, &taken, err);
	if (r < 0)
		return r;
	uint8_t *out = block_room(ret, stretch_len(s, index), err);
	r = out ? run_on(taken.run, out, ret->len, &made, &ended, err) : -ENOMEM;
	if (r == 0)
		r = check_end(taken.run, made, &ended, err);
	if (r == 0) {
		block_trim(ret, made);
		taken.run->index++;
		if (ended) /* before stream_check() can see that all was reached */
			s->found = index * s->stretch + made;
		raise_to(&s->reached, index + 1);
	}
	place_give(&taken, ret, r == 0 && !ended);
	if (r == 0 && !ended)
		go_on(s, from, index);
	return r;
}

/* Several threads may run this at once: the first to reach a stretch decodes it, the others
 * wait for it.  If the cache could not hold what follows, stretches are dropped behind. */
int stream_check(struct stream *s, const _Atomic bool *gone, struct error *err)
{
	struct block_source from = stretches(s);
	for (;;) {
		uint64_t index = s->reached; /* others may go on meanwhile, to the end: only then is `found` looked at */
		struct block *block;
		if (s->found != STREAM_SIZE_UNKNOWN)
			return 0;
		if (gone && *gone)
			return error_set(err, EINTR, "nobody waits for it any more");
		int r = blocks_get(s->blocks, NULL, &from, index, &block, err);
		if (r < 0)
			return r;
		if (!blocks_fit(s->blocks, s->stretch, 2 * index + 2))
			blocks_drop_behind(block);
		blocks_release(block);
	}
}

/* --- public --------------------------------------------------------------------------- */

int stream_open(struct stream *s, struct error *err)
{
	s->steps = codec_steps(s->codec);
	s->stretch = STREAM_STRETCH;
	s->found = STREAM_SIZE_UNKNOWN;
	s->reached = s->ahead = 0;
	s->cancels = 0;
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
	for (s->every = 1; s->blocks && about / s->stretch / s->every > 0 && !blocks_fit(s->blocks, POINT, 4 * (about / s->stretch / s->every));)
		s->every *= 2;
	return 0;
}

static int pass(const struct stream *s, struct run *run, uint8_t *out, size_t room, int (*each)(void *arg, uint64_t bytes),
		void *arg, struct error *err)
{
	uint64_t done = 0;
	bool ended = false;
	int r = 0;
	while (r == 0 && !ended && done < size_known(s)) {
		uint64_t left = size_known(s) - done;
		size_t made = 0;
		r = run_on(run, out, left < room ? (size_t)left : room, &made, &ended, err);
		done += made;
		if (r == 0)
			r = each(arg, made);
	}
	run->index = done / s->stretch;
	return r == 0 ? check_end(run, (size_t)(done % s->stretch), &ended, err) : r;
}

int stream_pass(const struct stream *s, int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err)
{
	enum { ROOM = 256 << 10 };
	struct run *run = NULL;
	uint8_t *out = malloc(ROOM);
	int r = out ? run_open(s, NULL, &run, err) : error_no_memory(err, "decoding");
	if (r == 0)
		r = pass(s, run, out, ROOM, each, arg, err);
	run_close(run);
	free(out);
	return r;
}

int stream_size(struct stream *s, uint64_t *ret, struct error *err)
{
	int r = s->size != STREAM_SIZE_UNKNOWN ? 0 : stream_check(s, NULL, err);
	*ret = r == 0 ? size_known(s) : 0;
	return r;
}

/* The stretch, held. */
static int get_stretch(struct stream *s, uint64_t index, const _Atomic bool *gone, struct block **ret, struct error *err)
{
	struct block_source from = stretches(s);
	if ((*ret = blocks_peek(s->blocks, &from, index)))
		return 0;
	int r = approach(s, index, NULL, gone, err);
	return r == 0 ? blocks_get(s->blocks, NULL, &from, index, ret, err) : r;
}

/* Appends what the stretch has of [offset, offset + len).  While a reader goes through the
 * stream, the next stretch is decoded, and what it has passed is dropped behind. */
static int answer_stretch(struct stream *s, uint64_t offset, uint64_t len, bool in_order, struct answer *answer, uint64_t *ret,
			  struct error *err)
{
	struct block *block;
	uint64_t index = offset / s->stretch;
	size_t at = (size_t)(offset % s->stretch);
	int r = answer->gone && *answer->gone ? error_set(err, EINTR, "nobody waits for it any more")
					      : get_stretch(s, index, answer->gone, &block, err);
	if (r < 0)
		return r;
	*ret = block->len <= at ? 0 : block->len - at < len ? block->len - at : len;
	if (in_order)
		decode_ahead(s, index);
	if (in_order && at + *ret == block->len)
		blocks_drop_behind(block);
	return blocks_answer(s->blocks, block, *ret ? at : 0, (size_t)*ret, answer);
}

int stream_answer(struct stream *s, uint64_t offset, uint64_t len, struct answer *answer, struct error *err)
{
	uint64_t size = size_known(s), some = 0;
	int r = size != STREAM_SIZE_UNKNOWN ? 0 : stream_check(s, answer->gone, err);
	size = r == 0 ? size_known(s) : 0;
	if (r == 0 && offset < size && len > size - offset)
		len = size - offset;
	bool in_order = r == 0 && blocks_readahead(s->blocks, s, offset, len).kind == READ_SEQUENTIAL;
	for (; r == 0 && offset < size && len > 0; offset += some, len -= some) {
		r = answer_stretch(s, offset, len, in_order, answer, &some, err);
		if (r == 0 && some == 0) /* the file changed since it was checked */
			r = error_set(err, EIO, "%s is shorter than it was", codec_name(s->codec));
	}
	return r;
}

int stream_stretch(struct stream *s, uint64_t index, struct answer *answer, bool *ret_last, struct error *err)
{
	struct block *block;
	if (s->found != STREAM_SIZE_UNKNOWN && index > 0 && index * s->stretch >= s->found)
		return error_set(err, EBADMSG, "%s ends after %" PRIu64 " bytes", codec_name(s->codec), s->found);
	int r = get_stretch(s, index, answer->gone, &block, err);
	if (r < 0)
		return r;
	*ret_last = is_last(s, index);
	decode_ahead(s, index);
	blocks_drop_behind(block);
	return blocks_answer(s->blocks, block, 0, block->len, answer);
}

/* A prefix is decoded outside the cache's accounting.  Its decoder may take what the usual compressors need, or
 * whatever fits the cache. */
static int check_decoder(const struct stream *s, struct error *err)
{
	enum { USUAL = 130 << 20 }; /* the largest window that zstd accepts by default, and what else it takes */
	size_t memory;
	int r = run_memory(s, &memory, err);
	if (r < 0 || memory <= USUAL || blocks_fit(s->blocks, memory, 1))
		return r;
	return error_set(err, ENOTSUP, "%zu bytes to decode %s do not fit the cache: -o cache=SIZE", memory, codec_name(s->codec));
}

int stream_prefix(const struct stream *s, uint8_t *buf, size_t len, size_t *ret, struct error *err)
{
	struct run *run = NULL;
	bool ended;
	*ret = 0;
	int r = len > 0 ? check_decoder(s, err) : 0;
	r = r == 0 && len > 0 ? run_open(s, NULL, &run, err) : r;
	if (r < 0 || len == 0)
		return r;
	r = run_on(run, buf, len, ret, &ended, err);
	if (r == 0 && s->size != STREAM_SIZE_UNKNOWN && *ret < len && *ret != s->size)
		r = error_set(err, EBADMSG, "%s decodes to %zu bytes, not %" PRIu64, codec_name(s->codec), *ret, s->size);
	run_close(run);
	return r;
}
