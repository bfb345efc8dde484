/* SPDX-License-Identifier: MIT */
#include <bzlib.h>

#include "fs/codec/codec.h"

/* Decodes one stream, the first *ret_taken bytes of `in`. */
static int one(struct slice in, uint8_t *out, size_t room, size_t *ret_taken, size_t *ret)
{
	bz_stream s = {
		.next_in = (char *)(uintptr_t)in.data,
		.avail_in = in.len < UINT32_MAX ? (unsigned)in.len : UINT32_MAX,
		.next_out = (char *)out,
		.avail_out = room < UINT32_MAX ? (unsigned)room : UINT32_MAX,
	};
	unsigned had = s.avail_in, could = s.avail_out;
	if (BZ2_bzDecompressInit(&s, 0, 0) != BZ_OK)
		return -ENOMEM;
	int r = BZ2_bzDecompress(&s);
	*ret_taken = had - s.avail_in;
	*ret = could - s.avail_out;
	BZ2_bzDecompressEnd(&s);
	return r == BZ_STREAM_END ? 0 : r == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

/* Other bytes behind a stream are ignored, as bzip2 and HDF5's filter do. */
static bool another(struct slice in)
{
	return in.len >= 3 && memcmp(in.data, "BZh", 3) == 0;
}

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	size_t done = 0;
	do {
		size_t taken, made;
		int r = one(in, out + done, room - done, &taken, &made);
		if (r < 0)
			return r;
		in.data += taken;
		in.len -= taken;
		done += made;
	} while (another(in));
	*ret = done;
	return 0;
}

const struct codec codec_bzip2 = {.name = "bzip2", .whole = whole, .double_fetch = true};
