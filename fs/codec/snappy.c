/* SPDX-License-Identifier: MIT */
#include <snappy-c.h>

#include "fs/codec/codec.h"

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	*ret = room;
	return snappy_uncompress((const char *)in.data, in.len, (char *)out, ret) == SNAPPY_OK ? 0 : -EBADMSG;
}

/* The library reads the length twice. */
const struct codec codec_snappy = {.name = "snappy", .whole = whole, .double_fetch = true};
