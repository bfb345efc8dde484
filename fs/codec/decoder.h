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

enum { DECODER_BACK = 8 };

enum decoder_step {
	DECODER_GOES_ON = 0,
	DECODER_ENDED = 1, /* at the stream's end, past its checksums; any input left follows the stream */
};

struct codec_steps {
	/* At the beginning of a stream, whose first bytes are `head`.  `size` is the decoded
	 * size, if a container states it, otherwise UINT64_MAX.  NULL: no memory. */
	struct decoder *(*open)(struct slice head, uint64_t size);
	void (*close)(struct decoder *d);

	/* The memory that it takes, at most, if that is more than 256 KiB; NULL: it is less. */
	size_t (*memory)(struct slice head, uint64_t size);

	/* Decodes from `in` to *out, advancing both, until either is used up or the stream ends; *room is not 0.
	 * At the end, it gives back up to DECODER_BACK bytes that it took before: `in` then begins that much
	 * earlier, so these bytes must still be there.  An enum decoder_step; -EBADMSG if the stream is corrupt,
	 * or -ENOMEM. */
	int (*step)(struct decoder *d, struct slice *in, uint8_t **out, size_t *room);

	/* The library's message after -EBADMSG, or NULL.  May be NULL itself. */
	const char *(*why)(const struct decoder *d);

	/* Saves the whole state to 64-byte aligned memory; 0 or -ENOMEM.  saved_size() is the size
	 * it takes until the next step.  NULL, as resume: it cannot be saved. */
	size_t (*saved_size)(struct decoder *d);
	int (*save)(struct decoder *d, void *to, size_t size);
	struct decoder *(*resume)(const void *saved); /* NULL: no memory */

	unsigned ratio; /* output bytes per input byte, at most */
	bool several;   /* concatenated streams count as one */
};

extern const struct codec_steps codec_steps_deflate, codec_steps_zlib, codec_steps_gzip;
