/* SPDX-License-Identifier: MIT */
#include "fs/blocks_impl.h"

#include "fs/archive.h"

enum { QUEUE = 256 }; /* blocks that workers may be asked for */

/* What is wanted ahead comes after what is waited for. */
static struct block_private *next_wanted(const struct blocks *b)
{
	struct block_private *p = b->queue.oldest;
	while (p && p->from.archive->waiting > 0)
		p = p->newer;
	return p;
}

static void *worker(void *arg)
{
	struct blocks *b = arg;
	pthread_mutex_lock(&b->lock);
	while (!b->closing) {
		struct block_private *p = next_wanted(b), *gone;
		if (!p) {
			pthread_cond_wait(&b->work, &b->lock);
			continue;
		}
		blocks_use(b, p);
		blocks_make(b, p, false);
		gone = blocks_let_go(b, p);
		if (gone) {
			pthread_mutex_unlock(&b->lock);
			blocks_dispose(gone);
			pthread_mutex_lock(&b->lock);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

void blocks_want(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	if (b->queued < QUEUE && !blocks_find(b, from, index) && (p = blocks_remember(b, from, index))) {
		blocks_list_add(&b->queue, p);
		b->queued++;
		if (b->started < b->nthreads && b->started < b->queued + b->making &&
		    pthread_create(&b->threads[b->started], NULL, worker, b) == 0)
			b->started++;
		pthread_cond_signal(&b->work);
	}
	pthread_mutex_unlock(&b->lock);
}

void blocks_unwant(struct blocks *b, struct archive *archive)
{
	struct block_private *gone = NULL, *next;
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	for (struct block_private *p = b->queue.oldest; p; p = next) {
		next = p->newer;
		if (p->from.archive != archive || p->uses > 0)
			continue;
		blocks_list_remove(&b->queue, p);
		b->queued--;
		b->used -= p->charged;
		blocks_forget(b, p);
		p->same = gone;
		gone = p;
	}
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
}

struct pace_next blocks_pace(struct blocks *b, const void *what, uint64_t offset, uint64_t len)
{
	return b ? pace_of(&b->pace, what, offset, len) : (struct pace_next){.kind = PACE_ANYHOW};
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
