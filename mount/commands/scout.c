/* SPDX-License-Identifier: MIT */
#include "mount/commands/scout.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/walk.h"

enum {
	STEP = 1 << 20, /* no block of such a file is smaller, so each is met */
	FILES = 2,      /* that it may be ahead of who follows */
};

struct scout {
	struct mirror *m;
	uint64_t most; /* what the cache can hold until it is wanted */
	void (*whole)(void *arg, struct scout *s);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t followed;
	uint64_t met, written; /* files that the scout, and who follows, has come to */
	uint64_t ahead, decoded[FILES]; /* bytes that were decoded ahead: all, and of each file by number */
	bool stop;
};

/* Is the file still to be written? Waits until a step more of it may be decoded, and counts that. */
static bool may_step(struct scout *s, uint64_t number)
{
	pthread_mutex_lock(&s->lock);
	while (!s->stop && s->written < number && (s->written + FILES < number || s->ahead + STEP > s->most))
		pthread_cond_wait(&s->followed, &s->lock);
	bool may = !s->stop && s->written < number;
	if (may) {
		s->ahead += STEP;
		s->decoded[number % FILES] += STEP;
	}
	pthread_mutex_unlock(&s->lock);
	return may;
}

int scout_visit(struct scout *s, const struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	uint64_t number = ++s->met;
	if (!ref->node || ref->node->kind != NODE_LAZY || mirror_stat(s->m, ref, -1, &st, &err) < 0 || st.st_size < STEP)
		return s->stop;
	int r = 0; /* who follows reports what is wrong */
	for (uint64_t at = 0; r == 0 && at < (uint64_t)st.st_size && may_step(s, number); at += STEP) {
		struct answer a;
		answer_init(&a);
		r = mirror_read(s->m, ref, -1, at, 1, &a, &err);
		answer_close(&a);
	}
	return s->stop;
}

static void *go(void *arg)
{
	struct scout *s = arg;
	s->whole(s->arg, s);
	return NULL;
}

/* Is SOURCE such an archive? */
static bool is_serial(struct mirror *m)
{
	struct mirror_ref ref;
	struct error err = {0};
	if (walk_resolve(m, "", true, &ref, &err) < 0)
		return false;
	bool serial = ref.open && ref.open->archive.format->serial;
	mirror_put(m, &ref);
	return serial;
}

struct scout *scout_begin(struct mirror *m, struct blocks *blocks, void (*whole)(void *arg, struct scout *s), void *arg)
{
	struct blocks_stats stats;
	struct scout *s = blocks_threads(blocks) > 1 && is_serial(m) ? calloc(1, sizeof *s) : NULL;
	if (!s)
		return NULL;
	blocks_stats(blocks, &stats);
	s->m = m;
	s->most = stats.budget / 8 * 5;
	s->whole = whole;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->followed, NULL);
	if (pthread_create(&s->thread, NULL, go, s) == 0)
		return s;
	free(s);
	return NULL;
}

void scout_follow(struct scout *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->written++;
	s->ahead -= s->decoded[s->written % FILES];
	s->decoded[s->written % FILES] = 0;
	pthread_cond_signal(&s->followed);
	pthread_mutex_unlock(&s->lock);
}

void scout_end(struct scout *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->followed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->followed);
	free(s);
}
