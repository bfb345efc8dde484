/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/commands/rows.h"

/*
 * Columns by a name: an open-addressed table, of an arena.
 */
struct rows_names {
	size_t mask;
	struct rows_names_slot {
		struct slice name;
		struct rows_column *column; /* NULL: free */
	} slots[];
};

/* With room for so many; NULL: no memory. */
struct rows_names *rows_names_new(struct arena *arena, size_t count);

/* Where the name is, or would be. */
struct rows_names_slot *rows_names_slot(const struct rows_names *m, struct slice name);

/* False: the name is taken. */
bool rows_names_add(struct rows_names *m, struct slice name, struct rows_column *c);

/* Says what the members of a column are called in objects, where no two have one name: of two that
 * have in the archive, the later is called as it is shown.  *ret has them by these names. */
int rows_name_members(struct arena *arena, const struct rows_column *of, struct rows_names **ret);
