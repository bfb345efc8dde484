/* SPDX-License-Identifier: MIT */
/*
 * Incremental deflate, by zlib.  A saved state is a complete inflateCopy(), with the window
 * and the running checksum.  So decoding can resume at any byte, not just at a deflate
 * block's start, and even a stream that is one large block can be resumed anywhere.
 */
#include <stdlib.h>
#include <zlib.h>

#include "fs/codec/decoder.h"

struct decoder {
	z_stream z;
	bool ended, several;
};

/* The allocator for zlib's copies: hands out `bytes`; if that is NULL, uses malloc() and
 * just adds up `used`. */
struct pool {
	uint8_t *bytes;
	size_t used, size;
};

struct saved {
	struct decoder decoder;
	_Alignas(64) uint8_t pool[];
};

static void *take(void *pool, unsigned count, unsigned each)
{
	struct pool *p = pool;
	size_t len = ((size_t)count * each + 63) & ~(size_t)63;
	if (p)
		p->used += len;
	if (!p || !p->bytes)
		return malloc(len);
	return p->used <= p->size ? p->bytes + (p->used - len) : NULL;
}

static void give(void *pool, void *bytes)
{
	struct pool *p = pool;
	if (!p || !p->bytes)
		free(bytes);
}

static struct decoder *open_with(int window_bits, bool several)
{
	struct decoder *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->z.zalloc = take;
	d->z.zfree = give;
	d->several = several;
	if (inflateInit2(&d->z, window_bits) == Z_OK)
		return d;
	free(d);
	return NULL;
}

static struct decoder *open_deflate(void)
{
	return open_with(-15, false);
}

static struct decoder *open_zlib(void)
{
	return open_with(15, false);
}

static struct decoder *open_gzip(void)
{
	return open_with(15 + 16, true);
}

static void shut(struct decoder *d)
{
	if (d)
		inflateEnd(&d->z);
	free(d);
}

static unsigned clamp(size_t n)
{
	return n < UINT32_MAX ? (unsigned)n : UINT32_MAX;
}

static int step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	if (d->ended && in->len == 0)
		return DECODER_ENDED;
	if (d->ended && (!d->several || inflateReset(&d->z) != Z_OK))
		return -EBADMSG;
	unsigned had = clamp(in->len), could = clamp(*room);
	d->z.next_in = (uint8_t *)(uintptr_t)in->data;
	d->z.avail_in = had;
	d->z.next_out = *out;
	d->z.avail_out = could;
	int r = inflate(&d->z, Z_NO_FLUSH);
	in->data += had - d->z.avail_in;
	in->len -= had - d->z.avail_in;
	*out += could - d->z.avail_out;
	*room -= could - d->z.avail_out;
	d->ended = r == Z_STREAM_END;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return d->ended ? DECODER_ENDED : r == Z_OK || r == Z_BUF_ERROR ? DECODER_GOES_ON : -EBADMSG;
}

static const char *why(const struct decoder *d)
{
	return d->z.msg;
}

/* inflateCopy() allocates with the allocator of the state that it copies. */
static int copy(z_stream *to, struct decoder *d, struct pool *pool)
{
	d->z.opaque = pool;
	int r = inflateCopy(to, &d->z);
	d->z.opaque = NULL;
	return r == Z_OK ? 0 : -ENOMEM;
}

static size_t saved_size(struct decoder *d)
{
	struct pool pool = {0};
	z_stream z;
	if (copy(&z, d, &pool) == 0)
		inflateEnd(&z);
	return sizeof(struct saved) + pool.used;
}

static int save(struct decoder *d, void *to, size_t size)
{
	struct saved *s = to;
	struct pool pool = {.bytes = s->pool, .size = size - sizeof *s};
	s->decoder = *d;
	int r = copy(&s->decoder.z, d, &pool);
	s->decoder.z.opaque = NULL;
	return r;
}

static struct decoder *resume(const void *saved)
{
	const struct saved *s = saved;
	struct decoder *d = malloc(sizeof *d);
	if (!d)
		return NULL;
	*d = s->decoder;
	/* inflateCopy() does not modify its source, though the prototype lacks const. */
	if (inflateCopy(&d->z, (z_stream *)(uintptr_t)&s->decoder.z) == Z_OK)
		return d;
	free(d);
	return NULL;
}

#define STEPS(opening, many)                                                                              \
	{                                                                                                 \
		.open = (opening), .close = shut, .step = step, .why = why, .saved_size = saved_size,     \
		.save = save, .resume = resume, .ratio = 1032, .several = (many),                         \
	}

const struct codec_steps codec_steps_deflate = STEPS(open_deflate, false);
const struct codec_steps codec_steps_zlib = STEPS(open_zlib, false);
const struct codec_steps codec_steps_gzip = STEPS(open_gzip, true);
