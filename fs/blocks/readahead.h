/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The access-pattern detector for readahead: predicts from recent reads what a reader
 * of an array will read next, so that it can be prefetched.  Several readers of one
 * array are told apart by the offset where each would continue.
 *
 * Thread-safe, except for open and close.
 */
enum { READAHEAD_RUNS = 128 };
struct readahead {
	pthread_mutex_t lock;
	uint32_t reads;
	struct readahead_run {
		const void *what;
		uint64_t begin, end; /* the contiguous range read so far */
		uint64_t piece;      /* length of the run before this one */
		int64_t stride;      /* distance of its begin from that one's; 0: no run before */
		uint32_t when;       /* the last read of the run, as a value of `reads` */
		bool in_order;       /* sequential: a read continued it */
		bool strided;        /* it began where a stride predicted */
	} runs[READAHEAD_RUNS];
};

struct readahead_next {
	enum readahead_kind {
		READ_RANDOM,   /* random: no prediction */
		READ_SEQUENTIAL, /* sequential */
		READ_STRIDED,  /* pieces at a constant stride, forwards or backwards */
	} kind;
	uint64_t passed;  /* what the reader has read without a gap, with this read */
	unsigned readers; /* recent sequential or strided readers of this array, with this one */

	/* Strided: the next piece, expected to be as long as the last, and the stride.  May
	 * lie outside the array. */
	uint64_t offset, len;
	int64_t stride;
};

void readahead_init(struct readahead *p);
void readahead_destroy(struct readahead *p);

/* Records a read of [offset, offset + len) of the array identified by `what`, and
 * predicts the next. */
struct readahead_next readahead_record(struct readahead *p, const void *what, uint64_t offset, uint64_t len);
