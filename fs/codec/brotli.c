/* SPDX-License-Identifier: MIT */
#include <brotli/decode.h>

#include "fs/codec/codec.h"

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	*ret = room;
	return BrotliDecoderDecompress(in.len, in.data, ret, out) == BROTLI_DECODER_RESULT_SUCCESS ? 0 : -EBADMSG;
}

const struct codec codec_brotli = {.name = "brotli", .whole = whole};
