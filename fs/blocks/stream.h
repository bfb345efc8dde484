/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>

#include "fs/blocks/blocks.h"
#include "fs/codec/codec.h"

/*
 * Random access to one compressed stream within a source: a member of a zip, a .gz.
 *
 * The decoded bytes are cut into stretches of equal length, each a block of the cache.  At the start of
 * each stretch but the first, the decoder's state is saved as a point, from which decoding can resume.
 * Points are blocks, too, so the cache's budget bounds them: all are kept if they take no more than a
 * quarter of it, otherwise every second, fourth and so on; the others are evicted like stretches.  For
 * codecs whose state cannot be saved, the decoder itself is kept where it is: reading on is as fast, but
 * what is before it is decoded from the beginning again, unless it is cached.
 *
 *   source    |---- offset ----|=========== len ===========|
 *   decoded                    |  0  |  1  |  2  |  3  | 4 |   stretches
 *   points                           1     2     3     4
 *
 * Stretches are first decoded in order, each by the first reader that needs it or a later one, while the
 * others wait; ahead of a sequential reader, by one worker, each once the one before it is done.  So no
 * byte is decoded twice before the end, and the CRC-32 of what is decoded is known there.  The stretch in
 * which the stream turns out to be truncated, corrupt, followed by other data, or not of the stated size
 * or CRC-32 fails; those before it do not.
 *
 * Thread-safe once open.  It must outlive the client's blocks.
 */
enum {
	STREAM_STRETCH = 1 << 20,       /* bytes */
	STREAM_STRETCH_LEAST = 1 << 16, /* down to this, if the cache could not hold two otherwise */
	STREAM_STRETCH_MOST = 1 << 24,  /* up to this, if the cache could not hold all points otherwise */
};
#define STREAM_SIZE_UNKNOWN UINT64_MAX

struct stream {
	/* Set by the caller before stream_open(). */
	struct block_client *client; /* owns the blocks */
	struct blocks *blocks; /* NULL: each read decodes from the beginning */
	const struct source *source;
	uint64_t offset, len;
	enum codec_id codec;
	uint64_t size;           /* decoded size, if the container states it; or STREAM_SIZE_UNKNOWN */
	uint32_t crc32;          /* of the decoded bytes, if has_crc32 */
	bool has_crc32;          /* the container states a CRC-32 */

	/* Private. */
	const struct codec_steps *steps;
	uint64_t stretch;
	uint64_t every; /* which points are kept: one per so many stretches */
	_Atomic uint64_t found;   /* decoded size, once the end was reached; STREAM_SIZE_UNKNOWN before */
	_Atomic uint64_t reached; /* how many stretches, from the first on, have been decoded */
	_Atomic uint64_t ahead;   /* the last stretch that is to be decoded ahead of readers */
	_Atomic unsigned cancels; /* the client's, when that was requested */
};

/* Reads nothing.  -ENOTSUP if the codec cannot decode in steps; -EBADMSG if the stream is
 * too short for the stated size, or lies outside the source.  There is nothing to close. */
int stream_open(struct stream *s, struct error *err);

/* Decodes and checks all of it, unless that is done already.  -EINTR once *gone is set;
 * gone may be NULL. */
int stream_check(struct stream *s, const _Atomic bool *gone, struct error *err);

/* The same from beginning to end, bypassing the cache.  `each` is called with the number of
 * bytes just decoded; what it returns, unless 0, ends the pass and is returned. */
int stream_pass(const struct stream *s, int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err);

/* The decoded size; if it is not stated, decodes all of the stream to find it. */
int stream_size(struct stream *s, uint64_t *ret, struct error *err);

/* Appends the decoded bytes [offset, offset + len) to the answer, up to the end. */
int stream_answer(struct stream *s, uint64_t offset, uint64_t len, struct answer *answer, struct error *err);

/* Appends the bytes of one stretch, for a pass over a stream whose end is not known yet: *ret_last is set
 * if the end is in it.  -EBADMSG past the end.  Stretches are s->stretch bytes long. */
int stream_stretch(struct stream *s, uint64_t index, struct answer *answer, bool *ret_last, struct error *err);

/* The first bytes, a header for example: decodes no more than that, and checks only that
 * the stream is valid so far.  *ret is less than len if the stream ends before. */
int stream_prefix(const struct stream *s, uint8_t *buf, size_t len, size_t *ret, struct error *err);
