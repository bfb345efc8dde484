/* SPDX-License-Identifier: MIT */
#include "fs/blocks/impl.h"

#include <time.h>

enum {
	BEHIND = 64,       /* padding after each block, for loops that overshoot */
	BEYOND = 32 << 20, /* by how much a single decode may exceed the budget */
};

void blocks_wait_stuck(struct blocks *b, uint64_t until)
{
	struct timespec t = {.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000)};
	if (++b->stuck >= b->making) /* only if all are stuck: otherwise the waiters would wake each other forever */
		pthread_cond_broadcast(&b->changed);
	if (until == UINT64_MAX)
		pthread_cond_wait(&b->changed, &b->lock);
	else
		pthread_cond_timedwait(&b->changed, &b->lock, &t);
	b->stuck--;
}

/* May this decode exceed the budget?  Decodes stalled on a disk may hold all of it for a
 * long time; so one decode per client may, once it has waited long enough for the others. */
static bool goes_past(struct block_private *p, uint64_t until)
{
	struct block_client *c = p->from.client;
	if (!p->past && !c->past && blocks_now() >= until)
		p->past = c->past = true;
	return p->past;
}

static int charge(struct block_private *p, size_t len, struct error *err)
{
	struct blocks *b = p->cache;
	size_t most = (b ? b->budget : (size_t)256 << 20) + BEYOND;

	if (len > most || p->charged + p->scratched > most - len)
		return error_set(err, ENOMEM, "%zu bytes to decode at once do not fit the cache: -o cache= makes it larger", len);
	if (!b) {
		p->charged += len;
		return 0;
	}
	pthread_mutex_lock(&b->lock);
	struct block_private *gone = blocks_make_room(b, len);
	uint64_t until = 0;
	while (b->used + len > b->budget && b->stuck + 1 < b->making) {
		until = until ? until : blocks_now() + BLOCKS_STALLED;
		if (goes_past(p, until))
			break;
		blocks_wait_stuck(b, p->from.client->past ? UINT64_MAX : until);
		if (gone) {
			pthread_mutex_unlock(&b->lock);
			blocks_dispose_all(gone);
			pthread_mutex_lock(&b->lock);
		}
		gone = blocks_make_room(b, len);
	}
	b->used += len;
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
	return 0;
}

static void refund(struct blocks *b, size_t len)
{
	if (!b || len == 0)
		return;
	pthread_mutex_lock(&b->lock);
	b->used -= len;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

uint8_t *block_room(struct block *block, size_t len, struct error *err)
{
	struct block_private *p = block->private;
	if (len > SIZE_MAX / 2 || charge(p, len, err) < 0) {
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
		return NULL;
	}
	size_t size;
	void *bytes = blocks_memory_get(p->cache, len + BEHIND, &size);
	if (!bytes) {
		refund(p->cache, len);
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
		return NULL;
	}
	p->charged += p->cache ? len : 0;
	blocks_memory_put(p->cache, block->bytes, p->size);
	p->size = size;
	block->bytes = bytes;
	block->len = len;
	return bytes;
}

uint8_t *block_scratch(struct block *block, size_t len, struct error *err)
{
	struct block_private *p = block->private;
	size_t size;
	if (len > SIZE_MAX / 2 || charge(p, len, err) < 0)
		return NULL;
	void *bytes = blocks_memory_get(p->cache, sizeof(struct scratch) + len + BEHIND, &size);
	if (!bytes) {
		refund(p->cache, len);
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
		return NULL;
	}
	struct scratch *s = bytes;
	s->next = p->scratch;
	s->size = size;
	p->scratch = s;
	p->scratched += p->cache ? len : 0;
	return s->bytes;
}

int block_count(struct block *block, size_t len, struct error *err)
{
	struct block_private *p = block->private;
	int r = charge(p, len, err);
	p->charged += r == 0 && p->cache ? len : 0;
	return r;
}

int block_count_scratch(struct block *block, size_t len, struct error *err)
{
	struct block_private *p = block->private;
	int r = charge(p, len, err);
	p->scratched += r == 0 && p->cache ? len : 0;
	return r;
}

static uint8_t *take_scratch(void *block, size_t len, struct error *err)
{
	return block_scratch(block, len, err);
}

struct codec_memory block_memory(struct block *block)
{
	return (struct codec_memory){.take = take_scratch, .arg = block, .changing = true};
}

void block_trim(struct block *block, size_t len)
{
	if (len < block->len)
		block->len = len;
}
