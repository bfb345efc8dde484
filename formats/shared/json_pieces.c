/* SPDX-License-Identifier: MIT */
#include "formats/shared/json_pieces.h"

#include "fs/base/name.h"

/* A piece fits into a core's own cache; a step has at least LEAST bytes ahead. */
enum { PIECE = 1 << 18, LEAST = 1 << 15 };

static bool sound(const struct json_pieces *p)
{
	return p->failed == 0 && !p->invalid;
}

/* Appends n more bytes. */
static void read_more(struct json_pieces *p, size_t n)
{
	uint8_t *to = p->bytes + p->filled;
	p->failed = source_read(p->source, p->at, to, n, p->err);
	if (p->failed < 0)
		return;
	p->at += n, p->left -= n, p->filled += n;
	struct slice fresh = {to - p->unchecked, n + p->unchecked};
	p->unchecked = fresh.len - utf8_prefix(fresh);
	p->invalid = p->unchecked > 3 || (p->left == 0 && p->unchecked > 0);
}

/* Drops all but the last `kept` bytes, and moves those to the start of the room. */
static void let_go(struct json_pieces *p, uint8_t *room, size_t kept)
{
	memmove(room, p->bytes + p->filled - kept, kept);
	p->bytes = room;
	p->filled = kept;
}

/* Points the reader at the bytes now loaded; the first of them is where it was. */
static void go_on(struct json_pieces *p)
{
	struct json *j = p->j;
	j->passed += cursor_at(&j->c);
	j->c = cursor_over((struct slice){p->bytes, p->filled});
	j->indexed = j->indexed_end = NULL;
	if (!sound(p))
		json_fail(j, "the text cannot be read");
}

int json_pieces_open(struct json_pieces *p, const struct source *s, uint64_t offset, uint64_t len, struct arena *arena,
		     struct json *j, struct error *err)
{
	size_t room = len < PIECE ? (size_t)len : PIECE;
	struct slice mapped;
	int r = source_map(s, offset, len, &mapped, err);
	if (r < 0)
		return r;
	*p = (struct json_pieces){.source = s, .at = offset, .left = len, .j = j, .arena = arena, .room = room, .err = err};
	p->bytes = arena_alloc(arena, room);
	if (!p->bytes)
		return error_set(err, ENOMEM, "no memory for %zu bytes of metadata", room);
	*j = json_over((struct slice){p->bytes, 0}, arena);
	read_more(p, room);
	go_on(p);
	return p->failed;
}

static void bring_more(struct json_pieces *p)
{
	size_t kept = cursor_left(&p->j->c);
	if (p->left == 0 || kept >= LEAST || p->j->failed)
		return;
	let_go(p, p->bytes, kept);
	read_more(p, p->left < p->room - kept ? (size_t)p->left : p->room - kept);
	go_on(p);
}

/* Loads everything from the reader's position on, into new memory. */
static void bring_all(struct json_pieces *p)
{
	size_t kept = cursor_left(&p->j->c), all = kept + (size_t)p->left;
	uint8_t *room = arena_alloc(p->arena, all);
	if (!room) {
		p->failed = error_set(p->err, ENOMEM, "no memory for %zu bytes of metadata", all);
		return;
	}
	let_go(p, room, kept);
	p->room = all;
	read_more(p, (size_t)p->left);
	go_on(p);
}

bool json_pieces_step(struct json_pieces *p, bool (*step)(void *arg), void *arg)
{
	struct json *j = p->j;
	bring_more(p);
	const uint8_t *pos = j->c.pos;
	unsigned depth = j->depth;
	bool fresh = j->fresh, done = step(arg);

	if (!j->failed || p->left == 0 || !sound(p))
		return done;
	j->c.pos = pos, j->depth = depth, j->fresh = fresh, j->failed = 0;
	bring_all(p);
	return step(arg);
}

/* Reads the rest only to check that it is UTF-8. */
static void read_rest(struct json_pieces *p)
{
	while (p->left > 0 && sound(p)) {
		let_go(p, p->bytes, p->unchecked);
		read_more(p, p->left < p->room - p->filled ? (size_t)p->left : p->room - p->filled);
	}
}

int json_pieces_end(struct json_pieces *p, int found, const char *what)
{
	if (p->left > 0 && sound(p) && found == 0 && !p->j->failed)
		bring_all(p);
	read_rest(p);
	if (p->invalid) {
		p->err->text[0] = '\0';
		return error_set(p->err, EBADMSG, "%s is not UTF-8", what);
	}
	return found ? found : p->failed ? p->failed : json_end(p->j, p->err, what);
}
