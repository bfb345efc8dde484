/* SPDX-License-Identifier: MIT */
#include "formats/torch/torch.h"

#include <stdio.h>
#include <stdlib.h>

/* --- what there is ------------------------------------------------------------------------- */

static void add_walk(struct torch_children *c, enum torch_part_kind kind, uint32_t node)
{
	if (node)
		c->parts[c->count++] = (struct torch_part){.kind = kind, .walk = pickle_items(torch_node(c->f, node))};
}

static void add_one(struct torch_children *c, const char *word, uint32_t node)
{
	if (node)
		c->parts[c->count++] = (struct torch_part){.kind = PART_ONE, .one = {.node = node, .word = word}};
}

static bool is_kind(const struct torch_file *f, uint32_t node, enum pickle_kind kind)
{
	return node && torch_node(f, node)->kind == kind;
}

static bool is_listed(const struct torch_file *f, uint32_t node)
{
	return is_kind(f, node, PICKLE_LIST) || is_kind(f, node, PICKLE_TUPLE) || is_kind(f, node, PICKLE_SET) ||
	       is_kind(f, node, PICKLE_FROZENSET);
}

/* What a container is made of: a dictionary, a list of pairs or a list. */
static void add_content(struct torch_children *c, uint32_t node, bool pairs)
{
	if (is_kind(c->f, node, PICKLE_DICT))
		add_walk(c, PART_PAIRS, node);
	else if (is_listed(c->f, node))
		add_walk(c, pairs ? PART_LISTED_PAIRS : PART_ITEMS, node);
}

/* A dictionary, or that and one of __slots__; false if the state is anything else. */
static bool add_state(struct torch_children *c, uint32_t state)
{
	const struct pickle_node *n = torch_node(c->f, state);
	if (is_kind(c->f, state, PICKLE_DICT)) {
		add_walk(c, PART_PAIRS, state);
		return true;
	}
	if (!is_kind(c->f, state, PICKLE_TUPLE) || n->count != 2)
		return false;
	for (uint32_t i = 0; i < 2; i++)
		if (!is_kind(c->f, pickle_item(n, i), PICKLE_DICT) && !is_kind(c->f, pickle_item(n, i), PICKLE_NONE))
			return false;
	for (uint32_t i = 0; i < 2; i++)
		add_content(c, pickle_item(n, i), false);
	return true;
}

static void add_object(struct torch_children *c, const struct pickle_call *call, const struct torch_called *called)
{
	bool named = called->state && add_state(c, called->state);
	if (called->known == TORCH_RECONSTRUCTOR) /* (class, base, what the base holds) */
		add_content(c, torch_arg(c->f, called, 2), false);
	add_walk(c, PART_ITEMS, call->items);
	add_walk(c, PART_PAIRS, call->entries);
	if (called->known != TORCH_RECONSTRUCTOR && called->known != TORCH_WRAPPER && torch_node(c->f, called->args)->count)
		add_one(c, "args", called->args);
	add_one(c, "kwargs", call->kwargs);
	if (!named)
		add_one(c, "state", called->state);
}

static const char *const compressed[][2] = {
	{"crow_indices", "col_indices"}, /* CSR, BSR */
	{"ccol_indices", "row_indices"}, /* CSC, BSC */
};

static void add_sparse(struct torch_children *c, const struct torch_called *called)
{
	char layout[64];
	uint32_t data = torch_arg(c->f, called, 1);
	const struct pickle_node *n = torch_node(c->f, data);
	if (!is_kind(c->f, data, PICKLE_TUPLE) || n->count < 3)
		return;
	torch_layout(c->f, torch_arg(c->f, called, 0), layout);
	if (strcmp(layout, "torch.sparse_coo") == 0) {
		add_one(c, "indices", pickle_item(n, 0));
		add_one(c, "values", pickle_item(n, 1));
		return;
	}
	bool columns = strcmp(layout, "torch.sparse_csc") == 0 || strcmp(layout, "torch.sparse_bsc") == 0;
	add_one(c, compressed[columns][0], pickle_item(n, 0));
	add_one(c, compressed[columns][1], pickle_item(n, 1));
	add_one(c, "values", pickle_item(n, 2));
}

/* Quantizers: (scheme, scale, zero_point), or (scheme, scales, zero_points, axis). */
static void add_quantized(struct torch_children *c, const struct torch_called *called, uint32_t node)
{
	uint32_t quantizer = torch_arg(c->f, called, 4);
	const struct pickle_node *n = torch_node(c->f, quantizer);
	add_one(c, "values", node);
	c->parts[c->count - 1].one.integers = true;
	if (is_kind(c->f, quantizer, PICKLE_TUPLE) && n->count == 4) {
		add_one(c, "scale", pickle_item(n, 1));
		add_one(c, "zero_point", pickle_item(n, 2));
	}
}

static void add_parts(struct torch_children *c, const struct torch_called *called, uint32_t node)
{
	static const char *const nested[] = {"values", "sizes", "strides", "storage_offsets"};
	if (called->known == TORCH_QTENSOR)
		add_quantized(c, called, node);
	else if (called->known == TORCH_NESTED)
		for (uint32_t i = 0; i < 4; i++)
			add_one(c, nested[i], torch_arg(c->f, called, i));
	else
		add_sparse(c, called);
}

struct torch_children torch_children(const struct torch_file *f, uint32_t node)
{
	struct torch_children c = {.f = f};
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called called = torch_called(f, n);
	if (n->kind != PICKLE_CALL) {
		add_content(&c, node, false);
		return c;
	}
	switch (called.known) {
	case TORCH_SEQUENCE:
		add_content(&c, torch_arg(f, &called, 0), false);
		add_walk(&c, PART_ITEMS, n->call->items);
		break;
	case TORCH_ORDERED_DICT:
		add_content(&c, torch_arg(f, &called, 0), true);
		add_walk(&c, PART_PAIRS, n->call->entries);
		break;
	case TORCH_DEFAULT_DICT: /* (factory, pairs) */
		add_content(&c, torch_arg(f, &called, 1), true);
		add_walk(&c, PART_PAIRS, n->call->entries);
		break;
	case TORCH_QTENSOR:
	case TORCH_SPARSE:
	case TORCH_SPARSE_CSR:
	case TORCH_NESTED:
		add_parts(&c, &called, node);
		break;
	default:
		add_object(&c, n->call, &called);
		break;
	}
	return c;
}

/* A key of 0 was taken out: graph.c. */
static bool next_pair(struct torch_part *part, struct torch_child *ret)
{
	do
		if (!pickle_next(&part->walk, &ret->key) || !pickle_next(&part->walk, &ret->node))
			return false;
	while (!ret->key);
	return true;
}

/* What is no pair is left out: Python refuses it. */
static bool next_listed_pair(const struct torch_file *f, struct torch_part *part, struct torch_child *ret)
{
	uint32_t pair;
	while (pickle_next(&part->walk, &pair)) {
		const struct pickle_node *n = torch_node(f, pair);
		if ((n->kind == PICKLE_TUPLE || n->kind == PICKLE_LIST) && n->count == 2) {
			*ret = (struct torch_child){.key = pickle_item(n, 0), .node = pickle_item(n, 1)};
			return true;
		}
	}
	return false;
}

bool torch_next(struct torch_children *c, struct torch_child *ret)
{
	for (; c->at < c->count; c->at++) {
		struct torch_part *part = &c->parts[c->at];
		*ret = (struct torch_child){0};
		switch (part->kind) {
		case PART_ONE:
			*ret = part->one;
			c->at++;
			return true;
		case PART_PAIRS:
			if (next_pair(part, ret))
				return true;
			break;
		case PART_LISTED_PAIRS:
			if (next_listed_pair(c->f, part, ret))
				return true;
			break;
		case PART_ITEMS:
			if (pickle_next(&part->walk, &ret->node)) {
				ret->index = c->index++;
				return true;
			}
			break;
		}
	}
	return false;
}

/* --- what it is called ------------------------------------------------------------------------ */

enum { KEY_DEPTH = 8, KEY_MAX = 1 << 16 };

/* As Python prints a float: the shortest digits that give it back. */
void torch_put_float(double value, struct text *ret)
{
	char digits[32];
	int precision = 0, exponent;
	if (value != value || value - value != 0) {
		text_add(ret, value != value ? "nan" : value > 0 ? "inf" : "-inf");
		return;
	}
	do
		snprintf(digits, sizeof digits, "%.*e", precision, value);
	while (strtod(digits, NULL) != value && ++precision < 17);
	exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
	if (exponent < -4 || exponent >= 16) {
		text_put(ret, (struct slice){(const uint8_t *)digits, strcspn(digits, "e")});
		text_print(ret, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
		return;
	}
	int behind = precision - exponent;
	text_print(ret, "%.*f", behind < 1 ? 1 : behind, value);
}

/* As Python's repr(): single quotes, unless there are some in it and no double ones. */
void torch_put_quoted(struct slice s, struct text *ret)
{
	char quote = s.len && memchr(s.data, '\'', s.len) && !memchr(s.data, '"', s.len) ? '"' : '\'';
	text_print(ret, "%c", quote);
	for (size_t i = 0; i < s.len; i++) {
		uint8_t byte = s.data[i];
		if (byte == quote || byte == '\\')
			text_print(ret, "\\%c", byte);
		else if (byte == '\n' || byte == '\r' || byte == '\t')
			text_add(ret, byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t");
		else if (byte < ' ' || byte == 0x7f)
			text_print(ret, "\\x%02x", byte);
		else
			text_put(ret, (struct slice){&byte, 1});
	}
	text_print(ret, "%c", quote);
}

static int put_text(const struct torch_file *f, const struct pickle_node *n, bool quoted, struct text *ret, struct error *err)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s;
	int r = pickle_text(&f->pickle, n, &scratch, KEY_MAX, &s, err);
	if (r == 0 && quoted)
		torch_put_quoted(s, ret);
	else if (r == 0)
		text_put(ret, s);
	arena_free(&scratch);
	return r;
}

void torch_put_global(const struct torch_file *f, const struct pickle_node *n, struct text *ret)
{
	(void)put_text(f, torch_node(f, n->pair[0]), false, ret, NULL);
	text_add(ret, ".");
	(void)put_text(f, torch_node(f, n->pair[1]), false, ret, NULL);
}

static int put_key(const struct torch_file *f, uint32_t key, unsigned depth, struct text *ret, struct error *err);

static int put_tuple(const struct torch_file *f, const struct pickle_node *n, unsigned depth, struct text *ret, struct error *err)
{
	int r = 0;
	text_add(ret, "(");
	for (uint32_t i = 0; r == 0 && i < n->count && ret->len < KEY_MAX; i++) {
		text_add(ret, i ? ", " : "");
		r = put_key(f, pickle_item(n, i), depth + 1, ret, err);
	}
	text_add(ret, n->count == 1 ? ",)" : ")");
	return r;
}

/* What bytes are in protocols 0 to 2: the characters of text, each a byte. */
static int put_encoded(const struct torch_file *f, const struct pickle_node *n, bool quoted, struct text *ret, struct error *err)
{
	struct torch_called c = torch_called(f, n);
	uint32_t text = c.known == TORCH_ENCODE ? torch_arg(f, &c, 0) : 0;
	struct arena scratch = arena_apart(&f->a->arena);
	struct text bytes = {.limit = KEY_MAX};
	struct slice s;
	int r = text ? pickle_text(&f->pickle, torch_node(f, text), &scratch, KEY_MAX, &s, err) : 0;
	for (size_t i = 0; text && r == 0 && i < s.len; i++) {
		uint8_t byte = s.data[i];
		if (byte >= 0xc0 && i + 1 < s.len)
			byte = (uint8_t)(byte << 6 | (s.data[++i] & 0x3f));
		text_put(&bytes, (struct slice){&byte, 1});
	}
	if (r == 0 && quoted)
		torch_put_quoted(text_slice(&bytes), ret);
	else if (r == 0)
		text_put(ret, text ? text_slice(&bytes) : SLICE("?"));
	text_free(&bytes);
	arena_free(&scratch);
	return r;
}

/* depth 0: the name itself, which has no quotes. */
static int put_key(const struct torch_file *f, uint32_t key, unsigned depth, struct text *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, key);
	switch (n->kind) {
	case PICKLE_NONE:
		text_add(ret, "None");
		return 0;
	case PICKLE_BOOL:
		text_add(ret, n->number ? "True" : "False");
		return 0;
	case PICKLE_INT:
	case PICKLE_LONG:
		return pickle_decimal(&f->pickle, n, ret, err);
	case PICKLE_FLOAT:
		torch_put_float(n->real, ret);
		return 0;
	case PICKLE_TEXT:
	case PICKLE_STR:
		return put_text(f, n, depth > 0, ret, err);
	case PICKLE_BYTES:
		text_add(ret, depth ? "b" : "");
		return put_text(f, n, depth > 0, ret, err);
	case PICKLE_GLOBAL:
		torch_put_global(f, n, ret);
		return 0;
	case PICKLE_CALL:
		return put_encoded(f, n, depth > 0, ret, err);
	case PICKLE_TUPLE:
		if (depth < KEY_DEPTH)
			return put_tuple(f, n, depth, ret, err);
		break;
	default:
		break;
	}
	text_add(ret, "?");
	return 0;
}

int torch_child_name(const struct torch_file *f, const struct torch_child *c, struct arena *arena, struct slice *ret,
		     struct error *err)
{
	if (c->word) {
		*ret = slice_text(c->word);
		return 0;
	}
	if (c->key && torch_node(f, c->key)->kind == PICKLE_TEXT)
		return pickle_text(&f->pickle, torch_node(f, c->key), arena, KEY_MAX, ret, err);
	struct text name = {.limit = 2 * KEY_MAX};
	int r = 0;
	if (c->key)
		r = put_key(f, c->key, 0, &name, err);
	else
		text_print(&name, "%llu", (unsigned long long)c->index);
	if (r == 0 && name.failed)
		r = error_set(err, -name.failed, "no memory for a name");
	*ret = (struct slice){(const uint8_t *)arena_text(arena, text_slice(&name)), name.len};
	if (r == 0 && !ret->data)
		r = error_no_memory(err, "a name");
	text_free(&name);
	return r;
}
