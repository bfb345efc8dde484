/* SPDX-License-Identifier: MIT */
#include "fs/archive/check.h"

#include <inttypes.h>

#include "fs/blocks/stream.h"

static int check_stored(struct source *s, const struct check *c, int (*each)(void *arg, uint64_t bytes), void *arg,
			struct error *err)
{
	enum { PIECE = 4 << 20 };
	uint32_t crc = 0;
	int r = 0;
	for (uint64_t at = 0, n; r == 0 && at < c->len; at += n) {
		struct slice bytes;
		n = c->len - at < PIECE ? c->len - at : PIECE;
		if ((r = source_map(s, c->offset + at, n, &bytes, err)) < 0)
			break;
		source_enter(s);
		crc = codec_crc32(crc, bytes);
		r = source_leave(s, c->offset + at, n, err);
		if (r == 0)
			r = each(arg, n);
	}
	if (r == 0 && crc != c->crc32)
		r = error_set(err, EBADMSG, "a CRC-32 of %08" PRIx32 " over bytes that make %08" PRIx32, c->crc32, crc);
	return r;
}

int check_run(struct archive *a, const struct check *c, int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err)
{
	struct source *source = archive_source(a, c->source);
	if (c->codec == CODEC_NONE)
		return check_stored(source, c, each, arg, err);
	struct stream s = {.source = source, .offset = c->offset, .len = c->len, .codec = c->codec, .size = c->size,
			   .crc32 = c->crc32, .has_crc32 = true};
	int r = stream_open(&s, err);
	return r == 0 ? stream_pass(&s, each, arg, err) : r;
}
