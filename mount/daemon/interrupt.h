/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mount/daemon/fuse.h"

/*
 * A request that may take long: it waits for a slow disk, or for decoding.  When
 * its caller gets a signal, the kernel asks for the request back, and keeps the
 * caller, even a killed one, until there is an answer.  So the request is answered
 * with EINTR once it has had a moment to end by itself: callers with timers get
 * signals all the time, and few of them expect EINTR of a file.  The thread that
 * works on it cannot be stopped (it may be in a page fault); it goes on until it
 * next looks, and finds that there is nobody to reply to.
 *
 * Lives on the stack of that thread, from begin to end.
 */
struct interrupt {
	fuse_req_t req;
	pthread_t thread, other; /* the one that works on it; one that waits for it */
	bool waiting;            /* is there the other? */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool over;         /* under the lock: the thread will answer */
	void (*left)(void *arg); /* called before it is answered with EINTR; may be NULL */
	void *arg;
	_Atomic bool gone; /* answered with EINTR: the caller is gone.  Any thread may look */
};

void interrupt_begin(struct interrupt *i, fuse_req_t req, void (*left)(void *arg), void *arg);

/* Before the reply.  False: the request was answered meanwhile, and is no more. */
bool interrupt_end(struct interrupt *i);
