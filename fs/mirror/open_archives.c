/* SPDX-License-Identifier: MIT */
#include "fs/mirror/open_archives.h"

#include <stdlib.h>

#include "fs/blocks/blocks.h"

static void close_archive(struct open_archives *s, struct open_archive *h)
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

/* Whether a worker is still decoding from it, for a reader that has gone. Closing it would wait
 * for the worker, and stall everyone else should the disk not respond. */
static bool is_busy(struct open_archive *h)
{
	archive_cancel_prefetch(&h->archive);
	return archive_making(&h->archive);
}

static void unlink_archive(struct open_archives *s, struct open_archive *h)
{
	*(h->newer ? &h->newer->older : &s->newest) = h->older;
	*(h->older ? &h->older->newer : &s->oldest) = h->newer;
	h->newer = h->older = NULL;
}

static void link_newest(struct open_archives *s, struct open_archive *h)
{
	h->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = h;
	s->newest = h;
}

static void retire(struct open_archives *s, struct open_archive *h)
{
	unlink_archive(s, h);
	s->count--;
	s->memory -= h->counted;
	h->cached = false;
	if (h->holds == 0)
		close_archive(s, h);
}

/* Puts it back for a while, as the next to be evicted. */
static void put_oldest(struct open_archives *s, struct open_archive *h)
{
	h->newer = s->oldest;
	*(s->oldest ? &s->oldest->older : &s->newest) = h;
	s->oldest = h;
	s->count++;
	s->memory += h->counted;
	h->cached = true;
}

/* Directories are filled on first access, so a tree grows while it is open. */
static void count(struct open_archives *s, struct open_archive *h)
{
	size_t now = atomic_load_explicit(&h->archive.counted, memory_order_relaxed);
	s->memory += now - h->counted;
	h->counted = now;
	for (struct open_archive *at = s->oldest, *newer; at != h && (s->count > s->count_max || s->memory > s->memory_max); at = newer) {
		newer = at->newer;
		if (at->holds > 0 || !is_busy(at))
			retire(s, at);
	}
}

void open_archives_add(struct open_archives *s, struct open_archive *h)
{
	h->holds = 1;
	h->cached = true;
	h->counted = 0;
	link_newest(s, h);
	s->count++;
	count(s, h);
}

void open_archives_hold(struct open_archives *s, struct open_archive *h)
{
	h->holds++;
	if (h->cached && s->newest != h) {
		unlink_archive(s, h);
		link_newest(s, h);
	}
}

void open_archives_release(struct open_archives *s, struct open_archive *h)
{
	bool last = --h->holds == 0;
	if (h->cached)
		count(s, h);
	else if (last && is_busy(h))
		put_oldest(s, h);
	else if (last)
		close_archive(s, h);
}

void open_archives_evict(struct open_archives *s)
{
	for (struct open_archive *h = s->oldest, *newer; h; h = newer) {
		newer = h->newer;
		if (h->holds == 0 && !is_busy(h))
			retire(s, h);
	}
}

void open_archives_clear(struct open_archives *s)
{
	while (s->oldest)
		retire(s, s->oldest);
}
