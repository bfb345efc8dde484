/* SPDX-License-Identifier: MIT */
/* Opcodes whose arguments are lines of text, as protocol 0 has them. */
#include <stdlib.h>
#include <strings.h>

#include "formats/shared/pickle_impl.h"

/* The line after the opcode, which the machine has then passed. */
static struct slice pass_line(struct pickle_machine *m)
{
	struct slice line = pickle_line(m, 0);
	if (m->code == 0)
		m->pos += line.len + 1;
	return line;
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* --- numbers ------------------------------------------------------------------------- */

/* Is it a decimal number as Python writes it? */
static bool is_decimal(struct slice s)
{
	if (s.len && *s.data == '-')
		s = (struct slice){s.data + 1, s.len - 1};
	if (s.len == 0 || (s.len > 1 && *s.data == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.data[i]))
			return false;
	return true;
}

/* False if it does not fit. */
static bool to_int64(struct slice s, int64_t *ret)
{
	bool negative = *s.data == '-';
	int64_t value = 0;
	for (size_t i = negative; i < s.len; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, s.data[i] - '0', &value)) /* below zero there is one more */
			return false;
	*ret = value;
	return negative || !__builtin_sub_overflow(0, value, ret);
}

static const uint8_t *keep(struct pickle_machine *m, struct slice s)
{
	uint8_t *bytes = arena_alloc(m->p->keep, s.len + 1);
	if (bytes)
		memcpy(bytes, s.data, s.len);
	else
		pickle_fail_memory(m);
	return bytes;
}

/* INT, for which 00 and 01 are False and True, and LONG, which may end in L. */
void pickle_line_int(struct pickle_machine *m, enum pickle_kind kind)
{
	struct slice line = pass_line(m);
	int64_t value = 0;
	if (m->code)
		return;
	if (kind == PICKLE_INT && line.len == 2 && line.data[0] == '0' && (line.data[1] & 0xfe) == '0') {
		pickle_push(m, pickle_make_single(m, PICKLE_BOOL, line.data[1] == '1'));
		return;
	}
	if (kind == PICKLE_LONG && line.len && line.data[line.len - 1] == 'L')
		line.len--;
	if (!is_decimal(line)) {
		pickle_fail(m, EBADMSG, "an integer that is not one");
	} else if (to_int64(line, &value)) {
		pickle_push(m, pickle_make_int(m, value));
	} else {
		const uint8_t *kept = keep(m, line);
		pickle_push(m, pickle_make_kept(m, PICKLE_LONG, kept, line.len));
	}
}

static bool is_float(const char *text)
{
	text += *text == '-' || *text == '+';
	if (strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0 || strcasecmp(text, "nan") == 0)
		return true;
	return *text && strspn(text, "0123456789.eE+-") == strlen(text);
}

void pickle_line_float(struct pickle_machine *m)
{
	struct slice line = pass_line(m);
	char text[512] = "", *end = text;
	double value = 0;
	if (line.len < sizeof text && m->code == 0)
		memcpy(text, line.data, line.len);
	if (strlen(text) == line.len && is_float(text))
		value = strtod(text, &end);
	if (end == text || *end)
		pickle_fail(m, EBADMSG, "a floating-point number that is not one");
	uint32_t made = pickle_make(m, PICKLE_FLOAT);
	pickle_node(m->p, made)->real = value;
	pickle_push(m, made);
}

/* For the memo. */
uint32_t pickle_line_index(struct pickle_machine *m)
{
	struct slice line = pass_line(m);
	int64_t value = 0;
	if (m->code == 0 && (!is_decimal(line) || !to_int64(line, &value) || value < 0 || value > UINT32_MAX))
		pickle_fail(m, EBADMSG, "a memo's number that is not one");
	return (uint32_t)value;
}

/* --- text ---------------------------------------------------------------------------- */

/* Adds a byte to what is decoded: counts it, if `out` is NULL. */
static void add_byte(uint8_t *out, size_t *len, uint8_t byte)
{
	if (out)
		out[*len] = byte;
	++*len;
}

static int hex_digit(uint8_t c)
{
	return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* n hexadecimal digits at *c; false if there are fewer. */
static bool take_hex(struct cursor *c, unsigned n, uint32_t *ret)
{
	struct slice s = cursor_take(c, n);
	*ret = 0;
	for (size_t i = 0; i < s.len; i++) {
		int digit = hex_digit(s.data[i]);
		if (digit < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)digit;
	}
	return !c->failed;
}

/* What follows a backslash in Python 2's repr() of a str. */
static bool decode_escape(struct cursor *c, uint8_t *out, size_t *len)
{
	static const char letters[] = "\\'\"abfnrtv", bytes[] = "\\'\"\a\b\f\n\r\t\v";
	uint32_t value = 0;
	if (cursor_left(c) == 0)
		return false;
	uint8_t letter = cursor_u8(c);
	const char *known = letter ? strchr(letters, letter) : NULL;
	if (known) {
		value = (uint8_t)bytes[known - letters];
	} else if (letter == 'x') {
		if (!take_hex(c, 2, &value))
			return false;
	} else if (letter >= '0' && letter <= '7') {
		value = letter - '0';
		for (int i = 0; i < 2 && cursor_left(c) && *c->pos >= '0' && *c->pos <= '7'; i++)
			value = value << 3 | (uint32_t)(cursor_u8(c) - '0');
	} else {
		add_byte(out, len, '\\');
		value = letter;
	}
	add_byte(out, len, (uint8_t)value);
	return true;
}

static bool decode_string(struct slice line, uint8_t *out, size_t *len)
{
	struct cursor c = cursor_over(line);
	*len = 0;
	while (cursor_left(&c)) {
		uint8_t byte = cursor_u8(&c);
		if (byte != '\\')
			add_byte(out, len, byte);
		else if (!decode_escape(&c, out, len))
			return false;
	}
	return true;
}

/* UTF-8, of lone surrogates, too. */
static void add_character(uint8_t *out, size_t *len, uint32_t c)
{
	if (c < 0x80) {
		add_byte(out, len, (uint8_t)c);
		return;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	add_byte(out, len, (uint8_t)(0xff00u >> (more + 1) | c >> 6 * more));
	while (more-- > 0)
		add_byte(out, len, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
}

/* Python's raw-unicode-escape: Latin-1, \uXXXX and \UXXXXXXXX. */
static bool decode_unicode(struct slice line, uint8_t *out, size_t *len)
{
	struct cursor c = cursor_over(line);
	*len = 0;
	while (cursor_left(&c)) {
		uint32_t value = cursor_u8(&c);
		if (value != '\\' || cursor_left(&c) == 0) {
			add_character(out, len, value);
			continue;
		}
		uint8_t letter = cursor_u8(&c);
		if (letter != 'u' && letter != 'U') {
			add_character(out, len, '\\');
			value = letter;
		} else if (!take_hex(&c, letter == 'u' ? 4 : 8, &value) || value > 0x10ffff) {
			return false;
		}
		add_character(out, len, value);
	}
	return true;
}

static bool is_ascii(struct slice s)
{
	uint8_t all = 0;
	for (size_t i = 0; i < s.len; i++)
		all |= s.data[i];
	return all < 0x80;
}

/* The text of the line at `at`: where it is, if it is written there as it is. */
static void push_decoded(struct pickle_machine *m, enum pickle_kind kind, uint64_t at, struct slice line,
			 bool (*decode)(struct slice, uint8_t *, size_t *))
{
	size_t len;
	if (!decode(line, NULL, &len)) {
		pickle_fail(m, EBADMSG, "a text with an escape that is not one");
		return;
	}
	if (len == line.len && (kind == PICKLE_STR || is_ascii(line))) { /* every escape is longer than what it stands for */
		pickle_push(m, pickle_make_range(m, kind, at, len));
		return;
	}
	uint8_t *bytes = arena_alloc(m->p->keep, len + 1);
	if (!bytes) {
		pickle_fail_memory(m);
		return;
	}
	decode(line, bytes, &len);
	pickle_push(m, pickle_make_kept(m, kind, bytes, len));
}

void pickle_line_string(struct pickle_machine *m)
{
	uint64_t at = pickle_at(m);
	struct slice s = pass_line(m);
	if (m->code)
		return;
	if (s.len < 2 || (s.data[0] != '\'' && s.data[0] != '"') || s.data[s.len - 1] != s.data[0]) {
		pickle_fail(m, EBADMSG, "a string without quotes");
		return;
	}
	s = (struct slice){s.data + 1, s.len - 2};
	push_decoded(m, PICKLE_STR, at + 1, s, decode_string);
}

void pickle_line_unicode(struct pickle_machine *m)
{
	uint64_t at = pickle_at(m);
	struct slice s = pass_line(m);
	if (m->code == 0)
		push_decoded(m, PICKLE_TEXT, at, s, decode_unicode);
}

/* --- globals ------------------------------------------------------------------------- */

uint32_t pickle_line_global(struct pickle_machine *m)
{
	uint64_t at = pickle_at(m);
	size_t module = pickle_line(m, 0).len, name = m->code ? 0 : pickle_line(m, module + 1).len;
	if (m->code == 0 && (module == 0 || name == 0))
		pickle_fail(m, EBADMSG, "a global without a name");
	if (m->code)
		return 0;
	uint32_t first = pickle_make_range(m, PICKLE_TEXT, at, module);
	uint32_t second = pickle_make_range(m, PICKLE_TEXT, at + module + 1, name);
	uint32_t made = pickle_make_global(m, first, second);
	m->pos += module + name + 2;
	return made;
}
