/* SPDX-License-Identifier: MIT */
#include "fs/codec/wrapper.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>

#include "fs/codec/codec.h"

enum { DEFLATE = 8, WINDOW_MOST = 7, DICTIONARY = 0x20 };

/* RFC 1952, 2.3: the parts of the header in order, and the flags that announce them. */
enum part { FIXED, EXTRA_LEN, EXTRA, NAME, COMMENT, HEAD_CRC, PARTS };
static const uint8_t flag_of[PARTS] = {[EXTRA_LEN] = 4, [EXTRA] = 4, [NAME] = 8, [COMMENT] = 16, [HEAD_CRC] = 2};
enum { RESERVED = 0xe0 };

void wrapper_begin(struct wrapper *w, enum wrapper_kind kind)
{
	*w = (struct wrapper){.kind = kind, .check = kind == WRAPPER_ZLIB};
}

static int wrong(struct wrapper *w, const char *why)
{
	w->why = why;
	return -EBADMSG;
}

static int zlib_head(struct wrapper *w)
{
	const uint8_t *b = w->bytes;
	if (w->at < 2)
		return 0;
	if ((b[0] << 8 | b[1]) % 31 != 0)
		return wrong(w, "incorrect header check");
	if ((b[0] & 15) != DEFLATE)
		return wrong(w, "unknown compression method");
	if (b[0] >> 4 > WINDOW_MOST)
		return wrong(w, "invalid window size");
	return b[1] & DICTIONARY ? wrong(w, "a preset dictionary") : 1;
}

static int gzip_fixed(struct wrapper *w)
{
	const uint8_t *b = w->bytes;
	if (w->at == 2 && (b[0] != 0x1f || b[1] != 0x8b))
		return wrong(w, "incorrect header check");
	if (w->at == 3 && b[2] != DEFLATE)
		return wrong(w, "unknown compression method");
	if (w->at == 4 && (w->flags = b[3]) & RESERVED)
		return wrong(w, "unknown header flags set");
	return w->at == 10;
}

/* 1 if the part ends with this byte. */
static int gzip_part(struct wrapper *w, uint8_t byte)
{
	uint32_t two = w->bytes[0] | (uint32_t)w->bytes[1] << 8;
	switch ((enum part)w->part) {
	case FIXED: return gzip_fixed(w);
	case EXTRA_LEN: w->extra = two; return w->at == 2;
	case EXTRA: return w->at == w->extra;
	case NAME:
	case COMMENT: return byte == 0;
	case HEAD_CRC: return w->at < 2 ? 0 : two == (w->head_crc & 0xffff) ? 1 : wrong(w, "header crc mismatch");
	case PARTS: break;
	}
	return 1;
}

static bool is_there(const struct wrapper *w, unsigned part)
{
	return (w->flags & flag_of[part]) && (part != EXTRA || w->extra > 0);
}

static int gzip_head(struct wrapper *w, uint8_t byte)
{
	if (w->part != HEAD_CRC)
		w->head_crc = codec_crc32(w->head_crc, (struct slice){&byte, 1});
	int r = gzip_part(w, byte);
	if (r <= 0)
		return r;
	w->at = 0;
	do
		w->part++;
	while (w->part < PARTS && !is_there(w, w->part));
	return w->part == PARTS;
}

static void keep(struct wrapper *w, uint8_t byte)
{
	if (w->at < sizeof w->bytes)
		w->bytes[w->at] = byte;
	if (w->at < UINT32_MAX)
		w->at++;
}

int wrapper_head(struct wrapper *w, uint8_t byte)
{
	keep(w, byte);
	int r = w->kind == WRAPPER_ZLIB ? zlib_head(w) : gzip_head(w, byte);
	if (r > 0)
		w->at = 0;
	return r;
}

void wrapper_body(struct wrapper *w, struct slice made)
{
	if (w->kind == WRAPPER_NONE || made.len == 0)
		return;
	w->size += (uint32_t)made.len;
	w->check = w->kind == WRAPPER_GZIP ? codec_crc32(w->check, made) : isal_adler32(w->check, made.data, made.len);
}

int wrapper_tail(struct wrapper *w, uint8_t byte)
{
	const uint8_t *b = w->bytes;
	keep(w, byte);
	if (w->kind == WRAPPER_ZLIB && w->at == 4)
		return ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) == w->check
			       ? 1 : wrong(w, "incorrect data check");
	if (w->kind == WRAPPER_ZLIB || (w->at != 4 && w->at != 8))
		return 0;
	b += w->at - 4;
	uint32_t said = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	if (said != (w->at == 4 ? w->check : w->size))
		return wrong(w, w->at == 4 ? "incorrect data check" : "incorrect length check");
	return w->at == 8;
}
