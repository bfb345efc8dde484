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

/* --- fields ------------------------------------------------------------------------------------- */

/* As wire_varint(): its end, or NULL.  Here and below by pointers alone, which stay in
 * registers: a record has dozens of messages of few bytes. */
static inline const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint8_t byte = p < end ? *p : 0x80;
	if (byte < 0x80) {
		*ret = byte;
		return p + 1;
	}
	struct wire w = {p, end};
	return wire_varint(&w, ret) ? w.p : NULL;
}

/* As wire_short(): of tags and lengths. */
static inline const uint8_t *read_short(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	const uint8_t *behind = read_varint(p, end, ret);
	return behind && behind - p <= 5 ? behind : NULL;
}

/* The body of the next field, which must have one, as all do except single values: *p is moved past
 * it.  NULL: it has none. */
static inline const uint8_t *next_body(const uint8_t **p, const uint8_t *end, uint32_t *ret_number)
{
	uint64_t tag, len;
	const uint8_t *body = read_short(*p, end, &tag);
	if (!body || (tag & 7) != WIRE_LEN || tag <= 7 || tag > UINT32_MAX)
		return NULL;
	body = read_short(body, end, &len);
	if (!body || len > (uint64_t)(end - body))
		return NULL;
	*p = body + len;
	*ret_number = (uint32_t)(tag >> 3);
	return body;
}

/* --- is it one ---------------------------------------------------------------------------------- */

static inline bool is_exact(uint64_t bits)
{
	uint64_t n = bits >> 63 ? -bits : bits;
	return n >> 53 == 0 || 64 - __builtin_clzll(n) - __builtin_ctzll(n) <= 53;
}

static bool look_at_ints(const uint8_t *p, const uint8_t *end, struct tfrecord_found *ret)
{
	uint64_t eight, value;
	while (p < end) {
		eight = UINT64_MAX;
		if (end - p >= 8)
			memcpy(&eight, p, 8);
		if ((eight & 0x8080808080808080) == 0) {
			ret->count += 8;
			p += 8;
			continue;
		}
		if (!(p = read_varint(p, end, &value)))
			return false;
		ret->count++;
		ret->inexact |= !is_exact(value);
	}
	return true;
}

static bool look_at_packed(const uint8_t *p, const uint8_t *end, struct tfrecord_found *ret)
{
	size_t len = (size_t)(end - p);
	if (ret->kind == TFRECORD_INTS)
		return look_at_ints(p, end, ret);
	ret->bytes += len;
	ret->count += ret->kind == TFRECORD_FLOATS ? len / 4 : 1;
	return ret->kind != TFRECORD_FLOATS || len % 4 == 0;
}

static bool look_at_list(const uint8_t *p, const uint8_t *end, struct tfrecord_found *ret)
{
	enum { MANY = 1 << 3 | WIRE_LEN, FLOAT = 1 << 3 | WIRE_I32, INT = 1 << 3 | WIRE_VARINT };
	uint64_t tag, value;
	while (p < end) {
		if (!(p = read_short(p, end, &tag)))
			return false;
		if (tag == MANY) {
			p = read_short(p, end, &value);
			if (!p || value > (uint64_t)(end - p) || !look_at_packed(p, p + value, ret))
				return false;
			p += value;
		} else if (tag == FLOAT && ret->kind == TFRECORD_FLOATS && end - p >= 4) {
			p += 4;
			ret->count++;
		} else if (tag == INT && ret->kind == TFRECORD_INTS && (p = read_varint(p, end, &value))) {
			ret->count++;
			ret->inexact |= !is_exact(value);
		} else {
			return false;
		}
	}
	return true;
}

/* Two lists of one feature, which are legal but written by nobody, are not taken for one. */
static bool look_at_feature(const uint8_t *p, const uint8_t *end, struct tfrecord_found *ret)
{
	uint32_t number;
	*ret = (struct tfrecord_found){0};
	if (p == end)
		return true;
	const uint8_t *list = next_body(&p, end, &number);
	if (!list || p != end || number > 3)
		return false;
	ret->kind = (enum tfrecord_list)number;
	return look_at_list(list, p, ret);
}

bool tfrecord_look(struct wire message, struct tfrecord_found *ret)
{
	return look_at_feature(message.p, message.end, ret);
}

static bool is_feature_list(const uint8_t *p, const uint8_t *end)
{
	struct tfrecord_found unused;
	uint32_t number;
	while (p < end) {
		const uint8_t *feature = next_body(&p, end, &number);
		if (!feature || number != 1 || !look_at_feature(feature, p, &unused))
			return false;
	}
	return true;
}

/* Each of key and value at most once. */
static bool is_entry(const uint8_t *p, const uint8_t *end, struct tfrecord_part *ret)
{
	const uint8_t *key = p, *key_end = p, *value = p, *value_end = p;
	unsigned seen = 0;
	uint32_t number;
	while (p < end) {
		const uint8_t *body = next_body(&p, end, &number);
		if (!body || number > 2 || seen & 1u << number)
			return false;
		seen |= 1u << number;
		if (number == 1) {
			key = body;
			key_end = p;
		} else {
			value = body;
			value_end = p;
		}
	}
	ret->key = (struct wire){key, key_end};
	ret->value = (struct wire){value, value_end};
	if (!utf8_valid((struct slice){key, (size_t)(key_end - key)}))
		return false;
	return ret->number == 1 ? look_at_feature(value, value_end, &ret->found) : is_feature_list(value, value_end);
}

/* *count: of all entries, of which `room` are kept. */
static bool is_map(const uint8_t *p, const uint8_t *end, uint32_t number, struct tfrecord_part *parts, uint32_t room, uint64_t *count)
{
	struct tfrecord_part unused = {0};
	uint32_t one;
	while (p < end) {
		struct tfrecord_part *part = *count < room ? &parts[*count] : &unused;
		const uint8_t *entry = next_body(&p, end, &one);
		part->number = number;
		if (!entry || one != 1 || !is_entry(entry, p, part))
			return false;
		++*count;
	}
	return true;
}

unsigned tfrecord_parts(struct wire data, struct tfrecord_part *parts, uint32_t room, uint64_t *ret_count)
{
	const uint8_t *p = data.p, *end = data.end;
	unsigned is_not = 0;
	uint32_t number;
	*ret_count = 0;
	while (p < end) {
		const uint8_t *map = next_body(&p, end, &number);
		if (!map || number > 2 || !is_map(map, p, number, parts, room, ret_count))
			return TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE;
		is_not |= number == 2 ? TFRECORD_NO_EXAMPLE : 0;
	}
	return is_not;
}

/* --- its parts ---------------------------------------------------------------------------------- */

/* The next entry, as it lies. */
static inline const uint8_t *next_entry(struct tfrecord_entries *e, const uint8_t **ret_end)
{
	uint32_t number = 0;
	while (e->map.p >= e->map.end) {
		if (e->message.p >= e->message.end)
			return NULL;
		const uint8_t *map = next_body(&e->message.p, e->message.end, &number);
		if (!map)
			return NULL;
		if (number == e->number)
			e->map = (struct wire){map, e->message.p};
	}
	const uint8_t *entry = next_body(&e->map.p, e->map.end, &number);
	*ret_end = e->map.p;
	return entry;
}

static inline bool take_entry(struct tfrecord_entries *e, struct wire *key, struct wire *value)
{
	const uint8_t *end, *p = next_entry(e, &end);
	uint32_t number;
	if (!p)
		return false;
	*key = *value = (struct wire){p, p};
	while (p < end) {
		const uint8_t *body = next_body(&p, end, &number);
		if (!body)
			return false;
		if (number == 1)
			*key = (struct wire){body, p};
		else
			*value = (struct wire){body, p};
	}
	return true;
}

bool tfrecord_entry(struct tfrecord_entries *e, struct wire *key, struct wire *value)
{
	return take_entry(e, key, value);
}

static bool is_named(struct slice name, struct wire key)
{
	return wire_left(&key) == name.len && memcmp(key.p, name.data, name.len) == 0;
}

bool tfrecord_find_last(struct tfrecord_entries e, struct slice name, struct wire *ret)
{
	struct wire key, value;
	bool found = false;
	while (take_entry(&e, &key, &value))
		if (is_named(name, key)) {
			*ret = value;
			found = true;
		}
	return found;
}

bool tfrecord_find(struct tfrecord_entries e, struct slice name, uint32_t *nth, struct wire *ret)
{
	struct tfrecord_entries again = e;
	const uint8_t *end;
	struct wire key;
	uint32_t i = 0;
	while (i < *nth && next_entry(&e, &end))
		i++;
	for (; take_entry(&e, &key, ret); i++)
		if (is_named(name, key)) {
			*nth = i;
			return true;
		}
	for (i = 0; i < *nth && take_entry(&again, &key, ret); i++)
		if (is_named(name, key)) {
			*nth = i;
			return true;
		}
	return false;
}

/* Of several lists the last counts; those of one kind are one. */
struct tfrecord_feature tfrecord_feature(struct wire message)
{
	struct tfrecord_feature ret = {TFRECORD_UNSET, message};
	uint32_t number;
	while (message.p < message.end) {
		const uint8_t *list = next_body(&message.p, message.end, &number);
		if (!list)
			break;
		if (number <= 3)
			ret = (struct tfrecord_feature){(enum tfrecord_list)number, {list, message.p}};
	}
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
