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

/* A walk; failed: what comes next is no field. */
struct wire {
	const uint8_t *p, *end;
	bool failed;
};

struct wire_field {
	uint32_t number;
	uint8_t type;     /* enum wire_type, but for GROUP_END */
	uint64_t value;   /* of a number; its bits */
	struct wire body; /* of LEN: its bytes; of a group: its fields */
};

static inline struct wire wire_over(const uint8_t *p, size_t len)
{
	return (struct wire){p, p + len, false};
}

static inline size_t wire_left(const struct wire *w)
{
	return (size_t)(w->end - w->p);
}

/* At most ten bytes; what is beyond 64 bits is cut off. */
static inline bool wire_varint(struct wire *w, uint64_t *ret)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70 && w->p < w->end; shift += 7) {
		uint8_t byte = *w->p++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	w->failed = true;
	return false;
}

/* The body of the group that begins at w->p, and passes over it. */
bool wire_group(struct wire *w, uint32_t number, struct wire *ret);

/* The next field; false at the end, and once it failed. */
static inline bool wire_next(struct wire *w, struct wire_field *ret)
{
	uint64_t tag, len;
	if (w->p >= w->end || w->failed || !wire_varint(w, &tag))
		return false;
	ret->number = (uint32_t)(tag >> 3);
	ret->type = tag & 7;
	ret->body = wire_over(w->p, 0);
	w->failed = tag > UINT32_MAX || ret->number == 0;
	if (w->failed)
		return false;
	switch (ret->type) {
	case WIRE_VARINT:
		return wire_varint(w, &ret->value);
	case WIRE_I64:
	case WIRE_I32:
		len = ret->type == WIRE_I64 ? 8 : 4;
		w->failed = wire_left(w) < len;
		if (w->failed)
			return false;
		ret->value = 0;
		memcpy(&ret->value, w->p, len);
		ret->value = le64toh(ret->value);
		w->p += len;
		return true;
	case WIRE_LEN:
		if (!wire_varint(w, &len))
			return false;
		w->failed = len > wire_left(w);
		if (w->failed)
			return false;
		ret->body = wire_over(w->p, (size_t)len);
		w->p += len;
		return true;
	case WIRE_GROUP:
		return wire_group(w, ret->number, &ret->body);
	default:
		w->failed = true;
		return false;
	}
}

/* How many varints there are: bytes that end one. */
uint64_t wire_count_varints(const uint8_t *p, const uint8_t *end);
