/* SPDX-License-Identifier: MIT */
#include "fs/blocks.h"

#include "fs/archive.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	BUCKETS = 4096,
	OVERHEAD = 256,      /* what a block costs beside its bytes */
	BEHIND = 64,         /* bytes behind each block, for loops that overshoot */
	QUEUE = 256,         /* blocks that workers may be asked for */
	MOST_THREADS = 64,
	METADATA_FREE = 24 << 20, /* metadata that does not count against the budget */
	LEAST = 8 << 20,      /* what remains of the budget whatever metadata take */
	LARGE = 64 << 10,    /* memory from here on is mapped, and so given back for good */
	SPARE = 4 << 20,     /* save so much, which is used again without new faults, */
	SPARE_MOST = 40 << 20, /* or an eighth of the budget, up to this, as a part of it */
	SPARES = 128,
	PASSING = 32 << 20,  /* memory that what is read in order passes through, at least */
	BEYOND = 32 << 20,   /* how far past the budget a lone decode may go */
};

enum state { WANTED, MAKING, READY, FAILED };

struct scratch {
	struct scratch *next;
	size_t size;
	_Alignas(64) uint8_t bytes[];
};

/* A block with what only the cache knows of it. */
struct block_private {
	struct block block;
	struct blocks *cache;         /* NULL: made for one caller */
	struct block_source from;
	uint64_t index;
	struct block_private *same;   /* in its bucket */
	struct block_private *next, **at;    /* among all that are known of its archive */
	struct block_private *older, *newer; /* READY and unused: by age; WANTED: the queue */
	unsigned uses;
	enum state state;
	bool known;                   /* in its bucket */
	bool spent;                   /* nobody is expected to ask again */
	size_t size;                  /* of its memory */
	size_t charged, scratched;
	struct scratch *scratch;
	int code;
	struct error err;
};

struct list {
	struct block_private *oldest, *newest;
};

struct blocks {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a block was made, or memory came free */
	pthread_cond_t work;    /* for workers */
	struct block_private **buckets;
	struct list unused, queue;
	unsigned queued;
	size_t used, pinned, metadata, limit;
	_Atomic size_t budget; /* the limit, less what metadata takes of it */
	unsigned making, stuck; /* threads that decode, and those of them that wait */
	unsigned nthreads, started;
	pthread_t threads[MOST_THREADS];
	bool closing;
	pthread_mutex_t spare_lock;
	struct spare {
		void *bytes;
		size_t size;
	} spares[SPARES];
	size_t spare, spare_limit;
	unsigned spare_at;
	struct blocks_stats stats;
};

/* --- lists and buckets ---------------------------------------------------- */

static void list_add(struct list *l, struct block_private *p)
{
	p->older = l->newest;
	p->newer = NULL;
	*(l->newest ? &l->newest->newer : &l->oldest) = p;
	l->newest = p;
}

static void list_remove(struct list *l, struct block_private *p)
{
	*(p->older ? &p->older->newer : &l->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &l->newest) = p->older;
	p->older = p->newer = NULL;
}

static struct block_private **bucket(struct blocks *b, const struct block_source *from, uint64_t index)
{
	uint64_t h = (uintptr_t)from->archive ^ (uintptr_t)from->owner * 0x9e3779b97f4a7c15 ^ index * 0xc2b2ae3d27d4eb4f;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9;
	return &b->buckets[(h >> 40) % BUCKETS];
}

static struct block_private *find(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p = *bucket(b, from, index);
	while (p && (p->index != index || p->from.owner != from->owner || p->from.archive != from->archive))
		p = p->same;
	return p;
}

static void join_archive(struct block_private *p)
{
	p->at = &p->from.archive->blocks;
	p->next = *p->at;
	if (p->next)
		p->next->at = &p->next;
	*p->at = p;
	p->known = true;
}

static void leave_archive(struct block_private *p)
{
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	p->known = false;
}

static void forget(struct blocks *b, struct block_private *p)
{
	struct block_private **at = bucket(b, &p->from, p->index);
	while (*at != p)
		at = &(*at)->same;
	*at = p->same;
	leave_archive(p);
}

static struct block_private *remember(struct blocks *b, const struct block_source *from, uint64_t index)
{
	struct block_private *p = calloc(1, sizeof *p), **at = bucket(b, from, index);
	if (!p)
		return NULL;
	*p = (struct block_private){.cache = b, .from = *from, .index = index, .same = *at};
	p->block.private = p;
	p->charged = OVERHEAD;
	b->used += OVERHEAD;
	*at = p;
	join_archive(p);
	return p;
}

/* --- where memory comes from ----------------------------------------------- */

/* The smallest that does and is hardly too large: else blocks, which stay, take the
 * scratch memory, which is needed again at once. */
static void *spare_take(struct blocks *b, size_t *size)
{
	struct spare *best = NULL;
	void *bytes = NULL;
	pthread_mutex_lock(&b->spare_lock);
	for (struct spare *s = b->spares; s < b->spares + SPARES; s++)
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

/* What came free last is needed first: others make room for it. */
static bool spare_give(struct blocks *b, void *bytes, size_t size)
{
	if (size > b->spare_limit)
		return false;
	for (bool kept = false; !kept;) {
		struct spare gone = {0}, *s = b->spares;
		pthread_mutex_lock(&b->spare_lock);
		while (s < b->spares + SPARES && s->bytes)
			s++;
		kept = b->spare + size <= b->spare_limit && s < b->spares + SPARES;
		if (!kept)
			s = &b->spares[b->spare_at++ % SPARES];
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

/* At least `len` bytes, aligned; *ret_size of them. */
static void *memory_get(struct blocks *b, size_t len, size_t *ret_size)
{
	void *bytes = NULL;
	*ret_size = len;
	if (len < LARGE)
		return posix_memalign(&bytes, 64, len) == 0 ? bytes : NULL;
	*ret_size = (len + 4095) & ~(size_t)4095;
	if (b && (bytes = spare_take(b, ret_size)))
		return bytes;
	bytes = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bytes == MAP_FAILED ? NULL : bytes;
}

static void memory_put(struct blocks *b, void *bytes, size_t size)
{
	if (!bytes || size < LARGE)
		free(bytes);
	else if (!b || !spare_give(b, bytes, size))
		munmap(bytes, size);
}

/* Frees a block that nobody knows any more; outside the lock if that matters. */
static void dispose(struct block_private *p)
{
	memory_put(p->cache, p->block.bytes, p->size);
	free(p);
}

/* --- memory --------------------------------------------------------------- */

/* Takes unused blocks out until `len` more fit; they hang by `same`. */
static struct block_private *make_room(struct blocks *b, size_t len)
{
	struct block_private *gone = NULL;
	while (b->unused.oldest && b->used + len > b->budget) {
		struct block_private *p = b->unused.oldest;
		list_remove(&b->unused, p);
		forget(b, p);
		b->used -= p->charged;
		p->same = gone;
		gone = p;
	}
	return gone;
}

static void dispose_all(struct block_private *gone)
{
	for (struct block_private *next; gone; gone = next) {
		next = gone->same;
		dispose(gone);
	}
}

/* Waits while this thread is decoding: for memory, or for another's block. */
static void wait_stuck(struct blocks *b)
{
	b->stuck++;
	pthread_cond_broadcast(&b->changed); /* perhaps now all are */
	pthread_cond_wait(&b->changed, &b->lock);
	b->stuck--;
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
	struct block_private *gone = make_room(b, len);
	while (b->used + len > b->budget && b->stuck + 1 < b->making) {
		wait_stuck(b);
		if (gone) {
			pthread_mutex_unlock(&b->lock);
			dispose_all(gone);
			pthread_mutex_lock(&b->lock);
		}
		gone = make_room(b, len);
	}
	b->used += len;
	pthread_mutex_unlock(&b->lock);
	dispose_all(gone);
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
	void *bytes = memory_get(p->cache, len + BEHIND, &size);
	if (!bytes) {
		refund(p->cache, len);
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
		return NULL;
	}
	p->charged += p->cache ? len : 0;
	memory_put(p->cache, block->bytes, p->size);
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
	void *bytes = memory_get(p->cache, sizeof(struct scratch) + len + BEHIND, &size);
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

void block_trim(struct block *block, size_t len)
{
	if (len < block->len)
		block->len = len;
}

/* --- making --------------------------------------------------------------- */

static void decode(struct block_private *p)
{
	p->code = p->from.decode(p->from.archive, p->from.owner, p->index, &p->block, &p->err);
	if (p->code == 0 && !p->block.bytes && !block_room(&p->block, 0, &p->err))
		p->code = -ENOMEM;
	for (struct scratch *s = p->scratch, *next; s; s = next) {
		next = s->next;
		memory_put(p->cache, s, s->size);
	}
	p->scratch = NULL;
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Under the lock, which it lets go meanwhile.  `nested`: this thread is counted
 * as one that decodes already. */
static void make(struct blocks *b, struct block_private *p, bool nested)
{
	if (p->state == WANTED && (p->older || p->newer || b->queue.oldest == p)) {
		list_remove(&b->queue, p);
		b->queued--;
	}
	p->state = MAKING;
	b->making += !nested;
	p->from.archive->making += !nested;
	pthread_mutex_unlock(&b->lock);
	uint64_t start = now();
	decode(p);
	uint64_t took = now() - start;
	pthread_mutex_lock(&b->lock);
	b->making -= !nested;
	p->from.archive->making -= !nested;
	b->used -= p->scratched;
	p->scratched = 0;
	p->state = p->code < 0 ? FAILED : READY;
	b->pinned += p->code < 0 ? 0 : p->charged;
	if (p->code < 0) {
		forget(b, p);
		b->stats.failed += p->code != -ECANCELED;
	}
	b->stats.decoded++;
	b->stats.bytes += p->block.len;
	b->stats.nanoseconds += nested ? 0 : took;
	pthread_cond_broadcast(&b->changed);
}

/* So many readers of an archive decode at a time.  More wait, before they take any
 * memory: else all would hold some, and take it from blocks that are still to be
 * read from.  It is for each archive, as a slow one shall not hold up another. */
static bool is_busy(const struct blocks *b, const struct archive *a)
{
	return a->making >= 2 * b->nthreads;
}

static void wait_turn(struct blocks *b, const struct block_private *p)
{
	struct archive *a = p->from.archive;
	if (p->state != WANTED || !is_busy(b, a))
		return;
	a->waiting++;
	while (p->state == WANTED && is_busy(b, a))
		pthread_cond_wait(&b->changed, &b->lock);
	if (--a->waiting == 0 && b->queue.oldest)
		pthread_cond_broadcast(&b->work);
}

/* What is wanted ahead comes after what is waited for. */
static struct block_private *next_wanted(const struct blocks *b)
{
	struct block_private *p = b->queue.oldest;
	while (p && p->from.archive->waiting > 0)
		p = p->newer;
	return p;
}

/* Under the lock; one user less. */
static struct block_private *let_go(struct blocks *b, struct block_private *p)
{
	if (--p->uses > 0)
		return NULL;
	b->pinned -= p->state == READY ? p->charged : 0;
	size_t keep = !p->spent ? b->budget : b->budget / 8 > PASSING ? b->budget / 8 : PASSING;
	if (p->known && b->used <= b->budget && b->used <= keep) {
		list_add(&b->unused, p);
		return NULL;
	}
	if (p->known)
		forget(b, p);
	b->used -= p->charged;
	pthread_cond_broadcast(&b->changed);
	return p;
}

static void use(struct blocks *b, struct block_private *p)
{
	p->spent = false;
	if (p->uses++ == 0 && p->state == READY) {
		list_remove(&b->unused, p);
		b->pinned += p->charged;
	}
}

/* --- for everybody -------------------------------------------------------- */

static int get_alone(const struct block_source *from, uint64_t index, struct block **ret, struct error *err)
{
	struct block_private *p = calloc(1, sizeof *p);
	if (!p)
		return error_set(err, ENOMEM, "no memory for a block");
	*p = (struct block_private){.from = *from, .index = index, .uses = 1};
	p->block.private = p;
	decode(p);
	int r = p->code;
	if (r < 0) {
		error_set(err, -r, "%s", p->err.text);
		dispose(p);
	} else {
		*ret = &p->block;
	}
	return r;
}

int blocks_get(struct blocks *b, struct block *within, const struct block_source *from, uint64_t index,
	       struct block **ret, struct error *err)
{
	struct block_private *p, *gone = NULL;
	int r;

	if (!b)
		return get_alone(from, index, ret, err);
	pthread_mutex_lock(&b->lock);
	if (!(p = find(b, from, index)) && !(p = remember(b, from, index))) {
		pthread_mutex_unlock(&b->lock);
		return error_set(err, ENOMEM, "no memory for a block");
	}
	b->stats.hits += p->state == READY;
	use(b, p);
	if (!within)
		wait_turn(b, p);
	if (p->state == WANTED)
		make(b, p, within != NULL);
	while (p->state == MAKING) {
		if (within)
			wait_stuck(b);
		else
			pthread_cond_wait(&b->changed, &b->lock);
	}
	r = p->code;
	if (r < 0) {
		error_set(err, -r, "%s", p->err.text);
		gone = let_go(b, p);
	} else {
		*ret = &p->block;
	}
	pthread_mutex_unlock(&b->lock);
	if (gone)
		dispose(gone);
	return r;
}

struct block *blocks_peek(struct blocks *b, const struct block_source *from, uint64_t index)
{
	if (!b)
		return NULL;
	pthread_mutex_lock(&b->lock);
	struct block_private *p = find(b, from, index);
	if (p && p->state == READY)
		use(b, p);
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
		dispose(p);
		return;
	}
	pthread_mutex_lock(&b->lock);
	gone = let_go(b, p);
	pthread_mutex_unlock(&b->lock);
	if (gone)
		dispose(gone);
}

void blocks_spent(struct block *block)
{
	struct blocks *b = block->private->cache;
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	block->private->spent = true;
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

/* --- workers -------------------------------------------------------------- */

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
		use(b, p);
		make(b, p, false);
		gone = let_go(b, p);
		if (gone) {
			pthread_mutex_unlock(&b->lock);
			dispose(gone);
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
	if (b->queued < QUEUE && !find(b, from, index) && (p = remember(b, from, index))) {
		list_add(&b->queue, p);
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
		list_remove(&b->queue, p);
		b->queued--;
		b->used -= p->charged;
		forget(b, p);
		p->same = gone;
		gone = p;
	}
	pthread_mutex_unlock(&b->lock);
	dispose_all(gone);
}

unsigned blocks_ahead(const struct blocks *b, size_t bytes)
{
	if (!b)
		return 0;
	size_t fit = b->budget / 4 / (bytes + OVERHEAD);
	size_t useful = (size_t)b->nthreads * 4;
	return (unsigned)(fit < useful ? fit : useful);
}

bool blocks_fit(const struct blocks *b, size_t bytes, uint64_t count)
{
	return b && count <= b->budget / (bytes + OVERHEAD);
}

void blocks_metadata(struct blocks *b, size_t before, size_t now)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->metadata = b->metadata - before + now;
	size_t over = b->metadata > METADATA_FREE ? b->metadata - METADATA_FREE : 0;
	size_t least = b->limit < LEAST ? b->limit : LEAST;
	b->budget = over < b->limit - least ? b->limit - over : least;
	struct block_private *gone = make_room(b, 0);
	pthread_mutex_unlock(&b->lock);
	dispose_all(gone);
}

/* --- its life ------------------------------------------------------------- */

int blocks_open(struct blocks **ret, size_t budget, unsigned threads)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct blocks *b = calloc(1, sizeof *b);
	if (b)
		b->buckets = calloc(BUCKETS, sizeof *b->buckets);
	if (!b || !b->buckets) {
		free(b);
		return -ENOMEM;
	}
	b->spare_limit = budget / 8 < SPARE ? SPARE : budget / 8 < SPARE_MOST ? budget / 8 : SPARE_MOST;
	b->limit = budget / 8 < SPARE ? budget : budget - (b->spare_limit - SPARE);
	b->budget = b->limit;
	b->nthreads = threads ? threads : cpus > 0 ? (unsigned)cpus : 1;
	if (b->nthreads > MOST_THREADS)
		b->nthreads = MOST_THREADS;
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->spare_lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	pthread_cond_init(&b->work, NULL);
	*ret = b;
	return 0;
}

/* Under the lock: takes out what the archive has and is in nobody's hands. */
static struct block_private *take_out(struct blocks *b, struct archive *archive, bool *ret_making)
{
	struct block_private *gone = NULL, *next;
	*ret_making = false;
	for (struct block_private *p = archive->blocks; p; p = next) {
		next = p->next;
		if (p->state == MAKING) {
			*ret_making = true;
			continue;
		}
		forget(b, p);
		if (p->uses > 0)
			continue; /* an answer's: it goes with it */
		list_remove(p->state == WANTED ? &b->queue : &b->unused, p);
		b->queued -= p->state == WANTED;
		b->used -= p->charged;
		p->same = gone;
		gone = p;
	}
	return gone;
}

void blocks_drop_archive(struct blocks *b, struct archive *archive)
{
	bool making = true;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	while (making) {
		struct block_private *gone = take_out(b, archive, &making);
		if (!gone && making)
			pthread_cond_wait(&b->changed, &b->lock);
		pthread_mutex_unlock(&b->lock);
		dispose_all(gone);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
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
	for (size_t i = 0; i < BUCKETS; i++) { /* of archives that are not closed yet */
		for (struct block_private *p = b->buckets[i]; p; p = p->same)
			leave_archive(p);
		dispose_all(b->buckets[i]);
	}
	for (size_t i = 0; i < SPARES; i++)
		if (b->spares[i].bytes)
			munmap(b->spares[i].bytes, b->spares[i].size);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->spare_lock);
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
