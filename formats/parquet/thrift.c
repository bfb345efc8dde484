/* SPDX-License-Identifier: MIT */
#include "formats/parquet/thrift.h"

enum { DEPTH = 32 };

uint64_t pq_thrift_long_varint(struct cursor *c)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (c->pos == c->end)
			break;
		uint8_t byte = *c->pos++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	c->failed = true;
	c->pos = c->end;
	return 0;
}

static void skip(struct cursor *c, uint8_t type, unsigned depth);

static void skip_list(struct cursor *c, unsigned depth)
{
	uint8_t head = pq_thrift_byte(c), type = head & 15;
	uint64_t n = cursor_count(c, head >> 4 == 15 ? pq_thrift_varint(c) : head >> 4, 1);
	if (type == THRIFT_BINARY)
		while (n-- > 0 && !c->failed)
			cursor_skip(c, pq_thrift_varint(c));
	else if (type <= THRIFT_BYTE) /* booleans take a byte each, too */
		cursor_skip(c, n);
	else if (type <= THRIFT_I64)
		while (n-- > 0 && !c->failed)
			pq_thrift_varint(c);
	else
		while (n-- > 0 && !c->failed)
			skip(c, type, depth);
}

static void skip_map(struct cursor *c, unsigned depth)
{
	uint64_t n = pq_thrift_varint(c);
	if (n == 0)
		return;
	uint8_t types = pq_thrift_byte(c);
	n = cursor_count(c, n, 2);
	for (uint64_t i = 0; i < n && !c->failed; i++) {
		for (unsigned k = 0; k < 2; k++) {
			uint8_t type = k ? types & 15 : types >> 4;
			if (type <= THRIFT_BYTE)
				cursor_skip(c, 1);
			else
				skip(c, type, depth);
		}
	}
}

static void skip_struct(struct cursor *c, unsigned depth)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		if (f.type >= THRIFT_I16 && f.type <= THRIFT_I64) /* the most common types */
			(void)pq_thrift_varint(c);
		else
			skip(c, f.type, depth);
	}
}

static void skip(struct cursor *c, uint8_t type, unsigned depth)
{
	if (depth == 0)
		c->failed = true;
	if (c->failed)
		return;
	switch (type) {
	case THRIFT_TRUE:
	case THRIFT_FALSE:
		break;
	case THRIFT_BYTE:
		cursor_skip(c, 1);
		break;
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		pq_thrift_varint(c);
		break;
	case THRIFT_DOUBLE:
		cursor_skip(c, 8);
		break;
	case THRIFT_BINARY:
		cursor_skip(c, pq_thrift_varint(c));
		break;
	case THRIFT_LIST:
	case THRIFT_SET:
		skip_list(c, depth - 1);
		break;
	case THRIFT_MAP:
		skip_map(c, depth - 1);
		break;
	case THRIFT_STRUCT:
		skip_struct(c, depth - 1);
		break;
	case THRIFT_UUID:
		cursor_skip(c, 16);
		break;
	default:
		c->failed = true;
	}
}

void pq_thrift_skip_any(struct cursor *c, const struct pq_thrift_field *f)
{
	skip(c, f->type, DEPTH);
}

void pq_thrift_bool(struct cursor *c, const struct pq_thrift_field *f, bool *ret)
{
	if (f->type == THRIFT_TRUE || f->type == THRIFT_FALSE)
		*ret = f->type == THRIFT_TRUE;
	else
		pq_thrift_skip(c, f);
}

bool pq_thrift_struct(struct cursor *c, const struct pq_thrift_field *f)
{
	if (f->type == THRIFT_STRUCT)
		return true;
	pq_thrift_skip(c, f);
	return false;
}

bool pq_thrift_list(struct cursor *c, const struct pq_thrift_field *f, enum thrift_type of, uint32_t *ret_count)
{
	struct cursor ahead = *c;
	uint8_t head = pq_thrift_byte(&ahead);
	*ret_count = 0;
	if (f->type != THRIFT_LIST || (head & 15) != of) {
		/* An empty list may name any type. */
		bool empty = f->type == THRIFT_LIST && head >> 4 == 0 && !ahead.failed;
		pq_thrift_skip(c, f);
		return empty;
	}
	*c = ahead;
	uint64_t n = cursor_count(c, head >> 4 == 15 ? pq_thrift_varint(c) : head >> 4, 1);
	if (n > UINT32_MAX)
		c->failed = true;
	*ret_count = c->failed ? 0 : (uint32_t)n;
	return !c->failed;
}
