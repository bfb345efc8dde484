/* SPDX-License-Identifier: MIT */
#include "fs/values/json_impl.h"

#include "fs/base/name.h"
#include "fs/values/json_escape.h"

struct json json_over(struct slice text, struct arena *arena)
{
	return (struct json){.c = cursor_over(text), .arena = arena};
}

static void stop(struct json *j, int code, const char *fault)
{
	if (j->failed)
		return;
	j->failed = code;
	j->fault = fault;
	j->fault_at = j->passed + cursor_at(&j->c);
	j->c.pos = j->c.end;
}

void json_fail(struct json *j, const char *fault)
{
	stop(j, -EBADMSG, fault);
}

/* Out of line: most texts have no space between tokens. */
static void skip_space(struct json *j)
{
	while (j->c.pos < j->c.end && (*j->c.pos == ' ' || *j->c.pos == '\n' || *j->c.pos == '\t' || *j->c.pos == '\r'))
		j->c.pos++;
}

/* The next byte that is not white space, or 0 at the end. */
static inline uint8_t next(struct json *j)
{
	if (j->c.pos < j->c.end && *j->c.pos > ' ')
		return *j->c.pos;
	skip_space(j);
	return j->c.pos < j->c.end ? *j->c.pos : 0;
}

static inline bool expect(struct json *j, char byte, const char *fault)
{
	if (next(j) == (uint8_t)byte) { /* never true once failed: the cursor is at the end */
		j->c.pos++;
		return true;
	}
	json_fail(j, fault);
	return false;
}

/* The kind of a value, by its first byte. */
static const uint8_t kinds[256] = {
	['{'] = JSON_OBJECT, ['['] = JSON_ARRAY, ['"'] = JSON_STRING, ['t'] = JSON_BOOL, ['f'] = JSON_BOOL,
	['n'] = JSON_NULL, ['-'] = JSON_NUMBER, ['0' ... '9'] = JSON_NUMBER,
};

enum json_kind json_peek(struct json *j)
{
	if (j->failed)
		return JSON_NONE;
	enum json_kind kind = (enum json_kind)kinds[next(j)];
	if (kind == JSON_NONE)
		json_fail(j, "a value is expected");
	return kind;
}

/* --- objects and arrays ------------------------------------------------ */

static bool enter(struct json *j, char byte, const char *fault)
{
	if (!expect(j, byte, fault))
		return false;
	if (++j->depth > JSON_DEPTH) {
		json_fail(j, "nesting is too deep");
		return false;
	}
	j->fresh = true;
	return true;
}

/* Is there another item before the closing byte? Skips the comma. */
static inline bool more(struct json *j, char close, const char *fault)
{
	bool first = j->fresh;
	uint8_t byte;

	if (j->failed)
		return false;
	j->fresh = false;
	byte = next(j);
	if (byte == (uint8_t)close) {
		j->c.pos++;
		j->depth--;
		return false;
	}
	if (first)
		return true;
	if (!expect(j, ',', fault))
		return false;
	if (next(j) == (uint8_t)close)
		json_fail(j, "nothing follows a comma");
	return !j->failed;
}

bool json_object(struct json *j)
{
	return enter(j, '{', "an object is expected");
}

bool json_array(struct json *j)
{
	return enter(j, '[', "an array is expected");
}

bool json_member(struct json *j, struct slice *ret)
{
	if (!more(j, '}', "a comma or the object's end is expected"))
		return false;
	*ret = json_string(j);
	return expect(j, ':', "a colon is expected");
}

bool json_element(struct json *j)
{
	return more(j, ']', "a comma or the array's end is expected");
}

/* --- strings ----------------------------------------------------------- */

/* Moves the index, so that it begins at p. */
static void index_from(struct json *j, const uint8_t *p)
{
	size_t n = (size_t)(j->c.end - p);
	j->indexed = p;
	j->indexed_end = p + (n < JSON_INDEXED ? n : JSON_INDEXED);
	json_index(p, (size_t)(j->indexed_end - p), j->stops);
}

/* The next '"', '\\' or control byte at or after p, or the end of the text. */
static inline const uint8_t *next_stop(struct json *j, const uint8_t *p)
{
	while (p < j->c.end) {
		if (p < j->indexed || p >= j->indexed_end)
			index_from(j, p);
		size_t at = (size_t)(p - j->indexed);
		uint64_t bits = j->stops[at / JSON_INDEX_BLOCK] >> at % JSON_INDEX_BLOCK;
		if (bits) {
			p += __builtin_ctzll(bits);
			break;
		}
		p += JSON_INDEX_BLOCK - at % JSON_INDEX_BLOCK;
	}
	return p;
}

/* Finds the closing quote of a string that begins at the cursor; its first escape, or a
 * fault, is at p. */
static bool string_end(struct json *j, const uint8_t *p, const uint8_t **ret)
{
	for (;; p = next_stop(j, p)) {
		if (p == j->c.end || *p < 0x20) {
			j->c.pos = p;
			json_fail(j, p == j->c.end ? "a string has no end" : "a string contains a control byte");
			return false;
		}
		if (*p == '"')
			break;
		p += 2 <= j->c.end - p ? 2 : 1;
	}
	*ret = p;
	return true;
}

/* A string that is not a slice of the text: its first escape, or a fault, is at `first`. */
static struct slice escaped_string(struct json *j, const uint8_t *first)
{
	const uint8_t *start = j->c.pos, *end;
	struct slice ret = {(const uint8_t *)"", 0};
	if (!string_end(j, first, &end))
		return ret;
	uint8_t *out = arena_alloc(j->arena, (size_t)(end - start));
	size_t n = 0;
	if (!out) {
		stop(j, -ENOMEM, "there is no memory for a string");
		return ret;
	}
	for (const uint8_t *p = start; p < end;) {
		size_t run = (size_t)(next_stop(j, p) - p);
		memcpy(out + n, p, run);
		n += run, p += run;
		if (p == end)
			break;
		int32_t code = json_escape(p, end, &p);
		if (code < 0) {
			j->c.pos = p;
			json_fail(j, "an escape is not valid");
			return ret;
		}
		n += utf8_put((uint32_t)code, out + n);
	}
	j->c.pos = end + 1;
	return (struct slice){out, n};
}

struct slice json_string(struct json *j)
{
	if (!expect(j, '"', "a string is expected"))
		return (struct slice){(const uint8_t *)"", 0};
	const uint8_t *start = j->c.pos, *end = next_stop(j, start);
	if (end == j->c.end || *end != '"')
		return escaped_string(j, end);
	j->c.pos = end + 1;
	return (struct slice){start, (size_t)(end - start)};
}

/* --- literals, and skipping any value ---------------------------------- */

static void skip_word(struct json *j, const char *word)
{
	if (!cursor_match(&j->c, word, strlen(word)))
		json_fail(j, "a value is expected");
}

void json_null(struct json *j)
{
	if (json_peek(j) != JSON_NULL)
		json_fail(j, "null is expected");
	else
		skip_word(j, "null");
}

/* Keeps a stack of its own, one bit per level, so that depth takes no C stack. */
struct slice json_skip(struct json *j)
{
	uint8_t objects[(JSON_DEPTH + 8) / 8 + 1] = {0};
	unsigned base = j->depth;
	struct slice name;
	skip_space(j);
	const uint8_t *start = j->c.pos;

	for (bool value = true; !j->failed && (value || j->depth > base);) {
		if (value) {
			value = false;
			switch (json_peek(j)) {
			case JSON_OBJECT:
			case JSON_ARRAY: {
				bool object = *j->c.pos == '{';
				if (!(object ? json_object(j) : json_array(j)))
					break;
				unsigned bit = j->depth - base - 1;
				objects[bit / 8] = (uint8_t)((objects[bit / 8] & ~(1u << bit % 8)) | (unsigned)object << bit % 8);
				break;
			}
			case JSON_STRING:
				(void)json_string(j); /* checks the escapes */
				break;
			case JSON_NUMBER:
				json_skip_number(j);
				break;
			case JSON_BOOL:
				skip_word(j, *j->c.pos == 't' ? "true" : "false");
				break;
			case JSON_NULL:
				skip_word(j, "null");
				break;
			case JSON_NONE:
				break;
			}
			continue;
		}
		unsigned bit = j->depth - base - 1;
		value = objects[bit / 8] >> bit % 8 & 1 ? json_member(j, &name) : json_element(j);
	}
	return j->failed ? (struct slice){start, 0} : (struct slice){start, (size_t)(j->c.pos - start)};
}

int json_end(struct json *j, struct error *err, const char *what)
{
	skip_space(j);
	if (j->c.pos < j->c.end)
		json_fail(j, "something follows the end");
	if (!j->failed)
		return 0;
	return error_set(err, -j->failed, "%s at byte %zu of %s", j->fault, j->fault_at, what);
}
