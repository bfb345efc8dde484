/* SPDX-License-Identifier: MIT */
#include "mount/commands/rows_names.h"

#include "fs/base/name.h"

struct rows_names *rows_names_new(struct arena *arena, size_t count)
{
	size_t size = 16;
	while (size < count * 2)
		size *= 2;
	struct rows_names *m = arena_alloc(arena, sizeof *m + size * sizeof *m->slots);
	if (m)
		m->mask = size - 1;
	return m;
}

struct rows_names_slot *rows_names_slot(const struct rows_names *m, struct slice name)
{
	size_t i = slice_hash(name, m) & m->mask;
	while (m->slots[i].column && !slice_equal(m->slots[i].name, name))
		i = (i + 1) & m->mask;
	return (struct rows_names_slot *)(uintptr_t)&m->slots[i];
}

bool rows_names_add(struct rows_names *m, struct slice name, struct rows_column *c)
{
	struct rows_names_slot *slot = rows_names_slot(m, name);
	if (slot->column)
		return false;
	*slot = (struct rows_names_slot){name, c};
	return true;
}

static int name_member(struct arena *arena, struct rows_names *m, struct rows_column *c)
{
	c->member = c->name;
	if (rows_names_add(m, c->member, c))
		return 0;
	c->member = c->shown;
	for (unsigned i = 2; !rows_names_add(m, c->member, c); i++) {
		const char *other = arena_printf(arena, "%.*s~%u", (int)c->shown.len, (const char *)c->shown.data, i);
		if (!other)
			return -ENOMEM;
		c->member = slice_text(other);
	}
	return 0;
}

static int put_label(struct arena *arena, struct rows_column *c)
{
	struct text t = {0};
	text_add(&t, ",");
	text_json(&t, c->member);
	text_add(&t, ":");
	char *label = t.failed ? NULL : arena_text(arena, text_slice(&t));
	c->label = (struct slice){(const uint8_t *)label, t.len};
	text_free(&t);
	return label ? 0 : -ENOMEM;
}

int rows_name_members(struct arena *arena, const struct rows_column *of, struct rows_names **ret)
{
	size_t count = 0;
	for (const struct rows_column *c = of->first; c; c = c->next)
		count++;
	struct rows_names *m = *ret = rows_names_new(arena, count);
	int r = m ? 0 : -ENOMEM;
	for (struct rows_column *c = of->first; r == 0 && c; c = c->next) {
		r = name_member(arena, m, c);
		if (r == 0)
			r = put_label(arena, c);
	}
	return r;
}
