/* SPDX-License-Identifier: MIT */
/* The bytes that records are read from: a source's, or those of a stream that it is. */
#include "formats/shared/content.h"
#include "formats/shared/records_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

static const struct wrapper_magic {
	const char *magic, *suffix;
	size_t len;
	enum codec_id codec;
} wrappers[] = {
	{"\x1f\x8b\x08", ".gz", 3, CODEC_GZIP},
	{"\x28\xb5\x2f\xfd", ".zst", 4, CODEC_ZSTD},
};

static const struct wrapper_magic *wrapper_of(struct slice head)
{
	for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
		if (head.len >= wrappers[i].len && memcmp(head.data, wrappers[i].magic, wrappers[i].len) == 0)
			return &wrappers[i];
	return NULL;
}

int records_bytes_open(struct archive *a, struct records_bytes *ret, struct error *err)
{
	uint8_t head[4];
	size_t n = a->source.size < sizeof head ? (size_t)a->source.size : sizeof head;
	*ret = (struct records_bytes){.a = a, .size = a->source.size};
	int r = source_read(&a->source, 0, head, n, err);
	const struct wrapper_magic *wrapper = r == 0 ? wrapper_of((struct slice){head, n}) : NULL;
	if (!wrapper)
		return r;
	struct content whole;
	r = content_decoded(a, 0, 0, a->source.size, wrapper->codec, STREAM_SIZE_UNKNOWN, &whole, err);
	ret->stream = whole.stream;
	ret->size = UINT64_MAX;
	return r;
}

int records_bytes_head(const struct records_bytes *b, uint8_t *ret, size_t len, size_t *ret_len, struct error *err)
{
	const struct source *s = &b->a->source;
	if (b->stream)
		return stream_prefix(b->stream, ret, len, ret_len, err);
	*ret_len = s->size < len ? (size_t)s->size : len;
	return source_read(s, 0, ret, *ret_len, err);
}

/* --- for claims() ------------------------------------------------------------------------ */

static void unwrap(const struct peek *p, enum codec_id codec, struct records_peek *ret)
{
	struct stream s = {.source = p->source, .len = p->size, .codec = codec, .size = STREAM_SIZE_UNKNOWN};
	struct error unsaid = {0};
	size_t n = 0;
	int r = stream_open(&s, &unsaid);
	if (r == 0)
		r = stream_prefix(&s, ret->bytes, sizeof ret->bytes, &n, &unsaid);
	peek_failed(p, r);
	ret->head = (struct slice){ret->bytes, r == 0 ? n : 0};
	ret->whole = r == 0 && n < sizeof ret->bytes;
}

void records_peek(const struct peek *p, const char *name, struct records_peek *ret)
{
	struct slice head = {p->bytes, cursor_left(&p->head)};
	const struct wrapper_magic *wrapper = wrapper_of(head);
	ret->name = slice_text(name);
	ret->head = head;
	ret->whole = head.len == p->size;
	if (!wrapper)
		return;
	size_t n = strlen(wrapper->suffix);
	if (ret->name.len > n && strcasecmp(name + ret->name.len - n, wrapper->suffix) == 0)
		ret->name.len -= n;
	unwrap(p, wrapper->codec, ret);
}

bool records_named(const struct records_peek *p, const char *const *suffixes)
{
	for (; *suffixes; suffixes++) {
		size_t n = strlen(*suffixes);
		if (p->name.len > n && strncasecmp((const char *)p->name.data + p->name.len - n, *suffixes, n) == 0)
			return true;
	}
	return false;
}

/* --- spans --------------------------------------------------------------------------------- */

int records_reader_room(struct records_reader *r, size_t len, struct error *err)
{
	if (len <= r->room)
		return 0;
	if (len > r->most)
		return error_set(err, ENOTSUP, "a record of over %zu bytes in a compressed file", r->most / 2);
	size_t room = r->room * 2 > len ? r->room * 2 : len;
	uint8_t *own = realloc(r->own, room);
	if (!own)
		return error_no_memory(err, "records");
	r->own = own;
	r->room = room;
	return 0;
}

static int map_source(struct records_reader *r, uint64_t at, uint64_t len, struct records_span *ret, struct error *err)
{
	struct source *s = &r->bytes->a->source;
	struct slice bytes;
	uint64_t left = at < s->size ? s->size - at : 0;
	if (r->entered)
		source_leave_unchecked();
	r->entered = false;
	len = len < left ? len : left;
	int e = source_map(s, at < s->size ? at : s->size, len, &bytes, err);
	if (e < 0)
		return e;
	source_enter(s);
	r->entered = true;
	*ret = (struct records_span){bytes.data, bytes.len, at, len == left};
	return 0;
}

static int map_stream(struct records_reader *r, uint64_t at, uint64_t len, struct records_span *ret, struct error *err)
{
	struct answer answer;
	int e = len > r->most ? error_set(err, EIO, "a record of over %zu bytes in a compressed file", r->most) : records_reader_room(r, (size_t)len, err);
	if (e < 0)
		return e;
	answer_init(&answer);
	e = stream_answer(r->bytes->stream, at, len, &answer, err);
	if (e == 0)
		e = answer_copy(&answer, r->own, err);
	*ret = (struct records_span){r->own, answer.len, at, answer.len < len};
	answer_close(&answer);
	return e;
}

int records_reader_map(struct records_reader *r, uint64_t at, uint64_t len, struct records_span *ret, struct error *err)
{
	return r->bytes->stream ? map_stream(r, at, len, ret, err) : map_source(r, at, len, ret, err);
}

int records_reader_leave(struct records_reader *r, const struct records_span *s, struct error *err)
{
	if (!r->entered)
		return 0;
	r->entered = false;
	return source_leave(&r->bytes->a->source, s->at, s->len, err);
}

void records_reader_close(struct records_reader *r)
{
	if (r->entered)
		source_leave_unchecked();
	free(r->own);
	*r = (struct records_reader){.bytes = r->bytes};
}

/* --- all of them, a second time ------------------------------------------------------------------ */

int records_walk_begin(struct records_walk *w, struct archive *a, const struct records_table *t)
{
	struct records_reader *r = calloc(1, sizeof *r);
	*w = (struct records_walk){.a = a, .table = t, .reader = r};
	if (!r)
		return -ENOMEM;
	*r = (struct records_reader){.bytes = &t->bytes, .most = a->options->memory / 4 + (32 << 20)};
	return 0;
}

int records_walk_next(struct records_walk *w, struct records_span *ret, struct error *err)
{
	struct records_reader *r = w->reader;
	const uint64_t *at = records_line(w->table->index, RECORDS_AT);
	int e = w->span.bytes ? records_reader_leave(r, &w->span, err) : 0;
	w->span.bytes = NULL;
	if (e < 0 || w->block == w->table->index->blocks)
		return e;
	e = records_reader_map(r, at[w->block], at[w->block + 1] - at[w->block], &w->span, err);
	w->block++;
	*ret = w->span;
	return e < 0 ? e : 1;
}

void records_walk_end(struct records_walk *w)
{
	if (w->reader)
		records_reader_close(w->reader);
	free(w->reader);
}
