/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/blocks/stream.h"

/*
 * Bytes that a format reads as if they were a file of their own: part of one of the archive's
 * sources, as it is or to be decoded.  A member of a zip is one: zip_open().  A few, decoded by
 * other means, are in the archive's memory.
 */
struct content {
	struct stream *stream; /* if it is to be decoded; NULL: as it is */
	uint32_t source;       /* archive_source() */
	uint64_t offset;       /* of the first byte: in the source, in the decoded stream, or in memory */
	uint64_t size;
	const uint8_t *memory; /* if they are there; or NULL */
};

/* All that the codec makes of [offset, offset + len) of archive_source(a, source); `size`: how many bytes
 * that is, or STREAM_SIZE_UNKNOWN.  Decodes nothing; fails as stream_open() does.  The stream lives as long
 * as the archive, since the cache knows it by its address. */
int content_decoded(struct archive *a, uint32_t source, uint64_t offset, uint64_t len, enum codec_id codec, uint64_t size,
		    struct content *ret, struct error *err);

/* The part [offset, offset + size), which must be within it. */
static inline struct content content_part(const struct content *c, uint64_t offset, uint64_t size)
{
	return (struct content){c->stream, c->source, c->offset + offset, size, c->memory};
}

/* Copies [offset, offset + len), which must be within it.  -EINTR once *gone is set; gone
 * may be NULL.  Any thread. */
int content_read(struct archive *a, const struct content *c, uint64_t offset, size_t len, uint8_t *out, const _Atomic bool *gone,
		 struct error *err);

/* Copies the first `len` bytes, or as many as there are: *ret.  Of a compressed content no
 * more than these is decoded, and no checksum is checked. */
int content_head(struct archive *a, const struct content *c, uint8_t *out, size_t len, size_t *ret, struct error *err);

/* A cursor over a copy of all of it, from `arena`; -ENOTSUP if it has more than `most` bytes. */
int content_load(struct archive *a, const struct content *c, struct arena *arena, size_t most, struct cursor *ret,
		 struct error *err);

/* Adds a file of the bytes; `array` describes them, or is NULL.  Lazy if they are to be decoded: the format's
 * read() is then lazy_read(). */
int content_show(struct archive *a, uint32_t parent, struct slice name, const struct content *c, const struct array *array,
		 uint32_t *ret, struct error *err);

/* What a file that content_show() added lazily reads; NULL: it is another. */
const struct content *content_shown(const struct node *n);

/* For read(): answers [offset, offset + len), without a copy where none is needed. */
int content_answer(struct archive *a, const struct content *c, uint64_t offset, uint64_t len, struct answer *ret,
		   struct error *err);

/* The codec's name, as for user.array.codec; NULL if it is not compressed. */
const char *content_codec(const struct content *c);
