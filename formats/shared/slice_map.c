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

/* For so many keys: their number is a power of two, and at most three quarters of them are used. */
static struct slice_map_slot *make_slots(struct arena *a, uint32_t room, uint64_t *ret_size)
{
	for (*ret_size = 16; *ret_size * 3 < (uint64_t)room * 4;)
		*ret_size *= 2;
	return *ret_size > INT32_MAX ? NULL : arena_array(a, *ret_size, sizeof(struct slice_map_slot));
}

/* Moves to larger tables; the old ones stay in the arena. */
static bool resize(struct slice_map *m, uint32_t room)
{
	uint64_t size;
	struct slice *keys = arena_array(m->arena, room, sizeof *keys);
	struct slice_map_slot *slots = make_slots(m->arena, room, &size);
	if (!keys || !slots)
		return false;
	if (m->count)
		memcpy(keys, m->keys, m->count * sizeof *keys);
	for (uint32_t i = 0; m->room && i <= m->mask; i++) { /* keys are distinct: use the first free slot */
		uint32_t to = m->slots[i].hash & ((uint32_t)size - 1);
		while (m->slots[i].number && slots[to].number)
			to = (to + 1) & ((uint32_t)size - 1);
		if (m->slots[i].number)
			slots[to] = m->slots[i];
	}
	m->keys = keys, m->room = room, m->slots = slots, m->mask = (uint32_t)size - 1;
	return true;
}

bool slice_map_expect(struct slice_map *m, uint32_t count)
{
	return count <= m->room || resize(m, count);
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

bool slice_map_fill(struct slice_map *m, struct slice *keys, uint32_t count, uint32_t *ret_repeated)
{
	enum { AHEAD = 16 };
	uint32_t hashes[AHEAD];
	uint64_t size;
	*ret_repeated = SLICE_MAP_NONE;
	if (!(m->slots = make_slots(m->arena, count, &size)))
		return false;
	m->keys = keys, m->count = m->room = count, m->mask = (uint32_t)size - 1;
	for (uint64_t i = 0; i < (uint64_t)count + AHEAD; i++) { /* slots are fetched into the CPU's cache ahead */
		uint32_t *hash = &hashes[i % AHEAD], number = (uint32_t)(i - AHEAD);
		struct slice_map_slot *at = i >= AHEAD ? slot(m, *hash, keys[number]) : NULL;
		if (at && at->number) {
			*ret_repeated = number;
			return true;
		}
		if (at)
			*at = (struct slice_map_slot){*hash, number + 1};
		if (i < count) {
			*hash = (uint32_t)slice_hash(keys[i], m->arena);
			__builtin_prefetch(&m->slots[*hash & m->mask], 1);
		}
	}
	return true;
}

uint32_t slice_map_find(const struct slice_map *m, struct slice key)
{
	uint32_t number = m->room ? slot(m, (uint32_t)slice_hash(key, m->arena), key)->number : 0;
	return number ? number - 1 : SLICE_MAP_NONE;
}

/* --- many at once ------------------------------------------------------ */

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

static uint32_t digit(uint64_t mark, unsigned pass)
{
	return (uint32_t)(mark >> (32 + pass * DIGIT_BITS)) & (DIGITS - 1);
}

/* Sorts by the upper half; stable. */
static void sort_pass(const uint64_t *from, uint64_t *to, uint32_t count, unsigned pass)
{
	uint32_t at[DIGITS] = {0}, sum = 0;
	for (uint32_t i = 0; i < count; i++)
		at[digit(from[i], pass)]++;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t n = at[d];
		at[d] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < count; i++)
		to[at[digit(from[i], pass)]++] = from[i];
}

/* Of marks[0 … count), which share a hash: the first whose key repeats an earlier one. */
static uint32_t repeated_among(const struct slice *keys, const uint64_t *marks, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (slice_equal(keys[(uint32_t)marks[i]], keys[(uint32_t)marks[k]]))
				return (uint32_t)marks[i];
	return SLICE_MAP_NONE;
}

bool slice_map_repeated(const struct slice *keys, uint32_t count, struct arena *scratch, uint32_t *ret)
{
	uint64_t *marks = arena_array(scratch, count, sizeof *marks), *other = arena_array(scratch, count, sizeof *other);
	*ret = SLICE_MAP_NONE;
	if (!marks || !other)
		return false;
	for (uint32_t i = 0; i < count; i++) /* hash and number */
		marks[i] = slice_hash(keys[i], scratch) << 32 | i;
	for (unsigned pass = 0; pass < PASSES; pass++) {
		sort_pass(marks, other, count, pass);
		uint64_t *sorted = other;
		other = marks, marks = sorted;
	}
	for (uint32_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && marks[i + n] >> 32 == marks[i] >> 32;)
			n++;
		uint32_t repeated = n > 1 ? repeated_among(keys, marks + i, n) : SLICE_MAP_NONE;
		*ret = repeated < *ret ? repeated : *ret;
	}
	return true;
}
