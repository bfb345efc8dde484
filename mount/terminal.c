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

struct terminal terminal_of(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct terminal t = {.is = isatty(fd), .utf8 = has_utf8()};
	struct winsize size;
	if (t.is && ioctl(fd, TIOCGWINSZ, &size) == 0)
		t.width = size.ws_col;
	t.colour = t.is && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
	return t;
}

/* C1 controls, U+0080 to U+009F; and the marks, embeddings, overrides and isolates of the
 * bidirectional algorithm (Unicode Standard Annex 9). */
static bool is_harmful(const unsigned char *c, size_t n)
{
	if (n == 2)
		return (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c);
	if (n != 3 || c[0] != 0xe2)
		return false;
	return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae))) ||
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

/* The columns of a character: two for wide ones, like East Asian scripts and pictographs
 * (Unicode Standard Annex 11). */
static size_t columns_of(const unsigned char *c, size_t n)
{
	static const struct {
		uint32_t first, last;
	} wide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
		    {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
	if (n < 3)
		return 1;
	uint32_t code = c[0] & (n == 3 ? 0x0f : 0x07);
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (c[i] & 0x3f);
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (code >= wide[i].first && code <= wide[i].last)
			return 2;
	return 1;
}

/* The first character of a name, or its escape: its bytes, and the columns it takes. */
struct glyph {
	size_t bytes, columns;
	bool harm;
};

static struct glyph glyph_at(const struct terminal *t, const char *name)
{
	size_t harm = terminal_harm(name, t->is), n = utf8_length((struct slice){(const uint8_t *)name, strnlen(name, 4)});
	if (harm)
		return (struct glyph){harm, 3 * harm, true};
	return (struct glyph){n ? n : 1, columns_of((const unsigned char *)name, n), false};
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

size_t terminal_put_within(const struct terminal *t, const char *name, size_t columns)
{
	const char *gap = t->utf8 ? "…" : "...";
	size_t gap_columns = t->utf8 ? 1 : 3, all = terminal_width(t, name);
	if (all <= columns)
		return terminal_put(t, name);
	size_t room = columns > gap_columns ? columns - gap_columns : 0, head = (room + 1) / 2, tail = room - head, at = 0;
	size_t written = gap_columns;
	bool told = false;
	for (struct glyph g; *name; name += g.bytes, at += g.columns) {
		g = glyph_at(t, name);
		bool front = at + g.columns <= head, back = at + tail >= all;
		if (!front && !told)
			told = fputs_unlocked(gap, stdout) >= 0;
		if (front || back)
			put_glyph(name, g), written += g.columns;
	}
	return written;
}
