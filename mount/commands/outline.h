/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/values/array.h"
#include "mount/terminal.h"

/*
 * A directory tree for people. Leaves are added in the order of a walk; the directories
 * above them are created as needed, and show the totals of what they contain.
 */
struct outline;

struct outline_leaf {
	const char *path;          /* below the root, without a leading '/' */
	const char *dtype, *shape; /* "" if there is none */
	bool directory;            /* an empty directory, or one with a dtype: its contents come next */
	bool sized;                /* bytes are known */
	uint64_t bytes;
	size_t most;               /* components that are shown; of what is deeper only the totals. 0: all */
};

/* NULL without memory, like false below. */
struct outline *outline_new(const char *root);
bool outline_add(struct outline *o, const struct outline_leaf *leaf);
/* Of siblings that differ in the numbers in their names alone, in dtypes and shapes and in all
 * that is below them nothing, the first is written, with the numbers and the total of all. */
void outline_put(struct outline *o, const struct terminal *t, bool human);
void outline_free(struct outline *o);
