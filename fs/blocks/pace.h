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
enum { PACE_RUNS = 128 };
struct pace {
	pthread_mutex_t lock;
	uint32_t reads;
	struct pace_run {
		const void *what;
		uint64_t begin, end; /* the contiguous range read so far */
		uint64_t piece;      /* length of the run before this one */
		int64_t stride;      /* distance of its begin from that one's; 0: no run before */
		uint32_t when;       /* the last read of the run, as a value of `reads` */
		bool in_order;       /* sequential: a read continued it */
		bool strided;        /* it began where a stride predicted */
	} runs[PACE_RUNS];
};

struct pace_next {
	enum pace_kind {
		PACE_ANYHOW,   /* random: no prediction */
		PACE_IN_ORDER, /* sequential */
		PACE_STRIDED,  /* pieces at a constant stride, forwards or backwards */
	} kind;
	unsigned readers; /* recent sequential or strided readers of this array, with this one */

	/* Strided: the next piece, expected to be as long as the last, and the stride.  May
	 * lie outside the array. */
	uint64_t offset, len;
	int64_t stride;
};

void pace_open(struct pace *p);
void pace_close(struct pace *p);

/* Records a read of [offset, offset + len) of the array identified by `what`, and
 * predicts the next. */
struct pace_next pace_of(struct pace *p, const void *what, uint64_t offset, uint64_t len);
