/* SPDX-License-Identifier: MIT */
#include "fs/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes text fit for one line on a terminal, and ends it at a whole character
 * where it was cut. */
static void tidy(struct error *err)
{
	size_t n = strlen(err->text);
	if (n == sizeof err->text - 1) {
		while (n > 0 && ((unsigned char)err->text[n - 1] & 0xc0) == 0x80)
			n--;
		if (n > 0 && (unsigned char)err->text[n - 1] >= 0xc0)
			n--;
		err->text[n] = '\0';
	}
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
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
		/* The fault matters more than the end of a long name. */
		size_t fault = strlen(was.text), n = strlen(name), room = sizeof err->text - 3;
		n = fault + n <= room ? n : fault < room ? room - fault : 0;
		snprintf(err->text, sizeof err->text, "%.*s: %.*s", (int)n, name, (int)(room - n), was.text);
		tidy(err);
	}
	return code;
}
