/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/source/source.h"

/*
 * Reads a file from some place on, a window at a time, so that strings can be passed over without
 * having them in memory.  As with a cursor, the first failure sticks, and numbers are 0 from there
 * on; nothing past the file's end is read, or skipped.
 */
struct gguf_reader {
	const struct source *source;
	bool big;        /* numbers are big-endian */
	uint8_t *window;
	struct cursor c; /* over what has been read into it */
	uint64_t end;    /* where in the file that ends */
	uint64_t hops;   /* for who counts how much was passed over one by one */
	bool jumped;     /* what follows may be passed over, too: little is read at once */
	int failed;
	struct error *err;
};

/* False if there is no memory. */
bool gguf_begin(struct gguf_reader *r, const struct source *s, bool big, uint64_t at, struct arena *arena, struct error *err);

static inline uint64_t gguf_at(const struct gguf_reader *r)
{
	return r->end - cursor_left(&r->c);
}

static inline uint64_t gguf_left(const struct gguf_reader *r)
{
	return r->source->size - gguf_at(r);
}

/* Has the window hold the next n bytes, at most GGUF_TOGETHER; false if there are none, or it has failed. */
enum { GGUF_TOGETHER = 4096 };
bool gguf_have(struct gguf_reader *r, size_t n);

void gguf_skip(struct gguf_reader *r, uint64_t n);
void gguf_copy(struct gguf_reader *r, void *to, uint64_t n);

/* The next n bytes, in the arena, NUL-terminated. */
struct slice gguf_text(struct gguf_reader *r, uint64_t n, struct arena *arena);

/* An unsigned integer of up to 8 bytes. */
static inline uint64_t gguf_number(struct gguf_reader *r, unsigned width)
{
	if (cursor_left(&r->c) < width && !gguf_have(r, width))
		return 0;
	return r->big ? cursor_be(&r->c, width) : cursor_le(&r->c, width);
}

/* Sets the reader's error, unless it has one.  Returns r->failed. */
#define gguf_fail(r, ...) ((r)->failed ? (r)->failed : ((r)->failed = error_set((r)->err, __VA_ARGS__)))
int gguf_no_memory(struct gguf_reader *r);
