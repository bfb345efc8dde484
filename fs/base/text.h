/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/base/cursor.h"

/*
 * Text that grows: what is told of a node, mostly JSON.
 *
 * A text keeps what is put into it, up to `limit` bytes (0: no limit); or, with
 * `flush`, hands it on whenever some has come together, and at text_flush().
 * The first failure sticks: -E2BIG at the limit, -ENOMEM, or what flush said;
 * whoever writes checks once, at the end.  Start from {0} and what is named here;
 * end with text_free().  Not for several threads at once.
 */
struct text {
	char *bytes; /* len of them, and a NUL behind, once anything was put */
	size_t len, room, limit;
	int (*flush)(void *arg, const char *bytes, size_t len); /* 0 or a negative errno */
	void *arg;
	int failed;
};

void text_put(struct text *t, struct slice s);
void text_add(struct text *t, const char *s);
void text_print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string, valid whatever the bytes: what is not UTF-8 becomes '%' and two
 * hex digits, as in names of files. */
void text_json(struct text *t, struct slice s);

/* A part of a line: control bytes, '\' and what is not UTF-8 become \xhh; and spaces
 * where words stand in rows.  And the most bytes that it takes. */
void text_word(struct text *t, struct slice s, bool in_row);
size_t text_word_length(struct slice s);

/* A JSON number that reads back as the same double, or for float as the same
 * float; "NaN", "Infinity", "-Infinity" as strings, since JSON has none. */
void text_double(struct text *t, double v);
void text_float(struct text *t, float v);

int text_flush(struct text *t); /* returns t->failed */
void text_free(struct text *t);

static inline struct slice text_slice(const struct text *t)
{
	return (struct slice){(const uint8_t *)t->bytes, t->len};
}
