/* SPDX-License-Identifier: MIT */
/* Values as JSON text, without white space. */
#include "formats/shared/msgpack_json.h"

#include <inttypes.h>
#include <stdio.h>

enum { KEY_DEPTH = 3 }; /* of keys that are containers whose keys are containers: each doubles the backslashes */

/* From days since 1970 in the proleptic Gregorian calendar; the year begins in March. */
static void put_time(struct text *t, int64_t seconds, uint32_t nanoseconds)
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0), second = seconds - days * 86400;
	int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097, of_era = shifted - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	int64_t day = of_year - (153 * month + 2) / 5 + 1, calendar = month < 10 ? month + 3 : month - 9;
	text_print(t, "\"%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%09" PRIu32 "Z\"",
		   year + era * 400 + (calendar <= 2), calendar, day, second / 3600, second / 60 % 60, second % 60, nanoseconds);
}

static void put_float(struct text *t, const struct msgpack_object *o)
{
	double value = 0;
	uint32_t narrow = (uint32_t)o->number;
	float single;
	msgpack_number(o, &value);
	memcpy(&single, &narrow, sizeof single);
	if (o->kind == MSGPACK_FLOAT32)
		text_float(t, single);
	else
		text_double(t, value);
}

static void put_bytes(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t)
{
	struct arena scratch = arena_scratch(keep);
	uint8_t *bytes = arena_alloc(&scratch, (size_t)o->len + 1);
	if (!bytes && !m->failed)
		m->failed = error_no_memory(m->err, "a text");
	if (bytes && msgpack_read(m, o->body, bytes, (size_t)o->len)) {
		if (o->kind == MSGPACK_STR)
			text_json(t, (struct slice){bytes, (size_t)o->len});
		else
			text_base64(t, (struct slice){bytes, (size_t)o->len});
	}
	arena_free(&scratch);
}

static void put_scalar(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t)
{
	int64_t seconds;
	uint32_t nanoseconds;
	switch ((enum msgpack_kind)o->kind) {
	case MSGPACK_NIL:
		text_add(t, "null");
		break;
	case MSGPACK_BOOL:
		text_add(t, o->number ? "true" : "false");
		break;
	case MSGPACK_INT:
		if (o->negative)
			text_print(t, "%" PRId64, (int64_t)o->number);
		else
			text_print(t, "%" PRIu64, o->number);
		break;
	case MSGPACK_FLOAT32:
	case MSGPACK_FLOAT64:
		put_float(t, o);
		break;
	case MSGPACK_EXT:
		if (msgpack_timestamp(m, o, &seconds, &nanoseconds)) {
			put_time(t, seconds, nanoseconds);
			break;
		}
		__attribute__((fallthrough));
	default:
		put_bytes(m, keep, o, t);
	}
}

static void put_value(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t, unsigned depth);

/* A key is a string: anything else becomes its text. */
static void put_key(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t, unsigned depth)
{
	struct text inner = {.limit = t->limit};
	if (o->kind == MSGPACK_STR) {
		put_scalar(m, keep, o, t);
	} else if (o->kind >= MSGPACK_ARRAY && depth >= KEY_DEPTH) {
		msgpack_skip(m, o);
		text_add(t, "\"?\"");
	} else {
		put_value(m, keep, o, &inner, depth + 1);
		bool quoted = inner.len && inner.bytes[0] == '"';
		if (quoted)
			text_put(t, text_slice(&inner));
		else
			text_json(t, text_slice(&inner));
		t->failed = t->failed ? t->failed : inner.failed;
		text_free(&inner);
	}
	text_add(t, ":");
}

/* The containers around what is put next; the reader knows how much of each is still to come. */
struct open {
	bool map[MSGPACK_DEPTH + 1], key[MSGPACK_DEPTH + 1], first[MSGPACK_DEPTH + 1];
	uint32_t depth; /* open ones */
};

static void close_to(struct open *open, uint32_t depth, struct text *t)
{
	while (open->depth > depth)
		text_add(t, open->map[--open->depth] ? "}" : "]");
}

static void put_next(struct msgpack *m, struct arena *keep, struct open *open, const struct msgpack_object *o, struct text *t, unsigned depth)
{
	if (open->depth) {
		uint32_t at = open->depth - 1;
		bool key = open->map[at] && open->key[at];
		if ((key || !open->map[at]) && !open->first[at])
			text_add(t, ",");
		open->first[at] = false;
		open->key[at] = !key;
		if (key) {
			put_key(m, keep, o, t, depth);
			return;
		}
	}
	if (o->kind < MSGPACK_ARRAY) {
		put_scalar(m, keep, o, t);
		return;
	}
	bool map = o->kind == MSGPACK_MAP;
	text_add(t, map ? "{" : "[");
	open->map[open->depth] = map;
	open->key[open->depth] = open->first[open->depth] = true;
	open->depth++;
}

/* Objects end with the next whose depth is less, or with the walk. */
static void put_value(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t, unsigned depth)
{
	struct open open = {.depth = 0};
	struct msgpack_object inner = *o;
	put_next(m, keep, &open, &inner, t, depth);
	while (!m->failed && t->failed == 0) {
		/* What was empty has ended already. */
		close_to(&open, m->depth > o->depth ? m->depth - o->depth : 0, t);
		if (m->depth <= o->depth || !msgpack_next(m, &inner))
			break;
		put_next(m, keep, &open, &inner, t, depth);
	}
	if (t->failed)
		msgpack_skip(m, o);
}

void msgpack_json(struct msgpack *m, struct arena *keep, const struct msgpack_object *o, struct text *t)
{
	put_value(m, keep, o, t, 0);
}
