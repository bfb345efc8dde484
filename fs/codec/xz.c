/* SPDX-License-Identifier: MIT */
/* xz, and LZMA as zip has it (APPNOTE.TXT, 5.8), by liblzma. */
#include <lzma.h>
#include <stdlib.h>

#include "fs/codec/decoder.h"

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

/* --- in steps ----------------------------------------------------------------------- */

/* Zip's header of a stream: u16 version, u16 size of the properties, then these: u8 lc, lp
 * and pb, u32 size of the dictionary.  An .lzma file's: these, u64 size of the data. */
enum { ZIP_HEADER = 9, PROPERTIES = 5, LZMA_HEADER = PROPERTIES + 8 };

struct decoder {
	lzma_stream s;
	const char *why;
	uint64_t size;     /* of what it decodes to */
	uint64_t memory;
	unsigned nheader;  /* of zip's LZMA */
	unsigned padding;  /* zero bytes after an xz stream */
	bool ended;
	uint8_t header[ZIP_HEADER];
};

static struct decoder *begin(size_t memory, uint64_t size)
{
	struct decoder *d = calloc(1, sizeof *d);
	if (d)
		*d = (struct decoder){.s = LZMA_STREAM_INIT, .memory = memory, .size = size};
	return d;
}

static void end(struct decoder *d)
{
	lzma_end(&d->s);
	free(d);
}

static const char *why(const struct decoder *d)
{
	return d->why;
}

static int result(struct decoder *d, lzma_ret r)
{
	d->ended = r == LZMA_STREAM_END;
	switch (r) {
	case LZMA_STREAM_END: return DECODER_ENDED;
	case LZMA_OK:
	case LZMA_BUF_ERROR: return DECODER_GOES_ON; /* no progress: the caller sees that */
	case LZMA_MEM_ERROR: return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR: d->why = "it takes more memory than its beginning says"; break;
	case LZMA_OPTIONS_ERROR: d->why = "options that liblzma does not know"; break;
	case LZMA_FORMAT_ERROR: d->why = "an invalid header"; break;
	default: d->why = NULL;
	}
	return -EBADMSG;
}

static int decode(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	d->s.next_in = in->data;
	d->s.avail_in = in->len;
	d->s.next_out = *out;
	d->s.avail_out = *room;
	lzma_ret r = lzma_code(&d->s, LZMA_RUN);
	*in = (struct slice){d->s.next_in, d->s.avail_in};
	*out = d->s.next_out;
	*room = d->s.avail_out;
	return result(d, r);
}

/* --- xz */

/* The decoder itself reports what the first block takes. */
static size_t xz_memory(struct slice head, uint64_t size)
{
	enum { BESIDES = 256 << 10 };
	uint8_t out[1];
	lzma_stream s = LZMA_STREAM_INIT;
	uint64_t needed = 0;
	(void)size;
	if (lzma_stream_decoder(&s, 1, 0) == LZMA_OK) {
		s.next_in = head.data;
		s.avail_in = head.len;
		s.next_out = out;
		s.avail_out = sizeof out;
		needed = lzma_code(&s, LZMA_RUN) == LZMA_MEMLIMIT_ERROR ? lzma_memusage(&s) : 0;
	}
	lzma_end(&s);
	return (size_t)needed + BESIDES;
}

static struct decoder *xz_open(struct slice head, uint64_t size)
{
	struct decoder *d = begin(xz_memory(head, size), size);
	if (!d || lzma_stream_decoder(&d->s, d->memory, 0) == LZMA_OK)
		return d;
	free(d);
	return NULL;
}

/* After a stream come groups of 4 zero bytes, then the end or another stream. */
static int xz_step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	for (; d->ended && in->len > 0 && *in->data == 0; in->data++, in->len--)
		d->padding++;
	if (d->ended && in->len == 0)
		return d->padding % 4 ? DECODER_GOES_ON : DECODER_ENDED;
	if (d->ended && d->padding % 4)
		return -EBADMSG;
	if (d->ended) {
		d->padding = 0;
		if (lzma_stream_decoder(&d->s, d->memory, 0) != LZMA_OK)
			return -ENOMEM;
	}
	return decode(d, in, out, room);
}

static const struct codec_steps xz_steps = {
	.open = xz_open, .close = end, .memory = xz_memory, .step = xz_step, .why = why, .ratio = UINT32_MAX, .several = true,
};

const struct codec codec_xz = {.name = "xz", .whole = whole, .steps = &xz_steps, .double_fetch = true};

/* --- LZMA */

/* No distance is longer than what was decoded before, so the dictionary need not be, either. */
static uint32_t dictionary(const uint8_t *header, uint64_t size)
{
	enum { LEAST = 4096 };
	struct cursor c = cursor_over((struct slice){header + 5, 4});
	uint32_t stated = cursor_u32le(&c);
	size = size > LEAST ? size : LEAST;
	return stated < size ? stated : (uint32_t)size;
}

static size_t lzma_memory(struct slice head, uint64_t size)
{
	enum { BESIDES = 256 << 10 };
	return BESIDES + (head.len < ZIP_HEADER ? 0 : (size_t)dictionary(head.data, size));
}

static struct decoder *lzma_open(struct slice head, uint64_t size)
{
	struct decoder *d = begin(lzma_memory(head, size), size);
	if (!d || lzma_alone_decoder(&d->s, d->memory) == LZMA_OK)
		return d;
	free(d);
	return NULL;
}

/* Gives liblzma the header of an .lzma file instead of zip's. */
static int change_header(struct decoder *d)
{
	const uint8_t *h = d->header;
	uint32_t dict = dictionary(h, d->size);
	uint8_t bytes[LZMA_HEADER] = {h[4], (uint8_t)dict, (uint8_t)(dict >> 8), (uint8_t)(dict >> 16), (uint8_t)(dict >> 24)};
	struct slice in = {bytes, sizeof bytes};
	uint8_t none[1], *out = none; /* without room, liblzma would not look at its input */
	size_t room = sizeof none;
	if (h[2] != PROPERTIES || h[3] != 0) {
		d->why = "properties that are not 5 bytes long";
		return -EBADMSG;
	}
	for (unsigned i = 0; i < 8; i++)
		bytes[PROPERTIES + i] = (uint8_t)(d->size >> 8 * i);
	return decode(d, &in, &out, &room);
}

static int lzma_step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	if (d->ended)
		return in->len == 0 ? DECODER_ENDED : -EBADMSG;
	if (d->nheader < ZIP_HEADER) {
		for (; d->nheader < ZIP_HEADER && in->len > 0; in->data++, in->len--)
			d->header[d->nheader++] = *in->data;
		int r = d->nheader < ZIP_HEADER ? DECODER_GOES_ON : change_header(d);
		if (r != DECODER_GOES_ON || d->nheader < ZIP_HEADER)
			return r;
	}
	return decode(d, in, out, room);
}

static const struct codec_steps lzma_steps = {
	.open = lzma_open, .close = end, .memory = lzma_memory, .step = lzma_step, .why = why, .ratio = UINT32_MAX,
};

const struct codec codec_lzma = {.name = "lzma", .steps = &lzma_steps};
