/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/cursor.h"

/*
 * Thrift's compact protocol, read in place: the caller walks the fields of a
 * struct and takes what it knows.  Faults stick to the cursor.
 *
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
enum thrift_type {
	THRIFT_STOP, THRIFT_TRUE, THRIFT_FALSE, THRIFT_BYTE, THRIFT_I16, THRIFT_I32, THRIFT_I64,
	THRIFT_DOUBLE, THRIFT_BINARY, THRIFT_LIST, THRIFT_SET, THRIFT_MAP, THRIFT_STRUCT, THRIFT_UUID,
};

/* Where a walk over a struct's fields stands; begins as all zeros. */
struct thrift_field {
	int16_t id;
	uint8_t type;
};

/* The next field; false at the struct's end, or once the cursor failed. */
bool thrift_field(struct cursor *c, struct thrift_field *f);

/* Steps over the field's value, whatever it is. */
void thrift_skip(struct cursor *c, const struct thrift_field *f);

/* The field's value, if it is of that kind; otherwise steps over it and leaves
 * *ret. */
void thrift_int(struct cursor *c, const struct thrift_field *f, int64_t *ret);
void thrift_i32(struct cursor *c, const struct thrift_field *f, int32_t *ret); /* out of range: fails */
void thrift_bool(struct cursor *c, const struct thrift_field *f, bool *ret);
void thrift_binary(struct cursor *c, const struct thrift_field *f, struct slice *ret);

/* Enters a struct or a list; false, and stepped over, if it is none (of that
 * element type).  The count is bounded by the bytes left. */
bool thrift_struct(struct cursor *c, const struct thrift_field *f);
bool thrift_list(struct cursor *c, const struct thrift_field *f, enum thrift_type of, uint32_t *ret_count);

/* One element of a list of integers. */
int64_t thrift_zigzag(struct cursor *c);
uint64_t thrift_varint(struct cursor *c);
