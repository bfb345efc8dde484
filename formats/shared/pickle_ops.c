/* SPDX-License-Identifier: MIT */
/* The opcodes, as pickletools.py describes them and _pickle.c carries them out. */
#include "formats/shared/pickle_impl.h"

#include <endian.h>

enum { OPCODES_MAX = 1 << 28 };

/* What opcodes do, by the table at the end: `bytes` follow one, at `arg`, and it makes a `kind`. */
#define UNUSED __attribute__((unused))
#define RUN(name) static inline void name(struct pickle_machine *m, UNUSED unsigned bytes, UNUSED enum pickle_kind kind, UNUSED const uint8_t *arg)

static inline uint64_t little(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;
	uint32_t four;
	if (n == 1)
		return *bytes;
	if (n == sizeof four) { /* a load, where the compiler makes a loop of it */
		memcpy(&four, bytes, sizeof four);
		return le32toh(four);
	}
	while (n-- > 0)
		value = value << 8 | bytes[n];
	return value;
}

static struct pickle_node *node(struct pickle_machine *m, uint32_t number) { return pickle_node(m->p, number); }

/* --- the stack and the memo ---------------------------------------------------------- */

RUN(op_mark)
{
	if (m->marked < m->marks_room || pickle_grow(m, &m->marks, &m->marks_room)) {
		m->marks[m->marked++] = m->fence;
		m->fence = m->depth;
	}
}

/* Takes the mark and the values above it, and returns their number; *items is valid until a push. */
static uint32_t pop_mark(struct pickle_machine *m, const uint32_t **items)
{
	uint32_t n = m->depth - m->fence;
	*items = m->stack + m->fence;
	if (m->marked == 0) {
		pickle_fail(m, EBADMSG, "no mark on the stack");
		return 0;
	}
	m->depth = m->fence;
	m->fence = m->marks[--m->marked];
	return n;
}

RUN(op_pop_mark)
{
	const uint32_t *items;
	pop_mark(m, &items);
}

RUN(op_pop)
{
	if (m->depth == m->fence && m->marked)
		op_pop_mark(m, bytes, kind, arg);
	else
		pickle_pop(m);
}

RUN(op_dup)
{
	pickle_push(m, pickle_top(m, 0));
}

/* NULL: nothing near it was put. */
static inline uint32_t *memo(const struct pickle_machine *m, uint32_t index)
{
	const struct pickle_memo_branch *branch = m->memo ? m->memo[index >> 21] : NULL;
	struct pickle_memo_leaf *leaf = branch ? branch->leaves[index >> 10 & 2047] : NULL;
	return leaf ? &leaf->nodes[index & 1023] : NULL;
}

static __attribute__((noinline)) uint32_t *grow_memo(struct pickle_machine *m, uint32_t index)
{
	struct arena *a = m->p->scratch;
	if (!m->memo && !(m->memo = arena_array(a, 2048, sizeof *m->memo)))
		return NULL;
	struct pickle_memo_branch **branch = &m->memo[index >> 21];
	if (!*branch && !(*branch = arena_alloc(a, sizeof **branch)))
		return NULL;
	(*branch)->leaves[index >> 10 & 2047] = arena_alloc(a, sizeof(struct pickle_memo_leaf));
	return memo(m, index);
}

static void put(struct pickle_machine *m, uint32_t index)
{
	uint32_t top = pickle_top(m, 0), *at = memo(m, index);
	if (!top || m->code)
		return;
	if (!at && !(at = grow_memo(m, index))) {
		pickle_fail_memory(m);
		return;
	}
	m->memoized += *at == 0;
	*at = top;
}

static void get(struct pickle_machine *m, uint32_t index)
{
	const uint32_t *at = memo(m, index);
	if (at && *at)
		pickle_push(m, *at);
	else
		pickle_fail(m, EBADMSG, "a memo that was never put");
}

RUN(op_put) { put(m, bytes ? (uint32_t)little(arg, bytes) : pickle_line_index(m)); }
RUN(op_get) { get(m, bytes ? (uint32_t)little(arg, bytes) : pickle_line_index(m)); }
RUN(op_memoize) { put(m, m->memoized); }

/* --- values -------------------------------------------------------------------------- */

RUN(op_proto)
{
	if (*arg > 5)
		pickle_fail(m, EBADMSG, "a protocol above 5");
}

RUN(op_frame)
{
	if (little(arg, 8) > pickle_left(m))
		pickle_fail(m, EBADMSG, "a frame that ends behind the pickle");
}

RUN(op_none) { pickle_push(m, pickle_make_single(m, PICKLE_NONE, false)); }
RUN(op_true) { pickle_push(m, pickle_make_single(m, PICKLE_BOOL, true)); }
RUN(op_false) { pickle_push(m, pickle_make_single(m, PICKLE_BOOL, false)); }
RUN(op_binint) { pickle_push(m, pickle_make_int(m, (int32_t)little(arg, 4))); }
RUN(op_binint_unsigned) { pickle_push(m, pickle_make_int(m, (int64_t)little(arg, bytes))); }

RUN(op_int) { pickle_line_int(m, kind); }
RUN(op_float) { pickle_line_float(m); }
RUN(op_string) { pickle_line_string(m); }
RUN(op_unicode) { pickle_line_unicode(m); }

RUN(op_binfloat)
{
	uint64_t bits = __builtin_bswap64(little(arg, 8));
	uint32_t made = pickle_make(m, PICKLE_FLOAT);
	memcpy(&node(m, made)->real, &bits, sizeof bits);
	pickle_push(m, made);
}

/* A length, then so many bytes.  Those are not looked at. */
RUN(op_bytes)
{
	uint64_t len = little(arg, bytes), at = pickle_at(m);
	if (kind == PICKLE_STR && bytes == 4 && len > INT32_MAX)
		pickle_fail(m, EBADMSG, "a negative length");
	else if (len > pickle_left(m))
		pickle_fail(m, EBADMSG, "a length beyond the end");
	if (m->code)
		return;
	pickle_push(m, pickle_make_range(m, kind, at, len));
	if (len > (size_t)(m->end - m->pos)) {
		pickle_seek(m, at + len);
		return;
	}
	if (!m->p->resident.bytes && kind == PICKLE_TEXT)
		pickle_keep_word(m, at, len);
	m->pos += len;
}

/* Two's complement; leading bytes may be redundant, though Python never writes such. */
RUN(op_long)
{
	uint64_t len = little(arg, bytes), at = pickle_at(m), n = len;
	if (bytes == 4 && len > INT32_MAX)
		pickle_fail(m, EBADMSG, "a negative length");
	else if (len > pickle_left(m))
		pickle_fail(m, EBADMSG, "a length beyond the end");
	if (m->code || (len <= 255 && !pickle_need(m, (size_t)len)))
		return;
	while (len <= 255 && n > 8 && m->pos[n - 1] == (m->pos[n - 2] & 0x80 ? 0xff : 0))
		n--;
	if (n > 8) {
		pickle_push(m, pickle_make_range(m, PICKLE_LONG, at, n));
	} else if (n == 0) {
		pickle_push(m, pickle_make_int(m, 0));
	} else {
		unsigned unused = 64 - 8 * (unsigned)n;
		pickle_push(m, pickle_make_int(m, (int64_t)(little(m->pos, (unsigned)n) << unused) >> unused));
	}
	pickle_seek(m, at + len);
}

/* --- containers ---------------------------------------------------------------------- */

RUN(op_empty) { pickle_push(m, kind == PICKLE_TUPLE ? pickle_make_single(m, PICKLE_TUPLE, false) : pickle_make(m, kind)); }

RUN(op_marked)
{
	const uint32_t *items;
	uint32_t n = pop_mark(m, &items);
	if (kind == PICKLE_DICT && n % 2)
		pickle_fail(m, EBADMSG, "a key without a value");
	pickle_push(m, m->code ? 0 : pickle_make_items(m, kind, items, n));
}

static void tuple_of(struct pickle_machine *m, uint32_t n)
{
	if (!pickle_top(m, n - 1))
		return;
	m->depth -= n;
	pickle_push(m, pickle_make_items(m, PICKLE_TUPLE, m->stack + m->depth, n));
}

RUN(op_tuple1) { tuple_of(m, 1); }
RUN(op_tuple2) { tuple_of(m, 2); }
RUN(op_tuple3) { tuple_of(m, 3); }

/* Adds to what is on top: to a container of the kind, or to what an object keeps as one. */
static void add(struct pickle_machine *m, enum pickle_kind kind, const uint32_t *items, uint32_t count, const char *refusal)
{
	struct pickle_node *n = node(m, pickle_top(m, 0));
	if (m->code == 0 && n->kind == PICKLE_CALL) {
		uint32_t *own = kind == PICKLE_DICT ? &n->call->entries : &n->call->items;
		if (*own == 0)
			*own = pickle_make(m, kind == PICKLE_DICT ? PICKLE_DICT : PICKLE_LIST);
		n = node(m, *own);
	} else if (n->kind != kind) {
		pickle_fail(m, EBADMSG, refusal);
	}
	if (kind == PICKLE_DICT && count % 2)
		pickle_fail(m, EBADMSG, "a key without a value");
	if (m->code == 0)
		pickle_extend(m, n, items, count);
}

static void add_above(struct pickle_machine *m, enum pickle_kind kind, uint32_t count, const char *refusal)
{
	if (!pickle_top(m, count))
		return;
	m->depth -= count;
	add(m, kind, m->stack + m->depth, count, refusal);
}

static void add_marked(struct pickle_machine *m, enum pickle_kind kind, const char *refusal)
{
	const uint32_t *items;
	uint32_t n = pop_mark(m, &items);
	add(m, kind, items, n, refusal);
}

static const char no_list[] = "items are appended to what is no list", no_dict[] = "a key is set in what is no dictionary",
		  no_set[] = "items are added to what is no set";

RUN(op_append) { add_above(m, PICKLE_LIST, 1, no_list); }
RUN(op_appends) { add_marked(m, PICKLE_LIST, no_list); }
RUN(op_setitem) { add_above(m, PICKLE_DICT, 2, no_dict); }
RUN(op_setitems) { add_marked(m, PICKLE_DICT, no_dict); }
RUN(op_additems) { add_marked(m, PICKLE_SET, no_set); }

/* --- globals and calls --------------------------------------------------------------- */

RUN(op_global) { pickle_push(m, pickle_line_global(m)); }

RUN(op_stack_global)
{
	uint32_t name = pickle_pop(m), module = pickle_pop(m);
	uint8_t a = node(m, module)->kind, b = node(m, name)->kind;
	if ((a != PICKLE_TEXT && a != PICKLE_STR) || (b != PICKLE_TEXT && b != PICKLE_STR))
		pickle_fail(m, EBADMSG, "a global whose name is no text");
	pickle_push(m, pickle_make_global(m, module, name));
}

/* Pushes it, for the caller to complete; NULL: it failed. */
static struct pickle_call *push_call(struct pickle_machine *m, uint32_t callable, uint32_t args)
{
	const struct pickle_node *called = node(m, callable);
	if (m->code == 0 && called->kind != PICKLE_GLOBAL && called->kind != PICKLE_CALL && called->kind != PICKLE_PERSISTENT)
		pickle_fail(m, EBADMSG, "a call of what is neither a function nor a class");
	else if (node(m, args)->kind != PICKLE_TUPLE)
		pickle_fail(m, EBADMSG, "a call whose arguments are no tuple");
	uint32_t made = pickle_make(m, PICKLE_CALL);
	struct pickle_call *call = made ? arena_aligned(m->p->keep, sizeof *call, _Alignof(struct pickle_call)) : NULL;
	if (!call) {
		pickle_fail_memory(m);
		return NULL;
	}
	struct pickle_node *n = node(m, made);
	n->known = called->kind == PICKLE_GLOBAL ? called->known : 0;
	n->call = call;
	call->callable = callable;
	call->args = args;
	pickle_push(m, made);
	return call;
}

static void push_made(struct pickle_machine *m, uint32_t class, uint32_t args, uint32_t kwargs)
{
	struct pickle_call *call = push_call(m, class, args);
	if (kwargs && node(m, kwargs)->kind != PICKLE_DICT)
		pickle_fail(m, EBADMSG, "a call whose named arguments are no dictionary");
	if (call) {
		call->kwargs = kwargs;
		call->made = true;
	}
}

RUN(op_reduce)
{
	uint32_t args = pickle_pop(m), callable = pickle_pop(m);
	push_call(m, callable, args);
}

RUN(op_newobj)
{
	uint32_t args = pickle_pop(m), class = pickle_pop(m);
	push_made(m, class, args, 0);
}

RUN(op_newobj_ex)
{
	uint32_t kwargs = pickle_pop(m), args = pickle_pop(m), class = pickle_pop(m);
	push_made(m, class, args, kwargs);
}

RUN(op_inst)
{
	const uint32_t *items;
	uint32_t class = pickle_line_global(m), n = pop_mark(m, &items);
	push_made(m, class, m->code ? 0 : pickle_make_items(m, PICKLE_TUPLE, items, n), 0);
}

RUN(op_obj)
{
	const uint32_t *items;
	uint32_t n = pop_mark(m, &items);
	if (n == 0)
		pickle_fail(m, EBADMSG, "stack underflow");
	if (m->code)
		return;
	uint32_t class = items[0], args = pickle_make_items(m, PICKLE_TUPLE, items + 1, n - 1);
	push_made(m, class, args, 0);
}

RUN(op_build)
{
	uint32_t state = pickle_pop(m), object = pickle_top(m, 0);
	struct pickle_node *n = node(m, object);
	if (n->kind != PICKLE_CALL)
		pickle_fail(m, EBADMSG, "a state is given to what is no object");
	if (m->code)
		return;
	n->call->state = state;
	uint64_t at = pickle_at(m), to = at;
	if (m->p->built)
		m->code = m->p->built(m->p, object, &to, m->err);
	if (to < at || to > m->p->in->size)
		pickle_fail(m, EBADMSG, "an object that is followed by less than belongs to it");
	if (m->code == 0 && to != at)
		pickle_seek(m, to);
}

static void make_pair(struct pickle_machine *m, enum pickle_kind kind, uint32_t first)
{
	uint32_t made = pickle_make(m, kind);
	node(m, made)->pair[0] = first;
	pickle_push(m, made);
}

RUN(op_binpersid)
{
	if (!m->p->persistent)
		pickle_fail(m, EBADMSG, "a persistent id, for which there is nothing to look in");
	make_pair(m, PICKLE_PERSISTENT, pickle_pop(m));
}

RUN(op_persid)
{
	uint64_t at = pickle_at(m);
	struct slice line = pickle_line(m, 0);
	if (m->code)
		return;
	pickle_push(m, pickle_make_range(m, PICKLE_TEXT, at, line.len));
	m->pos += line.len + 1;
	op_binpersid(m, bytes, kind, arg);
}

RUN(op_extension) { pickle_fail(m, ENOTSUP, "an extension code, which only the program that wrote it knows"); }
RUN(op_next_buffer) { pickle_push(m, pickle_make(m, PICKLE_BUFFER)); }
RUN(op_readonly_buffer) { pickle_top(m, 0); }

/* clang-format off */
#define OPCODES(X)                              \
	X('(', op_mark, 0, 0)                   \
	X('0', op_pop, 0, 0)                    \
	X('1', op_pop_mark, 0, 0)               \
	X('2', op_dup, 0, 0)                    \
	X('p', op_put, 0, 0)                    \
	X('q', op_put, 1, 0)                    \
	X('r', op_put, 4, 0)                    \
	X(0x94, op_memoize, 0, 0)               \
	X('g', op_get, 0, 0)                    \
	X('h', op_get, 1, 0)                    \
	X('j', op_get, 4, 0)                    \
	X(0x80, op_proto, 1, 0)                 \
	X(0x95, op_frame, 8, 0)                 \
                                                \
	X('N', op_none, 0, 0)                   \
	X(0x88, op_true, 0, 0)                  \
	X(0x89, op_false, 0, 0)                 \
	X('I', op_int, 0, PICKLE_INT)           \
	X('L', op_int, 0, PICKLE_LONG)          \
	X('F', op_float, 0, 0)                  \
	X('J', op_binint, 4, 0)                 \
	X('K', op_binint_unsigned, 1, 0)        \
	X('M', op_binint_unsigned, 2, 0)        \
	X(0x8a, op_long, 1, 0)                  \
	X(0x8b, op_long, 4, 0)                  \
	X('G', op_binfloat, 8, 0)               \
	X('S', op_string, 0, 0)                 \
	X('V', op_unicode, 0, 0)                \
	X('T', op_bytes, 4, PICKLE_STR)         \
	X('U', op_bytes, 1, PICKLE_STR)         \
	X('X', op_bytes, 4, PICKLE_TEXT)        \
	X(0x8c, op_bytes, 1, PICKLE_TEXT)       \
	X(0x8d, op_bytes, 8, PICKLE_TEXT)       \
	X('B', op_bytes, 4, PICKLE_BYTES)       \
	X('C', op_bytes, 1, PICKLE_BYTES)       \
	X(0x8e, op_bytes, 8, PICKLE_BYTES)      \
	X(0x96, op_bytes, 8, PICKLE_BYTEARRAY)  \
	X(0x97, op_next_buffer, 0, 0)           \
	X(0x98, op_readonly_buffer, 0, 0)       \
                                                \
	X(')', op_empty, 0, PICKLE_TUPLE)       \
	X(']', op_empty, 0, PICKLE_LIST)        \
	X('}', op_empty, 0, PICKLE_DICT)        \
	X(0x8f, op_empty, 0, PICKLE_SET)        \
	X('t', op_marked, 0, PICKLE_TUPLE)      \
	X('l', op_marked, 0, PICKLE_LIST)       \
	X('d', op_marked, 0, PICKLE_DICT)       \
	X(0x91, op_marked, 0, PICKLE_FROZENSET) \
	X(0x85, op_tuple1, 0, 0)                \
	X(0x86, op_tuple2, 0, 0)                \
	X(0x87, op_tuple3, 0, 0)                \
	X('a', op_append, 0, 0)                 \
	X('e', op_appends, 0, 0)                \
	X('s', op_setitem, 0, 0)                \
	X('u', op_setitems, 0, 0)               \
	X(0x90, op_additems, 0, 0)              \
                                                \
	X('c', op_global, 0, 0)                 \
	X(0x93, op_stack_global, 0, 0)          \
	X('R', op_reduce, 0, 0)                 \
	X(0x81, op_newobj, 0, 0)                \
	X(0x92, op_newobj_ex, 0, 0)             \
	X('i', op_inst, 0, 0)                   \
	X('o', op_obj, 0, 0)                    \
	X('b', op_build, 0, 0)                  \
	X('P', op_persid, 0, 0)                 \
	X('Q', op_binpersid, 0, 0)              \
	X(0x82, op_extension, 1, 0)             \
	X(0x83, op_extension, 2, 0)             \
	X(0x84, op_extension, 4, 0)
/* clang-format on */

/* --- the loop ------------------------------------------------------------------------ */

/* At the end of the window: there is an opcode after it. */
static bool begins_another(struct pickle_machine *m)
{
	if (pickle_left(m) == 0)
		pickle_fail(m, EBADMSG, "it ends without STOP");
	return m->code == 0 && pickle_refill(m, 1);
}

static void stop(struct pickle_machine *m)
{
	m->p->root = pickle_pop(m);
	m->p->end = m->op_at + 1;
}

void pickle_run(struct pickle_machine *m)
{
	for (uint32_t opcodes = 0; m->code == 0; opcodes++) {
		m->op_at = pickle_at(m);
		if (m->pos == m->end && !begins_another(m))
			return;
		if (opcodes == OPCODES_MAX) {
			m->code = error_set(m->err, ENOMEM, "a pickle of more than 268,435,456 opcodes");
			return;
		}
		switch (*m->pos) {
#define RUN_IT(opcode, run, bytes, kind)                        \
	case opcode:                                            \
		if (!pickle_need(m, 1 + bytes))                 \
			return;                                 \
		m->pos += 1 + bytes;                            \
		run(m, bytes, kind, m->pos - bytes);            \
		break;
			OPCODES(RUN_IT)
#undef RUN_IT
		case '.':
			stop(m);
			return;
		default:
			m->code = error_set(m->err, EBADMSG, "pickle: opcode 0x%02x at byte %" PRIu64, *m->pos, m->op_at - m->start);
			return;
		}
	}
}
