/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>

#include "fs/base/cursor.h"

/*
 * Fields of a message in the wire format of Protocol Buffers, in memory: formats/shared/protobuf.h has the
 * format, and walks over files.  Bytes of a mapping may change meanwhile: each is read once.
 */
enum wire_type { WIRE_VARINT, WIRE_I64, WIRE_LEN, WIRE_GROUP, WIRE_GROUP_END, WIRE_I32 };
enum { WIRE_DEPTH = 100 };

/* A walk.  Of two words, so that it is passed and kept in registers. */
struct wire {
	const uint8_t *p, *end; /* both NULL: it failed: what comes next is no field */
};

struct wire_field {
	uint32_t number;
	uint8_t type;     /* enum wire_type, but for GROUP_END */
	uint64_t value;   /* of a number; its bits */
	struct wire body; /* of LEN: its bytes; of a group: its fields */
};

/* p is not NULL, even of no bytes. */
static inline struct wire wire_over(const uint8_t *p, size_t len)
{
	return (struct wire){p, p + len};
}

static inline size_t wire_left(const struct wire *w)
{
	return (size_t)(w->end - w->p);
}

static inline bool wire_failed(const struct wire *w)
{
	return !w->p;
}

/* Returns false. */
static inline bool wire_fail(struct wire *w)
{
	w->p = w->end = NULL;
	return false;
}

/* At most ten bytes; what is beyond 64 bits is cut off. */
static inline bool wire_varint(struct wire *w, uint64_t *ret)
{
	const uint8_t *p = w->p, *end = w->end;
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
		uint8_t byte = *p++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			w->p = p;
			return true;
		}
	}
	return wire_fail(w);
}

/* Of tags and lengths, which are of 32 bits: five bytes at most, as in C++ and Python. */
static inline bool wire_short(struct wire *w, uint64_t *ret)
{
	const uint8_t *begin = w->p;
	return wire_varint(w, ret) && (w->p - begin <= 5 || wire_fail(w));
}

/* The body of the group whose fields begin at w.p.  *w is moved past it. */
struct wire wire_group(struct wire *w, uint32_t number);

/* The next field; false at the end, and once it failed. */
static inline bool wire_next(struct wire *w, struct wire_field *ret)
{
	uint64_t tag, len;
	if (w->p >= w->end || !wire_short(w, &tag))
		return false;
	ret->number = (uint32_t)(tag >> 3);
	ret->type = tag & 7;
	ret->body = wire_over(w->p, 0);
	if (tag > UINT32_MAX || ret->number == 0)
		return wire_fail(w);
	switch (ret->type) {
	case WIRE_VARINT:
		return wire_varint(w, &ret->value);
	case WIRE_I64:
	case WIRE_I32:
		len = ret->type == WIRE_I64 ? 8 : 4;
		if (wire_left(w) < len)
			return wire_fail(w);
		ret->value = 0;
		memcpy(&ret->value, w->p, len);
		ret->value = le64toh(ret->value);
		w->p += len;
		return true;
	case WIRE_LEN:
		if (!wire_short(w, &len))
			return false;
		if (len > wire_left(w))
			return wire_fail(w);
		ret->body = wire_over(w->p, (size_t)len);
		w->p += len;
		return true;
	case WIRE_GROUP: {
		struct wire rest = *w; /* a copy, so that none of the caller's has an address */
		ret->body = wire_group(&rest, ret->number);
		*w = rest;
		return !wire_failed(w);
	}
	default:
		return wire_fail(w);
	}
}

/* How many varints there are; false: not all are whole, and of ten bytes at most. */
bool wire_count_varints(const uint8_t *p, const uint8_t *end, uint64_t *ret);
