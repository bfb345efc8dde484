/* SPDX-License-Identifier: MIT */
#include "formats/shared/slice_map.h"

#include "fs/base/name.h"

static struct slice_map_slot *slot(const struct slice_map *m, uint32_t hash, struct slice key)
{
	uint32_t i = hash & m->mask;
	while (m->slots[i].number && (m->slots[i].hash != hash || !slice_equal(m->keys[m->slots[i].number - 1], key)))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

/* Moves to larger tables; the old ones stay in the arena.  The slots are a power
 * of two, and at most three quarters of them get full. */
static bool resize(struct slice_map *m, uint32_t room)
{
	uint64_t size = 16;
	while (size * 3 < (uint64_t)room * 4)
		size *= 2;
	if (size > INT32_MAX)
		return false;
	struct slice *keys = arena_array(m->arena, room, sizeof *keys);
	struct slice_map_slot *slots = arena_array(m->arena, size, sizeof *slots);
	if (!keys || !slots)
		return false;
	if (m->count)
		memcpy(keys, m->keys, m->count * sizeof *keys);
	for (uint32_t i = 0; m->room && i <= m->mask; i++) { /* all are distinct: the first free slot */
		uint32_t to = m->slots[i].hash & ((uint32_t)size - 1);
		while (m->slots[i].number && slots[to].number)
			to = (to + 1) & ((uint32_t)size - 1);
		if (m->slots[i].number)
			slots[to] = m->slots[i];
	}
	m->keys = keys, m->room = room, m->slots = slots, m->mask = (uint32_t)size - 1;
	return true;
}

uint32_t slice_map_add(struct slice_map *m, struct slice key, bool *ret_new)
{
	uint32_t hash = (uint32_t)slice_hash(key, m->arena);
	if (m->count == m->room && !resize(m, m->room ? m->room * 2 : 8))
		return SLICE_MAP_NONE;
	struct slice_map_slot *at = slot(m, hash, key);
	*ret_new = at->number == 0;
	if (*ret_new) {
		m->keys[m->count++] = key;
		*at = (struct slice_map_slot){hash, m->count};
	}
	return at->number - 1;
}

uint32_t slice_map_find(const struct slice_map *m, struct slice key)
{
	uint32_t number = m->room ? slot(m, (uint32_t)slice_hash(key, m->arena), key)->number : 0;
	return number ? number - 1 : SLICE_MAP_NONE;
}

bool slice_map_reserve(struct slice_map *m, uint32_t count)
{
	return resize(m, count);
}
