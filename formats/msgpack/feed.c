/* SPDX-License-Identifier: MIT */
/* MessagePack's objects as records. */
#include "formats/msgpack/impl.h"

#include <endian.h>
#include <inttypes.h>

#include "formats/shared/msgpack_json.h"

static struct msgpack_feed *feed_of(struct records_feed *f)
{
	return (struct msgpack_feed *)f;
}

/* Containers that are still open, in the reader's eyes: one without entries never is. */
static uint32_t depth_in(const struct msgpack_feed *f)
{
	return f->d->m.depth > f->base ? f->d->m.depth - f->base : 0;
}

static bool failed(struct msgpack_feed *f)
{
	if (!f->feed.failed)
		f->feed.failed = f->d->m.failed;
	return false;
}

/* Is it an array, or another value that documents have in a way of their own? */
static bool read_array(struct msgpack_feed *f, const struct msgpack_object *o, struct record_value *ret)
{
	struct msgpack_doc *d = f->d;
	struct msgpack_array array = {0};
	if (o->kind == MSGPACK_EXT && o->code == 2 && msgpack_complex(d, o, ret->complex)) {
		ret->kind = RECORD_COMPLEX;
		return true;
	}
	struct arena scratch = arena_scratch(d->keep), *outer = d->scratch;
	d->scratch = &scratch;
	int r = msgpack_array_read(d, o, &array);
	d->scratch = outer;
	arena_free(&scratch);
	if (r <= 0)
		return false;
	memcpy(ret->complex, array.complex, sizeof array.complex);
	ret->kind = array.number ? RECORD_COMPLEX : RECORD_OTHER;
	f->others |= !array.number;
	return true;
}

static void take_bytes(struct msgpack_feed *f, const struct msgpack_object *o, struct record_value *ret)
{
	int64_t when;
	ret->at = o->body;
	ret->len = o->len;
	ret->code = o->kind == MSGPACK_EXT ? o->code : RECORDS_PLAIN;
	ret->kind = o->kind == MSGPACK_STR ? RECORD_STRING : RECORD_BYTES;
	if (o->kind == MSGPACK_EXT && msgpack_nanoseconds(&f->d->m, o, &when)) {
		ret->kind = RECORD_TIMESTAMP;
		ret->number = (uint64_t)when;
	}
}

static bool take(struct msgpack_feed *f, const struct msgpack_object *o, struct record_value *ret)
{
	static const uint8_t kinds[] = {
		[MSGPACK_NIL] = RECORD_NULL, [MSGPACK_BOOL] = RECORD_BOOL, [MSGPACK_INT] = RECORD_INT, [MSGPACK_FLOAT32] = RECORD_FLOAT32,
		[MSGPACK_FLOAT64] = RECORD_FLOAT64, [MSGPACK_ARRAY] = RECORD_LIST, [MSGPACK_MAP] = RECORD_STRUCT,
	};
	*ret = (struct record_value){.negative = o->negative, .number = o->number};
	if (f->arrays && (o->kind == MSGPACK_EXT || o->kind == MSGPACK_MAP) && read_array(f, o, ret))
		return true;
	if (f->d->m.failed)
		return failed(f);
	if (o->kind == MSGPACK_STR || o->kind == MSGPACK_BIN || o->kind == MSGPACK_EXT) {
		take_bytes(f, o, ret);
		return f->d->m.failed ? failed(f) : true;
	}
	ret->kind = kinds[o->kind];
	if (o->kind >= MSGPACK_ARRAY)
		f->levels[f->open++] = (struct msgpack_level){o->kind == MSGPACK_MAP, true};
	return true;
}

/* A key that is no string is called as its JSON. */
static bool take_key(struct msgpack_feed *f, const struct msgpack_object *o, struct record_value *ret)
{
	*ret = (struct record_value){.kind = RECORD_KEY, .code = o->kind, .at = o->body, .len = o->len};
	if (o->kind == MSGPACK_STR || o->kind == MSGPACK_BIN)
		return true;
	if (o->kind >= MSGPACK_EXT) {
		f->feed.failed = error_set(f->feed.err, ENOTSUP, "a record with a key that is no string at byte %" PRIu64, o->at);
		return false;
	}
	struct text text = {0};
	msgpack_json(&f->d->m, f->d->keep, o, &text);
	ret->len = text.len < sizeof f->key ? text.len : 0; /* a number's, or a word's */
	ret->text = (const uint8_t *)f->key;
	if (text.bytes)
		memcpy(f->key, text.bytes, (size_t)ret->len);
	text_free(&text);
	return true;
}

static bool feed_next(struct records_feed *feed, struct record_value *ret)
{
	struct msgpack_feed *f = feed_of(feed);
	struct msgpack_object *o = &f->last;
	if (feed->failed)
		return false;
	if (f->open > depth_in(f)) {
		f->open--;
		*ret = (struct record_value){.kind = RECORD_END};
		return true;
	}
	do {
		if (!msgpack_next(&f->d->m, o))
			return failed(f);
		f->objects++;
	} while (f->flat && o->kind == MSGPACK_ARRAY);
	struct msgpack_level *l = f->open ? &f->levels[f->open - 1] : NULL;
	bool key = l && l->map && l->key;
	if (l)
		l->key = !l->key;
	return key ? take_key(f, o, ret) : take(f, o, ret);
}

static void feed_skip(struct records_feed *feed)
{
	struct msgpack_feed *f = feed_of(feed);
	struct msgpack_object o;
	const uint8_t *floats;
	uint8_t first;
	while (depth_in(f) >= f->open)
		if (msgpack_floats(&f->d->m, UINT64_MAX, &floats, &first) == 0 && !msgpack_next(&f->d->m, &o)) {
			failed(f);
			return;
		}
	f->open--;
}

static bool feed_read(struct records_feed *feed, uint64_t at, void *ret, size_t len)
{
	struct msgpack_feed *f = feed_of(feed);
	return msgpack_read(&f->d->m, at, ret, len) || failed(f);
}

static void feed_json(struct records_feed *feed, const struct record_value *v, struct text *ret)
{
	struct msgpack_feed *f = feed_of(feed);
	msgpack_json(&f->d->m, f->d->keep, &f->last, ret);
	if (v->kind == RECORD_LIST || v->kind == RECORD_STRUCT)
		f->open--;
	failed(f);
}

static uint64_t feed_tell(const struct records_feed *feed)
{
	return ((const struct msgpack_feed *)feed)->d->m.at;
}

/* Floats, all of them with the same header. */
static void put_floats(const uint8_t *p, size_t count, uint8_t first, struct records_numbers *n)
{
	uint8_t *to = n->out;
	if (first == 0xca && n->type == RECORDS_FLOAT32) {
		for (size_t i = 0; i < count; i++) {
			uint32_t bits;
			memcpy(&bits, p + 5 * i + 1, 4);
			bits = htole32(be32toh(bits));
			memcpy(to + 4 * i, &bits, 4);
		}
	} else if (first == 0xcb) {
		for (size_t i = 0; i < count; i++) {
			uint64_t bits;
			memcpy(&bits, p + 9 * i + 1, 8);
			bits = htole64(be64toh(bits));
			memcpy(to + 8 * i, &bits, 8);
		}
	} else {
		for (size_t i = 0; i < count; i++) {
			uint32_t bits;
			float single;
			memcpy(&bits, p + 5 * i + 1, 4);
			bits = be32toh(bits);
			memcpy(&single, &bits, 4);
			double wide = (double)single;
			uint64_t wide_bits;
			memcpy(&wide_bits, &wide, 8);
			wide_bits = htole64(wide_bits);
			memcpy(to + 8 * i, &wide_bits, 8);
		}
	}
}

static void feed_numbers(struct records_feed *feed, struct records_numbers *n)
{
	struct msgpack_feed *f = feed_of(feed);
	const uint8_t *p;
	uint8_t first;
	size_t count;
	if (f->open == 0 || f->open > depth_in(f) || f->levels[f->open - 1].map || f->flat)
		return;
	if (n->out && n->type != RECORDS_FLOAT32 && n->type != RECORDS_FLOAT64)
		return;
	uint64_t most = n->out ? n->room : UINT64_MAX;
	if (n->out && n->type == RECORDS_FLOAT32 && !msgpack_is_float32(&f->d->m))
		return;
	count = msgpack_floats(&f->d->m, most, &p, &first);
	if (count == 0)
		return;
	n->count += count;
	n->seen |= first == 0xca ? 1u << RECORD_FLOAT32 : 1u << RECORD_FLOAT64;
	if (n->out)
		put_floats(p, count, first, n);
}

void msgpack_feed_init(struct msgpack_feed *f, struct msgpack_doc *d, struct error *err)
{
	static const struct records_feed_type type = {
		.next = feed_next, .skip = feed_skip, .read = feed_read, .json = feed_json, .tell = feed_tell, .numbers = feed_numbers, .in_place = true,
	};
	f->feed = (struct records_feed){.type = &type, .err = err};
	f->d = d;
	f->base = d->m.depth;
	f->open = 0;
	f->flat = f->arrays = f->others = false;
	f->objects = 0;
}

struct records_feed *msgpack_feed_open(struct archive *a, const struct records_table *t, uint64_t at, struct arena *scratch, struct error *err)
{
	struct msgpack_feed *f = arena_alloc(scratch, sizeof *f);
	struct msgpack_doc *d = f ? arena_alloc(scratch, sizeof *d) : NULL;
	if (!d)
		return NULL;
	d->a = a;
	d->keep = d->scratch = scratch;
	d->err = err;
	msgpack_init(&d->m, &a->source, at, t->end, d->window, err);
	msgpack_feed_init(f, d, err);
	f->flat = t->flat;
	f->arrays = t->arrays;
	return &f->feed;
}
