/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"

/*
 * Numbers the distinct byte strings it is shown: 0, 1, 2 … in the order they
 * come.  Keys are borrowed, tables come from the arena.  Zero-initialise, with
 * the arena.
 */
struct slice_map {
	struct arena *arena;
	struct slice *keys; /* by number */
	uint32_t count, room;
	struct slice_map_slot {
		uint32_t hash, number; /* from 1; 0 for none */
	} *slots;
	uint32_t mask;
};

enum { SLICE_MAP_NONE = UINT32_MAX };

/* The key's number, and in *ret_new whether it was not there yet; SLICE_MAP_NONE
 * if there is no memory. */
uint32_t slice_map_add(struct slice_map *m, struct slice key, bool *ret_new);

/* The key's number, or SLICE_MAP_NONE. */
uint32_t slice_map_find(const struct slice_map *m, struct slice key);

/* In *ret the number of the first key that repeats an earlier one, or SLICE_MAP_NONE: what
 * adding each to a map would find, in a fraction of the time, since memory is looked at
 * in order.  False if there is no memory in `scratch`. */
bool slice_map_repeated(const struct slice *keys, uint32_t count, struct arena *scratch, uint32_t *ret);
