/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"
#include "fs/source/source.h"

/*
 * Walks messages in the wire format of Protocol Buffers, of which it needs no description:
 *
 *	message   fields, one after another
 *	field     varint: number << 3 | wire; then, by the wire type
 *	            0  a varint                   1  8 bytes
 *	            2  a varint, and so many bytes: a message, a string, numbers without tags (packed)
 *	            3  fields, up to a 4 of the same number: a group
 *	            5  4 bytes
 *	varint    7 bits a byte, least significant first, 0x80 on all but the last; at most 10 bytes
 *
 * Numbers are little-endian.  Anything long is skipped by its length: only a window of the file is
 * read, which grows while reading is sequential and is small again after a jump.
 *
 * As with a cursor, the first fault sticks, in the input: every walk over it ends there, and
 * proto_check() reports it.  Use what a walk returned only after that check.
 *
 * As in other readers, fields may come in any order; a field with another wire type than expected
 * counts as unknown; of a field that is not repeated the last counts, but two messages are merged,
 * which amounts to reading one after the other (struct proto_part).
 *
 * https://protobuf.dev/programming-guides/encoding.  Limits are those of Google's readers.
 */
enum { PROTO_DEPTH = 100 }; /* messages and groups within another */

enum proto_wire { PROTO_VARINT, PROTO_I64, PROTO_LEN, PROTO_GROUP, PROTO_GROUP_END, PROTO_I32 };

/* What is read, through a window of the caller's; of one thread. */
struct proto_input {
	const struct source *source;
	uint8_t *window;
	size_t room; /* of it: PROTO_WINDOW_LEAST or more */
	uint64_t at; /* what is in it */
	size_t len;
	size_t ahead; /* how much to read if reading continues after that */
	struct error *err;
	int failed; /* -errno */
};
enum { PROTO_WINDOW_LEAST = 64, PROTO_WINDOW = 1 << 16 };

/* The useful size of a window for a source. */
static inline size_t proto_room(const struct source *s)
{
	return s->size < PROTO_WINDOW_LEAST ? PROTO_WINDOW_LEAST : s->size < PROTO_WINDOW ? (size_t)s->size : PROTO_WINDOW;
}

struct proto_input proto_input(const struct source *s, uint8_t *window, size_t room, struct error *err);

/* Where a message is; or, if it is in several places, where its parts are. */
struct proto_part {
	uint64_t at, len;
	const struct proto_part *next;
};

/* A walk over a message's fields. */
struct proto {
	struct proto_input *in;
	uint64_t at, end;
	const struct proto_part *next; /* what is left of the message after `end` */
	unsigned depth;                /* messages that may be within this one */
};

struct proto_field {
	uint32_t number;
	uint8_t wire;      /* enum proto_wire; a group was stepped over */
	uint64_t value;    /* VARINT, I64, I32 */
	uint64_t at, len;  /* LEN */
};

/* The whole source as a message; `parts`, which must be within the source, as one. */
struct proto proto_whole(struct proto_input *in);
struct proto proto_of_parts(struct proto_input *in, const struct proto_part *parts);

/* The next field; false at the end, and after a fault. */
bool proto_next(struct proto *m, struct proto_field *ret);

/* The message that a field of `m` is, or that its parts are together; fails beyond
 * PROTO_DEPTH. */
struct proto proto_enter(const struct proto *m, const struct proto_field *f);
struct proto proto_enter_parts(const struct proto *m, const struct proto_part *parts);

/* The parts of a message that may be in several places: usually one. */
struct proto_parts {
	struct proto_part *first, *last;
};
void proto_add_part(struct proto_input *in, struct proto_parts *parts, const struct proto_field *f, struct arena *arena);

/* A NUL-terminated copy of a field's bytes; fails if there is no memory. */
struct slice proto_text(struct proto_input *in, const struct proto_field *f, struct arena *arena);

/* Are they these bytes? */
bool proto_equal(struct proto_input *in, const struct proto_field *f, struct slice s);

/* Copies [at, at + len) of the source. */
bool proto_copy(struct proto_input *in, uint64_t at, size_t len, uint8_t *out);

/* The window from a byte on, read first if need be; *ret_len bytes of it, none of them past
 * `end`.  Valid until the next call. */
const uint8_t *proto_window(struct proto_input *in, uint64_t at, uint64_t end, size_t *ret_len);

/*
 * The numbers of one occurrence of a repeated field, whose wire type is `wire` if they are not
 * packed: both forms are read.
 *
 *	for (struct proto_run run = proto_run(m.in, &f, PROTO_VARINT); proto_number(&run, &n);)
 */
struct proto_run {
	struct proto_input *in;
	uint64_t at, end; /* packed ones; none: one number, or nothing */
	uint64_t value;
	uint8_t wire;
	bool one;
};
struct proto_run proto_run(struct proto_input *in, const struct proto_field *f, enum proto_wire wire);
bool proto_number(struct proto_run *run, uint64_t *ret);

/* Steps over `count` packed varints, or as many as there are, without decoding them; returns how
 * many that was. */
uint64_t proto_skip_varints(struct proto_input *in, uint64_t *at, uint64_t end, uint64_t count);

/* Fails at that byte, unless something did before. */
void proto_fail(struct proto_input *in, uint64_t at, const char *fault);

/* 0, or the first fault: -EBADMSG, "WHAT: FAULT at byte N"; -EIO and the like if reading failed. */
int proto_check(const struct proto_input *in, const char *what);
