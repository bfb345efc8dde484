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

/* Room for so many keys, before the first: a guess that spares doublings. */
bool slice_map_reserve(struct slice_map *m, uint32_t count);

/* The key's number, or SLICE_MAP_NONE. */
uint32_t slice_map_find(const struct slice_map *m, struct slice key);
