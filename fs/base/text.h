/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/base/cursor.h"

/*
 * A growing text buffer, mostly for JSON.
 *
 * Without `flush`, it keeps all text, up to `limit` bytes (0: no limit); with `flush`,
 * it passes the text on whenever enough is buffered, and at text_flush().  The first
 * failure sticks: -E2BIG at the limit, -ENOMEM, or what flush returned; so the writer
 * checks once, at the end.  Initialise to {0} plus limit, flush and arg as needed; end
 * with text_free().  Not thread-safe.
 */
struct text {
	char *bytes; /* len bytes and a NUL; NULL until the first append */
	size_t len, room, limit;
	int (*flush)(void *arg, const char *bytes, size_t len); /* 0 or a negative errno */
	void *arg;
	int failed;
};

void text_put(struct text *t, struct slice s);
void text_add(struct text *t, const char *s);
void text_print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string, valid whatever the bytes: invalid UTF-8 becomes '%' and two hex
 * digits, as in file names. */
void text_json(struct text *t, struct slice s);

/* The bytes as hexadecimal digits, a JSON string, too. */
void text_hex(struct text *t, struct slice s);

/* The bytes in base64 (RFC 4648), a JSON string, too; and how long that is. */
void text_base64(struct text *t, struct slice s);
static inline uint64_t text_base64_length(uint64_t bytes)
{
	return (bytes + 2) / 3 * 4 + 2;
}

/* A word of a line: control bytes, '\' and invalid UTF-8 become \xhh; in a row of
 * words, spaces do, too.  text_word_length(): the most bytes it takes. */
void text_word(struct text *t, struct slice s, bool in_row);
size_t text_word_length(struct slice s);

/* A JSON number that parses back to the same double, or float; the strings "NaN",
 * "Infinity" and "-Infinity", for which JSON has no numbers. */
void text_double(struct text *t, double v);
void text_float(struct text *t, float v);

int text_flush(struct text *t); /* returns t->failed */
void text_free(struct text *t);

static inline struct slice text_slice(const struct text *t)
{
	return (struct slice){(const uint8_t *)t->bytes, t->len};
}
