/* SPDX-License-Identifier: MIT */
#include "formats/gguf/reader.h"

#include <inttypes.h>

enum { WINDOW = 1 << 16 };

bool gguf_begin(struct gguf_reader *r, const struct source *s, bool big, uint64_t at, struct arena *arena, struct error *err)
{
	*r = (struct gguf_reader){.source = s, .big = big, .end = at, .err = err};
	r->window = arena_alloc(arena, WINDOW);
	if (!r->window)
		gguf_no_memory(r);
	r->c = cursor_over((struct slice){r->window, 0});
	if (at > s->size)
		gguf_fail(r, EBADMSG, "GGUF's header is cut short at byte %" PRIu64, s->size);
	return !r->failed;
}

int gguf_no_memory(struct gguf_reader *r)
{
	return gguf_fail(r, ENOMEM, "no memory for all that the header holds");
}

static bool cut_short(struct gguf_reader *r)
{
	gguf_fail(r, EBADMSG, "GGUF's header is cut short at byte %" PRIu64, gguf_at(r));
	return false;
}

bool gguf_have(struct gguf_reader *r, size_t n)
{
	uint64_t at = gguf_at(r), left = r->failed ? 0 : gguf_left(r);
	size_t len = r->jumped ? GGUF_TOGETHER : WINDOW;
	if (cursor_left(&r->c) >= n && !r->failed)
		return true;
	if (left < n)
		return cut_short(r);
	if (len > left)
		len = (size_t)left;
	r->jumped = false;
	r->failed = source_read(r->source, at, r->window, len, r->err);
	r->c = cursor_over((struct slice){r->window, r->failed ? 0 : len});
	r->end = r->failed ? at : at + len;
	return !r->failed;
}

void gguf_skip(struct gguf_reader *r, uint64_t n)
{
	if (n <= cursor_left(&r->c)) {
		cursor_skip(&r->c, n);
	} else if (r->failed || n > gguf_left(r)) {
		cut_short(r);
	} else {
		r->end = gguf_at(r) + n;
		r->jumped = n > GGUF_TOGETHER;
		r->c = cursor_over((struct slice){r->window, 0});
	}
}

void gguf_copy(struct gguf_reader *r, void *to, uint64_t n)
{
	uint8_t *at = to;
	if (!r->failed && n > gguf_left(r))
		cut_short(r);
	while (n > 0 && gguf_have(r, 1)) {
		size_t len = cursor_left(&r->c) < n ? cursor_left(&r->c) : (size_t)n;
		memcpy(at, cursor_take(&r->c, len).data, len);
		at += len, n -= len;
	}
}

struct slice gguf_text(struct gguf_reader *r, uint64_t n, struct arena *arena)
{
	if (!r->failed && n > gguf_left(r))
		cut_short(r);
	uint8_t *text = r->failed || n > SIZE_MAX - 1 ? NULL : arena_alloc(arena, (size_t)n + 1);
	if (!text) {
		gguf_no_memory(r);
		return (struct slice){NULL, 0};
	}
	gguf_copy(r, text, n);
	return (struct slice){text, r->failed ? 0 : (size_t)n};
}
