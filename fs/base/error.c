/* SPDX-License-Identifier: MIT */
#include "fs/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/name.h"

/* The length of the text without a UTF-8 character that was cut off at its end. */
static size_t whole_characters(const char *text, size_t n)
{
	size_t lead = n;
	while (lead > 0 && n - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0) {
		struct slice last = {(const uint8_t *)text + lead - 1, n - lead + 1};
		return utf8_length(last) == last.len ? n : lead - 1;
	}
	return n;
}

/* Makes the text safe to print on one line of a terminal. */
static void tidy(struct error *err)
{
	size_t n = strlen(err->text);
	if (n == sizeof err->text - 1)
		err->text[n = whole_characters(err->text, n)] = '\0';
	for (size_t i = 0, k; i < n; i += k ? k : 1) {
		k = utf8_length((struct slice){(const uint8_t *)err->text + i, n - i});
		if (k == 0 || (unsigned char)err->text[i] < 0x20 || err->text[i] == 0x7f)
			err->text[i] = '?';
	}
}

int error_set(struct error *err, int code, const char *format, ...)
{
	if (err && err->text[0] == '\0') {
		va_list args;
		va_start(args, format);
		vsnprintf(err->text, sizeof err->text, format, args);
		va_end(args);
		tidy(err);
	}
	return -code;
}

int error_prefix(struct error *err, int code, const char *name)
{
	if (err) {
		struct error was = *err;
		/* Truncates a long name rather than the sentence. */
		size_t fault = strlen(was.text), n = strlen(name), room = sizeof err->text - 3;
		if (fault + n > room)
			n = whole_characters(name, fault < room ? room - fault : 0);
		snprintf(err->text, sizeof err->text, "%.*s: %.*s", (int)n, name, (int)(room - n), was.text);
		tidy(err);
	}
	return code;
}
