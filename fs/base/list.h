/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"

/*
 * A list that doubles.  There is room for LIST_FIRST elements, then for twice as many each time
 * it is full, so its count determines its room:
 *
 *     struct item *grown = list_grow(l->items, l->count, sizeof *grown);
 *     if (!grown)
 *         return -ENOMEM;
 *     l->items = grown;
 *     l->items[l->count++] = item;
 */
enum { LIST_FIRST = 8 };

/* The list, of count elements of `each` bytes, with room for one more; NULL if there is no
 * memory, or if it has 2^31 elements; then the list is unchanged.  Freed by free(). */
void *list_grow(void *list, size_t count, size_t each);

/* In an arena.  The old list remains in it, for concurrent readers. */
void *list_grow_in(struct arena *arena, void *list, size_t count, size_t each);
