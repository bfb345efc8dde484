/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How readers go through arrays, told from what was read lately: what is likely to be
 * read next can then be decoded ahead.  Several readers of one array are told apart by
 * where each would go on.
 *
 * Any thread, save open and close.
 */
enum { PACE_RUNS = 128 };
struct pace {
	pthread_mutex_t lock;
	uint32_t reads;
	struct pace_run {
		const void *what;
		uint64_t begin, end; /* what was read in one go */
		uint64_t piece;      /* as long as the one before was, */
		int64_t stride;      /* which began so far away; 0: no other before */
		uint32_t when;       /* in reads */
		bool in_order;       /* it was gone on with, */
		bool strided;        /* begun where it was expected */
	} runs[PACE_RUNS];
};

struct pace_next {
	enum pace_kind {
		PACE_ANYHOW,
		PACE_IN_ORDER, /* goes on behind */
		PACE_STRIDED,  /* pieces at even distances, forwards or backwards */
	} kind;
	unsigned readers; /* in order, of this array, lately; this one counts */

	/* Strided: the next piece, as long as the last, and how far apart they are.
	 * May lie outside the array. */
	uint64_t offset, len;
	int64_t stride;
};

void pace_open(struct pace *p);
void pace_close(struct pace *p);

/* Somebody reads [offset, offset + len) of an array, which `what` stands for. */
struct pace_next pace_of(struct pace *p, const void *what, uint64_t offset, uint64_t len);
