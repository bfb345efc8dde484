/* SPDX-License-Identifier: MIT */
/* Bitshuffle, by Kiyoshi Masui, with the framing of its filter for HDF5. */
#include "fs/codec/filter.h"
#include "fs/codec/shuffle.h"

/* One block: compressed and preceded by its size, or uncompressed. */
static int bit_block(struct cursor *c, unsigned codec, size_t n, size_t size, uint8_t *planes, uint8_t *out, struct error *err)
{
	struct slice in;
	if (codec == 0) {
		in = cursor_take(c, n * size);
	} else {
		struct slice packed = cursor_take(c, cursor_be(c, 4));
		int r = c->failed ? 0 : codec_run(codec == 2 ? CODEC_LZ4_RAW : CODEC_ZSTD, packed, planes, n * size, NULL, err);
		if (r < 0)
			return r;
		in = (struct slice){planes, n * size};
	}
	if (c->failed)
		return error_set(err, EBADMSG, "the stream is cut short");
	unshuffle_bits(in.data, out, n, size);
	return 0;
}

int filter_bitshuffle(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		      const struct codec_memory *memory, struct error *err)
{
	struct cursor c = cursor_over(in);
	size_t size = p.count > 2 ? p.values[2] : 0, each = p.count > 3 ? p.values[3] : 0;
	unsigned codec = p.count > 4 ? p.values[4] : 0;
	if (size == 0 || (codec != 0 && codec != 2 && codec != 3))
		return error_set(err, EBADMSG, "elements of %zu bytes, codec %u", size, codec);
	uint64_t bytes = in.len;
	if (codec) {
		bytes = cursor_be(&c, 8);
		each = (size_t)(cursor_be(&c, 4) / size);
	}
	if (each == 0) {
		each = 8192 / size / 8 * 8;
		each = each < 128 ? 128 : each;
	}
	if (c.failed || bytes > room || each % 8 || bytes % size || each > SIZE_MAX / size)
		return error_set(err, EBADMSG, "a header that does not fit");
	size_t n = (size_t)bytes / size, most = each < n ? each : n;
	uint8_t *planes = codec ? memory->take(memory->arg, most * size + 1, err) : out;
	int r = planes ? 0 : -ENOMEM;
	size_t done = 0;
	while (r == 0 && n - done >= 8) {
		size_t some = n - done >= each ? each : (n - done) / 8 * 8;
		r = bit_block(&c, codec, some, size, planes, out + done * size, err);
		done += some;
	}
	if (r == 0) { /* the remainder modulo 8 is stored as is */
		struct slice rest = cursor_take(&c, (n - done) * size);
		if (c.failed)
			r = error_set(err, EBADMSG, "the stream is cut short");
		else if (rest.len)
			memcpy(out + done * size, rest.data, rest.len);
	}
	*ret = n * size;
	return r;
}
