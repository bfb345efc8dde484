/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/blocks/stream.h"
#include "fs/codec/decoder.h"

/*
 * Shared by the files of a stream: stream.c answers reads and decodes stretches,
 * stream_run.c is a decoder on its way along the stream, stream_place.c keeps decoders for
 * later: saved as points, or, of codecs whose state cannot be saved, as they are.
 */
enum { STREAM_INPUT = 64 << 10 };

struct run {
	const struct stream *s;
	const struct codec_steps *steps;
	struct decoder *d;
	uint64_t at;     /* how much of the stream has been read */
	struct slice in; /* input read but not decoded yet */
	uint64_t index;  /* the next stretch */
	uint32_t crc;    /* of all bytes before it */
	uint8_t input[DECODER_BACK + STREAM_INPUT]; /* first, the last bytes of the input before */
};

/* The header of a point's block; the decoder's saved state follows it. */
struct point {
	_Alignas(64) uint64_t at, index;
	uint32_t crc;
};

/* A decoder at the point, or, if that is NULL, at the beginning of the stream. */
int run_open(const struct stream *s, const struct point *from, struct run **ret, struct error *err);
void run_close(struct run *run); /* NULL: nothing */

/* Decodes the next `len` bytes.  *ret is their number, less than len only if *ended. */
int run_on(struct run *run, uint8_t *out, size_t len, size_t *ret, bool *ended, struct error *err);

/* Decodes one stretch and discards its bytes. */
int run_over(struct run *run, struct error *err);

/* The memory that its decoder takes, if that is worth counting; reads the first bytes. */
int run_memory(const struct stream *s, size_t *ret, struct error *err);

/* --- stream_place.c ------------------------------------------------------------- */

/* The furthest stretch at or before `index` at which a decoder could begin, or is now. */
uint64_t place_nearest(const struct stream *s, uint64_t index);

/* A decoder in use; `seat` is where it goes back to, or NULL. */
struct taken {
	struct run *run;
	struct block *seat;
};

/* Takes a decoder that is, or has been brought, to the start of the stretch.  `within` is the
 * block that is being decoded.  If it succeeds, place_give() must follow. */
int place_take(const struct stream *s, uint64_t index, struct block *within, struct taken *ret, struct error *err);

/* The decoder, which has passed a stretch, will be wanted for the next one, or, without
 * `more`, not again. */
void place_give(struct taken *t, struct block *within, bool more);
