/* SPDX-License-Identifier: MIT */
#include <lz4.h>
#define XXH_STATIC_LINKING_ONLY /* a state on the stack */
#include <xxhash.h>

#include "fs/codec/filter.h"

/* --- one block ---------------------------------------------------------------- */

static int raw(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (in.len > INT32_MAX)
		return -EBADMSG;
	int n = LZ4_decompress_safe((const char *)in.data, (char *)out, (int)in.len,
				    room > INT32_MAX ? INT32_MAX : (int)room);
	*ret = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -EBADMSG : 0;
}

const struct codec codec_lz4_raw = {.name = "lz4_raw", .whole = raw};

/* --- frames ------------------------------------------------------------------- */

/*
 * Specification: github.com/lz4/lz4, doc/lz4_Frame_format.md.
 *
 *   frame  04 22 4D 18 | flags | sizes | content size 8 | dictionary 4 | check 1 | blocks … | 0 0 0 0 | checksum 4
 *   block  length 4, whose highest bit says that it is stored | bytes | checksum 4
 *
 * Read here, not by liblz4: that reads flags twice, which takes a copy of an input that may
 * change; and sums the content two to three times as slowly as libxxhash.
 */
enum { STORED = 1u << 31, HISTORY = 64 << 10, INDEPENDENT = 1 << 5, BLOCK_SUMS = 1 << 4, SIZE = 1 << 3, SUM = 1 << 2, DICTIONARY = 1 };

struct frame {
	unsigned flags;
	size_t most;   /* bytes of a block */
	uint64_t size; /* if the flags have SIZE */
	size_t begin;  /* in the output */
};

static int read_header(struct cursor *c, struct frame *f)
{
	const uint8_t *begin = c->pos;
	f->flags = cursor_u8(c);
	unsigned sizes = cursor_u8(c);
	f->size = f->flags & SIZE ? cursor_u64le(c) : 0;
	cursor_skip(c, f->flags & DICTIONARY ? 4 : 0);
	struct slice header = {begin, (size_t)(c->pos - begin)};
	unsigned check = cursor_u8(c);
	if (c->failed || f->flags >> 6 != 1 || f->flags & 2 || sizes & 0x8f || sizes < 0x40)
		return -EBADMSG;
	f->most = (size_t)1 << (8 + 2 * (sizes >> 4));
	return check == (XXH32(header.data, header.len, 0) >> 8 & 0xff) ? 0 : -EBADMSG;
}

/* Decodes a block to `out`, before which `done` bytes of the frame lie. */
static int block(const struct frame *f, struct slice in, bool stored, uint8_t *out, size_t done, size_t room, size_t *ret)
{
	size_t back = f->flags & INDEPENDENT ? 0 : done < HISTORY ? done : HISTORY;
	*ret = in.len;
	if (in.len > f->most || (stored && in.len > room))
		return -EBADMSG;
	if (stored) {
		memcpy(out, in.data, in.len);
		return 0;
	}
	int n = LZ4_decompress_safe_usingDict((const char *)in.data, (char *)out, (int)in.len, room > INT32_MAX ? INT32_MAX : (int)room,
					      (const char *)out - back, (int)back);
	*ret = n < 0 ? 0 : (size_t)n;
	return n < 0 || *ret > f->most ? -EBADMSG : 0;
}

/* The content's checksum is taken while what was decoded is in the processor's cache. */
static int read_blocks(struct cursor *c, const struct frame *f, uint8_t *out, size_t room, size_t *done)
{
	XXH32_state_t sum;
	size_t made;
	XXH32_reset(&sum, 0);
	for (uint32_t head; (head = cursor_u32le(c)) != 0; *done += made) {
		struct slice in = cursor_take(c, head & ~STORED);
		if (c->failed || block(f, in, head & STORED, out + *done, *done - f->begin, room - *done, &made) < 0)
			return -EBADMSG;
		if (f->flags & BLOCK_SUMS && cursor_u32le(c) != XXH32(in.data, in.len, 0))
			return -EBADMSG;
		if (f->flags & SUM)
			XXH32_update(&sum, out + *done, made);
	}
	if (f->flags & SUM && cursor_u32le(c) != XXH32_digest(&sum))
		return -EBADMSG;
	return c->failed || (f->flags & SIZE && f->size != *done - f->begin) ? -EBADMSG : 0;
}

static int frames(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct cursor c = cursor_over(in);
	size_t done = 0;
	int r = in.len ? 0 : -EBADMSG;
	while (r == 0 && cursor_left(&c) > 0) {
		struct frame f = {.begin = done};
		uint32_t magic = cursor_u32le(&c);
		if (magic >> 4 == 0x184d2a5) { /* skippable */
			cursor_skip(&c, cursor_u32le(&c));
			r = c.failed ? -EBADMSG : 0;
			continue;
		}
		r = magic == 0x184d2204 ? read_header(&c, &f) : -EBADMSG;
		if (r == 0)
			r = read_blocks(&c, &f, out, room, &done);
	}
	*ret = done;
	return r;
}

const struct codec codec_lz4_frame = {.name = "lz4_frame", .whole = frames};

/* --- what writers called "LZ4" before it was standardised ------------------------ */

/* Hadoop's BlockCompressorStream, repeated: u32 decoded size, then as many blocks as
 * decode to that, each preceded by its u32 encoded size.  Big-endian. */
static int hadoop(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	struct cursor c = cursor_over(in);
	size_t done = 0;

	while (cursor_left(&c) > 0) {
		uint32_t whole = (uint32_t)cursor_be(&c, 4);
		if (c.failed || whole > room - done)
			return -EBADMSG;
		for (size_t end = done + whole; done < end;) {
			uint32_t n = (uint32_t)cursor_be(&c, 4);
			struct slice block = cursor_take(&c, n);
			size_t made;
			if (c.failed || raw(block, out + done, end - done, &made) < 0 || made == 0)
				return -EBADMSG;
			done += made;
		}
	}
	*ret = done;
	return 0;
}

static int any(struct slice in, uint8_t *out, size_t room, size_t *ret)
{
	if (hadoop(in, out, room, ret) == 0)
		return 0;
	if (in.len >= 4 && memcmp(in.data, "\x04\x22\x4d\x18", 4) == 0)
		return frames(in, out, room, ret);
	return raw(in, out, room, ret);
}

const struct codec codec_lz4 = {.name = "lz4", .whole = any, .double_fetch = true};

/* --- HDF5's filter ------------------------------------------------------------------ */

/* The total size (u64) and the block size (u32), big-endian; then blocks, each preceded
 * by its size. A block as large as its contents is stored uncompressed. */
int filter_lz4(struct filter_parameters p, struct slice in, uint8_t *out, size_t room, size_t *ret,
	       const struct codec_memory *memory, struct error *err)
{
	struct cursor c = cursor_over(in);
	uint64_t size = cursor_be(&c, 8), each = cursor_be(&c, 4);
	(void)p;
	(void)memory;
	if (c.failed || size > room || each == 0)
		return error_set(err, EBADMSG, "a header that does not fit");
	for (uint64_t done = 0; done < size;) {
		size_t want = (size_t)(each < size - done ? each : size - done);
		struct slice block = cursor_take(&c, cursor_be(&c, 4));
		if (c.failed)
			return error_set(err, EBADMSG, "the stream is cut short");
		/* Neither codec fetches its input twice. */
		int r = codec_run(block.len == want ? CODEC_NONE : CODEC_LZ4_RAW, block, out + done, want, NULL, err);
		if (r < 0)
			return r;
		done += want;
	}
	*ret = (size_t)size;
	return 0;
}
