/* SPDX-License-Identifier: MIT */
/* The keys of dictionaries: what they are called, and which of them are one. */
#include "formats/torch/torch.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/base/name.h"

enum {
	KEY_DEPTH = 8,       /* of tuples in a name */
	SAME_DEPTH = 100,    /* and in what is compared */
	KEY_MAX = 1 << 16,
	LONG_KEY_MAX = 1785, /* bytes: of more digits than these have, 4,300, Python prints no number */
};

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
static void put_quoted(struct slice s, bool bytes, struct text *ret)
{
	char quote = s.len && memchr(s.data, '\'', s.len) && !memchr(s.data, '"', s.len) ? '"' : '\'';
	text_print(ret, bytes ? "b%c" : "%c", quote);
	for (size_t i = 0; i < s.len; i++) {
		uint8_t byte = s.data[i];
		if (byte == quote || byte == '\\')
			text_print(ret, "\\%c", byte);
		else if (byte == '\n' || byte == '\r' || byte == '\t')
			text_add(ret, byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t");
		else if (byte < ' ' || byte == 0x7f || (bytes && byte > 0x7f))
			text_print(ret, "\\x%02x", byte);
		else
			text_put(ret, (struct slice){&byte, 1});
	}
	text_print(ret, "%c", quote);
}

void torch_put_quoted(struct slice s, struct text *ret)
{
	put_quoted(s, false, ret);
}

static int put_text(const struct torch_file *f, const struct pickle_node *n, bool quoted, struct text *ret, struct error *err)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s;
	int r = pickle_text(&f->pickle, n, &scratch, KEY_MAX, &s, err);
	if (r == 0 && quoted)
		put_quoted(s, n->kind == PICKLE_BYTES, ret);
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

/* What bytes are in protocols 0 to 2: encode(text, 'latin1'), or bytes(). */
static bool is_encoded(const struct torch_file *f, const struct pickle_node *n)
{
	struct torch_called c = torch_called(f, n);
	uint32_t text = torch_arg(f, &c, 0);
	return (c.known == TORCH_ENCODE && text && torch_node(f, text)->kind == PICKLE_TEXT) || (c.known == TORCH_BYTES && !text);
}

/* The characters of the text, each a byte. */
static int put_encoded(const struct torch_file *f, const struct pickle_node *n, struct text *ret, struct error *err)
{
	struct torch_called c = torch_called(f, n);
	uint32_t text = torch_arg(f, &c, 0);
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s = {NULL, 0};
	int r = text ? pickle_text(&f->pickle, torch_node(f, text), &scratch, KEY_MAX, &s, err) : 0;
	for (size_t i = 0; r == 0 && i < s.len; i++) {
		uint8_t byte = s.data[i];
		if (byte >= 0xc0 && i + 1 < s.len)
			byte = (uint8_t)(byte << 6 | (s.data[++i] & 0x3f));
		text_put(ret, (struct slice){&byte, 1});
	}
	arena_free(&scratch);
	return r;
}

static int put_call(const struct torch_file *f, const struct pickle_node *n, bool quoted, struct text *ret, struct error *err)
{
	struct text bytes = {.limit = KEY_MAX};
	int r = is_encoded(f, n) ? put_encoded(f, n, &bytes, err) : 0;
	if (r == 0 && bytes.failed)
		r = error_set(err, -bytes.failed, "no memory for a key");
	if (!is_encoded(f, n))
		text_add(ret, "?");
	else if (r == 0 && quoted)
		put_quoted(text_slice(&bytes), true, ret);
	else if (r == 0)
		text_put(ret, text_slice(&bytes));
	text_free(&bytes);
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
		if (n->kind == PICKLE_LONG && pickle_size(n) > LONG_KEY_MAX)
			break;
		return pickle_decimal(&f->pickle, n, ret, err);
	case PICKLE_FLOAT:
		torch_put_float(n->real, ret);
		return 0;
	case PICKLE_TEXT:
	case PICKLE_STR:
	case PICKLE_BYTES:
		return put_text(f, n, depth > 0, ret, err);
	case PICKLE_GLOBAL:
		torch_put_global(f, n, ret);
		return 0;
	case PICKLE_CALL:
		return put_call(f, n, depth > 0, ret, err);
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

/* Moves the text into the arena, unless it, or `r`, has failed. */
static int keep(int r, struct text *t, struct arena *arena, struct slice *ret, struct error *err)
{
	if (r == 0 && t->failed)
		r = error_set(err, -t->failed, "no memory for a key");
	*ret = (struct slice){r == 0 ? (const uint8_t *)arena_text(arena, text_slice(t)) : NULL, t->len};
	if (r == 0 && !ret->data)
		r = error_no_memory(err, "a key");
	text_free(t);
	return r;
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
	struct text name = {.limit = 8 * KEY_MAX}; /* an escape has four characters */
	int r = 0;
	if (c->key)
		r = put_key(f, c->key, 0, &name, err);
	else
		text_print(&name, "%llu", (unsigned long long)c->index);
	return keep(r, &name, arena, ret, err);
}

/* --- which keys are one --------------------------------------------------------------------------- */

/* With its length, so that what follows cannot be taken for more of it. */
static void put_sized(char kind, struct slice s, struct text *ret)
{
	text_print(ret, "%c%zu:", kind, s.len);
	text_put(ret, s);
}

static int put_sized_text(const struct torch_file *f, const struct pickle_node *n, struct text *ret, struct error *err)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s;
	int r = pickle_text(&f->pickle, n, &scratch, KEY_MAX, &s, err);
	if (r == 0) /* a str of Python 2 that is no text is bytes */
		put_sized(n->kind == PICKLE_BYTES || (n->kind == PICKLE_STR && !utf8_valid(s)) ? 'b' : 's', s, ret);
	arena_free(&scratch);
	return r;
}

static int put_sized_bytes(const struct torch_file *f, const struct pickle_node *n, struct text *ret, struct error *err)
{
	struct text bytes = {.limit = KEY_MAX};
	int r = put_encoded(f, n, &bytes, err);
	if (r == 0 && bytes.failed)
		r = error_set(err, -bytes.failed, "no memory for a key");
	put_sized('b', text_slice(&bytes), ret);
	text_free(&bytes);
	return r;
}

/* 1, True and 1.0 are one key; NaN is only itself. */
static bool whole_number(const struct pickle_node *n, int64_t *ret)
{
	bool whole = n->kind == PICKLE_FLOAT && n->real > -1e18 && n->real < 1e18 && n->real == (double)(int64_t)n->real;
	*ret = whole ? (int64_t)n->real : n->kind == PICKLE_BOOL || n->kind == PICKLE_INT ? n->number : 0;
	return whole || n->kind == PICKLE_BOOL || n->kind == PICKLE_INT;
}

static bool is_short(const struct torch_file *f, uint32_t text)
{
	return pickle_size(torch_node(f, text)) <= KEY_MAX;
}

static int put_same(const struct torch_file *f, uint32_t key, unsigned depth, struct text *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, key);
	int64_t number;
	int r = 0;
	if (whole_number(n, &number)) {
		text_print(ret, "%lld;", (long long)number);
	} else if (n->kind == PICKLE_NONE) {
		text_add(ret, "N");
	} else if (n->kind == PICKLE_LONG && pickle_size(n) <= LONG_KEY_MAX) {
		r = pickle_decimal(&f->pickle, n, ret, err);
		text_add(ret, ";");
	} else if (n->kind == PICKLE_FLOAT && n->real == n->real) {
		if (n->real - n->real == 0 && (n->real >= 1e18 || n->real <= -1e18))
			text_print(ret, "%.0f", n->real); /* it is whole, and equals such a LONG */
		else
			torch_put_float(n->real, ret);
		text_add(ret, ";");
	} else if (n->kind == PICKLE_TEXT || n->kind == PICKLE_STR || n->kind == PICKLE_BYTES) {
		r = put_sized_text(f, n, ret, err);
	} else if (n->kind == PICKLE_CALL && is_encoded(f, n)) {
		r = put_sized_bytes(f, n, ret, err);
	} else if (n->kind == PICKLE_GLOBAL && is_short(f, n->pair[0]) && is_short(f, n->pair[1])) {
		text_add(ret, "g");
		r = put_sized_text(f, torch_node(f, n->pair[0]), ret, err);
		r = r < 0 ? r : put_sized_text(f, torch_node(f, n->pair[1]), ret, err);
	} else if (n->kind == PICKLE_TUPLE && depth < SAME_DEPTH) {
		text_add(ret, "(");
		for (uint32_t i = 0; r == 0 && i < n->count && ret->len < KEY_MAX && !ret->failed; i++)
			r = put_same(f, pickle_item(n, i), depth + 1, ret, err);
		text_add(ret, ")");
	} else {
		text_print(ret, "#%u;", (unsigned)key); /* an object is only itself */
	}
	return r;
}

int torch_same_key(const struct torch_file *f, uint32_t key, struct arena *arena, struct slice *ret, struct error *err)
{
	struct text word = {.limit = 2 * KEY_MAX};
	int r = put_same(f, key, 0, &word, err);
	if (r == 0 && (word.failed == -E2BIG || (!word.failed && word.len >= KEY_MAX)) && torch_node(f, key)->kind == PICKLE_TUPLE) {
		text_free(&word); /* too long to compare */
		word = (struct text){.limit = KEY_MAX};
		text_print(&word, "#%u;", (unsigned)key);
	}
	return keep(r, &word, arena, ret, err);
}
