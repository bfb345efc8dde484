/* SPDX-License-Identifier: MIT */
/* HDF5's filter fletcher32: after the bytes, the checksum of their big-endian words, as computed by
 * H5_checksum_fletcher32(). */
#include <inttypes.h>

#include "fs/codec/filter.h"

static uint32_t fletcher(const uint8_t *p, size_t len)
{
	uint32_t a = 0, b = 0;
	for (size_t words = len / 2; words;) {
		size_t some = words > 360 ? 360 : words;
		words -= some;
		for (; some; some--, p += 2) {
			a += (uint32_t)p[0] << 8 | p[1];
			b += a;
		}
		a = (a & 0xffff) + (a >> 16);
		b = (b & 0xffff) + (b >> 16);
	}
	if (len % 2) {
		a += (uint32_t)*p << 8;
		b += a;
		a = (a & 0xffff) + (a >> 16);
		b = (b & 0xffff) + (b >> 16);
	}
	a = (a & 0xffff) + (a >> 16);
	b = (b & 0xffff) + (b >> 16);
	return b << 16 | a;
}

/* Old releases swapped the bytes of each half. */
int filter_fletcher32(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
		      const struct codec_memory *memory, struct error *err)
{
	(void)p;
	(void)memory;
	if (in.len < 4 || in.len - 4 > room)
		return error_set(err, EBADMSG, "a fletcher32 checksum in %zu bytes", in.len);
	size_t len = in.len - 4;
	struct cursor c = cursor_over((struct slice){in.data + len, 4});
	memcpy(out, in.data, len);
	uint32_t stored = cursor_u32le(&c), sum = fletcher(out, len);
	uint32_t swapped = (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff);
	*ret = len;
	if (stored == sum || stored == swapped)
		return 0;
	return error_set(err, EBADMSG, "a fletcher32 checksum of %08" PRIx32 ", but the bytes make %08" PRIx32, stored, sum);
}
