/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mount/daemon/fuse.h"

/*
 * A request that may block, on a slow disk or on decoding. When its caller gets a signal,
 * the kernel sends FUSE_INTERRUPT, and keeps the caller waiting, even a killed one, until
 * the request is answered. So the request is answered with EINTR, after a short grace
 * period in which it may still complete: callers with timers get signals all the time,
 * and few of them expect EINTR from a file. The working thread cannot be stopped (it may
 * be in a page fault); it goes on until it next checks `gone`, and then has nobody to
 * reply to.
 *
 * The struct lives on the working thread's stack, from interrupt_begin() to
 * interrupt_end().
 */
struct interrupt {
	fuse_req_t req;
	pthread_t thread, other; /* the working thread; one that waits for it */
	bool waiting;            /* whether `other` was started */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool over;         /* under the lock: the working thread will answer */
	void (*left)(void *arg); /* called before the EINTR reply; may be NULL */
	void *arg;
	_Atomic bool gone; /* answered with EINTR, the caller is gone; any thread may read it */
};

void interrupt_begin(struct interrupt *i, fuse_req_t req, void (*left)(void *arg), void *arg);

/* To be called before the reply. Returns false if the request was answered meanwhile:
 * then it no longer exists. */
bool interrupt_end(struct interrupt *i);
