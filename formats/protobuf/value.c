/* SPDX-License-Identifier: MIT */
/* Messages in memory, and what their fields are worth. */
#include <errno.h>
#include <inttypes.h>

#include "formats/protobuf/impl.h"

/* --- numbers --------------------------------------------------------------------------------- */

static uint8_t wire_of(const struct protobuf_field *f)
{
	switch ((enum protobuf_type)f->type) {
	case PB_DOUBLE:
	case PB_FIXED64:
	case PB_SFIXED64: return WIRE_I64;
	case PB_FLOAT:
	case PB_FIXED32:
	case PB_SFIXED32: return WIRE_I32;
	case PB_STRING:
	case PB_BYTES: return WIRE_LEN;
	case PB_GROUP:
	case PB_MESSAGE: return f->group ? WIRE_GROUP : WIRE_LEN;
	default: return WIRE_VARINT;
	}
}

bool protobuf_fits(const struct protobuf_field *f, const struct wire_field *w)
{
	uint8_t type = f->within && f->group ? WIRE_GROUP : wire_of(f);
	return w->type == type || (f->repeated && w->type == WIRE_LEN && protobuf_is_number(f));
}

uint64_t protobuf_bits(const struct protobuf_field *f, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;
	switch ((enum protobuf_type)f->type) {
	case PB_BOOL: return value != 0;
	case PB_SINT32: return (narrow >> 1) ^ -(narrow & 1);
	case PB_SINT64: return (value >> 1) ^ -(value & 1);
	default: return value;
	}
}

enum records_type protobuf_shown(const struct protobuf_field *f)
{
	switch ((enum protobuf_type)f->type) {
	case PB_DOUBLE: return RECORDS_FLOAT64;
	case PB_FLOAT: return RECORDS_FLOAT32;
	case PB_INT64:
	case PB_SINT64:
	case PB_SFIXED64: return RECORDS_INT64;
	case PB_UINT64:
	case PB_FIXED64: return RECORDS_UINT64;
	case PB_UINT32:
	case PB_FIXED32: return RECORDS_UINT32;
	case PB_BOOL: return RECORDS_BOOL;
	case PB_STRING: return RECORDS_STRING;
	case PB_BYTES: return RECORDS_BYTES;
	case PB_GROUP:
	case PB_MESSAGE: return RECORDS_STRUCT;
	default: return RECORDS_INT32;
	}
}

bool protobuf_count(const struct protobuf_field *f, const struct wire_field *w, uint64_t *ret)
{
	size_t len = wire_left(&w->body), width = wire_of(f) == WIRE_I64 ? 8 : 4;
	*ret = 1;
	if (!protobuf_is_number(f) || w->type != WIRE_LEN)
		return true;
	if (wire_of(f) == WIRE_VARINT)
		return wire_count_varints(w->body.p, w->body.end, ret);
	*ret = len / width;
	return len % width == 0;
}

bool protobuf_packed(const struct protobuf_field *f, struct wire *packed, uint64_t *ret_value)
{
	uint8_t type = wire_of(f);
	size_t width = type == WIRE_I64 ? 8 : 4;
	uint64_t value = 0;
	if (type == WIRE_VARINT)
		return packed->p < packed->end && wire_varint(packed, ret_value);
	if (wire_left(packed) < width)
		return false;
	memcpy(&value, packed->p, width);
	packed->p += width;
	*ret_value = le64toh(value);
	return true;
}

/* --- messages ---------------------------------------------------------------------------------- */

/* The concatenation of two messages is the merged message. */
static bool join(struct protobuf_slot *s, struct wire more, struct arena *arena)
{
	size_t before = wire_left(&s->last.body), len = wire_left(&more);
	uint8_t *both = arena_alloc(arena, before + len + 1);
	if (!both)
		return false;
	memcpy(both, s->last.body.p, before);
	memcpy(both + before, more.p, len);
	s->last.body = wire_over(both, before + len);
	return true;
}

static bool take(const struct protobuf_field *f, const struct wire_field *w, struct protobuf_slot *s, struct arena *arena)
{
	bool joins = s->set && !f->repeated && (f->message || f->within);
	s->times++;
	if (joins && !join(s, w->body, arena))
		return false;
	if (!joins)
		s->last = *w;
	s->set = true;
	return true;
}

int protobuf_read(const struct protobuf_message *m, struct wire body, struct arena *arena, struct protobuf_slot **ret)
{
	struct protobuf_slot *slots = *ret = arena_array(arena, m->count, sizeof *slots);
	struct wire_field w;
	uint32_t hint = 0;
	while (slots && wire_next(&body, &w)) {
		struct protobuf_field *f = protobuf_field(m, w.number, &hint);
		if (!f || !protobuf_fits(f, &w))
			continue;
		for (uint32_t i = 0; f->oneof >= 0 && i < m->count; i++) /* of these only the last is set */
			if (m->fields[i]->oneof == f->oneof && m->fields[i] != f)
				slots[i].set = false;
		if (!take(f, &w, &slots[f->index], arena))
			return -ENOMEM;
	}
	return !slots ? -ENOMEM : wire_failed(&body) ? -EBADMSG : 0;
}

int protobuf_read_one(const struct protobuf_message *m, const struct protobuf_field *f, struct wire body, bool once, struct arena *arena,
		       struct protobuf_slot *ret)
{
	struct wire_field w;
	uint32_t hint = 0;
	*ret = (struct protobuf_slot){0};
	while (wire_next(&body, &w)) {
		if (w.number == f->number) {
			if (protobuf_fits(f, &w) && !take(f, &w, ret, arena))
				return -ENOMEM;
			if (once && ret->set)
				return 0;
		} else if (f->oneof >= 0 && ret->set) {
			const struct protobuf_field *other = protobuf_field(m, w.number, &hint);
			if (other && other->oneof == f->oneof && protobuf_fits(other, &w))
				ret->set = false;
		}
	}
	return wire_failed(&body) ? -EBADMSG : 0;
}

/* --- as JSON -------------------------------------------------------------------------------------- */

static void put_number(const struct protobuf_field *f, uint64_t value, struct text *t)
{
	uint64_t bits = protobuf_bits(f, value);
	uint32_t narrow = (uint32_t)bits;
	float single;
	double wide;
	memcpy(&single, &narrow, sizeof single);
	memcpy(&wide, &bits, sizeof wide);
	switch (protobuf_shown(f)) {
	case RECORDS_FLOAT64: text_double(t, wide); break;
	case RECORDS_FLOAT32: text_float(t, single); break;
	case RECORDS_INT64: text_print(t, "%" PRId64, (int64_t)bits); break;
	case RECORDS_UINT64: text_print(t, "%" PRIu64, bits); break;
	case RECORDS_UINT32: text_print(t, "%" PRIu32, narrow); break;
	case RECORDS_BOOL: text_add(t, bits ? "true" : "false"); break;
	default: text_print(t, "%" PRId32, (int32_t)narrow);
	}
}

static void put_message(const struct protobuf_message *m, struct wire body, struct arena *arena, struct text *t);

static void put_one(const struct protobuf_field *f, const struct wire_field *w, struct arena *arena, struct text *t)
{
	struct slice bytes = {w->body.p, wire_left(&w->body)};
	if (f->message)
		put_message(f->message, w->body, arena, t);
	else if (f->type == PB_STRING)
		text_json(t, bytes);
	else if (f->type == PB_BYTES)
		text_base64(t, bytes);
	else
		put_number(f, w->value, t);
}

static void put_list(const struct protobuf_field *f, struct wire body, struct arena *arena, struct text *t)
{
	struct wire_field w;
	uint64_t value;
	const char *between = "";
	text_add(t, "[");
	while (t->failed == 0 && wire_next(&body, &w)) {
		if (w.number != f->number || !protobuf_fits(f, &w))
			continue;
		if (protobuf_is_number(f) && w.type == WIRE_LEN) {
			for (struct wire packed = w.body; t->failed == 0 && protobuf_packed(f, &packed, &value); between = ",") {
				text_add(t, between);
				put_number(f, value, t);
			}
			continue;
		}
		text_add(t, between);
		put_one(f, &w, arena, t);
		between = ",";
	}
	text_add(t, "]");
}

/* As deep as the schema. */
static void put_message(const struct protobuf_message *m, struct wire body, struct arena *arena, struct text *t)
{
	struct protobuf_slot *slots;
	int r = protobuf_read(m, body, arena, &slots);
	const char *between = "";
	text_add(t, "{");
	for (uint32_t i = 0; r == 0 && i < m->count && t->failed == 0; i++) {
		if (!slots[i].set)
			continue;
		text_add(t, between);
		text_json(t, m->fields[i]->name);
		text_add(t, ":");
		if (m->fields[i]->repeated)
			put_list(m->fields[i], body, arena, t);
		else
			put_one(m->fields[i], &slots[i].last, arena, t);
		between = ",";
	}
	text_add(t, "}");
}

void protobuf_json(const struct protobuf_field *f, const struct wire_field *w, struct arena *arena, struct text *t)
{
	put_one(f, w, arena, t);
}
