/* SPDX-License-Identifier: MIT */
#include "formats/shared/protobuf.h"

#include <inttypes.h>

/* FIRST: read at once after a jump.  VARINT_MOST: bytes. */
enum { FIRST = 512, VARINT_MOST = 10 };

struct proto_input proto_input(const struct source *s, uint8_t *window, size_t room, struct error *err)
{
	return (struct proto_input){.source = s, .window = window, .room = room, .ahead = FIRST, .err = err};
}

void proto_fail(struct proto_input *in, uint64_t at, const char *fault)
{
	if (!in->failed)
		in->failed = error_set(in->err, EBADMSG, "%s at byte %" PRIu64, fault, at);
}

int proto_check(const struct proto_input *in, const char *what)
{
	return in->failed == -EBADMSG && in->err ? error_prefix(in->err, in->failed, what) : in->failed;
}

/* --- the window -------------------------------------------------------------- */

/* Reads on from a byte that is not in the window, or too near its end. */
static bool fill(struct proto_input *in, uint64_t at)
{
	uint64_t end = in->at + in->len, left = in->source->size - at;
	bool goes_on = in->len && at >= in->at && at <= end + in->ahead;
	in->ahead = !goes_on ? FIRST : in->ahead < in->room / 2 ? in->ahead * 2 : in->room;
	size_t n = in->ahead < in->room ? in->ahead : in->room;
	n = n < left ? n : (size_t)left;
	in->at = at;
	in->len = 0;
	int r = source_read(in->source, at, in->window, n, in->err);
	if (r < 0)
		in->failed = r;
	else
		in->len = n;
	return r == 0;
}

const uint8_t *proto_window(struct proto_input *in, uint64_t at, uint64_t end, size_t *ret_len)
{
	uint64_t left = end - at, there = in->at + in->len;
	*ret_len = 0;
	if (in->failed || left == 0)
		return in->window;
	bool short_of = at < in->at || at >= there || (there - at < VARINT_MOST && there - at < left);
	if (short_of && !fill(in, at))
		return in->window;
	there = in->at + in->len - at;
	*ret_len = there < left ? (size_t)there : (size_t)left;
	return in->window + (at - in->at);
}

bool proto_copy(struct proto_input *in, uint64_t at, size_t len, uint8_t *out)
{
	if (in->failed)
		return false;
	if (at >= in->at && range_within(at - in->at, len, in->len)) {
		if (len)
			memcpy(out, in->window + (at - in->at), len);
		return true;
	}
	if (len <= in->room / 2 && len > 0) { /* what follows will be wanted, too */
		if (!fill(in, at))
			return false;
		if (len <= in->len) {
			memcpy(out, in->window, len);
			return true;
		}
	}
	in->failed = source_read(in->source, at, out, len, in->err);
	return in->failed == 0;
}

/* --- numbers ------------------------------------------------------------------ */

static uint64_t varint(struct proto_input *in, uint64_t *at, uint64_t end)
{
	size_t len;
	const uint8_t *p = proto_window(in, *at, end, &len);
	uint64_t value = 0;
	for (size_t i = 0; i < len && i < VARINT_MOST; i++) {
		value |= (uint64_t)(p[i] & 0x7f) << (7 * i); /* of the tenth byte only one bit counts */
		if (p[i] < 0x80) {
			*at += i + 1;
			return value;
		}
	}
	proto_fail(in, *at, len < VARINT_MOST ? "a number that is cut short" : "a varint of more than 10 bytes");
	return 0;
}

static uint64_t fixed(struct proto_input *in, uint64_t *at, uint64_t end, unsigned bytes)
{
	size_t len;
	const uint8_t *p = proto_window(in, *at, end, &len);
	struct cursor c = cursor_over((struct slice){p, len});
	uint64_t value = cursor_le(&c, bytes);
	if (c.failed)
		proto_fail(in, *at, "a number that is cut short");
	*at += bytes;
	return value;
}

static uint64_t number(struct proto_input *in, uint64_t *at, uint64_t end, enum proto_wire wire)
{
	return wire == PROTO_VARINT ? varint(in, at, end) : fixed(in, at, end, wire == PROTO_I32 ? 4 : 8);
}

struct proto_run proto_run(struct proto_input *in, const struct proto_field *f, enum proto_wire wire)
{
	if (f->wire == PROTO_LEN)
		return (struct proto_run){.in = in, .at = f->at, .end = f->at + f->len, .wire = (uint8_t)wire};
	return (struct proto_run){.in = in, .value = f->value, .one = f->wire == wire};
}

bool proto_number(struct proto_run *run, uint64_t *ret)
{
	bool there = run->one || run->at < run->end;
	if (!there || run->in->failed)
		return false;
	*ret = run->one ? run->value : number(run->in, &run->at, run->end, run->wire);
	run->one = false;
	return !run->in->failed;
}

/* How many varints end in these bytes. */
static size_t ends_in(const uint8_t *p, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += p[i] < 0x80;
	return n;
}

uint64_t proto_skip_varints(struct proto_input *in, uint64_t *at, uint64_t end, uint64_t count)
{
	enum { STEP = 256 };
	uint64_t found = 0;
	while (found < count && *at < end) {
		size_t len;
		const uint8_t *p = proto_window(in, *at, end, &len);
		if (in->failed)
			break;
		size_t n = len < STEP ? len : STEP, ends = ends_in(p, n);
		if (ends > count - found) /* somewhere in between */
			for (n = 0, ends = 0; ends < count - found; n++)
				ends += p[n] < 0x80;
		found += ends;
		*at += n;
		if (*at == end && p[n - 1] >= 0x80)
			proto_fail(in, end, "a number that is cut short");
	}
	return found;
}

/* --- fields -------------------------------------------------------------------- */

static void read_field(struct proto *m, struct proto_field *f);

/* A group's fields, up to its end. */
static void skip_group(struct proto *m, const struct proto_field *group, uint64_t at)
{
	struct proto_field f;
	if (m->depth == 0) {
		proto_fail(m->in, at, "messages nested too deep");
		return;
	}
	m->depth--;
	do {
		if (m->at == m->end)
			proto_fail(m->in, at, "a group without an end");
		read_field(m, &f);
	} while (!m->in->failed && f.wire != PROTO_GROUP_END);
	if (f.number != group->number)
		proto_fail(m->in, at, "a group that ends as another");
	m->depth++;
}

static void read_field(struct proto *m, struct proto_field *f)
{
	uint64_t at = m->at, tag = varint(m->in, &m->at, m->end);
	*f = (struct proto_field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
	if (m->in->failed)
		return;
	if (tag > UINT32_MAX || f->number == 0) {
		proto_fail(m->in, at, "an invalid field number");
		return;
	}
	switch (f->wire) {
	case PROTO_VARINT:
	case PROTO_I64:
	case PROTO_I32:
		f->value = number(m->in, &m->at, m->end, f->wire);
		break;
	case PROTO_LEN:
		f->len = varint(m->in, &m->at, m->end);
		f->at = m->at;
		if (f->len > m->end - m->at)
			proto_fail(m->in, at, "a field that is longer than what it is part of,");
		else
			m->at += f->len;
		break;
	case PROTO_GROUP:
		skip_group(m, f, at);
		break;
	case PROTO_GROUP_END:
		break;
	default:
		proto_fail(m->in, at, "an unknown wire type");
	}
}

bool proto_next(struct proto *m, struct proto_field *ret)
{
	while (m->at == m->end && m->next) {
		m->at = m->next->at;
		m->end = m->at + m->next->len;
		m->next = m->next->next;
	}
	if (m->in->failed || m->at == m->end)
		return false;
	uint64_t at = m->at;
	read_field(m, ret);
	if (ret->wire == PROTO_GROUP_END)
		proto_fail(m->in, at, "the end of a group that never began");
	return !m->in->failed;
}

/* --- messages ---------------------------------------------------------------------- */

struct proto proto_whole(struct proto_input *in)
{
	return (struct proto){.in = in, .end = in->source->size, .depth = PROTO_DEPTH};
}

struct proto proto_of_parts(struct proto_input *in, const struct proto_part *parts)
{
	return (struct proto){.in = in, .next = parts, .depth = PROTO_DEPTH};
}

static struct proto enter(const struct proto *m, struct proto within)
{
	if (m->depth == 0)
		proto_fail(m->in, within.at, "messages nested too deep");
	else
		within.depth = m->depth - 1;
	within.in = m->in;
	return within;
}

struct proto proto_enter(const struct proto *m, const struct proto_field *f)
{
	return enter(m, (struct proto){.at = f->at, .end = f->at + f->len});
}

struct proto proto_enter_parts(const struct proto *m, const struct proto_part *parts)
{
	return enter(m, (struct proto){.at = parts ? parts->at : 0, .end = parts ? parts->at + parts->len : 0,
				       .next = parts ? parts->next : NULL});
}

static void no_memory(struct proto_input *in, uint64_t bytes)
{
	if (!in->failed)
		in->failed = error_set(in->err, ENOMEM, "no memory for %" PRIu64 " bytes of metadata", bytes);
}

void proto_add_part(struct proto_input *in, struct proto_parts *parts, const struct proto_field *f, struct arena *arena)
{
	struct proto_part *added = arena_alloc(arena, sizeof *added);
	if (!added) {
		no_memory(in, sizeof *added);
		return;
	}
	*added = (struct proto_part){.at = f->at, .len = f->len};
	if (parts->last)
		parts->last->next = added;
	else
		parts->first = added;
	parts->last = added;
}

struct slice proto_text(struct proto_input *in, const struct proto_field *f, struct arena *arena)
{
	uint8_t *text = in->failed || f->len == SIZE_MAX ? NULL : arena_alloc(arena, (size_t)f->len + 1);
	if (!text)
		no_memory(in, f->len);
	if (in->failed || !proto_copy(in, f->at, (size_t)f->len, text))
		return (struct slice){(const uint8_t *)"", 0};
	return (struct slice){text, (size_t)f->len};
}

bool proto_equal(struct proto_input *in, const struct proto_field *f, struct slice s)
{
	uint8_t bytes[64];
	if (f->len != s.len)
		return false;
	for (size_t at = 0, n; at < s.len; at += n) {
		n = s.len - at < sizeof bytes ? s.len - at : sizeof bytes;
		if (!proto_copy(in, f->at + at, n, bytes) || memcmp(bytes, s.data + at, n) != 0)
			return false;
	}
	return !in->failed;
}
