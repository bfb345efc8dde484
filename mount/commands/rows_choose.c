/* SPDX-License-Identifier: MIT */
/* Which table is meant, and which of its columns. */
#include "mount/commands/rows_choose.h"

#include <stdio.h>
#include <string.h>

#include "mount/suggest.h"

/* --- which table ------------------------------------------------------------------------------ */

/* The name of the column that the path is; "" for all of the table; NULL and a sentence. */
static const char *column_in(struct rows_choice *h, const char *path, uint32_t dir, bool only, struct error *err)
{
	const char *column = path;
	uint32_t led;
	if (dir == TREE_ROOT)
		return path;
	if (rows_lead(h->archive, path, &led, &column)) {
		if (led == dir)
			return column;
		error_set(err, ENOTSUP, "%s is of another table than %s", path, h->options->paths[0]);
		return NULL;
	}
	if (only)
		return path;
	error_set(err, ENOENT, "%s: no such table, nor a column of one", path);
	return NULL;
}

static int find_table(struct rows_choice *h, uint32_t *ret, bool *ret_only, struct error *err)
{
	const char *first = h->options->paths[0], *column;
	*ret = TREE_ROOT;
	*ret_only = false;
	if (rows_is_table(h->archive, TREE_ROOT) || (first && rows_lead(h->archive, first, ret, &column)))
		return 0;
	*ret_only = true;
	return rows_only_table(h->archive, h->options->source, ret, err);
}

/* --- which columns ---------------------------------------------------------------------------- */

static int no_column(struct rows_choice *h, const char *name, struct error *err)
{
	struct suggestion s = {.word = name};
	for (const struct rows_column *c = h->all.columns; c; c = c->next)
		suggest(&s, c->name);
	if (!s.best.data)
		return error_set(err, ENOENT, "no column '%s'; arrayfs list tells them", name);
	return error_set(err, ENOENT, "no column '%s'; did you mean '%.*s'?", name, (int)s.best.len, (const char *)s.best.data);
}

/* Names of the columns that have text, or of those that have none, for a sentence. */
static void name_columns(const struct rows_choice *h, bool refused, const char *between, char *ret, size_t room)
{
	size_t len = 0;
	ret[0] = '\0';
	for (const struct rows_column *c = h->all.columns; c && len < room; c = c->next)
		if ((c->refused != NULL) == refused)
			len += (size_t)snprintf(ret + len, room - len, "%s%.*s", len ? between : "", (int)c->shown.len, (const char *)c->shown.data);
	if (len >= room)
		memcpy(ret + room - 4, "...", 4);
}

static int refuse_all(struct rows_choice *h, struct error *err)
{
	const struct rows_column *c = h->all.columns;
	char without[64], with[64];
	while (!c->refused)
		c = c->next;
	name_columns(h, true, ", ", without, sizeof without);
	name_columns(h, false, " ", with, sizeof with);
	if (h->all.refused == h->all.count)
		return error_set(err, ENOTSUP, "%s: %s", without, c->refused);
	return error_set(err, ENOTSUP, "%s: %.60s; name the others: arrayfs rows SOURCE %s", without, c->refused, with);
}

static int choose_column(struct rows_choice *h, const char *name, struct rows_column ***at, struct error *err)
{
	struct rows_column *c = rows_find(&h->all, slice_text(name));
	if (!c)
		return no_column(h, name, err);
	if (c->refused)
		return error_set(err, ENOTSUP, "%s: %s", name, c->refused);
	if (c->chosen && h->format == ROWS_JSONL) /* an object has it once */
		return 0;
	c->chosen = true;
	struct rows_column *copy = arena_alloc(&h->arena, sizeof *copy);
	if (!copy)
		return error_no_memory(err, "the columns");
	*copy = *c;
	copy->next = NULL;
	**at = copy;
	*at = &copy->next;
	return 0;
}

/* In the order in which they were asked for; all, if none was or the table itself was. */
static int choose_columns(struct rows_choice *h, uint32_t dir, bool only, struct error *err)
{
	struct rows_column **at = &h->columns;
	bool all = !h->options->paths[0];
	for (char **path = h->options->paths; *path; path++) {
		const char *name = column_in(h, *path, dir, only, err);
		if (!name)
			return -ENOTSUP;
		all |= !*name && dir != TREE_ROOT;
		int r = *name || dir == TREE_ROOT ? choose_column(h, name, &at, err) : 0;
		if (r < 0)
			return r;
	}
	if (all && h->all.refused)
		return refuse_all(h, err);
	if (all)
		h->columns = h->all.columns;
	return 0;
}

int rows_choose(struct rows_choice *h, struct error *err)
{
	uint32_t dir;
	bool only;
	int r = find_table(h, &dir, &only, err);
	if (r == 0)
		r = rows_columns(h->archive, dir, &h->arena, &h->all, err);
	return r < 0 ? r : choose_columns(h, dir, only, err);
}
