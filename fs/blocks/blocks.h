/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/blocks/pace.h"
#include "fs/codec/codec.h"
#include "fs/source/answer.h"

struct block;
struct blocks;

/*
 * The cache of what was decoded.  A block is some memory that a function makes
 * of (client, owner, kind, index): a page, a chunk, a table of where pages lie.  The
 * cache calls the function when somebody needs the block, at most once at a time
 * for each, by whoever comes first: a reader or one of its own workers.  No lock
 * is held meanwhile.  Least recently used blocks go when the budget is reached,
 * costly ones last.
 *
 * The budget holds for blocks, whether in use or not, and for the scratch memory
 * of decoding: who would exceed it waits until others are done.  Only when all
 * that decode wait may one go past it, so that there is always progress.
 *
 * Only a few blocks per client are made at once, so a block survives until the reader
 * that asked for it has used it.
 *
 * Any thread may call anything, save open and close.
 */

/* What the cache knows of an archive, which embeds it.  Zero at first; the rest is
 * the cache's own affair. */
struct block_client {
	struct block_private *known;
	unsigned making, waiting; /* threads that decode some of it, or wait for their turn */
	unsigned ahead;           /* workers among those that decode */
	bool past;                /* one of those went past the budget */
};

/* Whose blocks: the function, and what it works on.  Two sources are the same if
 * client, owner and kind are; `owner` is never looked at here. */
struct block_source {
	struct block_client *client;
	const void *owner;

	/* Makes the block `index`: asks block_room() once, and fills it.  -errno and
	 * a sentence fail it for everybody who waits; who asks later tries anew.
	 * -ECANCELED: no fault, there is just nothing to keep. */
	int (*decode)(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);
	unsigned kind; /* of several that the owner has */
};

struct block {
	uint8_t *bytes; /* aligned to 64; with 64 more behind them that may be read and written */
	size_t len;
	struct block_private *private;
};

/* threads 0: as many workers as processors.  They start when first needed, so
 * the process may fork before that. */
int blocks_open(struct blocks **ret, size_t budget, unsigned threads);
void blocks_close(struct blocks *b);

/*
 * Gives the block, made if it has to be; it stays until blocks_release().
 * `within` is the block that the caller is making itself, or NULL.  b may be
 * NULL here and below: then every call makes the block anew.
 */
int blocks_get(struct blocks *b, struct block *within, const struct block_source *from, uint64_t index,
	       struct block **ret, struct error *err);

/* The same if it is there already; else NULL. */
struct block *blocks_peek(struct blocks *b, const struct block_source *from, uint64_t index);
void blocks_release(struct block *block);

/* A reader in order has passed the block that the caller holds: nobody is expected
 * to ask again.  Once a share of the budget is used, it goes when released, so that
 * a long file is read through a little memory, over and over. */
void blocks_spent(struct block *block);

/* The block, which the caller holds or makes, is small and took long to make: it goes
 * after others, as long as such take no more than half of the budget. */
void blocks_costly(struct block *block);

/* Answers [offset, offset + len) of a block that the caller holds and gives up:
 * pinned until the answer is closed, or copied if memory is tight. */
int blocks_answer(struct blocks *b, struct block *block, size_t offset, size_t len, struct answer *answer);

/* The block will be needed soon: a worker may make it.  Cheap; forgotten when
 * too much is asked. */
void blocks_want(struct blocks *b, const struct block_source *from, uint64_t index);

/* The client's reader went away: what workers were asked for and have not begun is
 * forgotten.  Its other readers ask again, or make what they need themselves. */
void blocks_unwant(struct blocks *b, struct block_client *client);

/* Somebody reads [offset, offset + len) of what is made of blocks and shown as an
 * array, for which `what` stands: how he goes on, most likely. */
struct pace_next blocks_pace(struct blocks *b, const void *what, uint64_t offset, uint64_t len);

/* How many blocks of so many bytes should be wanted ahead of a reader. */
unsigned blocks_ahead(const struct blocks *b, size_t bytes);

/* Would so many blocks of so many bytes fit the cache, if there were no others? */
bool blocks_fit(const struct blocks *b, size_t bytes, uint64_t count);

/* Forgets the client's blocks and waits for who makes one.  Nobody may be asking
 * for any of them; answers that hold some stay good. */
void blocks_drop(struct blocks *b, struct block_client *client);

/* Does a worker make one, for whom that would wait? */
bool blocks_making(struct blocks *b, const struct block_client *client);

/* Archives' metadata grew, or shrank: what they take beyond a certain amount is
 * taken from the budget, so that all memory together stays bounded. */
void blocks_metadata(struct blocks *b, size_t before, size_t now);

/* Takes `least` to `most` bytes of what all metadata may take, that amount and most of
 * the budget, for who has `own` of it: as much as is left but `spare`; or most, if nobody
 * else has any.  Given back by blocks_metadata(b, taken, 0); 0 if so much is not left. */
size_t blocks_metadata_take(struct blocks *b, size_t own, size_t least, size_t most, size_t spare);

/* While making a block.  NULL and a sentence if there is no memory, or the block
 * would take more than the cache holds.  Scratch is freed after decode(); neither
 * is zeroed. */
uint8_t *block_room(struct block *block, size_t len, struct error *err);
uint8_t *block_scratch(struct block *block, size_t len, struct error *err);
struct codec_memory block_memory(struct block *block); /* scratch for a codec whose input is a mapping */
void block_trim(struct block *block, size_t len); /* it came out shorter */

struct blocks_stats {
	uint64_t hits, decoded, failed, bytes, nanoseconds; /* bytes and time of decoding */
	size_t used, budget;
};
void blocks_stats(struct blocks *b, struct blocks_stats *ret);
