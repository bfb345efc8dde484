/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>

#include "fs/blocks/blocks.h"
#include "fs/codec/codec.h"

/*
 * A range of a source that is one compressed stream, read at any offset of what it
 * decodes to: a member of a zip, a .gz.
 *
 * What it decodes to is cut into stretches of equal length, each a block of the cache.
 * At the beginning of each stretch the decoder's state is saved: a point, from where
 * decoding resumes.  Points are blocks, too, so that the cache's budget bounds them;
 * those that went are made again from the next one before.
 *
 *   source    |---- offset ----|=========== len ===========|
 *   decoded                    |  0  |  1  |  2  |  3  | 4 |   stretches
 *   points                           1     2     3     4
 *
 * Whether the bytes are right is known at the end alone, where checksums stand.  So the
 * first read decodes all of the stream, once, and answers nothing of a stream that is
 * cut short, broken, followed by something or longer or shorter than was said.  Each
 * read after that decodes what it needs, and at most the rest of a stretch more.
 *
 * Any number of threads may read one.  It must outlive the client's blocks.
 */
enum {
	STREAM_STRETCH = 1 << 20,      /* bytes; */
	STREAM_STRETCH_MOST = 1 << 24, /* longer, if the cache could not hold the points */
};
#define STREAM_SIZE_UNKNOWN UINT64_MAX

struct stream {
	/* To be filled in. */
	struct block_client *client; /* whose blocks they are */
	struct blocks *blocks; /* or NULL: then each read decodes from the beginning */
	const struct source *source;
	uint64_t offset, len;
	enum codec_id codec;
	uint64_t size;           /* as was said elsewhere, or STREAM_SIZE_UNKNOWN */
	uint32_t crc32;          /* of what it decodes to; */
	bool has_crc32;          /* if that stands elsewhere */
	bool unchecked;          /* read without decoding all of it first */

	/* The stream's own. */
	const struct codec_steps *steps;
	uint64_t stretch;
	_Atomic uint64_t found;   /* the size, once the end was met */
	_Atomic uint64_t checked; /* so many stretches decoded, one after another */
};

/* -ENOTSUP if its codec cannot decode in steps; -EBADMSG if it cannot hold as much as was
 * said, or is not all in the source.  Reads nothing.  There is nothing to close. */
int stream_open(struct stream *s, struct error *err);

/* Decodes all of it, if nobody has.  Gives up with -EINTR once *gone, which may be NULL. */
int stream_check(struct stream *s, const _Atomic bool *gone, struct error *err);

/* The size; if it was not said, by decoding all of it. */
int stream_size(struct stream *s, uint64_t *ret, struct error *err);

/* Answers [offset, offset + len), cut at the end. */
int stream_answer(struct stream *s, uint64_t offset, uint64_t len, struct answer *answer, struct error *err);

/* The first bytes, say, a header: decodes no more, and checks no more than that the stream
 * is sound so far.  *ret is less than len if the stream ends before. */
int stream_prefix(const struct stream *s, uint8_t *buf, size_t len, size_t *ret, struct error *err);
