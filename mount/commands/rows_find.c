/* SPDX-License-Identifier: MIT */
/* Which tables an archive has. */
#include <stdio.h>

#include "mount/commands/rows.h"

/* Directories that are looked into, their depth, and tables that a sentence names. */
enum { LOOKED = 10000, DEPTH = 64, NAMED = 8 };

bool rows_lead(struct archive *a, const char *path, uint32_t *ret, const char **ret_column)
{
	uint32_t dir = TREE_ROOT;
	while (!rows_is_table(a, dir)) {
		size_t n = strcspn(path, "/");
		if (n == 0 || archive_fill(a, dir, NULL) < 0)
			return false;
		dir = tree_find(&a->tree, tree_node(&a->tree, dir), dir, (struct slice){(const uint8_t *)path, n});
		dir = dir ? tree_resolve(&a->tree, dir) : 0;
		if (!dir || tree_node(&a->tree, dir)->kind != NODE_DIR)
			return false;
		path += n + (path[n] == '/');
	}
	*ret = dir;
	*ret_column = path;
	return true;
}

struct search {
	struct archive *a;
	unsigned looked, count;
	uint32_t first;
	char names[160];
	size_t len;
};

static void note(struct search *s, uint32_t dir, const char *path)
{
	if (s->count++ == 0)
		s->first = dir;
	if (s->len < sizeof s->names)
		s->len += (size_t)snprintf(s->names + s->len, sizeof s->names - s->len, "%s%s", s->len ? ", " : "", path);
}

/* As deep as DEPTH, and no more directories than LOOKED. */
static void look(struct search *s, uint32_t dir, const char *path, unsigned depth)
{
	struct tree *t = &s->a->tree;
	char below[1024];
	if (depth > DEPTH || s->looked++ > LOOKED || archive_fill(s->a, dir, NULL) < 0)
		return;
	for (uint32_t i = tree_node(t, dir)->child; i && s->count < NAMED; i = tree_node(t, i)->next) {
		const struct node *n = tree_node(t, i);
		if (n->kind != NODE_DIR || (size_t)snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", n->name) >= sizeof below)
			continue;
		if (rows_is_table(s->a, i))
			note(s, i, below);
		else
			look(s, i, below, depth + 1);
	}
}

int rows_only_table(struct archive *a, const char *source, uint32_t *ret, struct error *err)
{
	struct search s = {.a = a};
	look(&s, TREE_ROOT, "", 0);
	*ret = s.first;
	if (s.count == 0)
		return error_set(err, ENOTSUP, "is no table (%s); its arrays are shown by arrayfs list and arrayfs cat", a->format->name);
	if (s.count > 1)
		return error_set(err, ENOTSUP, "has %s%u tables: %s; say which: arrayfs rows %s TABLE, or TABLE/COLUMN",
				 s.count < NAMED ? "" : "at least ", s.count, s.names, source);
	return archive_fill(a, s.first, err);
}
