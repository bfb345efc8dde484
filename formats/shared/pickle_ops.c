/* SPDX-License-Identifier: MIT */
/* The opcodes, as pickletools.py describes them and _pickle.c carries them out. */
#include "formats/shared/pickle_impl.h"

#include <endian.h>

#define UNUSED __attribute__((unused))
#define RUN(name) static void name(struct pickle_machine *m, UNUSED const struct pickle_op *op, UNUSED const uint8_t *arg)

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
		op_pop_mark(m, op, arg);
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

RUN(op_put) { put(m, op->arg ? (uint32_t)little(arg, op->arg) : pickle_line_index(m)); }
RUN(op_get) { get(m, op->arg ? (uint32_t)little(arg, op->arg) : pickle_line_index(m)); }
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
RUN(op_binint_unsigned) { pickle_push(m, pickle_make_int(m, (int64_t)little(arg, op->arg))); }

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
	uint64_t len = little(arg, op->arg), at = pickle_at(m);
	if (op->kind == PICKLE_STR && op->arg == 4 && len > INT32_MAX)
		pickle_fail(m, EBADMSG, "a negative length");
	else if (len > pickle_left(m))
		pickle_fail(m, EBADMSG, "a length beyond the end");
	if (m->code)
		return;
	pickle_push(m, pickle_make_range(m, op->kind, at, len));
	if (len <= (size_t)(m->end - m->pos))
		m->pos += len;
	else
		pickle_seek(m, at + len);
}

/* Two's complement; leading bytes may be redundant, though Python never writes such. */
RUN(op_long)
{
	uint64_t len = little(arg, op->arg), at = pickle_at(m), n = len;
	if (op->arg == 4 && len > INT32_MAX)
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

RUN(op_empty) { pickle_push(m, op->kind == PICKLE_TUPLE ? pickle_make_single(m, PICKLE_TUPLE, false) : pickle_make(m, op->kind)); }

RUN(op_marked)
{
	const uint32_t *items;
	uint32_t n = pop_mark(m, &items);
	if (op->kind == PICKLE_DICT && n % 2)
		pickle_fail(m, EBADMSG, "a key without a value");
	pickle_push(m, m->code ? 0 : pickle_make_items(m, op->kind, items, n));
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

static uint32_t make_call(struct pickle_machine *m, struct pickle_call call)
{
	uint8_t kind = node(m, call.callable)->kind;
	if (m->code == 0 && kind != PICKLE_GLOBAL && kind != PICKLE_CALL && kind != PICKLE_PERSISTENT)
		pickle_fail(m, EBADMSG, "a call of what is neither a function nor a class");
	else if (node(m, call.args)->kind != PICKLE_TUPLE)
		pickle_fail(m, EBADMSG, "a call whose arguments are no tuple");
	else if (call.kwargs && node(m, call.kwargs)->kind != PICKLE_DICT)
		pickle_fail(m, EBADMSG, "a call whose named arguments are no dictionary");
	uint32_t made = pickle_make(m, PICKLE_CALL);
	struct pickle_call *kept = made ? arena_aligned(m->p->keep, sizeof *kept, _Alignof(struct pickle_call)) : NULL;
	if (!kept) {
		pickle_fail_memory(m);
		return 0;
	}
	*kept = call;
	node(m, made)->call = kept;
	return made;
}

RUN(op_reduce)
{
	uint32_t args = pickle_pop(m), callable = pickle_pop(m);
	pickle_push(m, make_call(m, (struct pickle_call){callable, args, .made = false}));
}

RUN(op_newobj)
{
	uint32_t args = pickle_pop(m), class = pickle_pop(m);
	pickle_push(m, make_call(m, (struct pickle_call){class, args, .made = true}));
}

RUN(op_newobj_ex)
{
	uint32_t kwargs = pickle_pop(m), args = pickle_pop(m), class = pickle_pop(m);
	pickle_push(m, make_call(m, (struct pickle_call){class, args, kwargs, .made = true}));
}

RUN(op_inst)
{
	const uint32_t *items;
	uint32_t class = pickle_line_global(m), n = pop_mark(m, &items);
	uint32_t args = m->code ? 0 : pickle_make_items(m, PICKLE_TUPLE, items, n);
	pickle_push(m, make_call(m, (struct pickle_call){class, args, .made = true}));
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
	pickle_push(m, make_call(m, (struct pickle_call){class, args, .made = true}));
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
	pickle_continue(m);
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
	op_binpersid(m, op, arg);
}

RUN(op_extension) { pickle_fail(m, ENOTSUP, "an extension code, which only the program that wrote it knows"); }
RUN(op_next_buffer) { pickle_push(m, pickle_make(m, PICKLE_BUFFER)); }
RUN(op_readonly_buffer) { pickle_top(m, 0); }

/* clang-format off */
const struct pickle_op pickle_ops[256] = {
	['('] = {op_mark},
	['0'] = {op_pop},
	['1'] = {op_pop_mark},
	['2'] = {op_dup},
	['p'] = {op_put},
	['q'] = {op_put, 1},
	['r'] = {op_put, 4},
	[0x94] = {op_memoize},
	['g'] = {op_get},
	['h'] = {op_get, 1},
	['j'] = {op_get, 4},
	[0x80] = {op_proto, 1},
	[0x95] = {op_frame, 8},

	['N'] = {op_none},
	[0x88] = {op_true},
	[0x89] = {op_false},
	['I'] = {pickle_op_int, 0, PICKLE_INT},
	['L'] = {pickle_op_int, 0, PICKLE_LONG},
	['F'] = {pickle_op_float},
	['J'] = {op_binint, 4},
	['K'] = {op_binint_unsigned, 1},
	['M'] = {op_binint_unsigned, 2},
	[0x8a] = {op_long, 1},
	[0x8b] = {op_long, 4},
	['G'] = {op_binfloat, 8},
	['S'] = {pickle_op_string},
	['V'] = {pickle_op_unicode},
	['T'] = {op_bytes, 4, PICKLE_STR},
	['U'] = {op_bytes, 1, PICKLE_STR},
	['X'] = {op_bytes, 4, PICKLE_TEXT},
	[0x8c] = {op_bytes, 1, PICKLE_TEXT},
	[0x8d] = {op_bytes, 8, PICKLE_TEXT},
	['B'] = {op_bytes, 4, PICKLE_BYTES},
	['C'] = {op_bytes, 1, PICKLE_BYTES},
	[0x8e] = {op_bytes, 8, PICKLE_BYTES},
	[0x96] = {op_bytes, 8, PICKLE_BYTEARRAY},
	[0x97] = {op_next_buffer},
	[0x98] = {op_readonly_buffer},

	[')'] = {op_empty, 0, PICKLE_TUPLE},
	[']'] = {op_empty, 0, PICKLE_LIST},
	['}'] = {op_empty, 0, PICKLE_DICT},
	[0x8f] = {op_empty, 0, PICKLE_SET},
	['t'] = {op_marked, 0, PICKLE_TUPLE},
	['l'] = {op_marked, 0, PICKLE_LIST},
	['d'] = {op_marked, 0, PICKLE_DICT},
	[0x91] = {op_marked, 0, PICKLE_FROZENSET},
	[0x85] = {op_tuple1},
	[0x86] = {op_tuple2},
	[0x87] = {op_tuple3},
	['a'] = {op_append},
	['e'] = {op_appends},
	['s'] = {op_setitem},
	['u'] = {op_setitems},
	[0x90] = {op_additems},

	['c'] = {op_global},
	[0x93] = {op_stack_global},
	['R'] = {op_reduce},
	[0x81] = {op_newobj},
	[0x92] = {op_newobj_ex},
	['i'] = {op_inst},
	['o'] = {op_obj},
	['b'] = {op_build},
	['P'] = {op_persid},
	['Q'] = {op_binpersid},
	[0x82] = {op_extension, 1},
	[0x83] = {op_extension, 2},
	[0x84] = {op_extension, 4},
};
