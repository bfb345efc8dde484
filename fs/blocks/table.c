/* SPDX-License-Identifier: MIT */
#include "fs/blocks/impl.h"

#include <stdlib.h>

void blocks_list_add(struct block_list *l, struct block_private *p)
{
	p->older = l->newest;
	p->newer = NULL;
	*(l->newest ? &l->newest->newer : &l->oldest) = p;
	l->newest = p;
	l->bytes += p->charged;
	p->list = l;
}

void blocks_list_remove(struct block_private *p)
{
	struct block_list *l = p->list;
	*(p->older ? &p->older->newer : &l->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &l->newest) = p->older;
	p->older = p->newer = NULL;
	p->list = NULL;
	l->bytes -= p->charged;
}

/* Blocks that are read one after another are adjacent in the table: touching a page of it for the first
 * time costs two page faults. */
static struct block_private **bucket(struct blocks *b, const struct block_source *from, uint64_t index)
{
	enum { NEIGHBOURS = 512 };
	uint64_t h = (uintptr_t)from->client ^ ((uintptr_t)from->owner + from->kind) * 0x9e3779b97f4a7c15 ^
		     index / NEIGHBOURS * 0xc2b2ae3d27d4eb4f;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9;
	return &b->buckets[((h >> 40) + index % NEIGHBOURS) % BLOCKS_BUCKETS];
}

static bool is_same(const struct block_source *a, const struct block_source *b)
{
	return a->client == b->client && a->owner == b->owner && a->kind == b->kind;
}

struct block_private *blocks_find(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p = *bucket(b, from, index);
	while (p && (p->index != index || !is_same(&p->from, from)))
		p = p->same;
	return p;
}

static void join_client(struct block_private *p)
{
	p->at = &p->from.client->known;
	p->next = *p->at;
	if (p->next)
		p->next->at = &p->next;
	*p->at = p;
	p->known = true;
}

void blocks_leave_client(struct block_private *p)
{
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	p->known = false;
}

void blocks_forget(struct blocks *b, struct block_private *p)
{
	struct block_private **at = bucket(b, &p->from, p->index);
	while (*at != p)
		at = &(*at)->same;
	*at = p->same;
	b->known--;
	blocks_leave_client(p);
}

struct block_private *blocks_remember(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p = calloc(1, sizeof *p), **at = bucket(b, from, index);
	if (!p)
		return NULL;
	*p = (struct block_private){.cache = b, .from = *from, .index = index, .same = *at};
	p->block.private = p;
	p->charged = BLOCKS_OVERHEAD;
	b->used += BLOCKS_OVERHEAD;
	*at = p;
	b->known++;
	join_client(p);
	return p;
}

void blocks_dispose(struct block_private *p)
{
	if (p->block.drop)
		p->block.drop(&p->block);
	blocks_memory_put(p->cache, p->block.bytes, p->size);
	free(p);
}

void blocks_unused_add(struct blocks *b, struct block_private *p)
{
	blocks_list_add(p->drop_behind ? &b->behind : p->costly ? &b->costly : &b->unused, p);
}

static struct block_private *next_to_go(const struct blocks *b)
{
	if (b->behind.oldest)
		return b->behind.oldest;
	return b->unused.oldest && b->costly.bytes <= b->budget / 2 ? b->unused.oldest : b->costly.oldest;
}

/* Puts it before the list of those that have gone. */
static struct block_private *evict(struct blocks *b, struct block_private *p, struct block_private *gone)
{
	blocks_list_remove(p);
	blocks_forget(b, p);
	b->used -= p->charged;
	p->same = gone;
	return p;
}

struct block_private *blocks_trim_behind(struct blocks *b, size_t keep)
{
	struct block_private *gone = NULL;
	while (b->behind.bytes > keep)
		gone = evict(b, b->behind.oldest, gone);
	return gone;
}

struct block_private *blocks_make_room(struct blocks *b, size_t len)
{
	struct block_private *gone = NULL, *p;
	while (b->used + len > b->budget && (p = next_to_go(b)))
		gone = evict(b, p, gone);
	return gone;
}

void blocks_dispose_all(struct block_private *gone)
{
	for (struct block_private *next; gone; gone = next) {
		next = gone->same;
		blocks_dispose(gone);
	}
}
