/* SPDX-License-Identifier: MIT */
#include "fs/codec/codec.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zstd.h>

static const char *const names[] = {
#define CODEC_NAME(id, name) [id] = name,
	CODECS(CODEC_NAME)
#undef CODEC_NAME
};

const char *codec_name(enum codec codec)
{
	return codec < CODEC_COUNT ? names[codec] : "unknown";
}

/* --- contexts, one set a thread ------------------------------------------ */

struct contexts {
	ZSTD_DCtx *zstd;
	struct libdeflate_decompressor *deflate;
	LZ4F_dctx *lz4;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void contexts_free(void *arg)
{
	struct contexts *c = arg;
	ZSTD_freeDCtx(c->zstd);
	libdeflate_free_decompressor(c->deflate);
	LZ4F_freeDecompressionContext(c->lz4);
	free(c);
}

static void make_key(void)
{
	have_key = pthread_key_create(&key, contexts_free) == 0;
}

static struct contexts *contexts(void)
{
	pthread_once(&once, make_key);
	struct contexts *c = have_key ? pthread_getspecific(key) : NULL;
	if (!c && have_key) {
		c = calloc(1, sizeof *c);
		if (c && pthread_setspecific(key, c) != 0) {
			free(c);
			c = NULL;
		}
	}
	return c;
}

/* --- the codecs ----------------------------------------------------------
 * Each answers 0, -EBADMSG without a sentence, or -ENOMEM; *ret is what it made
 * of at most `room` bytes. */

static int run_none(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (in.len > room)
		return -EBADMSG;
	if (in.len)
		memcpy(out, in.data, in.len);
	*ret = in.len;
	return 0;
}

/* The library looks at the length twice, and at the second look trusts it. */
static int run_snappy(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	*ret = room;
	return snappy_uncompress((const char *)in.data, in.len, (char *)out, ret) == SNAPPY_OK ? 0 : -EBADMSG;
}

static struct libdeflate_decompressor *deflate(void)
{
	struct contexts *c = contexts();
	if (c && !c->deflate)
		c->deflate = libdeflate_alloc_decompressor();
	return c ? c->deflate : NULL;
}

static int run_zlib(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct libdeflate_decompressor *d = deflate();
	if (!d)
		return -ENOMEM;
	return libdeflate_zlib_decompress(d, in.data, in.len, out, room, ret) == LIBDEFLATE_SUCCESS ? 0 : -EBADMSG;
}

static int run_gzip(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct libdeflate_decompressor *d = deflate();
	size_t done = 0;

	if (!d)
		return -ENOMEM;
	if (in.len >= 2 && in.data[0] != 0x1f)
		return run_zlib(in, out, room, ret);
	do {
		size_t taken, made;
		if (libdeflate_gzip_decompress_ex(d, in.data, in.len, out + done, room - done, &taken, &made) !=
		    LIBDEFLATE_SUCCESS)
			return -EBADMSG;
		in.data += taken;
		in.len -= taken;
		done += made;
	} while (in.len > 0);
	*ret = done;
	return 0;
}

static int run_brotli(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	*ret = room;
	return BrotliDecoderDecompress(in.len, in.data, ret, out) == BROTLI_DECODER_RESULT_SUCCESS ? 0 : -EBADMSG;
}

static int run_zstd(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct contexts *c = contexts();
	if (c && !c->zstd)
		c->zstd = ZSTD_createDCtx();
	if (!c || !c->zstd)
		return -ENOMEM;
	*ret = ZSTD_decompressDCtx(c->zstd, out, room, in.data, in.len);
	return ZSTD_isError(*ret) ? -EBADMSG : 0;
}

static int run_lz4(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (in.len > INT32_MAX)
		return -EBADMSG;
	int n = LZ4_decompress_safe((const char *)in.data, (char *)out, (int)in.len,
				    room > INT32_MAX ? INT32_MAX : (int)room);
	*ret = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -EBADMSG : 0;
}

static int run_lz4_frames(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct contexts *c = contexts();
	size_t done = 0, left = 1;

	if (!c || (!c->lz4 && LZ4F_isError(LZ4F_createDecompressionContext(&c->lz4, LZ4F_VERSION))))
		return -ENOMEM;
	LZ4F_resetDecompressionContext(c->lz4);
	while (in.len > 0) {
		size_t taken = in.len, made = room - done;
		left = LZ4F_decompress(c->lz4, out + done, &made, in.data, &taken, NULL);
		if (LZ4F_isError(left) || (taken == 0 && made == 0))
			return -EBADMSG;
		in.data += taken;
		in.len -= taken;
		done += made;
	}
	*ret = done;
	return left == 0 ? 0 : -EBADMSG;
}

/* Hadoop's BlockCompressorStream: u32 of the bytes decoded, then u32 of the bytes
 * encoded and a block, until those decoded are together; all of it repeated. */
static int run_hadoop(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct cursor c = cursor_over(in);
	size_t done = 0;

	while (cursor_left(&c) > 0) {
		uint32_t whole = (uint32_t)cursor_be(&c, 4);
		if (c.failed || whole > room - done)
			return -EBADMSG;
		for (size_t end = done + whole; done < end;) {
			uint32_t n = (uint32_t)cursor_be(&c, 4);
			struct slice block = cursor_take(&c, n);
			size_t made;
			if (c.failed || run_lz4(block, out + done, end - done, &made) < 0 || made == 0)
				return -EBADMSG;
			done += made;
		}
	}
	*ret = done;
	return 0;
}

/* What writers meant by "LZ4" before it was settled. */
static int run_lz4_any(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (run_hadoop(in, out, room, ret) == 0)
		return 0;
	if (in.len >= 4 && memcmp(in.data, "\x04\x22\x4d\x18", 4) == 0)
		return run_lz4_frames(in, out, room, ret);
	return run_lz4(in, out, room, ret);
}

static int (*const runs[])(struct slice in, uint8_t *out, size_t room, size_t *ret) = {
	[CODEC_NONE] = run_none,
	[CODEC_SNAPPY] = run_snappy,
	[CODEC_GZIP] = run_gzip,
	[CODEC_ZLIB] = run_zlib,
	[CODEC_BROTLI] = run_brotli,
	[CODEC_LZ4_HADOOP] = run_lz4_any,
	[CODEC_ZSTD] = run_zstd,
	[CODEC_LZ4_RAW] = run_lz4,
	[CODEC_LZO] = NULL,
};

bool codec_looks_twice(enum codec codec)
{
	return codec == CODEC_SNAPPY;
}

bool codec_known(enum codec codec)
{
	return codec < CODEC_COUNT && runs[codec];
}

int codec_run_some(enum codec codec, struct slice in, uint8_t *out, size_t room, size_t *ret, struct error *err)
{
	*ret = 0;
	if (!codec_known(codec))
		return error_set(err, ENOTSUP, "compressed with %s, which is not built in", codec_name(codec));
	int r = runs[codec](in, out, room, ret);
	if (r == -ENOMEM)
		return error_set(err, ENOMEM, "no memory to decode %s", codec_name(codec));
	if (r < 0)
		return error_set(err, EBADMSG, "%zu bytes of %s do not decode to %zu", in.len, codec_name(codec), room);
	return 0;
}

int codec_run(enum codec codec, struct slice in, uint8_t *out, size_t len, struct error *err)
{
	size_t made;
	int r = codec_run_some(codec, in, out, len, &made, err);
	if (r == 0 && made != len)
		r = error_set(err, EBADMSG, "%zu bytes of %s decode to %zu, not %zu", in.len, codec_name(codec), made, len);
	return r;
}
