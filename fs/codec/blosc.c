/* SPDX-License-Identifier: MIT */
#include <blosc.h>

#include "fs/codec/codec.h"

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	size_t len = 0;
	if (in.len < BLOSC_MIN_HEADER_LENGTH || blosc_cbuffer_validate(in.data, in.len, &len) < 0 || len > room)
		return -EBADMSG;
	*ret = len;
	return len == 0 || blosc_decompress_ctx(in.data, out, len, 1) == (int)len ? 0 : -EBADMSG;
}

const struct codec codec_blosc = {.name = "blosc", .whole = whole, .double_fetch = true};
