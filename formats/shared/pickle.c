/* SPDX-License-Identifier: MIT */
#include "formats/shared/pickle_impl.h"

enum {
	RESIDENT = 8 << 20,      /* contents of at most so many bytes are kept */
	WINDOW = 64 << 10,       /* of others, so much is read at once, */
	JUMPED = 4 << 10,        /* and so much after bytes that were skipped */
};

/* --- failing ------------------------------------------------------------------------- */

void pickle_fail(struct pickle_machine *m, int code, const char *what)
{
	if (m->code == 0)
		m->code = error_set(m->err, code, "pickle: %s, at byte %" PRIu64, what, m->op_at - m->start);
}

void pickle_fail_memory(struct pickle_machine *m)
{
	if (m->code == 0)
		m->code = error_no_memory(m->err, "the values of a pickle");
}

void pickle_fail_values(struct pickle_machine *m)
{
	if (m->code == 0)
		m->code = error_set(m->err, ENOMEM, "a pickle of more than 16,000,000 values");
}

/* --- input --------------------------------------------------------------------------- */

bool pickle_refill(struct pickle_machine *m, size_t n)
{
	uint64_t at = pickle_at(m), left = pickle_left(m);
	if (m->code || left < n) {
		pickle_fail(m, EBADMSG, "it ends within an opcode");
		return false;
	}
	size_t want = n > m->fill ? n : m->fill;
	want = left < want ? (size_t)left : want;
	if (want > m->room) {
		m->room = want > WINDOW ? want : WINDOW;
		m->buffer = arena_alloc(m->p->scratch, m->room);
	}
	if (!m->buffer) {
		m->room = 0;
		pickle_fail_memory(m);
		return false;
	}
	m->bytes = m->pos = m->end = m->buffer;
	m->from = at;
	m->code = content_read(m->p->archive, m->p->in, at, want, m->buffer, NULL, m->err);
	if (m->code)
		return false;
	m->end = m->bytes + want;
	m->fill = WINDOW;
	return true;
}

void pickle_seek(struct pickle_machine *m, uint64_t at)
{
	if (at >= m->from && at - m->from <= (size_t)(m->end - m->bytes)) {
		m->pos = m->bytes + (at - m->from);
		return;
	}
	m->from = at;
	m->pos = m->end = m->bytes;
	m->fill = JUMPED;
}

struct slice pickle_line(struct pickle_machine *m, size_t skip)
{
	for (size_t seen = skip;;) {
		size_t there = (size_t)(m->end - m->pos);
		const uint8_t *end = there > seen ? memchr(m->pos + seen, '\n', there - seen) : NULL;
		if (end)
			return (struct slice){m->pos + skip, (size_t)(end - m->pos) - skip};
		seen = there > seen ? there : seen;
		uint64_t left = pickle_left(m), want = seen < WINDOW ? seen + 1 : 2 * seen;
		if (!pickle_need(m, left > seen && left < want ? (size_t)left : want))
			return (struct slice){m->pos, 0};
	}
}

/* --- one pickle ----------------------------------------------------------------------- */

/* Unless it is large, everything left of the content is kept: by the previous pickle, if there was one. */
static void load_resident(struct pickle_machine *m, uint64_t offset)
{
	struct pickle *p = m->p;
	struct pickle_resident *r = &p->resident;
	if (!r->bytes || offset < r->offset) {
		uint64_t len = p->in->size - offset;
		uint8_t *bytes = len <= RESIDENT ? arena_alloc(p->keep, (size_t)len + 1) : NULL;
		*r = (struct pickle_resident){bytes, offset, len};
		if (!bytes && len <= RESIDENT)
			pickle_fail_memory(m);
		if (!bytes)
			return;
		m->code = content_read(p->archive, p->in, offset, (size_t)len, bytes, NULL, m->err);
	}
	m->from = r->offset;
	m->bytes = r->bytes;
	m->pos = r->bytes + (offset - r->offset);
	m->end = r->bytes + r->len;
}

int pickle_read(struct pickle *p, uint64_t offset, struct error *err)
{
	struct pickle_machine m = {.p = p, .err = err, .start = offset, .op_at = offset, .from = offset, .fill = JUMPED};
	if (offset > p->in->size || p->in->size >> 62)
		return error_set(err, EBADMSG, "pickle: it begins at byte %" PRIu64 " of %" PRIu64, offset, p->in->size);
	load_resident(&m, offset);
	if (m.code == 0 && p->room == 0)
		pickle_more_nodes(&m);
	pickle_grow(&m, &m.stack, &m.stack_room);
	pickle_run(&m);
	return m.code;
}

/* --- the probe ----------------------------------------------------------------------- */

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* Skips a line of Python's identifiers with dots between them. */
static bool skip_name(struct cursor *c)
{
	bool begins = true;
	for (;;) {
		uint8_t b = cursor_u8(c);
		if (b == '\n' || (b == '.' && !begins)) {
			if (begins || b == '\n')
				return !begins && !c->failed;
			begins = true;
		} else if (is_letter(b) || (is_digit(b) && !begins)) {
			begins = false;
		} else {
			return false;
		}
	}
}

/* PUT, or BINPUT of one of the first two numbers. */
static bool puts_first(struct cursor *c)
{
	uint8_t put = cursor_u8(c), first = cursor_u8(c);
	if (put == 'q')
		return !c->failed && first <= 1;
	return !c->failed && put == 'p' && (first == '0' || first == '1') && cursor_u8(c) == '\n';
}

/* Opcodes that need nothing on the stack, each but PROTO. */
static bool makes(uint8_t opcode)
{
	return opcode && strchr("(FIJKLMNPSTUVXBCG])c}i\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97", opcode);
}

static bool probe_text(struct cursor *c)
{
	struct cursor ahead = *c;
	switch (cursor_u8(c)) {
	case '(': {
		uint8_t kind = cursor_u8(c);
		return (kind == 'd' || kind == 'l') && puts_first(c);
	}
	case '}':
	case ']':
		return cursor_left(c) && *c->pos == 'q' && puts_first(c);
	case 'c':
		if (!skip_name(c) || !skip_name(c) || cursor_left(c) == 0)
			return false;
		ahead = *c;
		switch (cursor_u8(c)) {
		case '(':
			return (cursor_left(c) && *c->pos == 't') || makes(cursor_u8(c)); /* (t is the empty tuple */
		case ')':
			return true;
		default:
			return puts_first(&ahead);
		}
	default:
		return false;
	}
}

bool pickle_probe(struct slice head)
{
	struct cursor c = cursor_over(head);
	if (head.len < 2 || head.data[0] != 0x80)
		return probe_text(&c);
	cursor_skip(&c, 1);
	uint8_t protocol = cursor_u8(&c);
	return protocol >= 2 && protocol <= 5;
}
