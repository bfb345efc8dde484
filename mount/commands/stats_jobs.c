/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "mount/commands/stats.h"
#include "mount/log.h"

static void job_free(struct stats *s, struct job *j)
{
	if (j->ref.dentry)
		mirror_put(s->opened.mirror, &j->ref);
	free(j->parts);
	free(j->edges);
	free(j->counts);
	free(j->path);
	free(j->same);
	free(j);
}

/* --- pieces; all with the lock held, which is released meanwhile ---------------------------- */

static void push(struct stats *s, struct job *j)
{
	j->next = NULL;
	*s->tail = j;
	s->tail = &j->next;
	pthread_cond_broadcast(&s->more);
}

/* May a thread begin a piece of it? */
static bool is_ready(const struct job *j)
{
	return stats_has_piece(j, j->taken) && j->taken - j->joined < PARTS && !(j->serial && j->running);
}

static void unlink_job(struct stats *s, struct job *j)
{
	struct job **at = &s->works;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (s->tail == &j->next)
		s->tail = at;
}

/* The first job with a piece that may be begun. */
static struct job *find_work(struct stats *s)
{
	for (struct job *j = s->works; j; j = j->next)
		if (is_ready(j))
			return j;
	return NULL;
}

static void finish(struct stats *s, struct job *j)
{
	unlink_job(s, j);
	j->done = true;
	pthread_cond_signal(&s->done);
}

/* After a piece: is that all, or is another pass to come? */
static void look_on(struct stats *s, struct job *j)
{
	if (j->running == 0 && !stats_has_piece(j, j->taken) && !stats_begin_bins(j, s->options->hist))
		finish(s, j);
	else if (is_ready(j))
		pthread_cond_broadcast(&s->more);
}

static void join_parts(struct job *j)
{
	for (uint64_t i = j->joined % PARTS; j->ready[i]; i = ++j->joined % PARTS) {
		summary_join(&j->all, &j->parts[i]);
		j->ready[i] = false;
	}
}

static void run_piece(struct stats *s, struct job *j)
{
	uint64_t number = j->taken++, bytes = 0, end = j->count;
	bool binning = j->binning;
	struct summary part = {0};
	struct error err = {0};
	j->running++;
	pthread_mutex_unlock(&s->lock);
	uint64_t *counts = binning ? calloc(j->bins.count, sizeof *counts) : NULL;
	int r = binning && !counts ? error_no_memory(&err, "its histogram") : stats_piece(s, j, number, &part, counts, &bytes, &end, &err);
	pthread_mutex_lock(&s->lock);
	j->running--;
	j->count = end;
	if (r < 0 && !j->failed) {
		j->failed = r;
		j->err = err;
	}
	for (unsigned i = 0; counts && i < j->bins.count; i++)
		j->counts[i] += counts[i];
	free(counts);
	j->parts[number % PARTS] = part; /* of nothing, in the second pass */
	j->ready[number % PARTS] = true;
	join_parts(j);
	progress_add(&s->progress, bytes);
	look_on(s, j);
}

static void open_next(struct stats *s)
{
	struct job *j = s->jobs[s->opened_jobs++ % JOBS];
	if (j->done)
		return;
	pthread_mutex_unlock(&s->lock);
	stats_open(j);
	pthread_mutex_lock(&s->lock);
	push(s, j);
	look_on(s, j);
}

/* Does one thing, if there is anything to do. */
static bool work(struct stats *s)
{
	struct job *j = find_work(s);
	if (j)
		run_piece(s, j);
	else if (s->opened_jobs < s->added)
		open_next(s);
	else
		return false;
	return true;
}

/* --- the ring ------------------------------------------------------------------------------------ */

/* Waits for the oldest job, and reports it.  Called with the lock held; releases it meanwhile. */
static void tell_oldest(struct stats *s)
{
	struct job *j = s->jobs[s->told % JOBS];
	if (!j->done)
		stats_flush(s, false);
	while (!j->done)
		if (s->count > 0)
			pthread_cond_wait(&s->done, &s->lock);
		else
			work(s); /* no thread could be started */
	if (s->opened_jobs == s->told) /* it was done from the start: no thread needs to open it */
		s->opened_jobs++;
	s->told++;
	stats_tell(s, j);
	job_free(s, j);
}

void stats_add(struct stats *s, struct job *j)
{
	if (!j || !j->path) {
		log_say("%s: no memory", s->options->source);
		s->failed = true;
		if (j)
			job_free(s, j);
		return;
	}
	pthread_mutex_lock(&s->lock);
	while (s->added > s->told && (s->added - s->told == JOBS || s->jobs[s->told % JOBS]->done))
		tell_oldest(s);
	s->jobs[s->added++ % JOBS] = j;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

void stats_drain(struct stats *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->told < s->added)
		tell_oldest(s);
	pthread_mutex_unlock(&s->lock);
}

/* --- threads -------------------------------------------------------------------------------------- */

static void *worker(void *arg)
{
	struct stats *s = arg;
	pthread_mutex_lock(&s->lock);
	while (work(s) || !s->stop)
		if (!find_work(s) && s->opened_jobs == s->added && !s->stop)
			pthread_cond_wait(&s->more, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void stats_start(struct stats *s)
{
	s->tail = &s->works;
	for (unsigned n = source_command_threads(&s->opened, s->options, STATS_THREADS_MAX); s->count < n; s->count++)
		if (pthread_create(&s->threads[s->count], NULL, worker, s) != 0)
			break;
}

void stats_end(struct stats *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->count; i++)
		pthread_join(s->threads[i], NULL);
}
