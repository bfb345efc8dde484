/* SPDX-License-Identifier: MIT */
/*
 * What TensorFlow keeps in records, as messages:
 *
 *	Example          1 features                                 map<string, Feature>
 *	SequenceExample  1 context: features, 2 feature lists       map<string, FeatureList>
 *	FeatureList      1 Feature, repeated
 *	Feature          one of: 1 bytes list, 2 float list, 3 int64 list, each with its values as field 1
 */
#include "formats/tfrecord/impl.h"
#include "fs/base/name.h"

/* --- is it one ---------------------------------------------------------------------------------- */

/* Has it no field but these, each a message? */
static bool only(struct wire w, uint32_t most)
{
	struct wire_field f;
	while (wire_next(&w, &f))
		if (f.number > most || f.type != WIRE_LEN)
			return false;
	return !w.failed;
}

/* Are these whole varints, of at most ten bytes? */
static bool are_varints(const uint8_t *p, const uint8_t *end)
{
	const uint64_t more = 0x8080808080808080;
	unsigned run = 0;
	while (p < end && run < 10) {
		uint64_t eight = more;
		if (end - p >= 8)
			memcpy(&eight, p, 8);
		run = (eight & more) == 0 || *p < 0x80 ? 0 : run + 1;
		p += (eight & more) == 0 ? 8 : 1;
	}
	return run == 0;
}

static bool is_list(struct wire w, enum tfrecord_list kind)
{
	static const uint8_t single[] = {[TFRECORD_BYTES] = WIRE_LEN, [TFRECORD_FLOATS] = WIRE_I32, [TFRECORD_INTS] = WIRE_VARINT};
	struct wire_field f;
	while (wire_next(&w, &f)) {
		if (f.number != 1 || (f.type != single[kind] && f.type != WIRE_LEN))
			return false;
		if (kind == TFRECORD_FLOATS && f.type == WIRE_LEN && wire_left(&f.body) % 4)
			return false;
		if (kind == TFRECORD_INTS && f.type == WIRE_LEN && !are_varints(f.body.p, f.body.end))
			return false;
	}
	return !w.failed;
}

/* Two lists of one feature, which are legal but written by nobody, are not taken for one. */
static bool is_feature(struct wire w)
{
	struct wire_field f;
	unsigned lists = 0;
	while (wire_next(&w, &f))
		if (f.number > 3 || f.type != WIRE_LEN || !is_list(f.body, (enum tfrecord_list)f.number) || lists++)
			return false;
	return !w.failed;
}

static bool is_feature_list(struct wire w)
{
	struct wire_field f;
	while (wire_next(&w, &f))
		if (f.number != 1 || f.type != WIRE_LEN || !is_feature(f.body))
			return false;
	return !w.failed;
}

static bool is_map(struct wire w, bool (*is_value)(struct wire w))
{
	struct wire_field entry, f;
	while (wire_next(&w, &entry)) {
		if (entry.number != 1 || entry.type != WIRE_LEN)
			return false;
		struct wire inner = entry.body;
		unsigned seen = 0;
		while (wire_next(&inner, &f)) {
			bool fine = f.number <= 2 && !(seen & 1u << f.number) && f.type == WIRE_LEN && (f.number == 1 ? utf8_valid((struct slice){f.body.p, wire_left(&f.body)})
									 : f.number == 2 && is_value(f.body));
			if (!fine)
				return false;
			seen |= 1u << f.number;
		}
		if (inner.failed)
			return false;
	}
	return !w.failed;
}

unsigned tfrecord_is_not(struct wire data)
{
	struct wire_field f;
	unsigned is_not = 0;
	if (!only(data, 2))
		return TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE;
	while (wire_next(&data, &f)) {
		is_not |= f.number == 2 ? TFRECORD_NO_EXAMPLE : 0;
		if (!is_map(f.body, f.number == 1 ? is_feature : is_feature_list))
			return TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE;
	}
	return is_not;
}

/* --- its parts ---------------------------------------------------------------------------------- */

bool tfrecord_entry(struct tfrecord_entries *e, struct wire *key, struct wire *value)
{
	struct wire_field f;
	while (!wire_next(&e->map, &f)) {
		do {
			if (!wire_next(&e->message, &f))
				return false;
		} while (f.number != e->number || f.type != WIRE_LEN);
		e->map = f.body;
	}
	*key = *value = wire_over(f.body.p, 0);
	struct wire entry = f.body;
	while (wire_next(&entry, &f)) {
		if (f.number == 1)
			*key = f.body;
		else if (f.number == 2)
			*value = f.body;
	}
	return true;
}

/* Of several lists the last counts; those of one kind are one. */
struct tfrecord_feature tfrecord_feature(struct wire message)
{
	struct tfrecord_feature ret = {TFRECORD_UNSET, message};
	struct wire_field f;
	while (wire_next(&message, &f))
		if (f.number >= 1 && f.number <= 3 && f.type == WIRE_LEN)
			ret = (struct tfrecord_feature){(enum tfrecord_list)f.number, f.body};
	return ret;
}

struct tfrecord_values tfrecord_values(const struct tfrecord_feature *f)
{
	return (struct tfrecord_values){f->list, wire_over(f->list.p, 0), f->kind};
}

static bool next_packed(struct tfrecord_values *v, uint64_t *ret)
{
	uint32_t bits;
	if (wire_left(&v->packed) == 0)
		return false;
	if (v->kind == TFRECORD_INTS)
		return wire_varint(&v->packed, ret);
	if (wire_left(&v->packed) < 4)
		return false;
	memcpy(&bits, v->packed.p, 4);
	v->packed.p += 4;
	*ret = le32toh(bits);
	return true;
}

bool tfrecord_value(struct tfrecord_values *v, uint64_t *ret_bits, struct wire *ret_bytes)
{
	struct wire_field f;
	for (;;) {
		if (v->kind != TFRECORD_BYTES && next_packed(v, ret_bits))
			return true;
		if (v->kind == TFRECORD_UNSET || !wire_next(&v->list, &f))
			return false;
		if (f.number != 1)
			continue;
		if (f.type == WIRE_LEN && v->kind != TFRECORD_BYTES) {
			v->packed = f.body;
			continue;
		}
		*ret_bits = f.value;
		*ret_bytes = f.body;
		return true;
	}
}

uint64_t tfrecord_count(const struct tfrecord_feature *f)
{
	struct wire list = f->list;
	struct wire_field field;
	uint64_t count = 0;
	if (f->kind == TFRECORD_UNSET)
		return 0;
	while (wire_next(&list, &field)) {
		if (field.number != 1)
			continue;
		if (field.type != WIRE_LEN || f->kind == TFRECORD_BYTES)
			count++;
		else if (f->kind == TFRECORD_FLOATS)
			count += wire_left(&field.body) / 4;
		else
			count += wire_count_varints(field.body.p, field.body.end);
	}
	return count;
}
