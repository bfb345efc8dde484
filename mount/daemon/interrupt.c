/* SPDX-License-Identifier: MIT */
#include "mount/daemon/interrupt.h"

#include <errno.h>
#include <time.h>

enum { MOMENT_MS = 200 };

static struct timespec after_a_moment(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += MOMENT_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Waits, then answers with EINTR unless the working thread has finished. Must run in a
 * thread that can be spared that long. */
static void answer_late(struct interrupt *i)
{
	struct timespec until = after_a_moment();
	fuse_req_t req = i->req;
	int r = 0;
	pthread_mutex_lock(&i->lock);
	while (!i->over && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&i->ended, &i->lock, &until);
	bool answer = !i->over;
	i->gone = answer;
	if (answer && i->left)
		i->left(i->arg);
	pthread_mutex_unlock(&i->lock);
	if (answer) /* *i may no longer exist: do not touch it */
		fuse_reply_err(req, EINTR);
}

static void *run(void *interrupt)
{
	answer_late(interrupt);
	return NULL;
}

/* Called by the thread that received FUSE_INTERRUPT, while it holds a reference to the
 * request. If the interrupt came first, called from within interrupt_begin(), that is by
 * the working thread itself: then nobody holds the request, and another thread has to
 * wait. */
static void on_interrupt(fuse_req_t req, void *interrupt)
{
	struct interrupt *i = interrupt;
	(void)req;
	if (pthread_equal(pthread_self(), i->thread))
		i->waiting = pthread_create(&i->other, NULL, run, i) == 0;
	else
		answer_late(i);
}

void interrupt_begin(struct interrupt *i, fuse_req_t req, void (*left)(void *arg), void *arg)
{
	pthread_condattr_t monotonic;
	*i = (struct interrupt){.req = req, .thread = pthread_self(), .left = left, .arg = arg};
	pthread_mutex_init(&i->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&i->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	fuse_req_interrupt_func(req, on_interrupt, i);
}

bool interrupt_end(struct interrupt *i)
{
	pthread_mutex_lock(&i->lock);
	bool gone = i->gone;
	i->over = true;
	pthread_cond_signal(&i->ended);
	pthread_mutex_unlock(&i->lock);
	if (i->waiting)
		pthread_join(i->other, NULL);
	if (!gone) /* waits until on_interrupt() has finished with *i */
		fuse_req_interrupt_func(i->req, NULL, NULL);
	return !gone;
}
