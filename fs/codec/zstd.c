/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <zstd.h>

#include "fs/codec/context.h"
#include "fs/codec/decoder.h"

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

/* --- in steps ----------------------------------------------------------------------- */

struct decoder {
	ZSTD_DCtx *z;
	const char *why;
	bool ended;
};

/* RFC 8878, 3.1.1.1: the window of a frame, of which its decoder keeps as much. */
static uint64_t window(struct slice head)
{
	static const uint8_t id_size[] = {0, 1, 2, 4};
	struct cursor c = cursor_over(head);
	if (!cursor_match(&c, "\x28\xb5\x2f\xfd", 4))
		return 0;
	unsigned flags = cursor_u8(&c);
	if (!(flags & 0x20)) {
		unsigned byte = cursor_u8(&c);
		uint64_t base = UINT64_C(1) << (10 + (byte >> 3));
		return base + base / 8 * (byte & 7);
	}
	cursor_skip(&c, id_size[flags & 3]);
	switch (flags >> 6) { /* a single segment: of the content's size */
	case 0: return cursor_u8(&c);
	case 1: return cursor_u16le(&c) + 256u;
	case 2: return cursor_u32le(&c);
	default: return cursor_u64le(&c);
	}
}

/* Frames that follow may have as large a window as the first, or what is usual. */
static int window_log(struct slice head)
{
	enum { USUAL = 23, MOST = 31 };
	uint64_t most = window(head);
	int log = USUAL;
	while (log < MOST && most > UINT64_C(1) << log)
		log++;
	return log;
}

static size_t memory(struct slice head, uint64_t size)
{
	enum { BESIDES = 512 << 10 };
	uint64_t most = UINT64_C(1) << window_log(head);
	return (size_t)(most < size ? most : size) + BESIDES;
}

static struct decoder *begin(struct slice head, uint64_t size)
{
	struct decoder *d = calloc(1, sizeof *d);
	(void)size;
	if (d && (d->z = ZSTD_createDCtx()) &&
	    !ZSTD_isError(ZSTD_DCtx_setParameter(d->z, ZSTD_d_windowLogMax, window_log(head))))
		return d;
	if (d)
		ZSTD_freeDCtx(d->z);
	free(d);
	return NULL;
}

static void end(struct decoder *d)
{
	ZSTD_freeDCtx(d->z);
	free(d);
}

static int step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	if (d->ended && in->len == 0)
		return DECODER_ENDED;
	ZSTD_inBuffer from = {in->data, in->len, 0};
	ZSTD_outBuffer to = {*out, *room, 0};
	size_t r = ZSTD_decompressStream(d->z, &to, &from);
	in->data += from.pos;
	in->len -= from.pos;
	*out += to.pos;
	*room -= to.pos;
	d->ended = r == 0;
	d->why = ZSTD_isError(r) ? ZSTD_getErrorName(r) : NULL;
	return d->why ? -EBADMSG : d->ended ? DECODER_ENDED : DECODER_GOES_ON;
}

static const char *why(const struct decoder *d)
{
	return d->why;
}

static const struct codec_steps steps = {
	.open = begin, .close = end, .memory = memory, .step = step, .why = why, .ratio = UINT32_MAX, .several = true,
};

const struct codec codec_zstd = {.name = "zstd", .whole = whole, .steps = &steps};
