/* SPDX-License-Identifier: MIT */
/* Pickles: whatever the bytes are, what is made of them holds together, and every text lies within them. */
#include "formats/shared/pickle.h"
#include "tests/fuzz/fuzz.h"

/* 0 stands for nothing, where there may be nothing. */
static void is_kind(const struct pickle *p, uint32_t number, enum pickle_kind kind, bool optional)
{
	HOLDS(number <= p->count && (number || optional));
	HOLDS(number == 0 || pickle_node(p, number)->kind == kind);
}

static void look_at_items(const struct pickle *p, const struct pickle_node *n)
{
	struct pickle_walk w = pickle_items(n);
	uint32_t item = 0, count = 0;
	for (; pickle_next(&w, &item); count++)
		HOLDS(item > 0 && item <= p->count);
	HOLDS(count == n->count && (n->kind != PICKLE_DICT || count % 2 == 0));
	if (n->kind == PICKLE_TUPLE && count)
		HOLDS(pickle_item(n, count - 1) == item);
}

static void look_at_text(const struct pickle *p, const struct pickle_node *n, struct arena *arena)
{
	struct slice s;
	struct content in;
	struct error err = {0};
	HOLDS(pickle_text(p, n, arena, UINT64_MAX, &s, &err) == 0 && s.len == pickle_size(n));
	if (pickle_bytes(p, n, &in)) {
		HOLDS(range_within(in.offset, in.size, p->in->size) && in.size == s.len);
		HOLDS(s.len == 0 || memcmp(s.data, p->archive->source.bytes + in.offset, s.len) == 0);
	}
}

static void look_at_call(const struct pickle *p, const struct pickle_call *c)
{
	HOLDS(c->callable && c->callable <= p->count && c->state <= p->count);
	is_kind(p, c->args, PICKLE_TUPLE, false);
	is_kind(p, c->kwargs, PICKLE_DICT, true);
	is_kind(p, c->items, PICKLE_LIST, true);
	is_kind(p, c->entries, PICKLE_DICT, true);
}

static void look_at(const struct pickle *p, const struct pickle_node *n, struct arena *arena)
{
	struct text t = {0};
	struct error err = {0};
	HOLDS(n->kind <= PICKLE_BUFFER);
	if (n->kind >= PICKLE_TUPLE && n->kind <= PICKLE_DICT)
		look_at_items(p, n);
	else if (n->kind >= PICKLE_TEXT && n->kind <= PICKLE_BYTEARRAY)
		look_at_text(p, n, arena);
	else if (n->kind == PICKLE_INT || n->kind == PICKLE_LONG)
		HOLDS(pickle_decimal(p, n, &t, &err) == 0 ? t.len > 0 : t.len == 0 && err.text[0]);
	else if (n->kind == PICKLE_CALL)
		look_at_call(p, n->call);
	else if (n->kind == PICKLE_GLOBAL)
		HOLDS(n->pair[0] && n->pair[0] <= p->count && n->pair[1] && n->pair[1] <= p->count);
	text_free(&t);
}

/* Of the first bytes, as a wrapper's bytes are passed. */
static int skip_bytes(struct pickle *p, uint32_t object, uint64_t *at, struct error *err)
{
	HOLDS(pickle_node(p, object)->kind == PICKLE_CALL && pickle_node(p, object)->call->state);
	if (*at < p->in->size && p->archive->source.bytes[*at] == 0xff)
		*at += 7;
	return *at % 64 == 63 ? error_set(err, EBADMSG, "it is refused") : 0;
}

static uint16_t known(struct slice module, struct slice name)
{
	HOLDS(module.data && name.data);
	return (uint16_t)(module.len + name.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive a = {.source = source_memory((struct slice){data, size}), .arena.limit = 64 << 20};
	struct content in = {.size = size};
	struct arena scratch = arena_scratch(&a.arena);
	struct pickle p = {.archive = &a, .in = &in, .keep = &a.arena, .scratch = &scratch, .known = known, .built = skip_bytes,
			   .persistent = true};
	struct error err = {0};
	pickle_probe((struct slice){data, size < PICKLE_HEAD ? size : PICKLE_HEAD});
	int r = pickle_read(&p, 0, &err);
	HOLDS((r == 0) == (err.text[0] == 0));
	HOLDS(r != 0 || (p.root && p.root <= p.count && p.end <= size && data[p.end - 1] == '.'));
	for (uint32_t i = 1; r == 0 && i <= p.count; i++)
		look_at(&p, pickle_node(&p, i), &scratch);
	arena_free(&scratch);
	arena_free(&a.arena);
	source_close(&a.source);
	return 0;
}
