/* SPDX-License-Identifier: MIT */
/* Tells the kernel of modes and owners that changed in the source, since it may otherwise
 * cache an archive's attributes for ever. */
#include "mount/daemon/ops_impl.h"

#include <signal.h>
#include <time.h>

/* Seconds that unmounting waits for a watcher blocked on a disk. */
enum { PATIENCE = 2 };

/* Invalidates attributes alone: that never waits for pages or other requests, so it is
 * safe even while the kernel waits for our reply. */
static void forget_attributes(void *arg, uint64_t ino)
{
	struct mount *m = arg;
	struct fuse_session *session = atomic_load(&m->session);
	if (session)
		fuse_lowlevel_notify_inval_inode(session, ino, -1, 0);
}

static void *watch(void *arg)
{
	struct mount *m = arg;
	pthread_mutex_lock(&m->watch_lock);
	while (!m->watch_ends) {
		struct timespec until;
		struct mirror_ref root;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 300000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&m->watch_end, &m->watch_lock, &until) == 0)
			continue;
		if (mirror_get(m->mirror, TREE_ROOT, &root, &(struct error){0}) == 0) {
			mirror_watch(m->mirror, &root);
			mirror_put(m->mirror, &root);
		}
	}
	pthread_mutex_unlock(&m->watch_lock);
	return NULL;
}

void mount_watch(struct mount *m, struct fuse_session *session)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	atomic_store(&m->session, session);
	mirror_on_change(m->mirror, forget_attributes, m);
	if (!m->stateless)
		return;
	pthread_mutex_init(&m->watch_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&m->watch_end, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the serving threads */
	m->watching = pthread_create(&m->watcher, NULL, watch, m) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void mount_watch_end(struct mount *m)
{
	struct timespec until;
	if (m->watching) {
		pthread_mutex_lock(&m->watch_lock);
		m->watch_ends = true;
		pthread_cond_signal(&m->watch_end);
		pthread_mutex_unlock(&m->watch_lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += PATIENCE;
		m->stuck = pthread_timedjoin_np(m->watcher, NULL, &until) != 0;
		m->watching = false;
	}
	atomic_store(&m->session, NULL);
}
