/* SPDX-License-Identifier: MIT */
#include "fs/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/name.h"

/* Flush once this many bytes are buffered. */
enum { ENOUGH = 1 << 16 };

static void fail_with(struct text *t, int r)
{
	if (t->failed == 0)
		t->failed = r;
}

/* Makes room for n more bytes and a NUL; NULL, with t->failed set, if it cannot. */
static char *grow(struct text *t, size_t n)
{
	if (t->failed)
		return NULL;
	if (t->limit && n > t->limit - t->len) {
		fail_with(t, -E2BIG);
		return NULL;
	}
	if (n >= t->room - t->len) {
		size_t room = t->room ? t->room : 256;
		while (room - t->len <= n && room <= SIZE_MAX / 2)
			room *= 2;
		char *grown = room - t->len > n ? realloc(t->bytes, room) : NULL;
		if (!grown) {
			fail_with(t, -ENOMEM);
			return NULL;
		}
		t->bytes = grown;
		t->room = room;
	}
	return t->bytes + t->len;
}

int text_flush(struct text *t)
{
	if (t->flush && t->len > 0 && t->failed == 0)
		fail_with(t, t->flush(t->arg, t->bytes, t->len));
	if (t->flush)
		t->len = 0;
	return t->failed;
}

void text_put(struct text *t, struct slice s)
{
	char *at = grow(t, s.len);
	if (!at)
		return;
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	t->len += s.len;
	t->bytes[t->len] = '\0';
	if (t->flush && t->len >= ENOUGH)
		text_flush(t);
}

void text_add(struct text *t, const char *s)
{
	text_put(t, slice_text(s));
}

void text_print(struct text *t, const char *format, ...)
{
	char few[256], *many = NULL;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(few, sizeof few, format, args);
	va_end(args);
	if (n >= (int)sizeof few) {
		va_start(args, format);
		n = vasprintf(&many, format, args);
		va_end(args);
	}
	if (n < 0)
		fail_with(t, -ENOMEM);
	else
		text_put(t, (struct slice){(uint8_t *)(many ? many : few), (size_t)n});
	free(many);
}

/* How many bytes at the front of s need no escape in a JSON string. */
static size_t as_is(struct slice s)
{
	size_t n = 0;
	for (size_t each; n < s.len; n += each) {
		uint8_t c = s.data[n];
		each = utf8_length((struct slice){s.data + n, s.len - n});
		if (each == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			break;
	}
	return n;
}

/* How many bytes at the front of s text_word() does not escape. */
static size_t plain_word(struct slice s, bool in_row)
{
	size_t n = 0;
	for (size_t each; n < s.len; n += each) {
		uint8_t c = s.data[n];
		each = utf8_length((struct slice){s.data + n, s.len - n});
		if (each == 0 || c < ' ' || (c == ' ' && in_row) || c == 0x7f || c == '\\')
			break;
	}
	return n;
}

void text_hex(struct text *t, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	text_add(t, "\"");
	for (size_t i = 0; i < s.len && !t->failed; i++)
		text_put(t, (struct slice){(const uint8_t[]){(uint8_t)digits[s.data[i] >> 4], (uint8_t)digits[s.data[i] & 15]}, 2});
	text_add(t, "\"");
}

void text_word(struct text *t, struct slice s, bool in_row)
{
	while (s.len > 0) {
		size_t n = plain_word(s, in_row);
		text_put(t, (struct slice){s.data, n});
		if (n < s.len)
			text_print(t, "\\x%02x", s.data[n++]);
		s = (struct slice){s.data + n, s.len - n};
	}
}

size_t text_word_length(struct slice s)
{
	size_t length = 0;
	while (s.len > 0) {
		size_t n = plain_word(s, true);
		length += n;
		if (n < s.len)
			length += 4, n++;
		s = (struct slice){s.data + n, s.len - n};
	}
	return length;
}

void text_json(struct text *t, struct slice s)
{
	text_add(t, "\"");
	while (s.len > 0 && !t->failed) {
		size_t n = as_is(s);
		text_put(t, (struct slice){s.data, n});
		s.data += n, s.len -= n;
		if (s.len == 0)
			break;
		uint8_t c = *s.data;
		if (c == '"' || c == '\\')
			text_print(t, "\\%c", c);
		else if (c < 0x80)
			text_print(t, "\\u%04x", c);
		else
			text_print(t, "%%%02X", c);
		s.data++, s.len--;
	}
	text_add(t, "\"");
}

static bool odd_number(struct text *t, double v)
{
	if (isnan(v))
		text_add(t, "\"NaN\"");
	else if (isinf(v))
		text_add(t, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	return !isfinite(v);
}

/* Appends ".0" if the number looks like an integer: JSON has one number type, but its
 * readers tell integers and floats apart. */
static void put_number(struct text *t, const char *s)
{
	text_add(t, s);
	if (!strpbrk(s, ".e"))
		text_add(t, ".0");
}

void text_double(struct text *t, double v)
{
	char s[40];
	if (odd_number(t, v))
		return;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof s, "%.*g", digits, v);
		if (strtod(s, NULL) == v)
			break;
	}
	put_number(t, s);
}

void text_base64(struct text *t, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	text_add(t, "\"");
	for (size_t i = 0; i < s.len; i += 3) {
		size_t left = s.len - i;
		uint32_t group = (uint32_t)s.data[i] << 16 | (left > 1 ? (uint32_t)s.data[i + 1] << 8 : 0) | (left > 2 ? s.data[i + 2] : 0);
		char four[5] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
				left > 2 ? digits[group & 63] : '=', '\0'};
		text_add(t, four);
	}
	text_add(t, "\"");
}

void text_float(struct text *t, float v)
{
	char s[40];
	if (odd_number(t, (double)v))
		return;
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(s, sizeof s, "%.*g", digits, (double)v);
		if (strtof(s, NULL) == v)
			break;
	}
	put_number(t, s);
}

void text_free(struct text *t)
{
	free(t->bytes);
	*t = (struct text){0};
}
