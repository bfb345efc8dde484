/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "fs/blocks/blocks.h"

/*
 * Shared by the files of the cache: blocks.c decodes blocks and hands them out, table.c
 * is the hash table and the eviction lists, room.c enforces the budget, spare.c recycles
 * memory, prefetch.c has the workers that prefetch.
 *
 * Call with b->lock held, unless noted otherwise.
 */
enum {
	BLOCKS_BUCKETS = 65536, /* a cache of small blocks has a million */
	BLOCKS_OVERHEAD = 256, /* the cost of a block besides its bytes */
	BLOCKS_THREADS = 64,
	BLOCKS_SPARES = 128,
	BLOCKS_STALLED = 200000000, /* nanoseconds after which a decode counts as stalled on its disk */
};

enum block_state { WANTED, MAKING, READY, FAILED };

struct scratch {
	struct scratch *next;
	size_t size;
	_Alignas(64) uint8_t bytes[];
};

/* A block, and the cache's state for it. */
struct block_private {
	struct block block;
	struct blocks *cache;         /* NULL: not cached, for one caller */
	struct block_source from;
	uint64_t index;
	struct block_private *same;   /* next in its bucket; or in a list of those to dispose of */
	struct block_private *next, **at;    /* list of the client's blocks; `at` points to the link to this one */
	struct block_private *older, *newer; /* in `list` */
	struct block_list *list;             /* WANTED: the prefetch queue; READY and unused: one of those */
	unsigned uses;
	enum block_state state;
	bool known;                   /* in the hash table and the client's list */
	bool drop_behind;             /* no further use is expected */
	bool costly;                  /* evicted after those that are not */
	bool past;                    /* its decode may exceed the budget */
	size_t size;                  /* of the memory at block.bytes */
	size_t charged, scratched;    /* counted in b->used: the block, and its scratch */
	struct scratch *scratch;
	int code;
	struct error err;
};

struct block_list {
	struct block_private *oldest, *newest;
	size_t bytes;
};

struct blocks {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a block was decoded, or memory was freed */
	pthread_cond_t work;    /* wakes workers */
	struct block_private **buckets;
	size_t known; /* blocks in them */
	struct block_list behind, unused, costly; /* unused blocks: of drop-behind, others, costly ones, each an LRU */
	struct block_list queue;                  /* prefetch queue */
	unsigned queued;
	size_t used, pinned, metadata, limit;
	_Atomic size_t budget; /* the limit, less what metadata uses of it */
	unsigned making, stuck; /* threads that are decoding, and those of them that wait */
	unsigned nthreads, started, entered, working; /* workers: at work at most, created, running, at work */
	pthread_t threads[BLOCKS_THREADS];
	uint64_t since[BLOCKS_THREADS]; /* when each worker started its block, in nanoseconds; 0: idle */
	bool closing;
	pthread_mutex_t spare_lock;
	struct spare {
		void *bytes;
		size_t size;
	} spares[BLOCKS_SPARES];
	size_t spare, spare_limit;
	unsigned spare_at;
	struct readahead readahead; /* has its own lock */
	struct blocks_stats stats;
};

/* --- table.c -------------------------------------------------------------- */

void blocks_list_add(struct block_list *l, struct block_private *p);
void blocks_list_remove(struct block_private *p);
struct block_private *blocks_find(struct blocks *b, const struct block_source *from, uint64_t index);

/* Adds a block to the table: WANTED, unused, in no list.  NULL if there is no memory. */
struct block_private *blocks_remember(struct blocks *b, const struct block_source *from, uint64_t index);
void blocks_forget(struct blocks *b, struct block_private *p);
void blocks_leave_client(struct block_private *p);

/* Adds a READY block without users to its LRU list, as the newest. */
void blocks_unused_add(struct blocks *b, struct block_private *p);

/* Evicts blocks of drop-behind until no more than `keep` bytes of them are left; returns them likewise. */
struct block_private *blocks_trim_behind(struct blocks *b, size_t keep);

/* Evicts unused blocks until `len` more bytes fit, or none is left.  Returns them as a
 * list, linked by `same`, for blocks_dispose_all(). */
struct block_private *blocks_make_room(struct blocks *b, size_t len);

/* Frees blocks that are in no table or list any more; call without the lock. */
void blocks_dispose(struct block_private *p);
void blocks_dispose_all(struct block_private *gone);

/* --- spare.c: without the lock ------------------------------------------------- */

/* At least `len` bytes, 64-byte aligned; *ret_size is the actual size.  b may be NULL. */
void *blocks_memory_get(struct blocks *b, size_t len, size_t *ret_size);
void blocks_memory_put(struct blocks *b, void *bytes, size_t size);

/* Sets how much freed memory is kept for reuse; returns what that leaves of the budget. */
size_t blocks_spare_open(struct blocks *b, size_t budget);
void blocks_spare_close(struct blocks *b);

/* --- room.c ----------------------------------------------------------------- */

/* Waits for b->changed, for a thread that is itself decoding and needs memory or another
 * thread's block.  Returns at time `until` (of blocks_now()) at the latest. */
void blocks_wait_stuck(struct blocks *b, uint64_t until);

/* --- blocks.c --------------------------------------------------------------- */

uint64_t blocks_now(void); /* nanoseconds */

/* Decodes a WANTED block; releases the lock meanwhile.  `nested`: this thread is already
 * counted as decoding. */
void blocks_make(struct blocks *b, struct block_private *p, bool nested);
void blocks_use(struct blocks *b, struct block_private *p);

/* Drops one use.  Returns a list of blocks for blocks_dispose_all(). */
struct block_private *blocks_let_go(struct blocks *b, struct block_private *p);
