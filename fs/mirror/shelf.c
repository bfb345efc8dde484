/* SPDX-License-Identifier: MIT */
#include "fs/mirror/shelf.h"

#include <stdlib.h>

#include "fs/blocks/blocks.h"

static void close_held(struct shelf *s, struct held *h)
{
	if (h->owner) {
		s->closing(h);
		*h->owner = NULL;
	}
	archive_close(&h->archive);
	numbers_known_free(&h->numbers);
	pthread_mutex_destroy(&h->watching);
	free(h);
}

/* To close it would be to wait for a worker who decodes from it, ahead of a reader who
 * has left: and all others with us, should the disk not answer. */
static bool is_busy(struct held *h)
{
	struct blocks *blocks = h->archive.options->blocks;
	blocks_unwant(blocks, &h->archive.blocks);
	return blocks_making(blocks, &h->archive.blocks);
}

static void unlink_held(struct shelf *s, struct held *h)
{
	*(h->newer ? &h->newer->older : &s->newest) = h->older;
	*(h->older ? &h->older->newer : &s->oldest) = h->newer;
	h->newer = h->older = NULL;
}

static void link_newest(struct shelf *s, struct held *h)
{
	h->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = h;
	s->newest = h;
}

static void take_down(struct shelf *s, struct held *h)
{
	unlink_held(s, h);
	s->count--;
	s->memory -= h->counted;
	h->shelved = false;
	if (h->holds == 0)
		close_held(s, h);
}

/* Back for a while, as the next to go. */
static void put_oldest(struct shelf *s, struct held *h)
{
	h->newer = s->oldest;
	*(s->oldest ? &s->oldest->older : &s->newest) = h;
	s->oldest = h;
	s->count++;
	s->memory += h->counted;
	h->shelved = true;
}

/* Directories are filled when somebody looks into them, so a tree grows. */
static void count(struct shelf *s, struct held *h)
{
	size_t now = atomic_load_explicit(&h->archive.counted, memory_order_relaxed);
	s->memory += now - h->counted;
	h->counted = now;
	for (struct held *at = s->oldest, *newer; at != h && (s->count > s->count_max || s->memory > s->memory_max); at = newer) {
		newer = at->newer;
		if (at->holds > 0 || !is_busy(at))
			take_down(s, at);
	}
}

void shelf_add(struct shelf *s, struct held *h)
{
	h->holds = 1;
	h->shelved = true;
	h->counted = 0;
	link_newest(s, h);
	s->count++;
	count(s, h);
}

void shelf_hold(struct shelf *s, struct held *h)
{
	h->holds++;
	if (h->shelved && s->newest != h) {
		unlink_held(s, h);
		link_newest(s, h);
	}
}

void shelf_release(struct shelf *s, struct held *h)
{
	bool last = --h->holds == 0;
	if (h->shelved)
		count(s, h);
	else if (last && is_busy(h))
		put_oldest(s, h);
	else if (last)
		close_held(s, h);
}

void shelf_spare(struct shelf *s)
{
	for (struct held *h = s->oldest, *newer; h; h = newer) {
		newer = h->newer;
		if (h->holds == 0 && !is_busy(h))
			take_down(s, h);
	}
}

void shelf_clear(struct shelf *s)
{
	while (s->oldest)
		take_down(s, s->oldest);
}
