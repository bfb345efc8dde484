/* SPDX-License-Identifier: MIT */
#include <lzma.h>

#include "fs/codec/codec.h"

enum { MEMORY = 80 << 20 }; /* xz -9 takes 65 MiB; a hostile header may claim more */

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	uint64_t limit = MEMORY;
	size_t taken = 0;
	*ret = 0;
	do { /* a stream, then its padding: groups of 4 zero bytes */
		lzma_ret r = lzma_stream_buffer_decode(&limit, 0, NULL, in.data, &taken, in.len, out, ret, room);
		if (r != LZMA_OK)
			return r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EBADMSG;
		for (; in.len - taken >= 4 && memcmp(in.data + taken, "\0\0\0", 4) == 0; taken += 4)
			;
	} while (taken < in.len);
	return 0;
}

const struct codec codec_xz = {.name = "xz", .whole = whole, .double_fetch = true};
