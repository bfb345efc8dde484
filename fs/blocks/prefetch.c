/* SPDX-License-Identifier: MIT */
#include "fs/blocks/impl.h"

enum { QUEUE = 256 }; /* blocks in the prefetch queue at most */

/* How many workers seem stalled on a disk: these are not counted as at work, so that other
 * clients' prefetches go on.  0 while fewer than nthreads are at work: it matters only then. */
static unsigned count_stalled(const struct blocks *b)
{
	unsigned n = 0;
	uint64_t now = b->working < b->nthreads ? 0 : blocks_now();
	for (unsigned i = 0; now && i < b->started; i++)
		n += b->since[i] && now - b->since[i] > BLOCKS_STALLED;
	return n;
}

/* The oldest prefetch whose client has no readers waiting for their turn, which come
 * first, and fewer than nthreads workers busy; NULL if enough workers are at work. */
static struct block_private *next_wanted(const struct blocks *b)
{
	struct block_private *p = b->queue.oldest;
	while (p && (p->from.client->waiting > 0 || p->from.client->ahead >= b->nthreads))
		p = p->newer;
	return p && b->working - count_stalled(b) < b->nthreads ? p : NULL;
}

static void work(struct blocks *b, struct block_private *p, uint64_t *since)
{
	struct block_client *c = p->from.client;
	blocks_use(b, p);
	c->ahead++;
	b->working++;
	*since = blocks_now();
	blocks_make(b, p, false);
	*since = 0;
	b->working--;
	c->ahead--;
}

static void *worker(void *arg)
{
	struct blocks *b = arg;
	pthread_mutex_lock(&b->lock);
	uint64_t *since = &b->since[b->entered++];
	while (!b->closing) {
		struct block_private *p = next_wanted(b), *gone;
		if (!p) {
			pthread_cond_wait(&b->work, &b->lock);
			continue;
		}
		work(b, p, since);
		gone = blocks_let_go(b, p);
		if (gone) {
			pthread_mutex_unlock(&b->lock);
			blocks_dispose_all(gone);
			pthread_mutex_lock(&b->lock);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

void blocks_prefetch(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	if (b->queued < QUEUE && !blocks_find(b, from, index) && (p = blocks_remember(b, from, index))) {
		blocks_list_add(&b->queue, p);
		b->queued++;
		if (b->started < BLOCKS_THREADS && b->started - b->working < b->queued &&
		    b->started - count_stalled(b) < b->nthreads && pthread_create(&b->threads[b->started], NULL, worker, b) == 0)
			b->started++;
		pthread_cond_signal(&b->work);
	}
	pthread_mutex_unlock(&b->lock);
}

void blocks_cancel_prefetch(struct blocks *b, struct block_client *client)
{
	struct block_private *gone = NULL, *next;
	if (!b)
		return;
	client->cancels++;
	pthread_mutex_lock(&b->lock);
	for (struct block_private *p = b->queue.oldest; p; p = next) {
		next = p->newer;
		if (p->from.client != client || p->uses > 0)
			continue;
		blocks_list_remove(p);
		b->queued--;
		b->used -= p->charged;
		blocks_forget(b, p);
		p->same = gone;
		gone = p;
	}
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
}

struct readahead_next blocks_readahead(struct blocks *b, const void *what, uint64_t offset, uint64_t len)
{
	return b ? readahead_record(&b->readahead, what, offset, len) : (struct readahead_next){.kind = READ_RANDOM};
}

unsigned blocks_ahead(const struct blocks *b, size_t bytes)
{
	if (!b)
		return 0;
	size_t fit = b->budget / 4 / (bytes + BLOCKS_OVERHEAD);
	size_t useful = (size_t)b->nthreads * 4;
	return (unsigned)(fit < useful ? fit : useful);
}

bool blocks_fit(const struct blocks *b, size_t bytes, uint64_t count)
{
	return b && count <= b->budget / (bytes + BLOCKS_OVERHEAD);
}
