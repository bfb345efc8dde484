/* SPDX-License-Identifier: MIT */
#include <lz4.h>
#include <lz4frame.h>

#include "fs/codec/codec.h"
#include "fs/codec/context.h"

/* --- one block ---------------------------------------------------------------- */

static int raw(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (in.len > INT32_MAX)
		return -EBADMSG;
	int n = LZ4_decompress_safe((const char *)in.data, (char *)out, (int)in.len,
				    room > INT32_MAX ? INT32_MAX : (int)room);
	*ret = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -EBADMSG : 0;
}

const struct codec codec_lz4_raw = {.name = "lz4_raw", .whole = raw};

/* --- frames ------------------------------------------------------------------- */

static void *make(void)
{
	LZ4F_dctx *c;
	return LZ4F_isError(LZ4F_createDecompressionContext(&c, LZ4F_VERSION)) ? NULL : c;
}

static void drop(void *context)
{
	LZ4F_freeDecompressionContext(context);
}

static int frames(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	LZ4F_dctx *c = codec_context(CONTEXT_LZ4, make, drop);
	size_t done = 0, left = 1;

	if (!c)
		return -ENOMEM;
	LZ4F_resetDecompressionContext(c);
	while (in.len > 0) {
		size_t taken = in.len, made = room - done;
		left = LZ4F_decompress(c, out + done, &made, in.data, &taken, NULL);
		if (LZ4F_isError(left) || (taken == 0 && made == 0))
			return -EBADMSG;
		in.data += taken;
		in.len -= taken;
		done += made;
	}
	*ret = done;
	return left == 0 ? 0 : -EBADMSG;
}

/* The library reads a frame's flags twice. */
const struct codec codec_lz4_frame = {.name = "lz4_frame", .whole = frames, .double_fetch = true};

/* --- what writers called "LZ4" before it was standardised ------------------------ */

/* Hadoop's BlockCompressorStream, repeated: u32 decoded size, then as many blocks as
 * decode to that, each preceded by its u32 encoded size.  Big-endian. */
static int hadoop(struct slice in, uint8_t *out, size_t room, size_t *ret)
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
			if (c.failed || raw(block, out + done, end - done, &made) < 0 || made == 0)
				return -EBADMSG;
			done += made;
		}
	}
	*ret = done;
	return 0;
}

static int any(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (hadoop(in, out, room, ret) == 0)
		return 0;
	if (in.len >= 4 && memcmp(in.data, "\x04\x22\x4d\x18", 4) == 0)
		return frames(in, out, room, ret);
	return raw(in, out, room, ret);
}

const struct codec codec_lz4 = {.name = "lz4", .whole = any, .double_fetch = true};
