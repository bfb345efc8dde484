/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "fs/blocks/stream_impl.h"

void run_close(struct run *run)
{
	if (run)
		run->steps->close(run->d);
	free(run);
}

/* Refills the input.  It is a copy, so it cannot change under the decoder. */
static int refill(struct run *run, struct error *err)
{
	uint64_t left = run->s->len - run->at;
	size_t n = left < STREAM_INPUT ? (size_t)left : STREAM_INPUT;
	if (run->in.len > 0 || n == 0)
		return 0;
	if (run->in.data)
		memmove(run->input, run->in.data - DECODER_BACK, DECODER_BACK);
	int r = source_read(run->s->source, run->s->offset + run->at, run->input + DECODER_BACK, n, err);
	if (r < 0)
		return r;
	run->at += n;
	run->in = (struct slice){run->input + DECODER_BACK, n};
	return 0;
}

static int no_memory(const struct stream *s, struct error *err)
{
	return error_set(err, ENOMEM, "no memory to decode %s", codec_name(s->codec));
}

int run_open(const struct stream *s, const struct point *from, struct run **ret, struct error *err)
{
	struct run *run = malloc(sizeof *run);
	if (!run)
		return no_memory(s, err);
	memset(run, 0, offsetof(struct run, input));
	run->s = s;
	run->steps = s->steps;
	if (from) {
		run->at = from->at;
		run->index = from->index;
		run->crc = from->crc;
	}
	int r = from ? 0 : refill(run, err);
	if (r == 0 && !(run->d = from ? s->steps->resume(from + 1) : s->steps->open(run->in, s->size)))
		r = no_memory(s, err);
	if (r < 0)
		free(run);
	else
		*ret = run;
	return r;
}

int run_memory(const struct stream *s, size_t *ret, struct error *err)
{
	uint8_t head[4096];
	size_t n = s->len < sizeof head ? (size_t)s->len : sizeof head;
	*ret = 0;
	if (!s->steps->memory)
		return 0;
	int r = source_read(s->source, s->offset, head, n, err);
	if (r == 0)
		*ret = s->steps->memory((struct slice){head, n}, s->size);
	return r;
}

static bool at_end(const struct run *run)
{
	return run->at == run->s->len && run->in.len == 0;
}

static int broken(const struct run *run, int r, struct error *err)
{
	const char *why = run->steps->why ? run->steps->why(run->d) : NULL;
	if (r == -ENOMEM)
		return no_memory(run->s, err);
	return error_set(err, EBADMSG, "%s is broken at byte %" PRIu64 " of %" PRIu64 "%s%s", codec_name(run->s->codec),
			 run->at - run->in.len, run->s->len, why ? ": " : "", why ? why : "");
}

int run_on(struct run *run, uint8_t *out, size_t len, size_t *ret, bool *ended, struct error *err)
{
	size_t room = len;
	uint8_t *to = out;
	*ended = false;
	for (bool moved = true; moved && room > 0 && !*ended;) {
		int r = refill(run, err);
		if (r < 0)
			return r;
		struct slice in = run->in;
		size_t had = room;
		if ((r = run->steps->step(run->d, &run->in, &to, &room)) < 0)
			return broken(run, r, err);
		moved = run->in.len != in.len || room != had;
		*ended = r == DECODER_ENDED && at_end(run);
		if (r == DECODER_ENDED && !at_end(run) && !run->steps->several)
			return error_set(err, EBADMSG, "%s ends at byte %" PRIu64 " of %" PRIu64, codec_name(run->s->codec),
					 run->at - run->in.len, run->s->len);
	}
	*ret = len - room;
	run->crc = run->s->has_crc32 ? codec_crc32(run->crc, (struct slice){out, *ret}) : 0;
	if (room > 0 && !*ended)
		return error_set(err, EBADMSG, "%s is cut short after %" PRIu64 " bytes", codec_name(run->s->codec), run->s->len);
	return 0;
}

int run_over(struct run *run, struct error *err)
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
