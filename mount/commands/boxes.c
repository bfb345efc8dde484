/* SPDX-License-Identifier: MIT */
#include "mount/commands/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "fs/base/name.h"

bool boxes_init(struct boxes *b, size_t count, size_t places)
{
	*b = (struct boxes){.count = count, .places = places};
	b->points = calloc(count, places * 2 * sizeof *b->points);
	b->boxes = calloc(count, 4 * sizeof *b->boxes);
	if (!b->points || !b->boxes) {
		boxes_free(b);
		return false;
	}
	b->keys = b->points + count * places;
	b->next = b->boxes + count;
	b->last = b->next + count;
	b->size = b->last + count;
	return true;
}

void boxes_free(struct boxes *b)
{
	free(b->points);
	free(b->boxes);
}

/* While they are joined, a box has for each dimension a key: its number, and where several
 * may have been joined, a hash of them. */
static uint64_t *key(const struct boxes *b, uint32_t box)
{
	return b->keys + box * b->places;
}

struct order {
	const struct boxes *b;
	size_t place; /* compared last */
};

/* In all places but one? */
static int compare_others(const struct order *o, uint32_t x, uint32_t y)
{
	const uint64_t *a = key(o->b, x), *b = key(o->b, y);
	for (size_t i = 0; i < o->b->places; i++)
		if (i != o->place && a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int compare(const void *x, const void *y, void *arg)
{
	const struct order *o = arg;
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	uint64_t p = key(o->b, a)[o->place], q = key(o->b, b)[o->place];
	int r = compare_others(o, a, b);
	return r ? r : p != q ? (p < q ? -1 : 1) : a < b ? -1 : a > b;
}

static void sort(const struct boxes *b, struct order *o)
{
	size_t i = 1;
	while (i < b->found && compare(b->boxes + i - 1, b->boxes + i, o) < 0)
		i++;
	if (i < b->found) /* mostly they are sorted */
		qsort_r(b->boxes, b->found, sizeof *b->boxes, compare, o);
}

static bool is_constant(const struct boxes *b, size_t place)
{
	for (size_t i = 1; i < b->count; i++)
		if (b->points[i * b->places + place] != b->points[place])
			return false;
	return true;
}

/* Makes one box of n that differ in that place alone; returns it. */
static uint32_t join(struct boxes *b, const uint32_t *boxes, size_t n, size_t place)
{
	uint32_t first = boxes[0];
	uint64_t hash = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t both[2] = {hash, key(b, boxes[i])[place]};
		hash = slice_hash((struct slice){(const uint8_t *)both, sizeof both}, b->points);
		first = boxes[i] < first ? boxes[i] : first;
	}
	for (size_t i = 0; i < n; i++) {
		if (boxes[i] == first)
			continue;
		b->next[b->last[first]] = boxes[i];
		b->last[first] = b->last[boxes[i]];
		b->size[first] += b->size[boxes[i]];
	}
	key(b, first)[place] = hash;
	return first;
}

/* Joins what differs in that place alone; not what is there twice. */
static void join_all(struct boxes *b, size_t place)
{
	struct order o = {b, place};
	size_t found = 0;
	sort(b, &o);
	for (size_t i = 0, n; i < b->found; i += n) {
		const uint32_t *run = b->boxes + i;
		bool twice = false;
		for (n = 1; i + n < b->found && compare_others(&o, run[0], run[n]) == 0; n++)
			twice |= key(b, run[n - 1])[place] == key(b, run[n])[place];
		for (size_t k = 0; k < n; k += twice ? 1 : n)
			b->boxes[found++] = join(b, run + k, twice ? 1 : n, place);
	}
	b->found = found;
}

void boxes_find(struct boxes *b)
{
	memcpy(b->keys, b->points, b->count * b->places * sizeof *b->keys);
	for (uint32_t i = 0; i < b->count; i++) {
		b->boxes[i] = b->last[i] = i;
		b->next[i] = BOXES_END;
		b->size[i] = 1;
	}
	b->found = b->count;
	for (size_t place = b->places; place-- > 0;)
		if (!is_constant(b, place))
			join_all(b, place);
}
