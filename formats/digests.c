/* SPDX-License-Identifier: MIT */
#include "formats/digests.h"

#include <inttypes.h>
#include <strings.h>

#include "fs/base/name.h"
#include "fs/values/json.h"

enum { BYTES = 32, DIGITS = 64 };

static int digit_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool digest_hex(struct slice hex, uint8_t ret[BYTES])
{
	if (hex.len != DIGITS)
		return false;
	for (size_t i = 0; i < BYTES; i++) {
		int high = digit_value(hex.data[2 * i]), low = digit_value(hex.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct list {
	struct arena *arena;
	digest_each *each;
	void *arg;
	struct error *err;
	uint64_t told;
	int broken; /* -EBADMSG once something was */
};

static int tell(struct list *l, struct slice name, const uint8_t sha256[BYTES])
{
	l->told++;
	return l->each(l->arg, name, sha256);
}

/* --- manifest.json --------------------------------------------------------------- */

static bool is_one_of(struct slice word, const char *const *words)
{
	for (; *words; words++)
		if (word.len == strlen(*words) && strncasecmp((const char *)word.data, *words, word.len) == 0)
			return true;
	return false;
}

static const char *const holders[] = {"files", "sha256", "sha256sums", "checksums", "digests", "hashes", "shards", "entries", "artifacts", NULL};
static const char *const digest_words[] = {"sha256", "sha-256", "sha256sum", "sha256_digest", "digest", "hash", "checksum", NULL};
static const char *const name_words[] = {"name", "path", "file", "filename", NULL};

static struct slice without_prefix(struct slice text)
{
	struct slice prefix = SLICE("sha256:");
	if (text.len >= prefix.len && strncasecmp((const char *)text.data, (const char *)prefix.data, prefix.len) == 0)
		return (struct slice){text.data + prefix.len, text.len - prefix.len};
	return text;
}

/* Was it meant to be a SHA-256?  Digests of other kinds have 32, 40, 56, 96 or 128 digits. */
static bool is_nearly(struct slice hex)
{
	for (size_t i = 0; i < hex.len; i++)
		if (digit_value(hex.data[i]) < 0)
			return false;
	return hex.len > 56 && hex.len < 96;
}

static int take(struct list *l, struct slice name, struct slice text, bool surely)
{
	uint8_t sha256[BYTES];
	struct slice hex = without_prefix(text);
	if (digest_hex(hex, sha256))
		return tell(l, name, sha256);
	if (surely || is_nearly(hex))
		l->broken = error_set(l->err, EBADMSG, "the SHA-256 of %.*s is no row of %d hexadecimal digits",
				      name.len < 100 ? (int)name.len : 100, name.data, DIGITS);
	return 0;
}

/* An object that gives a file's digest among other things, and perhaps its name. */
static int take_entry(struct list *l, struct json *from, struct slice name)
{
	struct slice key, digest = {0};
	bool surely = false;
	json_object(from);
	while (json_member(from, &key)) {
		bool string = json_peek(from) == JSON_STRING;
		if (string && is_one_of(key, digest_words)) {
			struct slice text = json_string(from);
			bool sure = strncasecmp((const char *)key.data, "sha", 3) == 0;
			if (!digest.data || (sure && !surely))
				digest = text, surely = sure;
		} else if (string && !name.data && is_one_of(key, name_words)) {
			name = json_string(from);
		} else {
			json_skip(from);
		}
	}
	return digest.data && name.data && !from->failed ? take(l, name, digest, surely) : 0;
}

static int take_entries(struct list *l, struct json *from)
{
	struct slice key;
	int r = 0;
	if (json_peek(from) == JSON_ARRAY) {
		json_array(from);
		while (r == 0 && json_element(from))
			if (json_peek(from) == JSON_OBJECT)
				r = take_entry(l, from, (struct slice){0});
			else
				json_skip(from);
		return r;
	}
	json_object(from);
	while (r == 0 && json_member(from, &key)) {
		enum json_kind kind = json_peek(from);
		if (kind == JSON_OBJECT)
			r = take_entry(l, from, key);
		else if (kind == JSON_STRING && !is_one_of(key, digest_words))
			r = take(l, key, json_string(from), false);
		else
			json_skip(from);
	}
	return r;
}

/* Looks for an object or list of files below a word for it, here or in objects here. */
static int find_entries(struct list *l, struct json *from, unsigned depth)
{
	enum { DEPTH = 3 };
	struct slice key;
	int r = 0;
	json_object(from);
	while (r == 0 && json_member(from, &key)) {
		enum json_kind kind = json_peek(from);
		if ((kind == JSON_OBJECT || kind == JSON_ARRAY) && is_one_of(key, holders))
			r = take_entries(l, from);
		else if (kind == JSON_OBJECT && depth < DEPTH)
			r = find_entries(l, from, depth + 1);
		else
			json_skip(from);
	}
	return r;
}

static int read_manifest(struct slice text, struct arena *arena, digest_each *each, void *arg, struct error *err)
{
	struct list l = {.arena = arena, .each = each, .arg = arg, .err = err};
	if (!utf8_valid(text))
		return error_set(err, EBADMSG, "is not UTF-8");
	struct json whole = json_over(text, arena), j = whole;
	bool object = json_peek(&j) == JSON_OBJECT;
	json_skip(&j);
	int r = json_end(&j, err, "it");
	if (r < 0 || !object)
		return r;
	j = whole;
	if ((r = find_entries(&l, &j, 0)) == 0 && l.told == 0 && !l.broken) {
		j = whole;
		r = take_entries(&l, &j);
	}
	if (r == 0 && j.failed == -ENOMEM)
		r = error_no_memory(err, "its names");
	return r ? r : l.broken;
}

/* --- SHA256SUMS -------------------------------------------------------------------- */

/* A name in which '\n', '\r' and '\' are escaped. */
static bool unescape(struct arena *arena, struct slice *name)
{
	char *out = arena_text(arena, *name);
	size_t n = 0;
	for (size_t i = 0; out && i < name->len; i++) {
		uint8_t c = name->data[i];
		if (c == '\\') {
			if (++i == name->len)
				return false;
			c = name->data[i] == 'n' ? '\n' : name->data[i] == 'r' ? '\r' : name->data[i] == '\\' ? '\\' : 0;
		}
		if (!c)
			return false;
		out[n++] = (char)c;
	}
	*name = (struct slice){(const uint8_t *)out, n};
	return out != NULL;
}

static struct slice drop(struct slice s, size_t front, size_t back)
{
	return (struct slice){s.data + front, s.len - front - back};
}

/* "HEX  NAME", "HEX *NAME", or "SHA256 (NAME) = HEX". */
static bool split_line(struct slice line, struct slice *name, struct slice *hex)
{
	struct slice tag = SLICE("SHA256 ("), between = SLICE(") = ");
	size_t rest = between.len + DIGITS;
	if (line.len > tag.len + rest && memcmp(line.data, tag.data, tag.len) == 0) {
		*name = drop(line, tag.len, rest);
		*hex = drop(line, line.len - DIGITS, 0);
		return memcmp(name->data + name->len, between.data, between.len) == 0;
	}
	if (line.len < DIGITS + 3 || line.data[DIGITS] != ' ' || (line.data[DIGITS + 1] != ' ' && line.data[DIGITS + 1] != '*'))
		return false;
	*hex = drop(line, 0, line.len - DIGITS);
	*name = drop(line, DIGITS + 2, 0);
	return true;
}

static int take_line(struct list *l, struct slice line, uint64_t number)
{
	uint8_t sha256[BYTES];
	struct slice name, hex;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0 || line.data[0] == '#')
		return 0;
	bool escaped = line.data[0] == '\\';
	if (split_line(drop(line, escaped, 0), &name, &hex) && digest_hex(hex, sha256) && (!escaped || unescape(l->arena, &name)))
		return tell(l, name, sha256);
	l->broken = error_set(l->err, EBADMSG, "line %" PRIu64 " is none that sha256sum writes", number);
	return 0;
}

static int read_sums(struct slice text, struct arena *arena, digest_each *each, void *arg, struct error *err)
{
	struct list l = {.arena = arena, .each = each, .arg = arg, .err = err};
	int r = 0;
	for (uint64_t number = 1; r == 0 && text.len > 0; number++) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		struct slice line = {text.data, end ? (size_t)(end - text.data) : text.len};
		r = take_line(&l, line, number);
		text = drop(text, line.len + (end != NULL), 0);
	}
	return r ? r : l.broken;
}

const struct digest_list digest_lists[] = {{"manifest.json", read_manifest}, {"SHA256SUMS", read_sums}, {NULL, NULL}};
