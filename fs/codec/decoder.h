/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/codec/codec.h"

/*
 * Incremental decoding: a decoder takes input in pieces of any size and produces as much
 * output as is asked for.  Its whole state can be saved after any byte of output, and
 * decoding resumed from there, any number of times and by any number of threads.  A
 * decoder itself is not thread-safe.  It reads each input byte once (no double fetch).
 */
struct decoder;

enum decoder_step {
	DECODER_GOES_ON = 0,
	DECODER_ENDED = 1, /* at the stream's end, past its checksums; any input left follows the stream */
};

struct codec_steps {
	struct decoder *(*open)(void); /* at the beginning of a stream; NULL: no memory */
	void (*close)(struct decoder *d);

	/* Decodes from `in` to *out, advancing both, until either is used up or the stream
	 * ends.  With *room 0, it still consumes the end of the stream if that comes next.
	 * An enum decoder_step; -EBADMSG if the stream is corrupt, or -ENOMEM. */
	int (*step)(struct decoder *d, struct slice *in, uint8_t **out, size_t *room);

	/* The library's message after -EBADMSG, or NULL. */
	const char *(*why)(const struct decoder *d);

	/* Saves the whole state to 64-byte aligned memory, which must not move afterwards (it
	 * holds pointers into itself); 0 or -ENOMEM.  saved_size() is the size it takes until
	 * the next step. */
	size_t (*saved_size)(struct decoder *d);
	int (*save)(struct decoder *d, void *to, size_t size);
	struct decoder *(*resume)(const void *saved); /* NULL: no memory */

	unsigned ratio; /* output bytes per input byte, at most */
	bool several;   /* concatenated streams count as one */
};

extern const struct codec_steps codec_steps_deflate, codec_steps_zlib, codec_steps_gzip;
