/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * The codecs of compressed streams in archives, one file each.  A call decodes one whole
 * stream from memory to memory.  Thread-safe: library contexts are per thread, and freed
 * when it ends.  For incremental decoding, see fs/codec/decoder.h.
 *
 * To add one: a line here, a file with its struct, its library in fs/meson.build and
 * scripts/needs, a sample stream in tests/fs/codec/test_codec.c.
 *
 *        id                 defined
 */
#define CODECS(X)                                                                         \
	X(CODEC_NONE,        codec_none)                                                  \
	X(CODEC_SNAPPY,      codec_snappy)    /* raw, without framing */                  \
	X(CODEC_GZIP,        codec_gzip)      /* RFC 1952, concatenated members; accepts  \
					       * RFC 1950, too: some writers mix them up */ \
	X(CODEC_ZLIB,        codec_zlib)      /* RFC 1950 */                              \
	X(CODEC_LZO,         codec_lzo)       /* known by name only, not supported */     \
	X(CODEC_BROTLI,      codec_brotli)    /* RFC 7932 */                              \
	X(CODEC_LZ4_HADOOP,  codec_lz4)       /* Hadoop frames, LZ4 frames or one block */ \
	X(CODEC_ZSTD,        codec_zstd)      /* RFC 8878, concatenated frames */         \
	X(CODEC_LZ4_RAW,     codec_lz4_raw)   /* one block */                             \
	X(CODEC_DEFLATE,     codec_deflate)   /* RFC 1951, as in zip */                   \
	X(CODEC_LZ4_FRAME,   codec_lz4_frame) /* concatenated frames */                   \
	X(CODEC_BZIP2,       codec_bzip2)     /* concatenated streams */                  \
	X(CODEC_XZ,          codec_xz)        /* concatenated streams */                  \
	X(CODEC_LZF,         codec_lzf)       /* LibLZF, without framing */               \
	X(CODEC_BLOSC,       codec_blosc)     /* Blosc 1 */                               \
	X(CODEC_LZMA,        codec_lzma)      /* with the header that zip gives it; in steps only */ \
	X(CODEC_LATIN1,      codec_latin1)    /* bytes kept as UTF-8 text: no compression */

enum codec_id {
#define CODEC_ENUM(id, defined) id,
	CODECS(CODEC_ENUM)
#undef CODEC_ENUM
	CODEC_COUNT
};

struct codec {
	const char *name; /* as in user.array.codec */

	/* Decodes a whole stream into at most `room` bytes; *ret is their number.  0,
	 * -EBADMSG or -ENOMEM, without a sentence.  NULL: not built in. */
	int (*whole)(struct slice in, uint8_t *out, size_t room, size_t *ret);

	/* Incremental decoding (fs/codec/decoder.h); NULL: not supported. */
	const struct codec_steps *steps;

	/* Does the library read input bytes twice and rely on them being unchanged since
	 * it checked them (double fetch)? */
	bool double_fetch;

	/* What it decodes is not compressed, only written another way: no user.array.codec. */
	bool packs_nothing;
};

#define CODEC_DECLARE(id, defined) extern const struct codec defined;
CODECS(CODEC_DECLARE)
#undef CODEC_DECLARE

const char *codec_name(enum codec_id codec);

/* Is what it decodes compressed? */
bool codec_compresses(enum codec_id codec);

/* Is it built in? */
bool codec_known(enum codec_id codec);

/* The codec's incremental decoder, or NULL. */
const struct codec_steps *codec_steps(enum codec_id codec);

/* Continues a CRC-32 (that of gzip and zip) over the bytes of s; start with crc 0. */
uint32_t codec_crc32(uint32_t crc, struct slice s);

/* Likewise an Adler-32 (that of zlib); start with 1. */
uint32_t codec_adler32(uint32_t adler, struct slice s);

/* Scratch memory for decoding, which the caller accounts for and frees afterwards; and
 * whether the input may change. */
struct codec_memory {
	uint8_t *(*take)(void *arg, size_t len, struct error *err); /* NULL and a sentence if there is none */
	void *arg;
	bool changing; /* the input is a mapping of a file, which may change meanwhile */
};

/* Replaces *in by a copy if it may change, for a library with a double fetch.  The only
 * place that makes such copies. */
int codec_hold_still(const struct codec_memory *memory, struct slice *in, struct error *err);

/* Decodes `in` into exactly len bytes.  -EBADMSG if the stream is corrupt or decodes to
 * more or less; -ENOTSUP and the codec's name if it is not built in.  After a failure,
 * `out` is undefined.  If `memory` is NULL, `in` must not change. */
int codec_run(enum codec_id codec, struct slice in, uint8_t *out, size_t len, const struct codec_memory *memory,
	      struct error *err);

/* The same if the decoded length is not known: at most `room` bytes; *ret is their
 * number. */
int codec_run_some(enum codec_id codec, struct slice in, uint8_t *out, size_t room, size_t *ret,
		   const struct codec_memory *memory, struct error *err);
