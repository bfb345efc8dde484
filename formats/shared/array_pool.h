/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"
#include "fs/values/array.h"

/*
 * Descriptions of arrays, of which a file has thousands and few that differ: what was asked
 * for lately is given again.  Zero-initialise, with the arena.
 */
enum { ARRAY_POOL_ROOM = 64 };

struct array_pool {
	struct arena *arena;
	const struct array *recent[ARRAY_POOL_ROOM];
};

/* An equal description in the arena; the codec's name must lie there already, or be static.
 * NULL without memory. */
const struct array *array_pool_keep(struct array_pool *p, const struct array *array);
