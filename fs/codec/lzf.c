/* SPDX-License-Identifier: MIT */
/* LibLZF, by Marc Lehmann: literal runs and back references. */
#include "fs/codec/codec.h"

static int literal(struct cursor *c, unsigned len, uint8_t *out, size_t room, size_t *made)
{
	struct slice s = cursor_take(c, len);
	if (c->failed || s.len > room - *made)
		return -EBADMSG;
	memcpy(out + *made, s.data, s.len);
	*made += s.len;
	return 0;
}

static int whole(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct cursor c = cursor_over(in);
	size_t made = 0;
	while (cursor_left(&c) > 0) {
		unsigned control = cursor_u8(&c);
		size_t len = control >> 5;
		if (control < 32) {
			if (literal(&c, control + 1u, out, room, &made) < 0)
				return -EBADMSG;
			continue;
		}
		if (len == 7)
			len += cursor_u8(&c);
		len += 2;
		size_t back = ((size_t)(control & 31) << 8 | cursor_u8(&c)) + 1;
		if (c.failed || back > made || len > room - made)
			return -EBADMSG;
		for (; len; len--, made++)
			out[made] = out[made - back];
	}
	*ret = made;
	return 0;
}

const struct codec codec_lzf = {.name = "lzf", .whole = whole};
