/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"

/*
 * A list that doubles.  There is room for LIST_FIRST elements, then for twice as many
 * each time it is full, so its count tells its room:
 *
 *     struct item *grown = list_grow(l->items, l->count, sizeof *grown);
 *     if (!grown)
 *         return -ENOMEM;
 *     l->items = grown;
 *     l->items[l->count++] = item;
 */
enum { LIST_FIRST = 8 };

/* The list, of count elements of `each` bytes, with room for one more; NULL if there is
 * no memory, or 2^31 elements are in it, and then the list is as it was.  To be freed
 * by free(). */
void *list_grow(void *list, size_t count, size_t each);

/* In an arena.  The list that was remains in it, for those who read it meanwhile. */
void *list_grow_in(struct arena *arena, void *list, size_t count, size_t each);
