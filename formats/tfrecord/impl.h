/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/records.h"
#include "formats/shared/wire.h"

/* --- the frame, frame.c ----------------------------------------------------------------------- */

enum { TFRECORD_HEAD = 12, TFRECORD_TAIL = 4 };

enum tfrecord_next { TFRECORD_NONE, TFRECORD_WHOLE, TFRECORD_DATA, TFRECORD_LENGTH, TFRECORD_CUT };

/* The record at *p, which is moved past it.  NONE: the bytes end there.  DATA: its checksum is
 * wrong.  LENGTH: the checksum of its length is, and nothing after it can be read.  CUT: it is
 * longer than the bytes, likewise. */
enum tfrecord_next tfrecord_next(const uint8_t **p, const uint8_t *end, bool check, struct wire *ret);

/* Records mostly have one length: prefetches the cache line where a later one begins, if they
 * are as long as this one, which ends at p.  Code that only passes over records, or reads a
 * little of each, waits for nothing but these lines. */
static inline void tfrecord_prefetch(const uint8_t *p, struct wire data)
{
	__builtin_prefetch((const void *)((uintptr_t)p + 8 * (wire_left(&data) + TFRECORD_HEAD + TFRECORD_TAIL)));
}

/* Do these 12 bytes begin a record? */
bool tfrecord_begins(const uint8_t *p);

/* --- what is in it, example.c ------------------------------------------------------------------- */

/* What records are: bits of the root's `seen`.  TWICE: keys come again in the same record. */
enum { TFRECORD_RECORDS = 1, TFRECORD_NO_EXAMPLE = 2, TFRECORD_NO_SEQUENCE = 4, TFRECORD_TWICE = 8 };

enum tfrecord_list { TFRECORD_UNSET, TFRECORD_BYTES, TFRECORD_FLOATS, TFRECORD_INTS };

/* What a feature's values are. */
struct tfrecord_found {
	enum tfrecord_list kind;
	bool inexact;          /* some integers are not exact in float64 */
	uint64_t count, bytes; /* bytes: of a list of bytes, in all */
};

/* False: the message is not a feature. */
bool tfrecord_look(struct wire message, struct tfrecord_found *ret);

/* An entry of the map in field `number`: 1 of features, 2 of feature lists. */
struct tfrecord_part {
	uint32_t number;
	struct wire key, value;
	struct tfrecord_found found; /* of a feature */
	struct records_column *column;
};

/* Which of these a record is not; and its entries, in the file's order, the first `room` of which are kept. */
unsigned tfrecord_parts(struct wire data, struct tfrecord_part *parts, uint32_t room, uint64_t *ret_count);

/* The values of a feature. */
struct tfrecord_feature {
	enum tfrecord_list kind;
	struct wire list; /* of the message that has them */
};
struct tfrecord_feature tfrecord_feature(struct wire message);

/* The next of them; floats and ints as bits.  Packed and unpacked alike. */
struct tfrecord_values {
	struct wire list, packed;
	enum tfrecord_list kind;
};
struct tfrecord_values tfrecord_values(const struct tfrecord_feature *f);
bool tfrecord_value(struct tfrecord_values *v, uint64_t *ret_bits, struct wire *ret_bytes);

/* Entries of the map in field `number` of a message, in the file's order; of a repeated key the last counts. */
struct tfrecord_entries {
	struct wire message, map;
	uint32_t number;
};
bool tfrecord_entry(struct tfrecord_entries *e, struct wire *key, struct wire *value);

/* The value of that key: of several the last; or, if there is at most one, that one, first
 * looked for where it was last time: only the lengths of the entries before it are read. */
bool tfrecord_find_last(struct tfrecord_entries e, struct slice name, struct wire *ret);
bool tfrecord_find(struct tfrecord_entries e, struct slice name, uint32_t *nth, struct wire *ret);

int tfrecord_begin(struct records_scan *w);
int tfrecord_note(struct records_scan *w, struct wire data);
/* Until then, names of columns carry a mark that distinguishes those with the same name. */
void tfrecord_unmark(struct records_table *t);
void tfrecord_settle(const struct records_table *t, struct records_column *c);
int tfrecord_decode(struct records_decode *d);
