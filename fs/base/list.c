/* SPDX-License-Identifier: MIT */
#include "fs/base/list.h"

#include <stdlib.h>

static bool full(size_t count)
{
	return count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0);
}

/* 0: too many.  Numbers of elements are 32 bits wide. */
static size_t next_room(size_t count)
{
	return count == 0 ? LIST_FIRST : count <= INT32_MAX ? count * 2 : 0;
}

void *list_grow(void *list, size_t count, size_t each)
{
	if (!full(count))
		return list;
	size_t room = next_room(count), bytes;
	return room && !__builtin_mul_overflow(room, each, &bytes) ? realloc(list, bytes) : NULL;
}

void *list_grow_in(struct arena *arena, void *list, size_t count, size_t each)
{
	if (!full(count))
		return list;
	size_t room = next_room(count);
	void *grown = room ? arena_array(arena, room, each) : NULL;
	if (grown && count)
		memcpy(grown, list, count * each);
	return grown;
}
