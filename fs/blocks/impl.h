/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "fs/blocks/blocks.h"

/*
 * What the files of the cache share: blocks.c makes blocks and gives them out,
 * blocks_table.c knows which there are, blocks_room.c keeps to the budget,
 * blocks_spare.c keeps memory for the next, blocks_ahead.c has the workers.
 *
 * Under b->lock unless it says otherwise.
 */
enum {
	BLOCKS_BUCKETS = 4096,
	BLOCKS_OVERHEAD = 256, /* what a block costs beside its bytes */
	BLOCKS_THREADS = 64,
	BLOCKS_SPARES = 128,
	BLOCKS_STALLED = 200000000, /* nanoseconds after which somebody seems to wait for a disk that does not answer */
};

enum block_state { WANTED, MAKING, READY, FAILED };

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
	struct block_private *next, **at;    /* among all that are known of its client */
	struct block_private *older, *newer; /* READY and unused: by age; WANTED: the queue */
	unsigned uses;
	enum block_state state;
	bool known;                   /* in its bucket */
	bool spent;                   /* nobody is expected to ask again */
	bool costly;                  /* it goes after those that are not */
	bool past;                    /* its memory may go past the budget */
	size_t size;                  /* of its memory */
	size_t charged, scratched;
	struct scratch *scratch;
	int code;
	struct error err;
};

struct block_list {
	struct block_private *oldest, *newest;
};

struct blocks {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a block was made, or memory came free */
	pthread_cond_t work;    /* for workers */
	struct block_private **buckets;
	struct block_list unused, costly, queue; /* costly: unused, too */
	unsigned queued;
	size_t used, pinned, metadata, limit, costly_used;
	_Atomic size_t budget; /* the limit, less what metadata takes of it */
	unsigned making, stuck; /* threads that decode, and those of them that wait */
	unsigned nthreads, started, entered, working; /* workers: meant to work at a time, made, begun, at work */
	pthread_t threads[BLOCKS_THREADS];
	uint64_t since[BLOCKS_THREADS]; /* when each began with its block, in nanoseconds; 0: has none */
	bool closing;
	pthread_mutex_t spare_lock;
	struct spare {
		void *bytes;
		size_t size;
	} spares[BLOCKS_SPARES];
	size_t spare, spare_limit;
	unsigned spare_at;
	struct pace pace; /* has a lock of its own */
	struct blocks_stats stats;
};

/* --- blocks_table.c ------------------------------------------------------- */

void blocks_list_add(struct block_list *l, struct block_private *p);
void blocks_list_remove(struct block_list *l, struct block_private *p);
struct block_private *blocks_find(struct blocks *b, const struct block_source *from, uint64_t index);

/* Adds one that is WANTED and in no list; NULL if there is no memory. */
struct block_private *blocks_remember(struct blocks *b, const struct block_source *from, uint64_t index);
void blocks_forget(struct blocks *b, struct block_private *p);
void blocks_leave_client(struct block_private *p);

/* Among those that are READY and unused, the youngest; and no more. */
void blocks_unused_add(struct blocks *b, struct block_private *p);
void blocks_unused_remove(struct blocks *b, struct block_private *p);

/* Takes unused blocks out until `len` more fit; they hang by `same`. */
struct block_private *blocks_make_room(struct blocks *b, size_t len);

/* Frees what nobody knows any more; without the lock. */
void blocks_dispose(struct block_private *p);
void blocks_dispose_all(struct block_private *gone);

/* --- blocks_spare.c: without the lock, and for b == NULL, too ------------------ */

/* At least `len` bytes, aligned to 64; *ret_size of them. */
void *blocks_memory_get(struct blocks *b, size_t len, size_t *ret_size);
void blocks_memory_put(struct blocks *b, void *bytes, size_t size);

/* Settles how much of the budget is kept for the next; returns what is left of it. */
size_t blocks_spare_open(struct blocks *b, size_t budget);
void blocks_spare_close(struct blocks *b);

/* --- blocks_room.c ---------------------------------------------------------- */

/* Waits while this thread is decoding: for memory, or for another's block.  Returns
 * when it is `until`, by blocks_now(), at the latest. */
void blocks_wait_stuck(struct blocks *b, uint64_t until);

/* --- blocks.c --------------------------------------------------------------- */

uint64_t blocks_now(void); /* nanoseconds */

/* Lets the lock go meanwhile.  `nested`: this thread is counted as one that decodes
 * already. */
void blocks_make(struct blocks *b, struct block_private *p, bool nested);
void blocks_use(struct blocks *b, struct block_private *p);

/* One user less.  What it returns, if anything, is to be disposed of. */
struct block_private *blocks_let_go(struct blocks *b, struct block_private *p);
