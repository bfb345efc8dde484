/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * The compressed streams that archives hold.  Each call decodes one whole stream
 * from memory to memory; contexts are kept per thread and freed with it, so any
 * number of threads may call at once.
 *
 *        id                 as in user.array.codec
 */
#define CODECS(X)                                                                        \
	X(CODEC_NONE,        "none")                                                     \
	X(CODEC_SNAPPY,      "snappy")     /* raw, without framing */                    \
	X(CODEC_GZIP,        "gzip")       /* RFC 1952, members one after another;       \
					    * RFC 1950 is taken, too: some writers err */ \
	X(CODEC_ZLIB,        "deflate")    /* RFC 1950 */                                \
	X(CODEC_LZO,         "lzo")        /* refused */                                 \
	X(CODEC_BROTLI,      "brotli")     /* RFC 7932 */                                \
	X(CODEC_LZ4_HADOOP,  "lz4")        /* Hadoop's frames, or LZ4's, or one block */ \
	X(CODEC_ZSTD,        "zstd")       /* RFC 8878, frames one after another */      \
	X(CODEC_LZ4_RAW,     "lz4_raw")    /* one block */

enum codec {
#define CODEC_ENUM(id, name) id,
	CODECS(CODEC_ENUM)
#undef CODEC_ENUM
	CODEC_COUNT
};

const char *codec_name(enum codec codec);

/* Is it built in? */
bool codec_known(enum codec codec);

/* Does its library trust what it saw at a first look?  Then `in` must not change,
 * so the caller copies it out of a mapping, in memory that is accounted for. */
bool codec_looks_twice(enum codec codec);

/* Decodes `in` into exactly len bytes.  -EBADMSG if the stream is broken, or
 * holds more or less; -ENOTSUP and its name if it is not built in.  What `out`
 * holds after a failure is nothing.  `in` may change while it is read (it may be
 * a mapping), unless codec_looks_twice(): the result is then wrong or an error, and
 * nothing worse. */
int codec_run(enum codec codec, struct slice in, uint8_t *out, size_t len, struct error *err);

/* The same for a stream that tells its length itself: at most `room` bytes, and
 * *ret of them. */
int codec_run_some(enum codec codec, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   struct error *err);
