/* SPDX-License-Identifier: MIT */
/*
 * Bytes stored as text: a code point U+00NN in UTF-8 (RFC 3629) is the byte NN.  Pickles of
 * protocol 2, which has no bytes, store arrays in this way.
 *
 *	00 to 7f      itself
 *	c2 80 to bf   80 to bf
 *	c3 80 to bf   c0 to ff
 */
#include <stdlib.h>

#include "fs/codec/decoder.h"

struct decoder {
	uint8_t lead; /* the last byte was c2 or c3, and the next belongs to it; or 0 */
};

/* Copies bytes below 0x80, of `n` at most, up to a few before the first of the others. */
static size_t copy_ascii(const uint8_t *in, uint8_t *out, size_t n)
{
	uint64_t some[4];
	size_t done = 0;
	for (; n - done >= sizeof some; done += sizeof some) {
		memcpy(some, in + done, sizeof some);
		if ((some[0] | some[1] | some[2] | some[3]) & UINT64_C(0x8080808080808080))
			break;
		memcpy(out + done, some, sizeof some);
	}
	return done;
}

enum { BATCH = 128 };

/* Decodes up to BATCH bytes, for as many of which `out` has room.  Without branches, which would
 * mostly be mispredicted: half of an array's bytes take two, at random.  The compiler vectorises
 * the first loop.  Returns the number of bytes made; n + 1 if the text is corrupt. */
static size_t decode(struct decoder *d, const uint8_t *in, uint8_t *out, size_t n)
{
	uint8_t text[1 + BATCH], bytes[BATCH], corrupt = 0;
	size_t made = 0;
	text[0] = d->lead;
	memcpy(text + 1, in, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = text[i + 1], before = text[i];
		corrupt |= (byte >= 0x80 && byte < 0xc0) != (before >= 0xc0); /* a continuation byte, if and only if it follows a lead byte */
		corrupt |= byte > 0xc3 || byte == 0xc0 || byte == 0xc1;
		bytes[i] = (uint8_t)(byte + (before == 0xc3 ? 0x40 : 0)); /* c2 bb is bb */
	}
	for (size_t i = 0; i < n; i++) {
		out[made] = bytes[i];
		made += text[i + 1] < 0xc0;
	}
	d->lead = text[n] < 0xc0 ? 0 : text[n];
	return corrupt ? n + 1 : made;
}

/* Text may end after any code point: what follows is another text. */
static int step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	while (in->len > 0 && *room > 0) {
		size_t n = in->len < *room ? in->len : *room;
		size_t taken = d->lead ? 0 : copy_ascii(in->data, *out, n), made = taken;
		if (taken == 0) {
			taken = n < BATCH ? n : BATCH;
			made = decode(d, in->data, *out, taken);
		}
		if (made > taken)
			return -EBADMSG;
		in->data += taken;
		in->len -= taken;
		*out += made;
		*room -= made;
	}
	return d->lead ? DECODER_GOES_ON : DECODER_ENDED;
}

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct decoder d = {0};
	size_t left = room;
	int r = step(&d, &in, &out, &left);
	*ret = room - left;
	return r == DECODER_ENDED && in.len == 0 ? 0 : -EBADMSG;
}

static struct decoder *begin(struct slice head, uint64_t size)
{
	(void)head, (void)size;
	return calloc(1, sizeof(struct decoder));
}

static void end(struct decoder *d)
{
	free(d);
}

static const char *why(const struct decoder *d)
{
	(void)d;
	return "not UTF-8 of code points up to U+00FF";
}

static size_t saved_size(struct decoder *d)
{
	return sizeof *d;
}

static int save(struct decoder *d, void *to, size_t size)
{
	memcpy(to, d, size);
	return 0;
}

static struct decoder *resume(const void *saved)
{
	struct decoder *d = malloc(sizeof *d);
	if (d)
		memcpy(d, saved, sizeof *d);
	return d;
}

static const struct codec_steps steps = {
	.open = begin, .close = end, .step = step, .why = why, .saved_size = saved_size, .save = save, .resume = resume,
	.ratio = 1, .several = true,
};

const struct codec codec_latin1 = {.name = "Latin-1", .whole = whole, .steps = &steps, .packs_nothing = true};
