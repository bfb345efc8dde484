/* SPDX-License-Identifier: MIT */
#pragma once
#include <inttypes.h>

#include "formats/shared/pickle.h"

/*
 * The machine while it runs.  The first failure sticks in `code`: calls after it do no harm,
 * and pickle_read() checks it after each opcode.  Until then node 0, which is never used,
 * stands for a missing value.
 */
enum {
	PICKLE_FAR = 16,    /* texts outside the window that are kept */
	PICKLE_NAME = 1024, /* longer names are never known ones */
	PICKLE_INTERNED = 4 + 256,
};

/* The memo: a tree of three levels.  Its memory grows with the number of entries, whatever their indices. */
struct pickle_memo_leaf {
	uint32_t nodes[1024];
};
struct pickle_memo_branch {
	struct pickle_memo_leaf *leaves[2048];
};

struct pickle_machine {
	struct pickle *p;
	struct error *err;
	int code;
	uint64_t start, op_at; /* of the pickle, of the opcode: offsets in the content */

	/* The window: bytes [from, …) of the content. */
	const uint8_t *bytes, *pos, *end;
	uint64_t from;
	uint8_t *buffer; /* NULL if the content is resident */
	size_t room, fill;

	uint32_t *stack, *marks;        /* marks: of each, where the values under it began */
	uint32_t depth, stack_room, fence; /* fence: where the values above the last mark begin */
	uint32_t marked, marks_room;
	struct pickle_memo_branch **memo;
	uint32_t memoized;

	uint32_t interned[PICKLE_INTERNED];

	struct pickle_far {
		uint32_t node;
		uint8_t *bytes;
	} far[PICKLE_FAR + 1];
	unsigned far_reads;
};

/* Runs opcodes until STOP, or a failure. */
void pickle_run(struct pickle_machine *m);

/* --- failing ------------------------------------------------------------------------- */

void pickle_fail(struct pickle_machine *m, int code, const char *what) __attribute__((cold));
void pickle_fail_memory(struct pickle_machine *m) __attribute__((cold));
void pickle_fail_values(struct pickle_machine *m) __attribute__((cold));

/* --- input --------------------------------------------------------------------------- */

static inline uint64_t pickle_at(const struct pickle_machine *m)
{
	return m->from + (uint64_t)(m->pos - m->bytes);
}

static inline uint64_t pickle_left(const struct pickle_machine *m)
{
	return m->p->in->size - pickle_at(m);
}

bool pickle_refill(struct pickle_machine *m, size_t n);

/* Are the next n bytes there, from m->pos on?  Otherwise it fails. */
static inline bool pickle_need(struct pickle_machine *m, size_t n)
{
	return (size_t)(m->end - m->pos) >= n || pickle_refill(m, n);
}

/* Goes on at the byte, which must be in the content. */
void pickle_seek(struct pickle_machine *m, uint64_t at);

/* The line that begins `skip` bytes from here, without its end; valid until more is read. */
struct slice pickle_line(struct pickle_machine *m, size_t skip);

/* --- the stack ----------------------------------------------------------------------- */

bool pickle_grow(struct pickle_machine *m, uint32_t **array, uint32_t *room);

static inline void pickle_push(struct pickle_machine *m, uint32_t node)
{
	if (m->depth < m->stack_room || pickle_grow(m, &m->stack, &m->stack_room))
		m->stack[m->depth++] = node;
}

/* The n-th value from above, from 0 on; 0: it failed. */
static inline uint32_t pickle_top(struct pickle_machine *m, uint32_t n)
{
	if (m->depth - m->fence > n)
		return m->stack[m->depth - 1 - n];
	pickle_fail(m, EBADMSG, "stack underflow");
	return 0;
}

static inline uint32_t pickle_pop(struct pickle_machine *m)
{
	uint32_t node = pickle_top(m, 0);
	if (node)
		m->depth--;
	return node;
}

/* --- values -------------------------------------------------------------------------- */

bool pickle_more_nodes(struct pickle_machine *m); /* adds a chunk */

/* Each returns the node's number, or 0: it failed. */
uint32_t pickle_make(struct pickle_machine *m, enum pickle_kind kind);
uint32_t pickle_make_int(struct pickle_machine *m, int64_t value);
uint32_t pickle_make_single(struct pickle_machine *m, enum pickle_kind kind, bool value); /* None, False, True, () */
uint32_t pickle_make_range(struct pickle_machine *m, enum pickle_kind kind, uint64_t offset, uint64_t len);
uint32_t pickle_make_kept(struct pickle_machine *m, enum pickle_kind kind, const uint8_t *bytes, size_t len);
uint32_t pickle_make_items(struct pickle_machine *m, enum pickle_kind kind, const uint32_t *items, uint32_t n);
uint32_t pickle_make_global(struct pickle_machine *m, uint32_t module, uint32_t name);

/* Keeps the text at m->pos, which is in the window and at that offset of the content, if it is short. */
void pickle_keep_word(struct pickle_machine *m, uint64_t offset, uint64_t len);

/* Appends to a container that is no tuple. */
void pickle_extend(struct pickle_machine *m, struct pickle_node *n, const uint32_t *items, uint32_t count);

/* --- opcodes whose arguments are lines: protocol 0 -------------------------------------- */

void pickle_line_int(struct pickle_machine *m, enum pickle_kind kind); /* INT or LONG */
void pickle_line_float(struct pickle_machine *m);
void pickle_line_string(struct pickle_machine *m);
void pickle_line_unicode(struct pickle_machine *m);
uint32_t pickle_line_global(struct pickle_machine *m);
uint32_t pickle_line_index(struct pickle_machine *m);
