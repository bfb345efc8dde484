/* SPDX-License-Identifier: MIT */
#include "fs/base/name.h"
#include "fs/values/numpy_impl.h"

int numpy_fault(struct numpy_reader *r, const char *what)
{
	return error_set(r->err, EBADMSG, "NumPy's header: %s at byte %zu of its text", what, cursor_at(&r->c));
}

int numpy_no_memory(struct numpy_reader *r)
{
	return error_no_memory(r->err, "NumPy's header");
}

char numpy_peek(struct numpy_reader *r)
{
	struct cursor *c = &r->c;
	while (c->pos < c->end && (*c->pos == ' ' || *c->pos == '\t' || *c->pos == '\n' || *c->pos == '\r'))
		c->pos++;
	return c->pos < c->end ? (char)*c->pos : '\0';
}

bool numpy_next(struct numpy_reader *r, char punctuation)
{
	return numpy_peek(r) == punctuation && cursor_match(&r->c, &punctuation, 1);
}

int numpy_want(struct numpy_reader *r, char punctuation)
{
	char what[] = "'?' is missing";
	if (numpy_next(r, punctuation))
		return 0;
	what[1] = punctuation;
	return numpy_fault(r, what);
}

/* --- strings --------------------------------------------------------------- */

static bool hex_digits(struct slice s, size_t n, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = i < s.len ? s.data[i] : 0;
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (digit < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)digit;
	}
	return *ret <= 0x10ffff;
}

/* Decodes what follows a backslash; returns the bytes consumed, or 0.  The UTF-8 is
 * never longer than the escape. */
static size_t escape(struct slice s, char *to, size_t *ret_len)
{
	static const char plain[] = "\\'\"nrt", means[] = "\\'\"\n\r\t";
	const char *found = s.len && s.data[0] ? strchr(plain, s.data[0]) : NULL;
	uint8_t c = s.len ? s.data[0] : 0;
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	uint32_t code;
	if (found) {
		*to = means[found - plain];
		*ret_len = 1;
		return 1;
	}
	if (digits == 0 || !hex_digits((struct slice){s.data + 1, s.len - 1}, digits, &code))
		return 0;
	*ret_len = utf8_put_surrogate(code, (uint8_t *)to);
	return 1 + digits;
}

/* The bytes up to the closing quote. */
static int find_end(struct numpy_reader *r, uint8_t quote, struct slice *ret)
{
	const uint8_t *from = r->c.pos, *p = from;
	for (; p < r->c.end && *p != quote; p++) {
		if (*p == '\n' || *p == '\r' || *p == '\0')
			return numpy_fault(r, "a string that does not end on its line");
		if (*p == '\\' && p + 1 < r->c.end)
			p++;
	}
	if (p >= r->c.end)
		return numpy_fault(r, "a string that does not end");
	*ret = (struct slice){from, (size_t)(p - from)};
	return 0;
}

int numpy_string(struct numpy_reader *r, struct slice *ret)
{
	uint8_t quote = (uint8_t)numpy_peek(r);
	struct slice raw;
	if (quote == 'u' && cursor_match(&r->c, "u", 1))
		quote = r->c.pos < r->c.end ? *r->c.pos : 0;
	if (quote != '\'' && quote != '"')
		return numpy_fault(r, "a string is missing");
	cursor_skip(&r->c, 1);
	int e = find_end(r, quote, &raw);
	char *to = e == 0 ? arena_text(r->arena, raw) : NULL;
	size_t n = 0, each;
	if (!to)
		return e ? e : numpy_no_memory(r);
	for (size_t i = 0; i < raw.len; i += each, n++) {
		size_t len = 1;
		each = 1;
		to[n] = (char)raw.data[i];
		if (raw.data[i] != '\\')
			continue;
		each = escape((struct slice){raw.data + i + 1, raw.len - i - 1}, to + n, &len) + 1;
		if (each == 1)
			return numpy_fault(r, "a string with an escape that NumPy does not write");
		n += len - 1;
	}
	to[n] = '\0';
	cursor_skip(&r->c, raw.len + 1);
	*ret = (struct slice){(const uint8_t *)to, n};
	return 0;
}

/* --- other literals -------------------------------------------------------- */

int numpy_bool(struct numpy_reader *r, bool *ret)
{
	(void)numpy_peek(r);
	*ret = cursor_match(&r->c, "True", 4);
	return *ret || cursor_match(&r->c, "False", 5) ? 0 : numpy_fault(r, "True or False is missing");
}

static int integer(struct numpy_reader *r, uint64_t *ret)
{
	struct cursor *c = &r->c;
	(void)numpy_peek(r);
	const uint8_t *from = c->pos;
	*ret = 0;
	for (; c->pos < c->end && *c->pos >= '0' && *c->pos <= '9'; c->pos++)
		if (__builtin_mul_overflow(*ret, 10, ret) || __builtin_add_overflow(*ret, *c->pos - '0', ret) || *ret > INT64_MAX)
			return numpy_fault(r, "an extent of more than 63 bits");
	if (c->pos == from)
		return numpy_fault(r, "an extent that is not a non-negative integer");
	if (*from == '0' && c->pos > from + 1)
		return numpy_fault(r, "a number with leading zeros");
	if (r->longs)
		(void)cursor_match(c, "L", 1);
	return 0;
}

int numpy_shape(struct numpy_reader *r, struct array *ret)
{
	uint64_t found[NUMPY_RANK_MAX], *shape;
	uint32_t rank = 0;
	bool comma = true;
	int e = numpy_want(r, '(');
	while (e == 0 && !numpy_next(r, ')')) {
		if (!comma)
			return numpy_fault(r, "',' is missing");
		if (rank == NUMPY_RANK_MAX)
			return numpy_fault(r, "a shape of more than 64 dimensions");
		e = integer(r, &found[rank++]);
		comma = e == 0 && numpy_next(r, ',');
	}
	if (e == 0 && rank == 1 && !comma)
		return numpy_fault(r, "a shape that is a number, not a tuple,");
	shape = e == 0 && rank ? arena_array(r->arena, rank, sizeof *shape) : NULL;
	if (e || (rank && !shape))
		return e ? e : numpy_no_memory(r);
	if (rank)
		memcpy(shape, found, rank * sizeof *shape);
	ret->rank = rank;
	ret->shape = shape;
	return 0;
}
