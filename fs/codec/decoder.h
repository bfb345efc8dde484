/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/codec/codec.h"

/*
 * Decoding in steps: a decoder takes its input as it comes and puts out as much as is
 * wanted.  Its whole state can be saved after any byte of output, and decoding resumed
 * from there, any number of times and by any number of threads.  A decoder itself is
 * for one thread.  It looks at its input once.
 */
struct decoder;

enum decoder_step {
	DECODER_GOES_ON = 0,
	DECODER_ENDED = 1, /* the stream's end, its checksums too, was met; what is left of the input follows it */
};

struct codec_steps {
	struct decoder *(*open)(void); /* at a stream's beginning; NULL: no memory */
	void (*close)(struct decoder *d);

	/* Takes from `in` and puts at *out, and moves both, until one is used up or the
	 * stream ends.  With *room 0 it takes what ends the stream, if that comes next.
	 * -EBADMSG: broken; -ENOMEM. */
	int (*step)(struct decoder *d, struct slice *in, uint8_t **out, size_t *room);

	/* Why it is broken; in words, or NULL. */
	const char *(*why)(const struct decoder *d);

	/* Saves all of the state in memory that stays where it is, aligned to 64; 0 or
	 * -ENOMEM.  saved_size() bytes are enough until the next step. */
	size_t (*saved_size)(struct decoder *d);
	int (*save)(struct decoder *d, void *to, size_t size);
	struct decoder *(*resume)(const void *saved); /* NULL: no memory */

	unsigned ratio; /* so many bytes, at the very most, come of one of input */
	bool several;   /* streams one after another are one */
};

extern const struct codec_steps codec_steps_deflate, codec_steps_zlib, codec_steps_gzip;
