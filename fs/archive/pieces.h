/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/blocks/blocks.h"

/*
 * A lazy file made of consecutive pieces: the pages of a column, the
 * chunks of an array, the files of a table.  The format says which piece holds a byte
 * and what that is made of; pieces_read() answers a range from them, prefetches
 * what the reader is expected to need next, and drops what it has passed.
 *
 * Prefetch identifies pieces by numbers, which increase in the order of a sequential
 * reader, but need not be consecutive.  Several pieces may share a number (rows of one
 * chunk), and one may be put together from several.
 *
 * A struct pieces lives as long as one read, of one thread.
 */
#define PIECES_END UINT64_MAX /* no number */

struct piece {
	uint64_t begin, end;   /* of the file: it is all of that */
	uint64_t number, last; /* of what it is made of; PIECES_END where nothing is wanted */

	/* Of what get() says that it is made, from byte `at` of that on. */
	enum piece_kind {
		PIECE_ANSWERED, /* get() appended it itself */
		PIECE_ZEROS,
		PIECE_PATTERN, /* repeated */
		PIECE_SOURCE,
		PIECE_BLOCK, /* held; pieces_read() releases it */
	} kind;
	uint64_t at;
	struct slice pattern;
	const struct source *source;
	struct block *block;
	bool shared;    /* other pieces use the block, too: not dropped behind at the piece's end */
	uint8_t own[8]; /* for a pattern that lies nowhere else */
};

struct pieces {
	const struct pieces_type {
		/* The piece that holds the byte: begin, end, number, last.  `len`: how much is
		 * requested from there on. */
		int (*place)(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err);

		/* What the piece of the last place() is made of, for its bytes [at, at + len). */
		int (*get)(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret,
			   struct error *err);

		/* The number of the piece that holds the byte, without waiting; of an earlier one if that is
		 * not known yet. */
		uint64_t (*find)(struct pieces *p, uint64_t offset);

		/* That piece will be needed: has a worker make it.  Returns the next number, or PIECES_END.
		 * May be called for the number after the last. */
		uint64_t (*prefetch)(struct pieces *p, uint64_t number);
	} *type;
	void *owner;
	struct blocks *blocks; /* NULL: no prefetch */
	struct readahead_next next; /* the predicted next read */
	uint64_t size;         /* of the file */
	uint64_t bytes;        /* that a number takes in the cache; place() may refine it */
	uint64_t together;     /* readers need this many at once: prefetch as many, if the cache has room */
	unsigned most;         /* the most to prefetch ahead; 0: as many as the cache allows */
};

/* Answers [offset, offset + len), which is within the file. */
int pieces_read(struct pieces *p, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* Prefetches the pieces numbered first to last, which are about to be read, and those that
 * the reader is expected to need next. */
void pieces_prefetch(struct pieces *p, uint64_t first, uint64_t last);

/* Makes the piece a repetition of the number, little-endian, `width` bytes wide. */
void piece_number(struct piece *piece, int64_t number, uint32_t width);

/* Writes `len` bytes of the repeated unit, starting at byte `at` of the repetition. */
void pieces_repeat(struct slice unit, uint64_t at, uint64_t len, uint8_t *to);

/* The last of n positions, each `stride` after the one before, that is at or below `at`; the
 * first if none is. */
static inline uint32_t pieces_search(const uint64_t *positions, size_t stride, uint32_t n, uint64_t at)
{
	uint32_t low = 0, high = n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (positions[middle * stride] <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}
