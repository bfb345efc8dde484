/* SPDX-License-Identifier: MIT */
/*
 * szip: CCSDS 121.0-B, by libaec.  Its szlib emulation is not used, since that returns
 * uninitialised memory if a stream ends early.
 */
#include <libaec.h>

#include "fs/codec/filter.h"

/* From H5Zpublic.h. The parameters are: options, pixels per block, bits per pixel, pixels per
 * scanline. */
enum { SZ_MSB = 16, SZ_NN = 32 };

struct szip {
	struct aec_stream stream;
	size_t size, line, padded; /* in bytes: the output; a scanline; the same, filling its last block */
	unsigned planes;           /* byte planes that wide pixels are split into; 0: not split */
};

static bool set_up(struct filter_parameters p, struct szip *z)
{
	if (p.count < 4)
		return false;
	unsigned options = p.values[0], block = p.values[1], bits = p.values[2], line = p.values[3];
	if ((bits > 32 && bits != 64) || bits == 0 || block < 2 || block > 32 || block % 2 || line < block || line > 4096 * 32)
		return false;
	z->planes = bits == 32 || bits == 64 ? bits / 8 : 0;
	z->stream.bits_per_sample = z->planes ? 8 : bits;
	z->stream.block_size = block;
	z->stream.rsi = (line + block - 1) / block;
	z->stream.flags = (options & SZ_MSB ? AEC_DATA_MSB : 0) | (options & SZ_NN ? AEC_DATA_PREPROCESS : 0);
	size_t sample = z->stream.bits_per_sample > 16 ? 4 : z->stream.bits_per_sample > 8 ? 2 : 1;
	z->line = line * sample;
	z->padded = (size_t)z->stream.rsi * block * sample;
	return true;
}

/* Decodes the scanlines, including their padding. */
static int decode(struct szip *z, struct slice in, uint8_t *to, size_t len, struct error *err)
{
	z->stream.next_in = in.data;
	z->stream.avail_in = in.len;
	z->stream.next_out = to;
	z->stream.avail_out = len;
	if (aec_buffer_decode(&z->stream) != AEC_OK)
		return error_set(err, EBADMSG, "the stream is broken");
	if (z->stream.total_out < len)
		return error_set(err, EBADMSG, "the stream is cut short");
	return 0;
}

/* Removes the padding of the scanlines, in place. */
static void close_up(const struct szip *z, uint8_t *lines)
{
	for (size_t i = 1, at = z->line; at < z->size; i++, at += z->line)
		memmove(lines + at, lines + i * z->padded, z->size - at < z->line ? z->size - at : z->line);
}

/* Interleaves the byte planes (all first bytes of the pixels, then all second ones …). */
static void join_planes(const struct szip *z, const uint8_t *planes, uint8_t *out)
{
	size_t pixels = z->size / z->planes;
	for (size_t i = 0; i < pixels; i++)
		for (size_t k = 0; k < z->planes; k++)
			*out++ = planes[k * pixels + i];
}

int filter_szip(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		const struct codec_memory *memory, struct error *err)
{
	int r = codec_hold_still(memory, &in, err); /* libaec fetches its input twice */
	if (r < 0)
		return r;
	struct cursor c = cursor_over(in);
	struct szip z = {.size = cursor_u32le(&c)};
	if (c.failed || z.size > room || !set_up(p, &z) || (z.planes && z.size % z.planes))
		return error_set(err, EBADMSG, "%zu bytes in room for %zu, by %u parameters", z.size, room, p.count);
	*ret = z.size;
	in = cursor_take(&c, cursor_left(&c));
	if (z.size == 0)
		return 0;
	if (!z.planes && z.line == z.padded)
		return decode(&z, in, out, z.size, err);
	/* The last line may be partial. */
	size_t before = (z.size - 1) / z.line, len = before * z.padded + (z.size - before * z.line);
	uint8_t *lines = memory->take(memory->arg, len, err);
	r = lines ? decode(&z, in, lines, len, err) : -ENOMEM;
	if (r < 0)
		return r;
	close_up(&z, lines);
	if (z.planes)
		join_planes(&z, lines, out);
	else
		memcpy(out, lines, z.size);
	return 0;
}
