/* SPDX-License-Identifier: MIT */
#include "fs/blocks/impl.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	ALIGN = 64,            /* of all memory handed out */
	LARGE = 64 << 10,      /* from this size on, memory is mapped, so that freeing it returns it to the system */
	HUGE_PAGE = 2 << 20,   /* and from this size on, in huge pages as far as it fills them: a tenth of the page faults' cost */
	SPARE = 4 << 20,       /* freed memory kept for reuse, to save page faults: at least this, */
	SPARE_MOST = 40 << 20, /* or an eighth of the budget, up to this; what exceeds SPARE is part of the budget */
};

/* Not from posix_memalign(): before glibc 2.38 that never takes a freed piece of the very size
 * that it would make, so the heap grows for hours while blocks come and go. */
static void *small_get(size_t len)
{
	uint8_t *at = malloc(len + ALIGN);
	if (!at)
		return NULL;
	size_t skipped = ALIGN - (uintptr_t)at % ALIGN; /* at least 1, as it is noted in the byte before */
	at += skipped;
	at[-1] = (uint8_t)skipped;
	return at;
}

static void small_put(uint8_t *at)
{
	if (at)
		free(at - at[-1]);
}

/* All of it is about to be written: small pages are had at once, huge ones by a fault each.  Where there are
 * no huge pages, the advice fails, and small ones serve. */
static void *map(size_t size)
{
	size_t room = size < HUGE_PAGE ? size : size + HUGE_PAGE;
	int populate = size < HUGE_PAGE ? MAP_POPULATE : 0;
	uint8_t *all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
	if (all == MAP_FAILED || size < HUGE_PAGE)
		return all == MAP_FAILED ? NULL : all;
	size_t before = -(uintptr_t)all % HUGE_PAGE;
	if (before)
		munmap(all, before);
	munmap(all + before + size, HUGE_PAGE - before);
	madvise(all + before, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
	return all + before;
}

/* Best fit, wasting at most an eighth: otherwise blocks, which stay, would use up the
 * spare scratch memory, which is needed again at once. */
static void *spare_take(struct blocks *b, size_t *size)
{
	struct spare *best = NULL;
	void *bytes = NULL;
	pthread_mutex_lock(&b->spare_lock);
	for (struct spare *s = b->spares; s < b->spares + BLOCKS_SPARES; s++)
		if (s->bytes && s->size >= *size && s->size - s->size / 8 <= *size && (!best || s->size < best->size))
			best = s;
	if (best) {
		bytes = best->bytes;
		*size = best->size;
		b->spare -= best->size;
		*best = (struct spare){0};
	}
	pthread_mutex_unlock(&b->spare_lock);
	return bytes;
}

/* Keeps the memory, and unmaps others to make room for it: what was freed last is needed
 * first.  False if it is larger than all that may be kept. */
static bool spare_give(struct blocks *b, void *bytes, size_t size)
{
	if (size > b->spare_limit)
		return false;
	for (bool kept = false; !kept;) {
		struct spare gone = {0}, *s = b->spares;
		pthread_mutex_lock(&b->spare_lock);
		while (s < b->spares + BLOCKS_SPARES && s->bytes)
			s++;
		kept = b->spare + size <= b->spare_limit && s < b->spares + BLOCKS_SPARES;
		if (!kept)
			s = &b->spares[b->spare_at++ % BLOCKS_SPARES];
		gone = *s;
		*s = kept ? (struct spare){bytes, size} : (struct spare){0};
		b->spare += s->size;
		b->spare -= gone.size;
		pthread_mutex_unlock(&b->spare_lock);
		if (gone.bytes)
			munmap(gone.bytes, gone.size);
	}
	return true;
}

void *blocks_memory_get(struct blocks *b, size_t len, size_t *ret_size)
{
	void *bytes = NULL;
	*ret_size = len;
	if (len < LARGE)
		return small_get(len);
	*ret_size = (len + 4095) & ~(size_t)4095;
	if (b && (bytes = spare_take(b, ret_size)))
		return bytes;
	return map(*ret_size);
}

void blocks_memory_put(struct blocks *b, void *bytes, size_t size)
{
	if (size < LARGE)
		small_put(bytes);
	else if (!b || !spare_give(b, bytes, size))
		munmap(bytes, size);
}

size_t blocks_spare_open(struct blocks *b, size_t budget)
{
	pthread_mutex_init(&b->spare_lock, NULL);
	b->spare_limit = budget / 8 < SPARE ? SPARE : budget / 8 < SPARE_MOST ? budget / 8 : SPARE_MOST;
	return budget / 8 < SPARE ? budget : budget - (b->spare_limit - SPARE);
}

void blocks_spare_close(struct blocks *b)
{
	for (size_t i = 0; i < BLOCKS_SPARES; i++)
		if (b->spares[i].bytes)
			munmap(b->spares[i].bytes, b->spares[i].size);
	pthread_mutex_destroy(&b->spare_lock);
}
