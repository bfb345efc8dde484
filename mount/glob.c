/* SPDX-License-Identifier: MIT */
#include "mount/glob.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fs/name.h"

bool glob_is_pattern(const char *text)
{
	return text[strcspn(text, "*?[\\")] != '\0';
}

/* --- a component ------------------------------------------------------------ */

/* A character, or a byte that is none. */
static size_t character(struct slice s)
{
	size_t n = utf8_length(s);
	return n ? n : 1;
}

static struct slice skip(struct slice s, size_t n)
{
	return (struct slice){s.data + n, s.len - n};
}

/* UTF-8 sorts as the code points do. */
static int compare(struct slice a, size_t na, struct slice b, size_t nb)
{
	int r = memcmp(a.data, b.data, na < nb ? na : nb);
	return r ? r : (na > nb) - (na < nb);
}

/* Behind "[": is the character among those?  *ret_len is what is taken up to "]",
 * or 0 if there is none, and "[" stands for itself. */
static bool in_set(struct slice set, struct slice c, size_t nc, size_t *ret_len)
{
	struct slice p = set;
	bool no = p.len && (*p.data == '!' || *p.data == '^'), found = false;
	*ret_len = 0;
	p = skip(p, no);
	for (bool first = true; p.len && (first || *p.data != ']'); first = false) {
		p = skip(p, *p.data == '\\' && p.len > 1);
		struct slice from = p, to = p;
		size_t nf = character(p), nt = nf;
		p = skip(p, nf);
		if (p.len >= 2 && p.data[0] == '-' && p.data[1] != ']') {
			p = skip(p, 1);
			p = skip(p, *p.data == '\\' && p.len > 1);
			to = p, nt = character(p);
			p = skip(p, nt);
		}
		found |= compare(c, nc, from, nf) >= 0 && compare(c, nc, to, nt) <= 0;
	}
	if (p.len)
		*ret_len = set.len - p.len + 1;
	return found != no;
}

/* Takes what matches one character off both. */
static bool take_one(struct slice *pattern, struct slice *name)
{
	struct slice p = *pattern;
	size_t n = character(*name), taken;
	if (p.len == 0 || *p.data == '*')
		return false;
	bool fits = *p.data == '?';
	taken = 1;
	if (*p.data == '[') {
		bool among = in_set(skip(p, 1), *name, n, &taken);
		fits = taken ? among : *name->data == '[';
		taken++;
	} else if (!fits) {
		bool escaped = *p.data == '\\' && p.len > 1;
		p = skip(p, escaped);
		taken = character(p);
		fits = compare(p, taken, *name, n) == 0;
		taken += escaped;
	}
	*pattern = skip(*pattern, taken);
	*name = skip(*name, n);
	return fits;
}

/* Goes back to the last star alone: the ones before have matched as little as
 * they can, and more would not help. */
static bool component_matches(struct slice pattern, struct slice name)
{
	struct slice star = {0}, retry = {0};
	bool starred = false;
	if (name.len && *name.data == '.' && pattern.len && strchr("*?[", *pattern.data))
		return false;
	while (name.len) {
		if (pattern.len && *pattern.data == '*') {
			starred = true;
			star = pattern = skip(pattern, 1);
			retry = name;
		} else if (!take_one(&pattern, &name)) {
			if (!starred)
				return false;
			name = retry = skip(retry, character(retry));
			pattern = star;
		}
	}
	while (pattern.len && *pattern.data == '*')
		pattern = skip(pattern, 1);
	return pattern.len == 0;
}

/* --- a path ----------------------------------------------------------------- */

/* The next component, of any but "", "." and the slashes around; false at the end. */
static bool next_component(const char **path, struct slice *ret)
{
	do {
		*path += strspn(*path, "/");
		*ret = (struct slice){(const uint8_t *)*path, strcspn(*path, "/")};
		*path += ret->len;
	} while (ret->len == 1 && *ret->data == '.');
	return ret->len > 0;
}

static bool is_any_depth(struct slice p)
{
	return p.len == 2 && memcmp(p.data, "**", 2) == 0;
}

/* Bit i of a state: the path so far may be what the first i components match. */
static uint64_t skip_any_depth(const struct slice *parts, size_t count, uint64_t state)
{
	for (size_t i = 0; i < count; i++)
		if (state >> i & 1 && is_any_depth(parts[i]))
			state |= UINT64_C(2) << i;
	return state;
}

enum glob glob_match(const char *pattern, const char *path)
{
	struct slice parts[GLOB_DEEPEST], name;
	size_t count = 0;
	for (struct slice part; next_component(&pattern, &part); parts[count++] = part)
		if (count == GLOB_DEEPEST)
			return GLOB_NEVER;
	uint64_t state = skip_any_depth(parts, count, 1);
	while (state && next_component(&path, &name)) {
		uint64_t next = 0;
		for (size_t i = 0; i < count; i++) {
			if (!(state >> i & 1))
				continue;
			if (is_any_depth(parts[i]))
				next |= *name.data == '.' ? 0 : UINT64_C(1) << i;
			else if (component_matches(parts[i], name))
				next |= UINT64_C(2) << i;
		}
		state = skip_any_depth(parts, count, next);
	}
	return state >> count & 1 ? GLOB_MATCHES : state ? GLOB_BELOW : GLOB_NEVER;
}
