/* SPDX-License-Identifier: MIT */
#include "formats/shared/msgpack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { FEW = 512, HEADER_MAX = 9 };

void msgpack_init(struct msgpack *m, const struct source *source, uint64_t at, uint64_t end, uint8_t *window, struct error *err)
{
	m->source = source;
	m->at = at;
	m->end = end;
	m->depth = m->base = 0;
	m->failed = 0;
	m->err = err;
	m->window = window;
	m->window_at = 0;
	m->have = 0;
	m->ask = FEW;
	m->memory = false;
}

void msgpack_init_memory(struct msgpack *m, struct slice bytes, uint64_t at, struct error *err)
{
	msgpack_init(m, NULL, at, at + bytes.len, (uint8_t *)(uintptr_t)bytes.data, err);
	m->window_at = at;
	m->have = bytes.len;
	m->memory = true;
}

bool msgpack_fail(struct msgpack *m, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (m->failed == 0)
		m->failed = error_set(m->err, EBADMSG, "%s", text);
	return false;
}

/* A reader that continues past the window gets twice as much; one that skips ahead, little. */
static bool refill(struct msgpack *m, uint64_t at)
{
	uint64_t behind = m->window_at + m->have;
	if (m->memory)
		return msgpack_fail(m, "MessagePack is cut short at byte %" PRIu64, m->end);
	if (at >= m->window_at && at < behind + m->have)
		m->ask = m->ask < MSGPACK_WINDOW ? m->ask * 2 : MSGPACK_WINDOW;
	else
		m->ask = FEW;
	uint64_t left = m->source->size - at;
	m->have = left < m->ask ? (size_t)left : m->ask;
	m->window_at = at;
	int r = source_read(m->source, at, m->window, m->have, m->err);
	if (r < 0) {
		m->have = 0;
		m->failed = r;
	}
	return r == 0;
}

/* The bytes at `at`, of which `len` are within the source; NULL if they cannot be read. */
static const uint8_t *look(struct msgpack *m, uint64_t at, size_t len)
{
	if (!(at >= m->window_at && range_within(at - m->window_at, len, m->have)) && !refill(m, at))
		return NULL;
	return m->window + (at - m->window_at);
}

bool msgpack_read(struct msgpack *m, uint64_t at, void *ret, size_t len)
{
	if (m->failed)
		return false;
	if (m->memory || (len <= FEW && range_within(at, len, m->source->size))) {
		const uint8_t *p = look(m, at, len);
		if (p)
			memcpy(ret, p, len);
		return p;
	}
	m->failed = source_read(m->source, at, ret, len, m->err);
	return m->failed == 0;
}

/* A header of one byte, or of a byte and a number of `size` bytes, and one for the code of an
 * extension. */
struct header {
	uint8_t kind, size;
	bool code;
};

static struct header header_of(uint8_t byte)
{
	static const struct header headers[] = {
		[0xc0 - 0xc0] = {MSGPACK_NIL, 0, false}, [0xc2 - 0xc0] = {MSGPACK_BOOL, 0, false}, [0xc3 - 0xc0] = {MSGPACK_BOOL, 0, false},
		[0xc4 - 0xc0] = {MSGPACK_BIN, 1, false}, [0xc5 - 0xc0] = {MSGPACK_BIN, 2, false}, [0xc6 - 0xc0] = {MSGPACK_BIN, 4, false},
		[0xc7 - 0xc0] = {MSGPACK_EXT, 1, true}, [0xc8 - 0xc0] = {MSGPACK_EXT, 2, true}, [0xc9 - 0xc0] = {MSGPACK_EXT, 4, true},
		[0xca - 0xc0] = {MSGPACK_FLOAT32, 4, false}, [0xcb - 0xc0] = {MSGPACK_FLOAT64, 8, false},
		[0xcc - 0xc0] = {MSGPACK_INT, 1, false}, [0xcd - 0xc0] = {MSGPACK_INT, 2, false}, [0xce - 0xc0] = {MSGPACK_INT, 4, false},
		[0xcf - 0xc0] = {MSGPACK_INT, 8, false}, [0xd0 - 0xc0] = {MSGPACK_INT, 1, false}, [0xd1 - 0xc0] = {MSGPACK_INT, 2, false},
		[0xd2 - 0xc0] = {MSGPACK_INT, 4, false}, [0xd3 - 0xc0] = {MSGPACK_INT, 8, false},
		[0xd4 - 0xc0] = {MSGPACK_EXT, 0, true}, [0xd5 - 0xc0] = {MSGPACK_EXT, 0, true}, [0xd6 - 0xc0] = {MSGPACK_EXT, 0, true},
		[0xd7 - 0xc0] = {MSGPACK_EXT, 0, true}, [0xd8 - 0xc0] = {MSGPACK_EXT, 0, true},
		[0xd9 - 0xc0] = {MSGPACK_STR, 1, false}, [0xda - 0xc0] = {MSGPACK_STR, 2, false}, [0xdb - 0xc0] = {MSGPACK_STR, 4, false},
		[0xdc - 0xc0] = {MSGPACK_ARRAY, 2, false}, [0xdd - 0xc0] = {MSGPACK_ARRAY, 4, false},
		[0xde - 0xc0] = {MSGPACK_MAP, 2, false}, [0xdf - 0xc0] = {MSGPACK_MAP, 4, false},
	};
	if (byte < 0x80 || byte >= 0xe0)
		return (struct header){MSGPACK_INT, 0, false};
	if (byte < 0xc0)
		return (struct header){byte < 0x90 ? MSGPACK_MAP : byte < 0xa0 ? MSGPACK_ARRAY : MSGPACK_STR, 0, false};
	return headers[byte - 0xc0];
}

/* The value of the header: of a number itself, else of its length. */
static void take_value(uint8_t byte, struct header h, uint64_t value, struct msgpack_object *o)
{
	bool is_signed = byte >= 0xe0 || (byte >= 0xd0 && byte <= 0xd3);
	if (h.size == 0 && byte < 0xc0)
		value = byte & (byte < 0x80 ? 0x7f : byte < 0xa0 ? 0x0f : 0x1f);
	else if (byte >= 0xe0)
		value = byte;
	else if (h.kind == MSGPACK_EXT && h.size == 0)
		value = UINT64_C(1) << (byte - 0xd4);
	else if (h.kind == MSGPACK_BOOL)
		value = byte & 1;
	if (is_signed) {
		unsigned shift = byte >= 0xe0 ? 56 : 64 - 8u * h.size;
		value = (uint64_t)((int64_t)(value << shift) >> shift);
		o->negative = value >> 63;
	}
	if (h.kind >= MSGPACK_STR)
		o->len = value;
	else
		o->number = value;
}

static bool read_header(struct msgpack *m, struct msgpack_object *o)
{
	const uint8_t *p = look(m, m->at, 1);
	if (!p)
		return false;
	uint8_t byte = *p;
	struct header h = header_of(byte);
	size_t size = 1u + h.size + h.code;
	if (byte == 0xc1)
		return msgpack_fail(m, "byte 0xc1, which MessagePack never uses, at %" PRIu64, m->at);
	if (size > m->end - m->at)
		return msgpack_fail(m, "MessagePack is cut short at byte %" PRIu64, m->end);
	if (size > 1 && !(p = look(m, m->at, size)))
		return false;
	*o = (struct msgpack_object){.kind = h.kind, .depth = m->depth, .at = m->at, .body = m->at + size};
	uint64_t value = 0;
	for (unsigned i = 1; i <= h.size; i++)
		value = value << 8 | p[i];
	if (h.code)
		o->code = (int8_t)p[1 + h.size];
	take_value(byte, h, value, o);
	return true;
}

static bool enter(struct msgpack *m, const struct msgpack_object *o)
{
	bool map = o->kind == MSGPACK_MAP;
	if (o->len > (m->end - m->at) / (map ? 2 : 1))
		return msgpack_fail(m, "%s of %" PRIu64 " %s at byte %" PRIu64 ", where %" PRIu64 " bytes are left", map ? "a map" : "an array",
				    o->len, map ? "pairs" : "elements", o->at, m->end - m->at);
	if (o->len == 0)
		return true;
	if (m->depth == MSGPACK_DEPTH)
		return msgpack_fail(m, "arrays and maps over %d deep at byte %" PRIu64, MSGPACK_DEPTH, o->at);
	m->left[m->depth++] = o->len << map;
	return true;
}

bool msgpack_next(struct msgpack *m, struct msgpack_object *ret)
{
	if (m->failed)
		return false;
	if (m->at == m->end) {
		if (m->depth > m->base)
			msgpack_fail(m, "MessagePack is cut short at byte %" PRIu64, m->end);
		return false;
	}
	if (!read_header(m, ret))
		return false;
	m->at = ret->body;
	if (m->depth > m->base)
		m->left[m->depth - 1]--;
	if (ret->kind == MSGPACK_STR || ret->kind == MSGPACK_BIN || ret->kind == MSGPACK_EXT) {
		if (ret->len > m->end - m->at)
			return msgpack_fail(m, "%" PRIu64 " bytes at byte %" PRIu64 ", where %" PRIu64 " are left", ret->len,
					    ret->at, m->end - m->at);
		m->at += ret->len;
	} else if (ret->kind >= MSGPACK_ARRAY && !enter(m, ret)) {
		return false;
	}
	while (m->depth > m->base && m->left[m->depth - 1] == 0)
		m->depth--;
	return true;
}

/* Those that begin with the same byte, `stride` bytes apart. */
static inline __attribute__((always_inline)) uint64_t alike(const uint8_t *p, uint8_t first, size_t stride, uint64_t most)
{
	enum { AT_ONCE = 8 };
	uint64_t n = 0;
	for (; most - n >= AT_ONCE; n += AT_ONCE) {
		unsigned others = 0;
		for (unsigned i = 0; i < AT_ONCE; i++)
			others |= p[(n + i) * stride] ^ first;
		if (others)
			break;
	}
	while (n < most && p[n * stride] == first)
		n++;
	return n;
}

bool msgpack_is_float32(const struct msgpack *m)
{
	return m->at >= m->window_at && m->at - m->window_at < m->have && m->window[m->at - m->window_at] == 0xca;
}

size_t msgpack_floats(struct msgpack *m, uint64_t most, const uint8_t **ret, uint8_t *first)
{
	uint64_t *left = m->depth > m->base ? &m->left[m->depth - 1] : NULL;
	if (m->failed || !left || m->at < m->window_at || m->at >= m->window_at + m->have)
		return 0;
	const uint8_t *p = m->window + (m->at - m->window_at);
	*first = *p;
	size_t stride = *first == 0xca ? 5 : *first == 0xcb ? 9 : 0;
	if (stride == 0)
		return 0;
	uint64_t here = (m->window_at + m->have - m->at) / stride, there = (m->end - m->at) / stride;
	most = most < *left ? most : *left;
	most = most < here ? most : here;
	most = most < there ? most : there;
	uint64_t n = stride == 9 ? alike(p, *first, 9, most) : alike(p, *first, 5, most);
	m->at += n * stride;
	*left -= n;
	while (m->depth > m->base && m->left[m->depth - 1] == 0)
		m->depth--;
	*ret = p;
	return (size_t)n;
}

bool msgpack_skip(struct msgpack *m, const struct msgpack_object *o)
{
	struct msgpack_object inner;
	const uint8_t *bytes;
	uint8_t first;
	while (m->depth > o->depth)
		if (msgpack_floats(m, UINT64_MAX, &bytes, &first) == 0 && !msgpack_next(m, &inner))
			return false;
	return !m->failed;
}

void msgpack_rewind(struct msgpack *m, const struct msgpack_object *container)
{
	if (container->len == 0) /* it has ended, and so may what it is in */
		return;
	m->at = container->body;
	m->depth = container->depth + 1;
	m->left[container->depth] = container->len << (container->kind == MSGPACK_MAP);
}

struct msgpack_place msgpack_enter(struct msgpack *m, uint64_t at, uint64_t end)
{
	struct msgpack_place place = {m->at, m->end, m->depth, m->base};
	m->at = at;
	m->end = end;
	m->base = m->depth;
	return place;
}

void msgpack_leave(struct msgpack *m, const struct msgpack_place *place)
{
	m->at = place->at;
	m->end = place->end;
	m->depth = place->depth;
	m->base = place->base;
}

/* 32 bits of seconds; 30 of nanoseconds and 34 of seconds; or 32 and 64. */
bool msgpack_timestamp(struct msgpack *m, const struct msgpack_object *o, int64_t *seconds, uint32_t *nanoseconds)
{
	uint8_t bytes[12];
	if (o->kind != MSGPACK_EXT || o->code != MSGPACK_TIMESTAMP || (o->len != 4 && o->len != 8 && o->len != 12) ||
	    !msgpack_read(m, o->body, bytes, (size_t)o->len))
		return false;
	struct cursor c = cursor_over((struct slice){bytes, (size_t)o->len});
	*nanoseconds = o->len == 12 ? (uint32_t)cursor_be(&c, 4) : 0;
	uint64_t rest = cursor_be(&c, o->len == 4 ? 4 : 8);
	if (o->len == 8) {
		*nanoseconds = (uint32_t)(rest >> 34);
		rest &= (UINT64_C(1) << 34) - 1;
	}
	*seconds = (int64_t)rest;
	return *nanoseconds < 1000000000;
}

bool msgpack_nanoseconds(struct msgpack *m, const struct msgpack_object *o, int64_t *ret)
{
	int64_t seconds;
	uint32_t nanoseconds;
	if (!msgpack_timestamp(m, o, &seconds, &nanoseconds))
		return false;
	/* From above, so that the minimum does not overflow on the way. */
	if (seconds < 0 && nanoseconds)
		return !__builtin_mul_overflow(seconds + 1, INT64_C(1000000000), ret) &&
		       !__builtin_add_overflow(*ret, (int64_t)nanoseconds - 1000000000, ret);
	return !__builtin_mul_overflow(seconds, INT64_C(1000000000), ret) && !__builtin_add_overflow(*ret, (int64_t)nanoseconds, ret);
}

bool msgpack_number(const struct msgpack_object *o, double *ret)
{
	uint32_t narrow = (uint32_t)o->number;
	float value;
	switch ((enum msgpack_kind)o->kind) {
	case MSGPACK_FLOAT64:
		memcpy(ret, &o->number, sizeof *ret);
		return true;
	case MSGPACK_FLOAT32:
		memcpy(&value, &narrow, sizeof value);
		*ret = (double)value;
		return true;
	case MSGPACK_INT:
		*ret = o->negative ? (double)(int64_t)o->number : (double)o->number;
		return true;
	default:
		return false;
	}
}
