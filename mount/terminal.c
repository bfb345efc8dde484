/* SPDX-License-Identifier: MIT */
#include "mount/terminal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fs/name.h"

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
	t.colour = t.is && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
	return t;
}

/* U+0080 to U+009F, and the marks, embeddings, overrides and isolates of the
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

static size_t put(const struct terminal *t, const char *name, bool really)
{
	size_t columns = 0;
	struct slice whole = slice_text(name);
	if (name_plain(whole)) {
		if (really)
			fwrite_unlocked(name, 1, whole.len, stdout);
		return whole.len;
	}
	while (*name) {
		size_t harm = terminal_harm(name, t->is), n = utf8_length((struct slice){(const uint8_t *)name, strnlen(name, 4)});
		for (size_t i = 0; really && i < harm; i++)
			printf("%%%02X", (unsigned char)name[i]);
		n = harm ? harm : n ? n : 1;
		if (really && !harm)
			fwrite_unlocked(name, 1, n, stdout);
		columns += harm ? 3 * harm : 1;
		name += n;
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
