/* SPDX-License-Identifier: MIT */
#include "formats/shared/slice_map.h"

#include "fs/name.h"

static uint32_t *slot(const struct slice_map *m, struct slice key)
{
	uint32_t i = (uint32_t)slice_hash(key, m->arena) & m->mask;
	while (m->slots[i] && !slice_equal(m->keys[m->slots[i] - 1], key))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

/* Doubles both tables; the old ones stay in the arena, and sum up to as much. */
static bool grow(struct slice_map *m)
{
	uint32_t room = m->room ? m->room * 2 : 8;
	struct slice *keys = arena_array(m->arena, room, sizeof *keys);
	uint32_t *slots = arena_array(m->arena, (size_t)room * 2, sizeof *slots);
	if (!keys || !slots || room > INT32_MAX / 2)
		return false;
	if (m->count)
		memcpy(keys, m->keys, m->count * sizeof *keys);
	m->keys = keys, m->room = room, m->slots = slots, m->mask = room * 2 - 1;
	for (uint32_t i = 0; i < m->count; i++)
		*slot(m, keys[i]) = i + 1;
	return true;
}

uint32_t slice_map_add(struct slice_map *m, struct slice key, bool *ret_new)
{
	if (m->count == m->room && !grow(m))
		return SLICE_MAP_NONE;
	uint32_t *at = slot(m, key);
	*ret_new = *at == 0;
	if (*ret_new) {
		m->keys[m->count++] = key;
		*at = m->count;
	}
	return *at - 1;
}

uint32_t slice_map_find(const struct slice_map *m, struct slice key)
{
	uint32_t at = m->room ? *slot(m, key) : 0;
	return at ? at - 1 : SLICE_MAP_NONE;
}
