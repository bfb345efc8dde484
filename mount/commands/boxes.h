/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Points of several dimensions, gathered into boxes: a box has every combination of some
 * numbers for each dimension.  (0,0) (0,1) (1,0) (1,1) (2,0) are the boxes {0,1}×{0,1} and
 * {2}×{0}.  From the last dimension to the first, points or boxes that differ in it alone are
 * joined, so the boxes depend on the points alone, and it takes about as long as sorting them.
 */
struct boxes {
	size_t count, places; /* points, and the dimensions of each */
	uint64_t *points, *keys;
	uint32_t *boxes; /* the first member of each box, which is that of the lowest index */
	size_t found;
	uint32_t *next, *last, *size;
};

enum { BOXES_END = UINT32_MAX };

/* False without memory, and then there is nothing to free.  The points are for the caller to fill. */
bool boxes_init(struct boxes *ret, size_t count, size_t places);
void boxes_free(struct boxes *b);

void boxes_find(struct boxes *b);

static inline uint64_t *boxes_point(const struct boxes *b, uint32_t index)
{
	return b->points + index * b->places;
}

/* The members of a box: its first, then each one's next, until BOXES_END. */
static inline uint32_t boxes_next(const struct boxes *b, uint32_t member)
{
	return b->next[member];
}

static inline uint32_t boxes_size(const struct boxes *b, uint32_t first)
{
	return b->size[first];
}
