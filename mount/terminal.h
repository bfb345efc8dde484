/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * What a terminal can show, and what may be written to it: no byte of a name may move its
 * cursor, change its colours or reorder its text.
 */
struct terminal {
	bool is;     /* the output is a terminal */
	bool colour; /* colours are wanted: neither NO_COLOR nor TERM=dumb */
	bool utf8;   /* the locale is UTF-8: box-drawing characters may be used */
	size_t width; /* in columns; 0 if lines need not be cut */
};

struct terminal terminal_of(int fd);

/* How many bytes at the start of the text must be escaped as %XX: always control bytes;
 * on a terminal also invalid UTF-8, C1 controls, and characters that reorder text. */
size_t terminal_harm(const char *text, bool on_terminal);

/* Writes a name to standard output, and returns the columns it takes. */
size_t terminal_put(const struct terminal *t, const char *name);
size_t terminal_width(const struct terminal *t, const char *name);

/* The same in at most `columns` columns. Cuts a longer name in the middle, since names in
 * one directory often share their beginnings and ends. */
size_t terminal_put_within(const struct terminal *t, const char *name, size_t columns);
