/* SPDX-License-Identifier: MIT */
/* Deflate, zlib and gzip: whole streams by libdeflate; incremental decoding is ISA-L's, in
 * inflate.c. */
#include <libdeflate.h>

#include "fs/codec/codec.h"
#include "fs/codec/context.h"
#include "fs/codec/decoder.h"

static void *make(void)
{
	return libdeflate_alloc_decompressor();
}

static void drop(void *context)
{
	libdeflate_free_decompressor(context);
}

static struct libdeflate_decompressor *decompressor(void)
{
	return codec_context(CONTEXT_DEFLATE, make, drop);
}

static int deflate_whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct libdeflate_decompressor *d = decompressor();
	size_t taken;
	if (!d)
		return -ENOMEM;
	return libdeflate_deflate_decompress_ex(d, in.data, in.len, out, room, &taken, ret) == LIBDEFLATE_SUCCESS && taken == in.len
		       ? 0
		       : -EBADMSG;
}

static int zlib_whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct libdeflate_decompressor *d = decompressor();
	if (!d)
		return -ENOMEM;
	return libdeflate_zlib_decompress(d, in.data, in.len, out, room, ret) == LIBDEFLATE_SUCCESS ? 0 : -EBADMSG;
}

static int gzip_whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct libdeflate_decompressor *d = decompressor();
	size_t done = 0;

	if (!d)
		return -ENOMEM;
	if (in.len >= 2 && in.data[0] != 0x1f)
		return zlib_whole(in, out, room, ret);
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

uint32_t codec_crc32(uint32_t crc, struct slice s)
{
	return s.len ? libdeflate_crc32(crc, s.data, s.len) : crc;
}

uint32_t codec_adler32(uint32_t adler, struct slice s)
{
	return s.len ? libdeflate_adler32(adler, s.data, s.len) : adler;
}

const struct codec codec_deflate = {.name = "deflate", .whole = deflate_whole, .steps = &codec_steps_deflate};
const struct codec codec_zlib = {.name = "zlib", .whole = zlib_whole, .steps = &codec_steps_zlib};
const struct codec codec_gzip = {.name = "gzip", .whole = gzip_whole, .steps = &codec_steps_gzip};
