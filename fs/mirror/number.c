/* SPDX-License-Identifier: MIT */
#include "fs/mirror/number.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t first;
	unsigned bits;
	struct number_owner owner;
};

enum {
	FOREIGN_BITS = 48, /* inode numbers on other file systems, if they are that small */
	TRIES = 64,        /* places tried for a range: the space is never that full */
};

#define UPPER_HALF ((uint64_t)1 << 63)
#define UPPER_QUARTER ((uint64_t)3 << 62)

void numbers_init(struct numbers *n, dev_t dev)
{
	*n = (struct numbers){.dev = dev};
	pthread_mutex_init(&n->lock, NULL);
}

void numbers_close(struct numbers *n)
{
	tdestroy(n->ranges, free);
	n->ranges = NULL;
	pthread_mutex_destroy(&n->lock);
}

/* Overlapping ranges compare equal, so that a search finds what is in the way. */
static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	unsigned bits = x->bits > y->bits ? x->bits : y->bits;
	uint64_t p = x->first >> bits, q = y->first >> bits; /* each begins at a multiple of its size */
	return (p > q) - (p < q);
}

/* The finalizer of splitmix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t hash(const struct number_owner *o, unsigned bits, unsigned attempt)
{
	const uint64_t words[] = {o->dev, o->ino, o->size, o->mtime, o->part, bits, attempt};
	uint64_t h = 0;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		h = mix(h + 0x9e3779b97f4a7c15 + words[i]);
	return h;
}

/* Replaces SOURCE's st_dev, which may differ from one mount to the next. */
static struct number_owner lasting(const struct numbers *n, struct number_owner owner)
{
	if (owner.dev == n->dev)
		owner.dev = 0;
	return owner;
}

static bool same(const struct range *a, const struct range *b)
{
	return a->bits == b->bits && memcmp(&a->owner, &b->owner, sizeof a->owner) == 0;
}

uint64_t numbers_range(struct numbers *n, const struct number_owner *owner, unsigned bits)
{
	struct range want = {.bits = bits, .owner = lasting(n, *owner)};
	pthread_mutex_lock(&n->lock);
	for (unsigned attempt = 0; attempt < TRIES; attempt++) {
		want.first = UPPER_HALF | hash(&want.owner, bits, attempt) >> 2 >> bits << bits;
		struct range **there = tfind(&want, &n->ranges, by_place), *kept;
		if (there && !same(*there, &want))
			continue;
		/* If out of memory, the range is not recorded, and another may overlap it. */
		if (!there && (kept = malloc(sizeof *kept))) {
			*kept = want;
			if (!tsearch(kept, &n->ranges, by_place))
				free(kept);
		}
		break;
	}
	pthread_mutex_unlock(&n->lock);
	return want.first;
}

uint64_t numbers_file(struct numbers *n, dev_t dev, ino_t ino)
{
	if (dev == n->dev && ino < UPPER_HALF)
		return ino;
	if (ino >> FOREIGN_BITS)
		return numbers_range(n, &(struct number_owner){.dev = dev, .ino = ino}, 0);
	return numbers_range(n, &(struct number_owner){.dev = dev}, FOREIGN_BITS) + ino;
}

/* --- hashed ---------------------------------------------------------------- */

enum { HASHED_BITS = 3 };

static struct number_slot *slot_of(const struct numbers_known *known, uint64_t number)
{
	uint32_t i = (uint32_t)(number >> HASHED_BITS) & known->mask;
	while (known->slots[i].number && known->slots[i].number != number)
		i = (i + 1) & known->mask;
	return &known->slots[i];
}

static bool grow(struct numbers_known *known)
{
	if (known->slots && known->used * 3 <= known->mask * 2)
		return true;
	struct numbers_known grown = {.mask = known->slots ? known->mask * 2 + 1 : 63, .used = known->used};
	grown.slots = calloc((size_t)grown.mask + 1, sizeof *grown.slots);
	if (!grown.slots)
		return known->used < known->mask;
	for (uint32_t i = 0; known->slots && i <= known->mask; i++)
		if (known->slots[i].number)
			*slot_of(&grown, known->slots[i].number) = known->slots[i];
	free(known->slots);
	*known = grown;
	return true;
}

uint64_t numbers_hashed(struct numbers *n, struct numbers_known *known, const struct number_owner *owner, uint32_t node)
{
	struct number_owner lasts = lasting(n, *owner);
	uint64_t number = 0;
	pthread_mutex_lock(&n->lock);
	bool room = grow(known);
	for (unsigned attempt = 0; attempt < TRIES; attempt++) {
		number = UPPER_QUARTER | hash(&lasts, HASHED_BITS, attempt) >> 2 >> HASHED_BITS << HASHED_BITS;
		struct number_slot *slot = room ? slot_of(known, number) : NULL;
		if (slot && slot->number && slot->node != node)
			continue;
		if (slot && !slot->number) {
			*slot = (struct number_slot){number, node};
			known->used++;
		}
		break;
	}
	pthread_mutex_unlock(&n->lock);
	return number;
}

void numbers_known_free(struct numbers_known *known)
{
	free(known->slots);
	*known = (struct numbers_known){0};
}
