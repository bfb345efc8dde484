/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fs/base/error.h"

/*
 * The only way to parse bytes that came from a file.
 *
 * A read past the end returns zero and marks the cursor failed; every later read
 * returns zero, too.  So a parser reads a whole record, then checks once, with
 * cursor_check(), whether all of it was there.  Two rules keep that safe:
 *
 *   - a value read before the check is untrusted: do not allocate by it, index
 *     with it or loop on it;
 *   - a count from the file goes through cursor_count(), which bounds it by the
 *     bytes left.
 *
 * A cursor is a small value: copy it to look ahead; pass it by value if the callee
 * must not move it.
 */
struct slice {
	const uint8_t *data; /* borrowed; whoever makes the slice documents the owner */
	size_t len;
};

struct cursor {
	const uint8_t *start, *pos, *end;
	bool failed;
};

/* A string literal as a slice. */
#define SLICE(literal) ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline struct slice slice_text(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (b.len == 0 || memcmp(a.data, b.data, b.len) == 0); /* b.len: constant for literals */
}

static inline struct cursor cursor_over(struct slice s)
{
	return (struct cursor){s.data, s.data, s.data + s.len, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->pos);
}

/* Offset from the cursor's start, for error messages. */
static inline size_t cursor_at(const struct cursor *c)
{
	return (size_t)(c->pos - c->start);
}

/* The next n bytes, not copied; an empty slice, and failed, if fewer are left. */
static inline struct slice cursor_take(struct cursor *c, uint64_t n)
{
	if (c->failed || n > cursor_left(c)) {
		c->failed = true;
		return (struct slice){c->end, 0};
	}
	struct slice s = {c->pos, (size_t)n};
	c->pos += n;
	return s;
}

static inline void cursor_skip(struct cursor *c, uint64_t n)
{
	(void)cursor_take(c, n);
}

/* A cursor over just the next n bytes, so that a nested record cannot read into
 * its neighbour. */
static inline struct cursor cursor_sub(struct cursor *c, uint64_t n)
{
	struct cursor sub = cursor_over(cursor_take(c, n));
	sub.failed = c->failed;
	return sub;
}

/* An unsigned integer of 0 to 8 bytes, little-endian; cursor_be(): big-endian. */
static inline uint64_t cursor_le(struct cursor *c, unsigned bytes)
{
	struct slice s = cursor_take(c, bytes);
	uint64_t value = 0;
	for (size_t i = s.len; i-- > 0;)
		value = value << 8 | s.data[i];
	return value;
}

static inline uint64_t cursor_be(struct cursor *c, unsigned bytes)
{
	struct slice s = cursor_take(c, bytes);
	uint64_t value = 0;
	for (size_t i = 0; i < s.len; i++)
		value = value << 8 | s.data[i];
	return value;
}

static inline uint8_t cursor_u8(struct cursor *c) { return (uint8_t)cursor_le(c, 1); }
static inline uint16_t cursor_u16le(struct cursor *c) { return (uint16_t)cursor_le(c, 2); }
static inline uint32_t cursor_u32le(struct cursor *c) { return (uint32_t)cursor_le(c, 4); }
static inline uint64_t cursor_u64le(struct cursor *c) { return cursor_le(c, 8); }

/* n, if there is room for n records of at least `each` bytes; else 0, and failed. */
static inline uint64_t cursor_count(struct cursor *c, uint64_t n, size_t each)
{
	if (n > cursor_left(c) / each)
		c->failed = true;
	return c->failed ? 0 : n;
}

/* Skips a literal if it comes next; otherwise false, and the cursor neither moves
 * nor fails. */
static inline bool cursor_match(struct cursor *c, const void *bytes, size_t n)
{
	if (c->failed || n > cursor_left(c) || memcmp(c->pos, bytes, n) != 0)
		return false;
	c->pos += n;
	return true;
}

/* 0, or -EBADMSG if any read went past the end. */
static inline int cursor_check(const struct cursor *c, struct error *err, const char *what)
{
	if (!c->failed)
		return 0;
	return error_set(err, EBADMSG, "%s is cut short at byte %zu", what, cursor_at(c));
}

/* Is [offset, offset + len) within [0, size)?  Cannot overflow. */
static inline bool range_within(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}
