/* SPDX-License-Identifier: MIT */
#include "fs/blocks/impl.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	METADATA_MOST = 48 << 20, /* limit for all metadata, on top of most of the budget */
	METADATA_FREE = 24 << 20, /* metadata that does not count against the budget */
	LEAST = 8 << 20,          /* the budget that remains, however much metadata there is */
	PASSED = 10 << 20,        /* what blocks of drop-behind may take, or more where many threads read */
	PASSED_EACH = 5 << 20,    /* of each thread, up to a quarter of the budget: a command's thread reads 4 MiB at a time */
};

/* --- making --------------------------------------------------------------- */

/* Is this thread inside a decode function? */
static _Thread_local bool decoding;

static void decode(struct block_private *p)
{
	bool within = decoding;
	decoding = true;
	p->code = p->from.decode(&p->from, p->index, &p->block, &p->err);
	if (p->code == 0 && !p->block.bytes && !block_room(&p->block, 0, &p->err))
		p->code = -ENOMEM;
	for (struct scratch *s = p->scratch, *next; s; s = next) {
		next = s->next;
		blocks_memory_put(p->cache, s, s->size);
	}
	p->scratch = NULL;
	decoding = within;
}

uint64_t blocks_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void blocks_make(struct blocks *b, struct block_private *p, bool nested)
{
	if (p->list) {
		blocks_list_remove(p);
		b->queued--;
	}
	p->state = MAKING;
	b->making += !nested;
	p->from.client->making += !nested;
	pthread_mutex_unlock(&b->lock);
	uint64_t start = blocks_now();
	decode(p);
	uint64_t took = blocks_now() - start;
	pthread_mutex_lock(&b->lock);
	b->making -= !nested;
	p->from.client->making -= !nested;
	p->from.client->past &= !p->past;
	p->past = false;
	b->used -= p->scratched;
	p->scratched = 0;
	p->state = p->code < 0 ? FAILED : READY;
	b->pinned += p->code < 0 ? 0 : p->charged;
	if (p->code < 0) {
		blocks_forget(b, p);
		b->stats.failed += p->code != -ECANCELED;
	}
	b->stats.decoded++;
	b->stats.bytes += p->block.len;
	b->stats.nanoseconds += nested ? 0 : took;
	pthread_cond_broadcast(&b->changed);
}

/* The number of readers that decode at once is limited; the others wait before they take
 * any memory.  Without the limit, all would hold some and evict blocks that are yet to be
 * read.  The limit is per client, so that a slow archive cannot stall the others. */
static bool is_busy(const struct blocks *b, const struct block_client *c)
{
	return c->making >= 2 * b->nthreads;
}

static void wait_turn(struct blocks *b, const struct block_private *p)
{
	struct block_client *c = p->from.client;
	if (p->state != WANTED || !is_busy(b, c))
		return;
	c->waiting++;
	while (p->state == WANTED && is_busy(b, c))
		pthread_cond_wait(&b->changed, &b->lock);
	if (--c->waiting == 0 && b->queue.oldest)
		pthread_cond_broadcast(&b->work);
}

/* Memory that has not been touched yet is slower than what was just freed.  But the block itself stays,
 * however large it is. */
static size_t most_behind(const struct blocks *b, const struct block_private *p)
{
	size_t most = b->budget / 4, each = b->nthreads * (size_t)PASSED_EACH;
	most = each < most ? each : most;
	most = most > PASSED ? most : PASSED;
	return most > p->charged ? most : p->charged;
}

struct block_private *blocks_let_go(struct blocks *b, struct block_private *p)
{
	if (--p->uses > 0)
		return NULL;
	b->pinned -= p->state == READY ? p->charged : 0;
	if (p->known && b->used <= b->budget) {
		blocks_unused_add(b, p);
		return p->drop_behind ? blocks_trim_behind(b, most_behind(b, p)) : NULL;
	}
	if (p->known)
		blocks_forget(b, p);
	b->used -= p->charged;
	p->same = NULL;
	pthread_cond_broadcast(&b->changed);
	return p;
}

void blocks_use(struct blocks *b, struct block_private *p)
{
	p->drop_behind = false;
	if (p->uses++ == 0 && p->state == READY) {
		blocks_list_remove(p);
		b->pinned += p->charged;
	}
}

/* --- public --------------------------------------------------------------- */

static int get_alone(const struct block_source *from, uint64_t index, struct block **ret, struct error *err)
{
	struct block_private *p = calloc(1, sizeof *p);
	if (!p)
		return error_no_memory(err, "a block");
	*p = (struct block_private){.from = *from, .index = index, .uses = 1};
	p->block.private = p;
	decode(p);
	int r = p->code;
	if (r < 0) {
		error_set(err, -r, "%s", p->err.text);
		blocks_dispose(p);
	} else {
		*ret = &p->block;
	}
	return r;
}

int blocks_get(struct blocks *b, struct block *within, const struct block_source *from, uint64_t index,
	       struct block **ret, struct error *err)
{
	struct block_private *p, *gone = NULL;
	bool nested = within || decoding; /* a thread that is decoding has had its turn: it would wait for itself */
	int r;

	if (!b)
		return get_alone(from, index, ret, err);
	pthread_mutex_lock(&b->lock);
	if (!(p = blocks_find(b, from, index)) && !(p = blocks_remember(b, from, index))) {
		pthread_mutex_unlock(&b->lock);
		return error_no_memory(err, "a block");
	}
	b->stats.hits += p->state == READY;
	blocks_use(b, p);
	if (!nested)
		wait_turn(b, p);
	if (p->state == WANTED)
		blocks_make(b, p, nested);
	while (p->state == MAKING) {
		if (nested)
			blocks_wait_stuck(b, UINT64_MAX);
		else
			pthread_cond_wait(&b->changed, &b->lock);
	}
	r = p->code;
	if (r < 0) {
		error_set(err, -r, "%s", p->err.text);
		gone = blocks_let_go(b, p);
	} else {
		*ret = &p->block;
	}
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
	return r;
}

struct block *blocks_peek(struct blocks *b, const struct block_source *from, uint64_t index)
{
	if (!b)
		return NULL;
	pthread_mutex_lock(&b->lock);
	struct block_private *p = blocks_find(b, from, index);
	if (p && p->state == READY)
		blocks_use(b, p);
	else
		p = NULL;
	pthread_mutex_unlock(&b->lock);
	return p ? &p->block : NULL;
}

void blocks_release(struct block *block)
{
	struct block_private *p = block->private, *gone;
	struct blocks *b = p->cache;

	if (!b) {
		blocks_dispose(p);
		return;
	}
	pthread_mutex_lock(&b->lock);
	gone = blocks_let_go(b, p);
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
}

void blocks_drop_behind(struct block *block)
{
	struct blocks *b = block->private->cache;
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	block->private->drop_behind = true;
	pthread_mutex_unlock(&b->lock);
}

void blocks_costly(struct block *block)
{
	struct blocks *b = block->private->cache;
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	block->private->costly = true;
	pthread_mutex_unlock(&b->lock);
}

static void release(void *block)
{
	blocks_release(block);
}

int blocks_answer(struct blocks *b, struct block *block, size_t offset, size_t len, struct answer *answer)
{
	bool tight = false;
	uint8_t *copy;

	if (b) {
		pthread_mutex_lock(&b->lock);
		tight = b->pinned > b->budget / 2;
		pthread_mutex_unlock(&b->lock);
	}
	if (!tight)
		return answer_pinned(answer, block->bytes + offset, len, release, block);
	int r = answer_own(answer, len, &copy);
	if (r == 0 && len)
		memcpy(copy, block->bytes + offset, len);
	blocks_release(block);
	return r;
}

/* With the lock held. */
static size_t least_budget(const struct blocks *b)
{
	return b->limit < LEAST ? b->limit : LEAST;
}

/* With the lock held, which it releases. */
static void count_metadata(struct blocks *b, size_t before, size_t now)
{
	b->metadata = b->metadata - before + now;
	size_t over = b->metadata > METADATA_FREE ? b->metadata - METADATA_FREE : 0, least = least_budget(b);
	b->budget = over < b->limit - least ? b->limit - over : least;
	struct block_private *gone = blocks_make_room(b, 0);
	pthread_mutex_unlock(&b->lock);
	blocks_dispose_all(gone);
}

size_t blocks_metadata_take(struct blocks *b, size_t own, size_t least, size_t most, size_t spare)
{
	if (!b)
		return most;
	pthread_mutex_lock(&b->lock);
	size_t all = METADATA_MOST + b->limit - least_budget(b), taken = most;
	if (b->metadata > own || spare > 0) {
		size_t left = b->metadata + spare < all ? all - b->metadata - spare : 0;
		taken = left < least ? 0 : left < most ? left : most;
	}
	count_metadata(b, 0, taken);
	return taken;
}

void blocks_metadata(struct blocks *b, size_t before, size_t now)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	count_metadata(b, before, now);
}

/* --- open and close ------------------------------------------------------- */

int blocks_open(struct blocks **ret, size_t budget, unsigned threads)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct blocks *b = calloc(1, sizeof *b);
	if (b)
		b->buckets = calloc(BLOCKS_BUCKETS, sizeof *b->buckets);
	if (!b || !b->buckets) {
		free(b);
		return -ENOMEM;
	}
	b->limit = blocks_spare_open(b, budget);
	b->budget = b->limit;
	b->nthreads = threads ? threads : cpus > 0 ? (unsigned)cpus : 1;
	if (b->nthreads > BLOCKS_THREADS)
		b->nthreads = BLOCKS_THREADS;
	readahead_init(&b->readahead);
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&b->work, NULL);
	*ret = b;
	return 0;
}

unsigned blocks_threads(const struct blocks *b)
{
	return b->nthreads;
}

/* With the lock held: forgets all of the client's blocks that are not being decoded, and
 * returns those that are unused, to be freed. */
static struct block_private *take_out(struct blocks *b, struct block_client *client, bool *ret_making)
{
	struct block_private *gone = NULL, *next;
	*ret_making = false;
	for (struct block_private *p = client->known; p; p = next) {
		next = p->next;
		if (p->state == MAKING) {
			*ret_making = true;
			continue;
		}
		blocks_forget(b, p);
		if (p->uses > 0)
			continue; /* pinned by an answer, which frees it */
		b->queued -= p->state == WANTED;
		blocks_list_remove(p);
		b->used -= p->charged;
		p->same = gone;
		gone = p;
	}
	return gone;
}

void blocks_drop(struct blocks *b, struct block_client *client)
{
	bool making = true;

	if (!b)
		return;
	client->cancels++;
	pthread_mutex_lock(&b->lock);
	while (making) {
		struct block_private *gone = take_out(b, client, &making);
		if (!gone && making && decoding) /* the other decode may wait for all others to be stuck */
			blocks_wait_stuck(b, UINT64_MAX);
		else if (!gone && making)
			pthread_cond_wait(&b->changed, &b->lock);
		pthread_mutex_unlock(&b->lock);
		blocks_dispose_all(gone);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
}

bool blocks_making(struct blocks *b, const struct block_client *client)
{
	bool making = false;
	if (!b)
		return false;
	pthread_mutex_lock(&b->lock);
	for (const struct block_private *p = client->known; p && !making; p = p->next)
		making = p->state == MAKING;
	pthread_mutex_unlock(&b->lock);
	return making;
}

void blocks_close(struct blocks *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->closing = true;
	pthread_cond_broadcast(&b->work);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->started; i++)
		pthread_join(b->threads[i], NULL);
	/* Clients that were not dropped. Most programs end without: half a megabyte is left untouched. */
	for (size_t i = 0; b->known && i < BLOCKS_BUCKETS; i++) {
		for (struct block_private *p = b->buckets[i]; p; p = p->same, b->known--)
			blocks_leave_client(p);
		blocks_dispose_all(b->buckets[i]);
	}
	blocks_spare_close(b);
	readahead_destroy(&b->readahead);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	pthread_cond_destroy(&b->work);
	free(b->buckets);
	free(b);
}

void blocks_stats(struct blocks *b, struct blocks_stats *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->stats;
	ret->used = b->used;
	ret->budget = b->budget;
	pthread_mutex_unlock(&b->lock);
}
