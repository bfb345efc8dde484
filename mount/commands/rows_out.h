/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "mount/commands/rows.h"

/*
 * What becomes of rows: bytes in memory that grows, or is flushed where it is full.  Whatever fails
 * sticks in `failed`.
 */
void rows_flush(struct rows_out *o);
char *rows_out_grow(struct rows_out *o, size_t n);
void rows_out_add_long(struct rows_out *o, const void *bytes, size_t len);

/* Room for n bytes more; NULL: no memory. */
static inline char *rows_room(struct rows_out *o, size_t n)
{
	return o->room - o->len >= n ? o->bytes + o->len : rows_out_grow(o, n);
}

static inline void rows_add(struct rows_out *o, const void *bytes, size_t len)
{
	if (o->room - o->len < len) {
		rows_out_add_long(o, bytes, len);
	} else if (len) {
		memcpy(o->bytes + o->len, bytes, len);
		o->len += len;
	}
}

static inline void rows_add_byte(struct rows_out *o, char c)
{
	char *to = rows_room(o, 1);
	if (to) {
		*to = c;
		o->len++;
	}
}

/* --- strings, rows_string.c ------------------------------------------------------------------- */

/* Does a field have to be quoted: is there a delimiter, a quote or a line end in it? */
bool rows_needs_quotes(const uint8_t *p, size_t len, char delimiter);

/* A field of CSV; a string of JSON, in which bytes that are not UTF-8 are %XX, as everywhere in our JSON; and
 * base64. */
void rows_put_doubled(struct rows_out *o, const uint8_t *p, size_t len); /* with its quotes doubled, for within such */
void rows_put_field(struct rows_out *o, const uint8_t *p, size_t len, char delimiter);
void rows_put_json_string(struct rows_out *o, const uint8_t *p, size_t len);
void rows_put_base64(struct rows_out *o, const uint8_t *p, size_t len);
void rows_put_json_base64(struct rows_out *o, const uint8_t *p, size_t len);
