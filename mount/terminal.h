/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/text.h"

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

/* The width of what is written to, as above. */
size_t terminal_columns(int fd);

/* How many bytes at the start of the text must be escaped as %XX: always control bytes;
 * on a terminal also invalid UTF-8, C1 controls, and characters that end lines or reorder text. */
size_t terminal_harm(const char *text, bool on_terminal);

/* Appends text with such bytes escaped; of text in lines, their ends and tabs stay. */
void terminal_escape(struct text *ret, struct slice s, bool on_terminal, bool lines);

/* Writes a name to standard output, and returns the columns it takes. */
size_t terminal_put(const struct terminal *t, const char *name);
size_t terminal_width(const struct terminal *t, const char *name);

/* The same in at most `columns` columns. Of a longer name the middle is left out; or where the
 * first `shared` bytes are a neighbour's, too, as much of those as it takes to show the rest. */
size_t terminal_put_within(const struct terminal *t, const char *name, size_t columns, size_t shared);

/* How many bytes at their beginnings two names share. */
size_t terminal_shared(const char *a, const char *b);

/* Writes a cell of a table, printable ASCII, filled up with spaces. If `cut`, a longer text
 * loses its end. */
void terminal_put_cell(const struct terminal *t, const char *text, size_t columns, bool cut);

/* Writes a sentence on as many lines as the width needs; the second and further ones are
 * indented. Its words are cut like names. The text is the same afterwards. */
void terminal_put_wrapped(const struct terminal *t, char *text);
