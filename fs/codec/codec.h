/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * The compressed streams that archives hold, one file a codec.  A call decodes one
 * whole stream from memory to memory; contexts are kept per thread and freed with it,
 * so any number of threads may call at once.  fs/codec/decoder.h decodes in steps.
 *
 * To add one: a line here, a file with its struct, its library in fs/meson.build and
 * scripts/needs, its stream in tests/fs/codec/test_codec.c.
 *
 *        id                 defined
 */
#define CODECS(X)                                                                         \
	X(CODEC_NONE,        codec_none)                                                  \
	X(CODEC_SNAPPY,      codec_snappy)    /* raw, without framing */                  \
	X(CODEC_GZIP,        codec_gzip)      /* RFC 1952, members one after another;     \
					       * RFC 1950 is taken, too: some writers err */ \
	X(CODEC_ZLIB,        codec_zlib)      /* RFC 1950 */                              \
	X(CODEC_LZO,         codec_lzo)       /* refused */                               \
	X(CODEC_BROTLI,      codec_brotli)    /* RFC 7932 */                              \
	X(CODEC_LZ4_HADOOP,  codec_lz4)       /* Hadoop's frames, or LZ4's, or one block */ \
	X(CODEC_ZSTD,        codec_zstd)      /* RFC 8878, frames one after another */    \
	X(CODEC_LZ4_RAW,     codec_lz4_raw)   /* one block */                             \
	X(CODEC_DEFLATE,     codec_deflate)   /* RFC 1951, as in zip */                   \
	X(CODEC_LZ4_FRAME,   codec_lz4_frame) /* frames one after another */              \
	X(CODEC_BZIP2,       codec_bzip2)     /* streams one after another */             \
	X(CODEC_XZ,          codec_xz)        /* streams one after another */             \
	X(CODEC_LZF,         codec_lzf)       /* LibLZF, without framing */               \
	X(CODEC_BLOSC,       codec_blosc)     /* Blosc 1 */

enum codec_id {
#define CODEC_ENUM(id, defined) id,
	CODECS(CODEC_ENUM)
#undef CODEC_ENUM
	CODEC_COUNT
};

struct codec {
	const char *name; /* as in user.array.codec */

	/* Decodes a whole stream into at most `room` bytes, *ret of them: 0, -EBADMSG
	 * without a sentence, or -ENOMEM.  NULL: not built in. */
	int (*whole)(struct slice in, uint8_t *out, size_t room, size_t *ret);

	/* Decodes in steps (fs/codec/decoder.h); NULL: cannot. */
	const struct codec_steps *steps;

	/* Does the library fetch its input twice (double fetch), and trust at the second
	 * look what it checked at the first? */
	bool double_fetch;
};

#define CODEC_DECLARE(id, defined) extern const struct codec defined;
CODECS(CODEC_DECLARE)
#undef CODEC_DECLARE

const char *codec_name(enum codec_id codec);

/* Is it built in? */
bool codec_known(enum codec_id codec);

/* Its steps, or NULL. */
const struct codec_steps *codec_steps(enum codec_id codec);

/* CRC-32, as gzip and zip have it, of what is behind bytes that made `crc`; 0 at first. */
uint32_t codec_crc32(uint32_t crc, struct slice s);

/* What a decoder may use beside its input and its output: memory that somebody accounts
 * for and frees once it is done. */
struct codec_memory {
	uint8_t *(*take)(void *arg, size_t len, struct error *err); /* NULL and a sentence, if there is none */
	void *arg;
	bool changing; /* the input is a mapping, which may change while it is read */
};

/* Makes a copy of an input that may change, for a library that fetches twice; leaves
 * alone what does not.  The only place that does so. */
int codec_hold_still(const struct codec_memory *memory, struct slice *in, struct error *err);

/* Decodes `in` into exactly len bytes.  -EBADMSG if the stream is broken, or
 * holds more or less; -ENOTSUP and its name if it is not built in.  What `out`
 * holds after a failure is nothing.  Without `memory`, `in` must not change. */
int codec_run(enum codec_id codec, struct slice in, uint8_t *out, size_t len, const struct codec_memory *memory,
	      struct error *err);

/* The same for a stream that tells its length itself: at most `room` bytes, and
 * *ret of them. */
int codec_run_some(enum codec_id codec, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   const struct codec_memory *memory, struct error *err);
