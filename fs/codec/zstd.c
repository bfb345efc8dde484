/* SPDX-License-Identifier: MIT */
#include <zstd.h>

#include "fs/codec/codec.h"
#include "fs/codec/context.h"

static void *make(void)
{
	return ZSTD_createDCtx();
}

static void drop(void *context)
{
	ZSTD_freeDCtx(context);
}

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	ZSTD_DCtx *c = codec_context(CONTEXT_ZSTD, make, drop);
	if (!c)
		return -ENOMEM;
	*ret = ZSTD_decompressDCtx(c, out, room, in.data, in.len);
	return ZSTD_isError(*ret) ? -EBADMSG : 0;
}

const struct codec codec_zstd = {.name = "zstd", .whole = whole};
