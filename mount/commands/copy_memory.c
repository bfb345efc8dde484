/* SPDX-License-Identifier: MIT */
/*
 * Rooms for the pieces of a copy. A pipe takes over a room's pages without copying them,
 * and whoever reads the pipe may pass them on: they must never change again. So the room
 * gets fresh pages each time, huge ones, since hundreds of page faults cost more than a
 * copy does. Where there are no huge pages, and for files, the room is used over and over.
 */
#include <sys/mman.h>

#include "fs/blocks/blocks.h"
#include "mount/commands/copy.h"

enum { HUGE_PAGE = 2 << 20, SMALL_PAGE = 4096 };

/* One is being written, one waits, each thread reads one; all of them take no more than
 * a third of the cache. */
static unsigned count_rooms(struct blocks *b)
{
	struct blocks_stats stats;
	blocks_stats(b, &stats);
	size_t fit = stats.budget / 3 / COPY_PIECE, wanted = blocks_threads(b) + 2;
	size_t count = wanted < fit ? wanted : fit > 3 ? fit : 3;
	return (unsigned)(count < COPY_ROOMS ? count : COPY_ROOMS);
}

bool copy_memory_map(struct copy_memory *m)
{
	if (m->count)
		return true;
	unsigned count = count_rooms(m->blocks);
	size_t len = (size_t)count * COPY_ROOM + HUGE_PAGE;
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return false;
	madvise(map, len, MADV_HUGEPAGE);
	uint8_t *first = (uint8_t *)map + -(uintptr_t)map % HUGE_PAGE;
	m->map = map;
	m->len = len;
	m->count = count;
	for (unsigned i = 0; i < count; i++)
		m->rooms[i] = (struct copy_room){.bytes = first + (size_t)i * COPY_ROOM};
	blocks_metadata(m->blocks, 0, (size_t)count * COPY_PIECE);
	return true;
}

void copy_memory_close(struct copy_memory *m)
{
	if (!m->count)
		return;
	munmap(m->map, m->len);
	blocks_metadata(m->blocks, (size_t)m->count * COPY_PIECE, 0);
	m->count = 0;
}

bool copy_room_renew(struct copy_room *r)
{
	if (r->given && madvise(r->bytes, COPY_ROOM, MADV_DONTNEED) < 0 &&
	    mmap(r->bytes, COPY_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	r->given = false;
	return true;
}

bool copy_room_fill(struct copy_room *r)
{
	unsigned char there;
	for (uint8_t *page = r->bytes; page < r->bytes + COPY_PIECE && !r->small; page += HUGE_PAGE) {
		*(volatile uint8_t *)page = 0;
		r->small = mincore(page + SMALL_PAGE, SMALL_PAGE, &there) < 0 || !(there & 1);
	}
	return !r->small;
}
