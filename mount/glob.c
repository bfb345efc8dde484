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

/* As in a component, and for the same reason: two stars match as few directories as
 * they can, and only the last of them any more.  (A part matches names that begin
 * with a dot or others, never both, so that what two stars may not match does not
 * make a longer match of earlier ones possible.) */
enum glob glob_match(const char *pattern, const char *path)
{
	const char *star = NULL, *retry = NULL;
	struct slice part, name;
	for (;;) {
		const char *here = path;
		bool some = next_component(&pattern, &part), named = next_component(&path, &name);
		if (some && is_any_depth(part)) {
			star = pattern;
			retry = path = here;
		} else if (!named) {
			return some ? GLOB_BELOW : GLOB_MATCHES;
		} else if (!some || !component_matches(part, name)) {
			if (!star || (next_component(&retry, &name) && *name.data == '.'))
				return GLOB_NEVER;
			pattern = star;
			path = retry;
		}
	}
}
