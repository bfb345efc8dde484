/* SPDX-License-Identifier: MIT */
/*
 * Incremental deflate, by ISA-L, which is as fast as libdeflate and can stop anywhere.  A
 * saved state is its state with the tables of the present block and 32 KiB of what was
 * decoded before.  So decoding can resume at any byte, not just at a deflate block's start,
 * and even a stream that is one large block can be resumed anywhere.
 *
 * It accepts and refuses what zlib does, with one exception: an incomplete set of Huffman codes
 * is accepted, as long as none of the missing codes occurs.  A checksum, if there is one, then
 * still covers what was decoded.
 */
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "fs/codec/decoder.h"
#include "fs/codec/wrapper.h"

struct decoder {
	enum stage { HEAD, BODY, TAIL, ENDED } stage;
	bool several;
	const char *why;
	struct wrapper wrapper;
	unsigned nheld;  /* input that ISA-L took, past the end of the deflate stream */
	uint8_t held[8];
	struct inflate_state isal; /* its last member is what was decoded before */
};

/* What is saved before the decoded bytes. */
enum { WINDOW = ISAL_DEF_HIST_SIZE, STATE = offsetof(struct decoder, isal.tmp_out_buffer) };

static void begin(struct decoder *d, enum wrapper_kind kind)
{
	wrapper_begin(&d->wrapper, kind);
	isal_inflate_init(&d->isal);
	d->stage = kind == WRAPPER_NONE ? BODY : HEAD;
}

static struct decoder *open_with(enum wrapper_kind kind, bool several)
{
	struct decoder *d = malloc(sizeof *d);
	if (!d)
		return NULL;
	memset(d, 0, STATE);
	d->several = several;
	begin(d, kind);
	return d;
}

static struct decoder *open_deflate(struct slice head, uint64_t size)
{
	(void)head, (void)size;
	return open_with(WRAPPER_NONE, false);
}

static struct decoder *open_zlib(struct slice head, uint64_t size)
{
	(void)head, (void)size;
	return open_with(WRAPPER_ZLIB, false);
}

static struct decoder *open_gzip(struct slice head, uint64_t size)
{
	(void)head, (void)size;
	return open_with(WRAPPER_GZIP, true);
}

static void shut(struct decoder *d)
{
	free(d);
}

static uint32_t clamp(size_t n)
{
	enum { MOST = 1 << 30 };
	return n < MOST ? (uint32_t)n : MOST;
}

static const char *reason(int r)
{
	switch (r) {
	case ISAL_INVALID_BLOCK: return "invalid block";
	case ISAL_INVALID_SYMBOL: return "invalid code";
	case ISAL_INVALID_LOOKBACK: return "invalid distance too far back";
	default: return NULL;
	}
}

/* ISA-L buffers 8 bytes of its input: those past the stream's last bit do not belong to it. */
static void hold(struct decoder *d)
{
	uint64_t bits = d->isal.read_in >> d->isal.read_in_length % 8;
	d->nheld = (unsigned)d->isal.read_in_length / 8;
	for (unsigned i = 0; i < d->nheld; i++, bits >>= 8)
		d->held[i] = (uint8_t)bits;
}

/* 1 at the end of the deflate stream. */
static int inflate_some(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	static uint8_t none[1];
	uint32_t had = clamp(in->len), could = clamp(*room);
	struct inflate_state *s = &d->isal;
	s->next_in = had ? (uint8_t *)(uintptr_t)in->data : none;
	s->avail_in = had;
	s->next_out = could ? *out : none;
	s->avail_out = could;
	int r = isal_inflate(s);
	uint32_t taken = had - s->avail_in, made = could - s->avail_out;
	in->data += taken;
	in->len -= taken;
	wrapper_body(&d->wrapper, (struct slice){*out, made});
	*out += made;
	*room -= made;
	if (r != ISAL_DECOMP_OK) {
		d->why = reason(r);
		return -EBADMSG;
	}
	if (s->block_state != ISAL_BLOCK_FINISH)
		return 0;
	hold(d);
	return 1;
}

static bool next_byte(struct decoder *d, struct slice *in, uint8_t *ret)
{
	if (d->nheld > 0) {
		*ret = d->held[0];
		memmove(d->held, d->held + 1, --d->nheld);
		return true;
	}
	if (in->len == 0)
		return false;
	*ret = *in->data++;
	in->len--;
	return true;
}

/* 1 at the end of the header, or of the trailer. */
static int wrap(struct decoder *d, struct slice *in)
{
	uint8_t byte;
	int r = 0;
	if (d->wrapper.kind == WRAPPER_NONE)
		return 1;
	while (r == 0 && next_byte(d, in, &byte))
		r = d->stage == HEAD ? wrapper_head(&d->wrapper, byte) : wrapper_tail(&d->wrapper, byte);
	if (r < 0)
		d->why = d->wrapper.why;
	return r;
}

static int step(struct decoder *d, struct slice *in, uint8_t **out, size_t *room)
{
	for (;;) {
		if (d->stage == ENDED && in->len == 0)
			return DECODER_ENDED;
		if (d->stage == ENDED && !d->several)
			return -EBADMSG;
		if (d->stage == ENDED)
			begin(d, d->wrapper.kind);
		int r = d->stage == BODY ? inflate_some(d, in, out, room) : wrap(d, in);
		if (r <= 0)
			return r;
		d->stage++;
		if (d->stage == ENDED) { /* gzip's trailer is no shorter than what may be held */
			in->data -= d->nheld;
			in->len += d->nheld;
			d->nheld = 0;
			return DECODER_ENDED;
		}
	}
}

static const char *why(const struct decoder *d)
{
	return d->why;
}

/* --- points ----------------------------------------------------------------------- */

/* Of the bytes that were decoded: the window, and after it what was not requested yet. */
static size_t window(const struct decoder *d)
{
	size_t valid = (size_t)d->isal.tmp_out_valid, past = (size_t)d->isal.tmp_out_processed;
	return d->stage != BODY ? 0 : past > WINDOW ? valid - (past - WINDOW) : valid;
}

static size_t saved_size(struct decoder *d)
{
	return STATE + window(d);
}

static int save(struct decoder *d, void *to, size_t size)
{
	struct decoder *saved = to;
	size_t kept = size - STATE;
	int32_t skipped = d->isal.tmp_out_valid - (int32_t)kept;
	memcpy(saved, d, STATE);
	saved->isal.tmp_out_valid -= skipped;
	saved->isal.tmp_out_processed = d->stage == BODY ? d->isal.tmp_out_processed - skipped : 0;
	saved->isal.next_in = saved->isal.next_out = NULL;
	memcpy((uint8_t *)to + STATE, d->isal.tmp_out_buffer + skipped, kept);
	return 0;
}

static struct decoder *resume(const void *saved)
{
	struct decoder *d = malloc(sizeof *d);
	if (!d)
		return NULL;
	memcpy(d, saved, STATE);
	memcpy(d->isal.tmp_out_buffer, (const uint8_t *)saved + STATE, (size_t)d->isal.tmp_out_valid);
	return d;
}

#define STEPS(opening, many)                                                                              \
	{                                                                                                 \
		.open = (opening), .close = shut, .step = step, .why = why, .saved_size = saved_size,     \
		.save = save, .resume = resume, .ratio = 1032, .several = (many),                         \
	}

const struct codec_steps codec_steps_deflate = STEPS(open_deflate, false);
const struct codec_steps codec_steps_zlib = STEPS(open_zlib, false);
const struct codec_steps codec_steps_gzip = STEPS(open_gzip, true);
