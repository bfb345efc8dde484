/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/pickle.h"
#include "tests/support.h"

/* What the tests of pickles share: reading one, and telling what it made. */

struct read {
	struct archive archive;
	struct content in;
	struct arena scratch;
	struct pickle p;
	struct error err;
	char text[4096];
};

#define BYTES(literal) ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline int read_at(struct read *r, struct slice bytes, uint64_t offset)
{
	r->archive.source = source_memory(bytes);
	r->archive.arena.limit = r->archive.arena.limit ? r->archive.arena.limit : (size_t)1 << 30;
	r->in = (struct content){.size = bytes.len};
	r->scratch = arena_scratch(&r->archive.arena);
	r->p.archive = &r->archive;
	r->p.in = &r->in;
	r->p.keep = &r->archive.arena;
	r->p.scratch = &r->scratch;
	return pickle_read(&r->p, offset, &r->err);
}

static inline void end(struct read *r)
{
	arena_free(&r->scratch);
	arena_free(&r->archive.arena);
	source_close(&r->archive.source);
}

/* --- what a pickle made, as text ----------------------------------------------------- */

static inline void show(struct read *r, uint32_t number, int depth);

static inline void add(struct read *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void add(struct read *r, const char *format, ...)
{
	size_t len = strlen(r->text);
	va_list args;
	va_start(args, format);
	vsnprintf(r->text + len, sizeof r->text - len, format, args);
	va_end(args);
}

static inline void show_bytes(struct read *r, const struct pickle_node *n, const char *prefix)
{
	struct slice s;
	assert_int_equal(pickle_text(&r->p, n, &r->scratch, 1000, &s, &r->err), 0);
	assert_int_equal(s.len, pickle_size(n));
	add(r, "%s'", prefix);
	for (size_t i = 0; i < s.len; i++)
		add(r, s.data[i] >= ' ' && s.data[i] < 0x7f ? "%c" : "\\x%02x", s.data[i]);
	add(r, "'");
}

static inline void show_items(struct read *r, const struct pickle_node *n, const char *around, int depth)
{
	struct pickle_walk w = pickle_items(n);
	uint32_t item, count = 0;
	add(r, "%c", around[0]);
	for (; pickle_next(&w, &item); count++) {
		add(r, "%s", count == 0 ? "" : n->kind == PICKLE_DICT && count % 2 ? ": " : ", ");
		show(r, item, depth);
		if (n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE)
			assert_int_equal(pickle_item(n, count), item);
	}
	assert_int_equal(count, n->count);
	add(r, "%c", around[1]);
}

static inline void show_part(struct read *r, const char *name, uint32_t number, int depth)
{
	if (number == 0)
		return;
	add(r, " %s=", name);
	show(r, number, depth);
}

static inline void show_call(struct read *r, const struct pickle_call *c, int depth)
{
	add(r, "%s<", c->made ? "new" : "call");
	show(r, c->callable, depth);
	show(r, c->args, depth);
	show_part(r, "kwargs", c->kwargs, depth);
	show_part(r, "state", c->state, depth);
	show_part(r, "items", c->items, depth);
	show_part(r, "entries", c->entries, depth);
	add(r, ">");
}

static inline void show_decimal(struct read *r, const struct pickle_node *n)
{
	struct text t = {0};
	assert_int_equal(pickle_decimal(&r->p, n, &t, &r->err), 0);
	add(r, "%s%s", t.bytes, n->kind == PICKLE_LONG ? "L" : "");
	text_free(&t);
}

static inline void show(struct read *r, uint32_t number, int depth)
{
	static const char *const around[] = {"()", "[]", "{}", "<>", "{}"}, *const prefixes[] = {"", "str", "b", "bytearray"};
	struct pickle_node *n = pickle_node(&r->p, number);
	assert_true(number > 0 && number <= r->p.count);
	if (depth == 0)
		add(r, "...");
	else if (n->kind == PICKLE_NONE)
		add(r, "None");
	else if (n->kind == PICKLE_BOOL)
		add(r, n->number ? "True" : "False");
	else if (n->kind == PICKLE_INT || n->kind == PICKLE_LONG)
		show_decimal(r, n);
	else if (n->kind == PICKLE_FLOAT)
		add(r, "%.17g", n->real);
	else if (n->kind <= PICKLE_BYTEARRAY)
		show_bytes(r, n, prefixes[n->kind - PICKLE_TEXT]);
	else if (n->kind <= PICKLE_DICT)
		show_items(r, n, around[n->kind - PICKLE_TUPLE], depth - 1);
	else if (n->kind == PICKLE_CALL)
		show_call(r, n->call, depth - 1);
	else if (n->kind == PICKLE_BUFFER)
		add(r, "buffer");
	else {
		show(r, n->pair[0], depth - 1);
		if (n->kind == PICKLE_PERSISTENT)
			add(r, "!");
		else
			add(r, "."), show(r, n->pair[1], depth - 1);
	}
}
