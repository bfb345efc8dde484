/* SPDX-License-Identifier: MIT */
#include "mount/commands/glob.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/list.h"
#include "fs/base/name.h"

bool glob_is_pattern(const char *text)
{
	return text[strcspn(text, "*?[\\")] != '\0';
}

/* --- a component ------------------------------------------------------------ */

/* Length of the next UTF-8 character, or 1 for an invalid byte. */
static size_t character(struct slice s)
{
	size_t n = utf8_length(s);
	return n ? n : 1;
}

static struct slice skip(struct slice s, size_t n)
{
	return (struct slice){s.data + n, s.len - n};
}

/* UTF-8 sorts in the order of code points. */
static int compare(struct slice a, size_t na, struct slice b, size_t nb)
{
	int r = memcmp(a.data, b.data, na < nb ? na : nb);
	return r ? r : (na > nb) - (na < nb);
}

/* `set` begins after "[": is the character in the set? *ret_len is the length up to and
 * including "]", or 0 if there is none: then "[" stands for itself. */
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

/* Consumes one character of the name, and the part of the pattern that should match it;
 * returns whether it matches. */
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

/* Backtracks to the last star only: the earlier ones have matched as little as possible,
 * and matching more would not help. */
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

enum { WORD = 64 };

/* Bit i of a state: the first i components of the pattern match the path so far. */
struct glob_state {
	struct slice *parts;
	size_t count, words; /* words: of one state */
	size_t *lengths;     /* of the current path: the length up to each of its folders, from 0 on */
	uint64_t *states;    /* the state of each folder */
	size_t levels;
};

static bool has(const uint64_t *state, size_t i)
{
	return state[i / WORD] >> i % WORD & 1;
}

static void put(uint64_t *state, size_t i)
{
	state[i / WORD] |= UINT64_C(1) << i % WORD;
}

/* Takes the next component, skipping "", "." and slashes; returns false at the end. */
static bool next_component(struct slice *path, struct slice *ret)
{
	do {
		while (path->len && *path->data == '/')
			*path = skip(*path, 1);
		const uint8_t *slash = path->len ? memchr(path->data, '/', path->len) : NULL;
		*ret = (struct slice){path->data, slash ? (size_t)(slash - path->data) : path->len};
		*path = skip(*path, ret->len);
	} while (ret->len == 1 && *ret->data == '.');
	return ret->len > 0;
}

static bool is_any_depth(struct slice p)
{
	return p.len == 2 && memcmp(p.data, "**", 2) == 0;
}

static void skip_any_depth(const struct glob_state *g, uint64_t *state)
{
	for (size_t i = 0; i < g->count; i++)
		if (has(state, i) && is_any_depth(g->parts[i]))
			put(state, i + 1);
}

static void step(const struct glob_state *g, const uint64_t *from, struct slice name, uint64_t *to)
{
	memset(to, 0, g->words * sizeof *to);
	for (size_t i = 0; i < g->count; i++) {
		if (!has(from, i))
			continue;
		if (is_any_depth(g->parts[i]) && *name.data != '.')
			put(to, i);
		else if (!is_any_depth(g->parts[i]) && component_matches(g->parts[i], name))
			put(to, i + 1);
	}
	skip_any_depth(g, to);
}

static uint64_t *state_of(const struct glob_state *g, size_t level)
{
	return g->states + level * g->words;
}

static bool add_level(struct glob_state *g)
{
	size_t *lengths = list_grow(g->lengths, g->levels, sizeof *lengths);
	if (!lengths)
		return false;
	g->lengths = lengths;
	uint64_t *states = list_grow(g->states, g->levels, g->words * sizeof *states);
	if (!states)
		return false;
	g->states = states;
	g->levels++;
	return true;
}

struct glob_state *glob_new(const char *pattern)
{
	struct glob_state *g = calloc(1, sizeof *g);
	struct slice rest = slice_text(pattern), part;
	size_t most = rest.len / 2 + 1;
	if (!g || !(g->parts = calloc(most, sizeof *g->parts))) {
		glob_free(g);
		return NULL;
	}
	while (next_component(&rest, &part))
		g->parts[g->count++] = part;
	g->words = g->count / WORD + 1;
	if (!add_level(g)) {
		glob_free(g);
		return NULL;
	}
	g->lengths[0] = 0;
	memset(g->states, 0, g->words * sizeof *g->states);
	put(g->states, 0);
	skip_any_depth(g, g->states);
	return g;
}

void glob_free(struct glob_state *g)
{
	if (g) {
		free(g->parts);
		free(g->lengths);
		free(g->states);
	}
	free(g);
}

enum glob glob_match(struct glob_state *g, const char *path, size_t len)
{
	const char *slash = len ? memrchr(path, '/', len) : NULL;
	size_t folder = slash ? (size_t)(slash - path) : 0;
	while (g->lengths[g->levels - 1] > folder)
		g->levels--;
	size_t known = g->lengths[g->levels - 1];
	struct slice rest = {(const uint8_t *)path + known, len - known}, name;
	while (next_component(&rest, &name)) {
		if (!add_level(g))
			return GLOB_FAILED;
		g->lengths[g->levels - 1] = len - rest.len;
		step(g, state_of(g, g->levels - 2), name, state_of(g, g->levels - 1));
	}
	const uint64_t *state = state_of(g, g->levels - 1);
	bool alive = false;
	for (size_t i = 0; i < g->words; i++)
		alive |= state[i] != 0;
	return has(state, g->count) ? GLOB_MATCHES : alive ? GLOB_BELOW : GLOB_NEVER;
}
