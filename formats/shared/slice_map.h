/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"

/*
 * Numbers distinct byte strings 0, 1, 2 … in the order in which they are added.  Keys
 * are borrowed, tables come from the arena.  Initialise with zeros and the arena.
 */
struct slice_map {
	struct arena *arena;
	struct slice *keys; /* by number */
	uint32_t count, room;
	struct slice_map_slot {
		uint32_t hash, number; /* number: from 1; 0: free */
	} *slots;
	uint32_t mask;
};

enum { SLICE_MAP_NONE = UINT32_MAX };

/* Hint: about `count` keys will be added.  False if there is no memory for them. */
bool slice_map_expect(struct slice_map *m, uint32_t count);

/* Returns the key's number, and in *ret_new whether the key is new; SLICE_MAP_NONE if
 * there is no memory. */
uint32_t slice_map_add(struct slice_map *m, struct slice key, bool *ret_new);

/* Fills an empty map with the keys, which it keeps: faster than adding them one by one.  *ret_repeated is the
 * first that repeats an earlier one, and then the map is unusable, or SLICE_MAP_NONE.  False if there is no
 * memory. */
bool slice_map_fill(struct slice_map *m, struct slice *keys, uint32_t count, uint32_t *ret_repeated);

/* The key's number, or SLICE_MAP_NONE. */
uint32_t slice_map_find(const struct slice_map *m, struct slice key);

/* Finds the first key that repeats an earlier one, or SLICE_MAP_NONE: as adding each to a
 * map would, but in a fraction of the time, since it accesses memory sequentially. False if
 * `scratch` has no memory. */
bool slice_map_repeated(const struct slice *keys, uint32_t count, struct arena *scratch, uint32_t *ret);
