/* SPDX-License-Identifier: MIT */
/*
 * A PNG (Third Edition) of 8-bit indices into a palette:
 *
 *	signature
 *	IHDR  width, height, 8 bits, a palette, nothing optional
 *	PLTE  COLORS of three bytes
 *	tRNS  the first of them is not to be seen
 *	tEXt  Comment, filled up with spaces
 *	IDAT  a zlib stream of stored blocks: for each line a 0, which is no filter, and its pixels
 *	IEND
 *
 * A chunk is its length, its name, that many bytes, and the CRC-32 of name and bytes.
 */
#include <endian.h>
#include <stdio.h>

#include "fs/codec/codec.h"
#include "fs/views/picture.h"

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
static const char keyword[] = "Comment"; /* its NUL, too, is in the file */

enum { AROUND = 12, STORED_MOST = 65535, STORED_HEAD = 5, ZLIB_HEAD = 2, ZLIB_END = 4 };

static uint64_t stream_size(uint64_t raw)
{
	return ZLIB_HEAD + raw + (raw + STORED_MOST - 1) / STORED_MOST * STORED_HEAD + ZLIB_END;
}

uint64_t picture_file_size(uint32_t width, uint32_t height)
{
	uint64_t raw = (uint64_t)height * (width + 1);
	return sizeof signature + AROUND + 13 + AROUND + COLORS * 3 + AROUND + 1 + AROUND + sizeof keyword + PICTURE_COMMENT + AROUND +
	       stream_size(raw) + AROUND;
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

static uint8_t *put_u32(uint8_t *to, uint32_t v)
{
	v = htobe32(v);
	return put(to, &v, sizeof v);
}

static uint8_t *begin_chunk(uint8_t *to, const char *name, size_t len)
{
	to = put_u32(to, (uint32_t)len);
	while (*name)
		*to++ = (uint8_t)*name++;
	return to;
}

/* `to` is behind the chunk's bytes. */
static uint8_t *end_chunk(uint8_t *to, size_t len)
{
	return put_u32(to, codec_crc32(0, (struct slice){to - len - 4, len + 4}));
}

static uint8_t *put_chunk(uint8_t *to, const char *name, const void *bytes, size_t len)
{
	return end_chunk(put(begin_chunk(to, name, len), bytes, len), len);
}

/* --- the pixels ------------------------------------------------------------------------------------ */

struct stream {
	uint8_t *to;
	uint64_t left;   /* bytes that are still to come */
	uint32_t room;   /* of the block */
	uint32_t adler;
};

static void begin_block(struct stream *s)
{
	uint16_t len = s->left < STORED_MOST ? (uint16_t)s->left : STORED_MOST;
	uint8_t head[STORED_HEAD] = {s->left <= STORED_MOST, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)~len, (uint8_t)(~len >> 8)};
	s->to = put(s->to, head, sizeof head);
	s->room = len;
}

static void store(struct stream *s, const uint8_t *bytes, size_t len)
{
	s->adler = codec_adler32(s->adler, (struct slice){bytes, len});
	while (len > 0) {
		if (s->room == 0)
			begin_block(s);
		size_t n = s->room < len ? s->room : len;
		s->to = put(s->to, bytes, n);
		bytes += n;
		len -= n;
		s->room -= (uint32_t)n;
		s->left -= n;
	}
}

static uint8_t *put_pixels(const struct picture_file *f, uint8_t *to)
{
	static const uint8_t head[ZLIB_HEAD] = {0x78, 0x01};
	uint8_t line[1 + PICTURE_SIDE] = {0};
	uint64_t raw = (uint64_t)f->height * (f->width + 1);
	size_t len = (size_t)stream_size(raw);
	struct stream s = {.left = raw, .adler = 1};
	s.to = put(begin_chunk(to, "IDAT", len), head, sizeof head);
	for (uint32_t y = 0; y < f->height; y++) {
		f->line(f, y, line + 1);
		store(&s, line, f->width + 1);
	}
	return end_chunk(put_u32(s.to, s.adler), len);
}

void picture_file(const struct picture_file *f, uint8_t *to)
{
	static const uint8_t transparent = 0;
	uint8_t head[13] = {[8] = 8, [9] = 3};
	char text[sizeof keyword + PICTURE_COMMENT + 1];
	put_u32(put_u32(head, f->width), f->height);
	snprintf(text + sizeof keyword, PICTURE_COMMENT + 1, "%-*s", PICTURE_COMMENT, f->comment);
	memcpy(text, keyword, sizeof keyword);
	to = put(to, signature, sizeof signature);
	to = put_chunk(to, "IHDR", head, sizeof head);
	to = put_chunk(to, "PLTE", f->palette, COLORS * 3);
	to = put_chunk(to, "tRNS", &transparent, 1);
	to = put_chunk(to, "tEXt", text, sizeof text - 1);
	to = put_pixels(f, to);
	end_chunk(begin_chunk(to, "IEND", 0), 0);
}
