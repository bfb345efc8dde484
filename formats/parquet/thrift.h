/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * Thrift's compact protocol, read in place: the caller iterates over a struct's fields
 * and reads those it knows.  Once the cursor has failed, it stays failed.
 *
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
enum thrift_type {
	THRIFT_STOP, THRIFT_TRUE, THRIFT_FALSE, THRIFT_BYTE, THRIFT_I16, THRIFT_I32, THRIFT_I64,
	THRIFT_DOUBLE, THRIFT_BINARY, THRIFT_LIST, THRIFT_SET, THRIFT_MAP, THRIFT_STRUCT, THRIFT_UUID,
};

/* The current field of a struct; start with all zeros. */
struct pq_thrift_field {
	int16_t id;
	uint8_t type;
};

/* Varints; most are one byte long. */
uint64_t pq_thrift_long_varint(struct cursor *c);

static inline uint8_t pq_thrift_byte(struct cursor *c)
{
	if (c->pos < c->end)
		return *c->pos++;
	c->failed = true;
	return 0;
}

static inline uint64_t pq_thrift_varint(struct cursor *c)
{
	return c->pos < c->end && *c->pos < 0x80 ? *c->pos++ : pq_thrift_long_varint(c);
}

static inline int64_t pq_thrift_zigzag(struct cursor *c)
{
	uint64_t n = pq_thrift_varint(c);
	return (int64_t)(n >> 1 ^ -(n & 1));
}

/* Moves to the next field; false at the end of the struct, or if the cursor has failed. */
static inline bool pq_thrift_field(struct cursor *c, struct pq_thrift_field *f)
{
	uint8_t head = pq_thrift_byte(c);
	f->type = head & 15;
	if (c->failed || f->type == THRIFT_STOP)
		return false;
	f->id = head >> 4 ? (int16_t)(f->id + (head >> 4)) : (int16_t)pq_thrift_zigzag(c);
	return !c->failed;
}

/* Skips the field's value, whatever its type; reading a footer is mostly skipping
 * numbers and short strings. */
void pq_thrift_skip_any(struct cursor *c, const struct pq_thrift_field *f);

static inline void pq_thrift_skip(struct cursor *c, const struct pq_thrift_field *f)
{
	if (f->type >= THRIFT_I16 && f->type <= THRIFT_I64)
		(void)pq_thrift_varint(c);
	else if (f->type == THRIFT_BINARY)
		cursor_skip(c, pq_thrift_varint(c));
	else if (f->type > THRIFT_FALSE)
		pq_thrift_skip_any(c, f);
}

/* Reads the field's value if it has that type; otherwise skips it and leaves *ret alone. */
static inline void pq_thrift_int(struct cursor *c, const struct pq_thrift_field *f, int64_t *ret)
{
	if (f->type >= THRIFT_I16 && f->type <= THRIFT_I64)
		*ret = pq_thrift_zigzag(c);
	else if (f->type == THRIFT_BYTE)
		*ret = (int8_t)pq_thrift_byte(c);
	else
		pq_thrift_skip(c, f);
}

/* Fails if the value is out of range. */
static inline void pq_thrift_i32(struct cursor *c, const struct pq_thrift_field *f, int32_t *ret)
{
	int64_t n = *ret;
	pq_thrift_int(c, f, &n);
	if (n != (int32_t)n)
		c->failed = true;
	*ret = (int32_t)n;
}

static inline void pq_thrift_binary(struct cursor *c, const struct pq_thrift_field *f, struct slice *ret)
{
	if (f->type == THRIFT_BINARY)
		*ret = cursor_take(c, pq_thrift_varint(c));
	else
		pq_thrift_skip(c, f);
}

void pq_thrift_bool(struct cursor *c, const struct pq_thrift_field *f, bool *ret);

/* Enters a struct, or a list of that element type; if the field is not one, skips it and
 * returns false.  The count never exceeds the bytes left. */
bool pq_thrift_struct(struct cursor *c, const struct pq_thrift_field *f);
bool pq_thrift_list(struct cursor *c, const struct pq_thrift_field *f, enum thrift_type of, uint32_t *ret_count);
