/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * Reads a FlatBuffer: the metadata of Arrow and of TensorFlow Lite.
 *
 *	root     u32: where the root table is, from here
 *	table    i32: how far before it its vtable is; then its fields, wherever the vtable says
 *	vtable   u16 its own bytes, u16 the table's, u16 for each field: where in the table, 0: absent
 *	vector   u32 count, elements; those that are tables, vectors, strings: u32, from there
 *	string   a vector of bytes
 *
 * All numbers are little-endian, all positions unsigned offsets, so nothing leads back; but
 * several may lead to one place, so there is a budget of tables looked at.
 *
 * As with a cursor, a read that is not within the buffer, or not as it should be, gives 0 or
 * nothing and marks the buffer failed, and every later read fails, too: a parser checks
 * once, before it uses what it read to size, index or bound anything.  Every value is copied
 * out when it is read and checked each time, so the memory may change meanwhile, as a mapping
 * does.  Strings are not copied.
 *
 * A table or vector that is absent is one of no fields or elements: `at` is 0.
 */
struct flat {
	struct slice bytes;
	size_t budget; /* of tables */
	bool failed;
};

struct flat_table {
	struct flat *of;
	uint32_t at, vtable;
	uint16_t vtable_len, len;
};

struct flat_vector {
	struct flat *of;
	uint32_t at, count, each; /* at: the first element */
};

/* At most 2 GiB; what is beyond is ignored. */
struct flat flat_over(struct slice bytes);
struct flat_table flat_root(struct flat *f);
struct flat_table flat_at(struct flat *f, uint32_t at); /* a table by the `at` it had before */
int flat_check(const struct flat *f, struct error *err, const char *what); /* 0, or -EBADMSG if any read failed */

bool flat_has(const struct flat_table *t, unsigned field);

/* A scalar of 1, 2, 4 or 8 bytes, sign-extended; `absent` if it is absent. */
int64_t flat_int(const struct flat_table *t, unsigned field, unsigned bytes, int64_t absent);
bool flat_bool(const struct flat_table *t, unsigned field);
struct slice flat_string(const struct flat_table *t, unsigned field);
struct flat_table flat_child(const struct flat_table *t, unsigned field);

/* Of a union: its type, which precedes its value, and the value; 0 and nothing if it has
 * neither.  One without the other fails. */
uint8_t flat_union(const struct flat_table *t, unsigned field, struct flat_table *ret);

/* Elements of `each` bytes: scalars, structs, or, of 4 bytes, tables and strings. */
struct flat_vector flat_vector(const struct flat_table *t, unsigned field, uint32_t each);

/* The scalar of so many bytes at `offset` within element i, sign-extended. */
int64_t flat_element(const struct flat_vector *v, uint32_t i, uint32_t offset, unsigned bytes);
struct flat_table flat_element_table(const struct flat_vector *v, uint32_t i);
struct slice flat_element_string(const struct flat_vector *v, uint32_t i);
