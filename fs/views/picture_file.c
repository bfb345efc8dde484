/* SPDX-License-Identifier: MIT */
/*
 * A PNG of 8-bit indices into a palette, by libpng: IHDR, PLTE, tRNS (the first colour is not to be
 * seen), tEXt (Comment), IDAT, fiLl, IEND.
 *
 * How many bytes IDAT takes is another in each version of zlib, even if nothing is compressed.  So
 * there is room for the worst, and fiLl, which is ours and which readers ignore, fills it.
 */
#include <png.h>
#include <stdlib.h>

#include "fs/views/picture.h"

/* What a chunk has around its bytes; what a file has around the stream, at most; the bytes of an IDAT. */
enum { AROUND = 12, FRAME = 4096, IDAT_BYTES = 64 << 10 };

/* Ancillary, private, safe to copy. */
static const png_byte fill[] = "fiLl";

/* zlib stores a byte in little more than a byte: 1 + 1 / 32 is its own bound. */
uint64_t picture_file_size(uint32_t width, uint32_t height)
{
	uint64_t raw = (uint64_t)height * (width + 1);
	return raw + raw / 32 + FRAME;
}

struct sink {
	uint8_t *to;
	size_t left;
};

static void take(png_structp png, png_bytep bytes, size_t len)
{
	struct sink *s = png_get_io_ptr(png);
	if (len > s->left)
		png_error(png, "no room");
	memcpy(s->to, bytes, len);
	s->to += len;
	s->left -= len;
}

static void flush(png_structp png)
{
	(void)png;
}

_Noreturn static void on_error(png_structp png, png_const_charp why)
{
	(void)why;
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp why)
{
	(void)png, (void)why;
}

static void put_head(png_structp png, png_infop info, const struct picture_file *f)
{
	static char keyword[] = "Comment";
	static const png_byte transparent = 0;
	png_color colors[COLORS];
	png_text text = {0};
	text.compression = PNG_TEXT_COMPRESSION_NONE;
	text.key = keyword;
	text.text = (char *)(uintptr_t)f->comment;
	for (unsigned i = 0; i < COLORS; i++)
		colors[i] = (png_color){f->palette[i][0], f->palette[i][1], f->palette[i][2]};
	png_set_IHDR(png, info, f->width, f->height, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_set_PLTE(png, info, colors, COLORS);
	png_set_tRNS(png, info, &transparent, 1, NULL);
	png_set_text(png, info, &text, 1);
	png_write_info(png, info);
}

/* Leaves no more than what IEND takes. */
static void put_fill(png_structp png, const struct sink *s)
{
	static const png_byte zeros[1024];
	if (s->left < 2 * AROUND)
		png_error(png, "no room");
	size_t len = s->left - 2 * AROUND;
	png_write_chunk_start(png, fill, (png_uint_32)len);
	for (size_t n; len > 0; len -= n) {
		n = len < sizeof zeros ? len : sizeof zeros;
		png_write_chunk_data(png, zeros, n);
	}
	png_write_chunk_end(png);
}

/* false: no memory. */
static bool write_file(png_structp png, png_infop info, const struct picture_file *f, struct sink *s)
{
	uint8_t line[PICTURE_SIDE];
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_write_fn(png, s, take, flush);
	png_set_compression_level(png, 0);
	png_set_compression_buffer_size(png, IDAT_BYTES);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
	put_head(png, info, f);
	for (uint32_t y = 0; y < f->height; y++) {
		f->line(f, y, line);
		png_write_row(png, line);
	}
	put_fill(png, s);
	png_write_end(png, NULL);
	return s->left == 0;
}

int picture_file(const struct picture_file *f, uint8_t *to, struct error *err)
{
	struct sink s = {to, (size_t)picture_file_size(f->width, f->height)};
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	bool fine = info && write_file(png, info, f, &s);
	png_destroy_write_struct(&png, &info);
	return fine ? 0 : error_no_memory(err, "a picture");
}
