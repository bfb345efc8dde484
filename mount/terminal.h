/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * What a terminal is fit for, and what may reach it: no byte of a name moves its
 * cursor, changes its colours or turns its lines around.
 */
struct terminal {
	bool is;     /* one reads this at all */
	bool colour; /* wanted: neither NO_COLOR nor TERM=dumb */
	bool utf8;   /* the locale's characters: lines may be drawn with boxes */
	size_t width; /* columns; 0 where nobody's lines are cut */
};

struct terminal terminal_of(int fd);

/* How many bytes of the text at its front have to be told as %XX: control bytes
 * always, and on a terminal also what is not UTF-8, C1 controls, and characters
 * that reorder others. */
size_t terminal_harm(const char *text, bool on_terminal);

/* Writes a name to standard output; the columns that it takes are returned. */
size_t terminal_put(const struct terminal *t, const char *name);
size_t terminal_width(const struct terminal *t, const char *name);

/* The same in at most so many columns: the middle of a name that takes more is left
 * out, since names that lie together often begin alike and end alike. */
size_t terminal_put_within(const struct terminal *t, const char *name, size_t columns);
