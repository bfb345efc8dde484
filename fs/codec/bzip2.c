/* SPDX-License-Identifier: MIT */
#include <bzlib.h>
#include <stdlib.h>

#include "fs/codec/decoder.h"

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

/* Other bytes after a stream are ignored, as in bzip2 and HDF5's filter. */
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

/* --- in steps ----------------------------------------------------------------------- */

struct decoder {
	bz_stream s;
	bool ended;
};

static struct decoder *begin(struct slice head, uint64_t size)
{
	struct decoder *d = calloc(1, sizeof *d);
	(void)head, (void)size;
	if (d && BZ2_bzDecompressInit(&d->s, 0, 0) == BZ_OK)
		return d;
	free(d);
	return NULL;
}

static void end(struct decoder *d)
{
	BZ2_bzDecompressEnd(&d->s);
	free(d);
}

/* 4 bytes for each byte of a block, whose size is in the header: "BZh9" is 900,000. */
static size_t memory(struct slice head, uint64_t size)
{
	enum { EACH = 400000, BESIDES = 100000 };
	(void)size;
	return head.len >= 4 && head.data[3] >= '1' && head.data[3] <= '9' ? (size_t)(head.data[3] - '0') * EACH + BESIDES : 0;
}

static unsigned clamp(size_t n)
{
	return n < UINT32_MAX ? (unsigned)n : UINT32_MAX;
}

static int step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	if (d->ended && in->len == 0)
		return DECODER_ENDED;
	if (d->ended) {
		BZ2_bzDecompressEnd(&d->s);
		memset(&d->s, 0, sizeof d->s);
		if (BZ2_bzDecompressInit(&d->s, 0, 0) != BZ_OK)
			return -ENOMEM;
	}
	unsigned had = clamp(in->len), could = clamp(*room);
	d->s.next_in = (char *)(uintptr_t)in->data;
	d->s.avail_in = had;
	d->s.next_out = (char *)*out;
	d->s.avail_out = could;
	int r = BZ2_bzDecompress(&d->s);
	in->data += had - d->s.avail_in;
	in->len -= had - d->s.avail_in;
	*out += could - d->s.avail_out;
	*room -= could - d->s.avail_out;
	d->ended = r == BZ_STREAM_END;
	if (r == BZ_MEM_ERROR)
		return -ENOMEM;
	return d->ended ? DECODER_ENDED : r == BZ_OK ? DECODER_GOES_ON : -EBADMSG;
}

static const struct codec_steps steps = {
	.open = begin, .close = end, .memory = memory, .step = step, .ratio = UINT32_MAX, .several = true,
};

const struct codec codec_bzip2 = {.name = "bzip2", .whole = whole, .steps = &steps, .double_fetch = true};
