/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/blocks/readahead.h"
#include "fs/codec/codec.h"
#include "fs/source/answer.h"

struct block;
struct blocks;

/*
 * The cache of decoded blocks.  A block is memory that a decode function fills for a
 * key (client, owner, kind, index): a page, a chunk, a table of page offsets.  Single
 * flight: the first thread that needs a block, a reader or a worker of the cache, decodes
 * it, and all others wait for the result.  No lock is held while decoding.  At the
 * budget, the least recently used blocks are evicted, costly ones last.
 *
 * The budget covers all blocks, in use or not, and the scratch memory of decoding: a
 * decode that would exceed it waits until others are done.  One may exceed it if all
 * decoding threads are waiting, so there is always progress; and one per client that has
 * waited too long, in case the others are stalled on a disk.
 *
 * Only a few blocks per client are decoded at once, so a block survives until the reader
 * that asked for it has used it.
 *
 * Thread-safe, except for open and close.
 */

/* The cache's state for one archive, which embeds it.  Initialise to zero; private to
 * the cache after that. */
struct block_client {
	struct block_private *known;
	unsigned making, waiting; /* threads that are decoding its blocks, or waiting for their turn */
	unsigned ahead;           /* workers that are decoding its blocks */
	bool past;                /* one of its decodes exceeds the budget */
	_Atomic unsigned cancels; /* how often its prefetches were cancelled, or it was dropped */
};

/* Where blocks come from: the decode function and its context.  Two are equal if client,
 * owner and kind are; the cache never dereferences `owner`. */
struct block_source {
	struct block_client *client;
	const void *owner;

	/* Decodes the block `index` into memory from block_room(), which it calls once.
	 * -errno and a sentence fail all callers that wait; a later call retries.
	 * -ECANCELED: not an error, there is just nothing to cache. */
	int (*decode)(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);
	unsigned kind; /* distinguishes the kinds of block that an owner has */
};

struct block {
	uint8_t *bytes; /* 64-byte aligned; 64 more bytes after the block may be read and written */
	size_t len;
	void (*drop)(struct block *block); /* decode() may set it: called before the bytes are freed */
	struct block_private *private;
};

/* threads 0: one worker per processor.  Workers start when first needed, so the process
 * may fork before that. */
int blocks_open(struct blocks **ret, size_t budget, unsigned threads);
void blocks_close(struct blocks *b);
unsigned blocks_threads(const struct blocks *b);

/*
 * Returns the block, decoding it if it is not cached; it stays until blocks_release().
 * `within` is the block that the caller itself is decoding; it may be NULL even while it
 * decodes one.  Here and below, b may be NULL: then nothing is cached, and every call decodes.
 */
int blocks_get(struct blocks *b, struct block *within, const struct block_source *from, uint64_t index,
	       struct block **ret, struct error *err);

/* The block if it is cached, otherwise NULL. */
struct block *blocks_peek(struct blocks *b, const struct block_source *from, uint64_t index);
void blocks_release(struct block *block);

/* Drop-behind: a sequential reader has passed the block, which the caller holds.  It goes
 * before all others, and as soon as those passed after it take more than a share of the
 * budget: streaming through a long file reuses a little memory, and reads that are a
 * little behind still find it.  Another reader's use cancels that. */
void blocks_drop_behind(struct block *block);

/* The block, which the caller holds or is decoding, is small but slow to decode: it is
 * evicted after the others, as long as costly blocks use at most half of the budget. */
void blocks_costly(struct block *block);

/* Appends [offset, offset + len) of a block to the answer, and takes over the caller's
 * hold: the block stays pinned until the answer is closed, or is copied and released if
 * memory is tight. */
int blocks_answer(struct blocks *b, struct block *block, size_t offset, size_t len, struct answer *answer);

/* Prefetch: a worker may decode the block soon.  Cheap; dropped when the queue is full. */
void blocks_prefetch(struct blocks *b, const struct block_source *from, uint64_t index);

/* A reader of the client has gone: cancels the client's queued prefetches.  Its other readers
 * ask again, or decode what they need themselves.  Code that prefetches while decoding checks
 * that client->cancels has not changed since the request. */
void blocks_cancel_prefetch(struct blocks *b, struct block_client *client);

/* Records a read of [offset, offset + len) of an array made of blocks, identified by
 * `what`, and predicts the next one. */
struct readahead_next blocks_readahead(struct blocks *b, const void *what, uint64_t offset, uint64_t len);

/* How many blocks of `bytes` bytes to prefetch ahead of a reader. */
unsigned blocks_ahead(const struct blocks *b, size_t bytes);

/* Would `count` blocks of `bytes` bytes fit an empty cache? */
bool blocks_fit(const struct blocks *b, size_t bytes, uint64_t count);

/* Drops the client's blocks and waits for decodes in progress.  No other thread may be
 * requesting its blocks; answers that hold some stay valid. */
void blocks_drop(struct blocks *b, struct block_client *client);

/* Is one of its blocks being decoded, so that blocks_drop() would wait? */
bool blocks_making(struct blocks *b, const struct block_client *client);

/* An archive's metadata grew or shrank from `before` to `now` bytes.  What all metadata
 * uses beyond a free allowance comes out of the budget, so that total memory stays
 * bounded. */
void blocks_metadata(struct blocks *b, size_t before, size_t now);

/* Reserves `least` to `most` bytes of the limit for all metadata (an allowance plus most
 * of the budget), for a caller that already uses `own` bytes of it: as many as are left
 * less `spare`; or `most`, if there is no other metadata and spare is 0.  Returns the
 * number, 0 if fewer than `least` are left; give them back by
 * blocks_metadata(b, taken, 0). */
size_t blocks_metadata_take(struct blocks *b, size_t own, size_t least, size_t most, size_t spare);

/* Memory for decode(): the block's own, and scratch that is freed after decode().
 * Neither is zeroed.  NULL and a sentence if there is no memory, or the block would not
 * fit the cache. */
uint8_t *block_room(struct block *block, size_t len, struct error *err);
uint8_t *block_scratch(struct block *block, size_t len, struct error *err);
struct codec_memory block_memory(struct block *block); /* scratch for a codec whose input is a mapping */

/* For decode(): memory that another library takes counts as the block's own, as long as the
 * block is there, or as scratch.  Like block_room(), it waits and may fail. */
int block_count(struct block *block, size_t len, struct error *err);
int block_count_scratch(struct block *block, size_t len, struct error *err);
void block_trim(struct block *block, size_t len); /* the block is shorter than its room */

struct blocks_stats {
	uint64_t hits, decoded, failed, bytes, nanoseconds; /* bytes decoded, and the time it took */
	size_t used, budget;
};
void blocks_stats(struct blocks *b, struct blocks_stats *ret);
