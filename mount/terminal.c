/* SPDX-License-Identifier: MIT */
#include "mount/terminal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fs/base/name.h"

static bool has_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]), *charset = value ? strchr(value, '.') : NULL;
		if (value && *value)
			return charset && (strncasecmp(charset, ".utf-8", 6) == 0 || strncasecmp(charset, ".utf8", 5) == 0);
	}
	return false;
}

size_t terminal_columns(int fd)
{
	struct winsize size;
	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	const char *columns = getenv("COLUMNS"); /* a terminal that does not know */
	unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;
	return n < 1 << 16 ? n : 0;
}

struct terminal terminal_of(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct terminal t = {.is = isatty(fd), .utf8 = has_utf8(), .width = terminal_columns(fd)};
	t.colour = t.is && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
	return t;
}

/* C1 controls, U+0080 to U+009F; the separators of lines and paragraphs, U+2028 and U+2029; and
 * the marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard
 * Annex 9). */
static bool is_harmful(const unsigned char *c, size_t n)
{
	if (n == 2)
		return (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c);
	if (n != 3 || c[0] != 0xe2)
		return false;
	return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
	       (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

size_t terminal_harm(const char *text, bool on_terminal)
{
	const unsigned char *c = (const unsigned char *)text;
	if (*c < 0x80 || !on_terminal)
		return (*c && *c < 0x20) || *c == 0x7f;
	size_t n = utf8_length((struct slice){c, strnlen(text, 4)});
	return n == 0 ? 1 : is_harmful(c, n) ? n : 0;
}

/* Of a character at the end of s, which nothing need end. */
static size_t harm_at(struct slice s, bool on_terminal)
{
	char c[5] = "";
	memcpy(c, s.data, s.len < 4 ? s.len : 4);
	return *c ? terminal_harm(c, on_terminal) : 1;
}

static bool ends_line(struct slice s)
{
	return *s.data == '\n' || *s.data == '\t' || (*s.data == '\r' && s.len > 1 && s.data[1] == '\n');
}

void terminal_escape(struct text *ret, struct slice s, bool on_terminal, bool lines)
{
	for (size_t fine, harm; s.len; s.data += fine + harm, s.len -= fine + harm) {
		for (fine = harm = 0; fine < s.len; fine++) {
			struct slice rest = {s.data + fine, s.len - fine};
			if (*rest.data >= ' ' && *rest.data < 0x7f)
				continue;
			harm = lines && ends_line(rest) ? 0 : harm_at(rest, on_terminal);
			if (harm)
				break;
			size_t n = utf8_length(rest);
			fine += n ? n - 1 : 0;
		}
		text_put(ret, (struct slice){s.data, fine});
		for (size_t i = 0; i < harm; i++)
			text_print(ret, "%%%02X", s.data[fine + i]);
	}
}

struct characters {
	uint32_t first, last;
};

/* Two columns: East Asian scripts and pictographs (Unicode Standard Annex 11, W and F).  Of
 * what is between them, some takes one: lines may be too short then, but never too long. */
static const struct characters wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
	{0x2630, 0x2637},   {0x2648, 0x2653},   {0x267f, 0x267f},   {0x268a, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},
	{0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f5},
	{0x26fa, 0x26fd},   {0x2705, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27bf},
	{0x2b1b, 0x2b1c},   {0x2b50, 0x2b55},   {0x2e80, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
	{0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x18d00, 0x1b2ff},
	{0x1d300, 0x1d376}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1faff}, {0x20000, 0x3fffd},
};

/* No column: what is drawn onto the character before it, of scripts in common use.  Another
 * such mark counts as one. */
static const struct characters marks[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},
	{0x0900, 0x0902}, {0x093a, 0x093a}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
	{0x0e47, 0x0e4e}, {0x1ab0, 0x1ace}, {0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

static bool is_among(const struct characters *list, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count && list[i].first <= code; i++)
		if (code <= list[i].last)
			return true;
	return false;
}

/* The columns of a character of n bytes. */
static size_t columns_of(const unsigned char *c, size_t n)
{
	if (n < 2)
		return 1;
	uint32_t code = c[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (c[i] & 0x3f);
	if (is_among(marks, sizeof marks / sizeof *marks, code))
		return 0;
	return is_among(wide, sizeof wide / sizeof *wide, code) ? 2 : 1;
}

/* The first character of a name with the marks on it, or its escape: its bytes, and the
 * columns it takes. */
struct glyph {
	size_t bytes, columns;
	bool harm;
};

/* How many columns the next character adds to the one before it, to which it belongs; -1: it
 * belongs to none.  U+FE0F makes a pictograph of a character, which may take two then. */
static int added(const struct terminal *t, const char *next, size_t *ret_bytes)
{
	const unsigned char *c = (const unsigned char *)next;
	*ret_bytes = *c < 0x80 || terminal_harm(next, t->is) ? 0 : utf8_length((struct slice){c, strnlen(next, 4)});
	if (*ret_bytes == 3 && memcmp(next, "\xef\xb8\x8f", 3) == 0)
		return 1;
	return *ret_bytes && columns_of(c, *ret_bytes) == 0 ? 0 : -1;
}

static struct glyph glyph_at(const struct terminal *t, const char *name)
{
	size_t harm = terminal_harm(name, t->is), n = utf8_length((struct slice){(const uint8_t *)name, strnlen(name, 4)});
	if (harm)
		return (struct glyph){harm, 3 * harm, true};
	n = n ? n : 1;
	struct glyph g = {n, columns_of((const unsigned char *)name, n), false};
	for (int more; (more = added(t, name + g.bytes, &n)) >= 0; g.bytes += n)
		g.columns += (size_t)more;
	return g;
}

static void put_glyph(const char *name, struct glyph g)
{
	for (size_t i = 0; g.harm && i < g.bytes; i++)
		printf("%%%02X", (unsigned char)name[i]);
	if (!g.harm)
		fwrite_unlocked(name, 1, g.bytes, stdout);
}

static size_t put(const struct terminal *t, const char *name, bool really)
{
	size_t columns = 0;
	struct slice whole = slice_text(name);
	if (name_plain(whole)) {
		if (really)
			fwrite_unlocked(name, 1, whole.len, stdout);
		return whole.len;
	}
	for (struct glyph g; *name; name += g.bytes, columns += g.columns) {
		g = glyph_at(t, name);
		if (really)
			put_glyph(name, g);
	}
	return columns;
}

size_t terminal_put(const struct terminal *t, const char *name)
{
	return put(t, name, true);
}

size_t terminal_width(const struct terminal *t, const char *name)
{
	return put(t, name, false);
}

/* Writes what stands for something left out, in at most that many columns. */
static size_t put_gap(const struct terminal *t, size_t columns)
{
	size_t n = t->utf8 ? 1 : 3;
	n = n < columns ? n : columns;
	fwrite_unlocked(t->utf8 ? "…" : "...", 1, t->utf8 && n ? strlen("…") : n, stdout);
	return n;
}

size_t terminal_shared(const char *a, const char *b)
{
	size_t n = 0;
	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* Writes the first and last columns of a name that takes `all`. */
static size_t put_ends(const struct terminal *t, const char *name, size_t all, size_t head, size_t tail)
{
	size_t at = 0, written = 0;
	bool told = false;
	for (struct glyph g; *name; name += g.bytes, at += g.columns) {
		g = glyph_at(t, name);
		bool front = at + g.columns <= head && !told, back = at + tail >= all;
		if (!front && !told)
			written += put_gap(t, SIZE_MAX), told = true;
		if (front || back)
			put_glyph(name, g), written += g.columns;
	}
	return written;
}

/* Skips the characters that end within the first `bytes`; returns the columns they take. */
static size_t skip(const struct terminal *t, const char **name, size_t bytes)
{
	size_t columns = 0;
	for (struct glyph g; **name; *name += g.bytes, bytes -= g.bytes, columns += g.columns) {
		g = glyph_at(t, *name);
		if (g.bytes > bytes)
			break;
	}
	return columns;
}

size_t terminal_put_within(const struct terminal *t, const char *name, size_t columns, size_t shared)
{
	size_t all = terminal_width(t, name), gap = t->utf8 ? 1 : 3, before = 0;
	if (all <= columns)
		return terminal_put(t, name);
	if (columns <= gap)
		return put_gap(t, columns);
	const char *own = name;
	size_t room = columns - gap, tail = room / 2, rest = all - skip(t, &own, shared);
	if (rest > room && all - rest > 4 * gap && room > gap) { /* nothing of what is shared */
		before = put_gap(t, gap);
		name = own, all = rest;
		room -= gap;
		tail = room / 2;
	} else if (rest < all && rest > tail && rest <= room) {
		tail = rest;
	}
	return before + put_ends(t, name, all, room - tail, tail);
}

void terminal_put_cell(const struct terminal *t, const char *text, size_t columns, bool cut)
{
	size_t n = strlen(text), gap = t->utf8 ? 1 : 3, written = n;
	if (cut && n > columns) {
		size_t kept = columns > gap ? columns - gap : 0;
		fwrite_unlocked(text, 1, kept, stdout);
		written = kept + put_gap(t, columns);
	} else {
		fwrite_unlocked(text, 1, n, stdout);
	}
	for (; written < columns; written++)
		putc_unlocked(' ', stdout);
}

/* Writes a word of a wrapped text, at column `column`; returns the column after it. */
static size_t put_word(const struct terminal *t, const char *word, size_t column)
{
	enum { INDENT = 2 };
	size_t n = terminal_width(t, word);
	if (column && column + 1 + n > t->width) {
		printf("\n%*s", INDENT, "");
		column = INDENT;
	} else if (column) {
		putc_unlocked(' ', stdout);
		column++;
	}
	return column + terminal_put_within(t, word, t->width > column ? t->width - column : 1, 0);
}

void terminal_put_wrapped(const struct terminal *t, char *text)
{
	size_t column = 0, n;
	if (!t->width || terminal_width(t, text) <= t->width) {
		terminal_put(t, text);
		return;
	}
	for (char *word = text; *word; word += n) {
		n = strcspn(word, " ");
		char after = word[n];
		word[n] = '\0';
		column = put_word(t, word, column);
		word[n] = after;
		n += after == ' ';
	}
}
