/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/list.h"
#include "mount/commands/verify.h"
#include "mount/log.h"

/* --- reporting ----------------------------------------------------------------- */

static void tell_json(const struct task *t)
{
	static const char *const words[] = {"whole", "fault", "trouble", "unchecked"};
	struct text line = {0};
	text_add(&line, "{\"path\":");
	text_json(&line, slice_text(t->path));
	text_print(&line, ",\"kind\":\"%s\"", t->what);
	if (t->part) {
		text_add(&line, t->kind == TASK_CHECK ? ",\"member\":" : ",\"list\":");
		text_json(&line, slice_text(t->part));
	}
	text_print(&line, ",\"result\":\"%s\"", words[t->verdict]);
	if (t->why.text[0]) {
		text_add(&line, ",\"error\":");
		text_json(&line, slice_text(t->why.text));
	}
	text_add(&line, "}\n");
	if (line.failed)
		log_say("no memory");
	else
		fwrite_unlocked(line.bytes, 1, line.len, stdout);
	text_free(&line);
}

static void tell_line(struct verify *v, const struct task *t)
{
	struct text line = {0};
	text_add(&line, *t->path ? t->path : ".");
	if (t->part && t->kind == TASK_CHECK)
		text_add(&line, ": member "), text_add(&line, t->part);
	text_add(&line, ": ");
	text_add(&line, t->why.text);
	if (line.failed)
		log_say("no memory");
	else
		terminal_put_wrapped(&v->terminal, line.bytes);
	putc_unlocked('\n', stdout);
	text_free(&line);
}

/* Without memory for it, what was in doubt is trouble. */
static bool remember(struct verify *v, const struct task *t)
{
	struct doubt *grown = list_grow(v->doubts, v->ndoubts, sizeof *grown);
	if (!grown)
		return false;
	v->doubts = grown;
	const char *list = t->kind == TASK_FILE ? t->part : strcmp(t->what, "list") == 0 ? t->path : NULL;
	struct doubt d = {strdup(t->path), list ? strdup(list) : NULL, t->kind == TASK_FILE};
	if (!d.path || (list && !d.list)) {
		free(d.path);
		free(d.list);
		return false;
	}
	v->doubts[v->ndoubts++] = d;
	return true;
}

void verify_tell(struct verify *v, const struct task *t)
{
	if (t->verdict == VERDICT_GONE)
		return;
	v->faulty |= t->verdict == VERDICT_FAULT;
	v->trouble |= t->verdict == VERDICT_TROUBLE;
	if (t->verdict == VERDICT_FAULT || t->verdict == VERDICT_TROUBLE)
		progress_clear(&v->progress);
	if (v->options->list_json)
		tell_json(t);
	else if (t->verdict == VERDICT_FAULT)
		tell_line(v, t);
	if (t->verdict == VERDICT_TROUBLE)
		log_say("%s: %s: %s%s%s", v->options->source, *t->path ? t->path : ".", t->kind == TASK_CHECK ? t->part : "",
			t->kind == TASK_CHECK ? ": " : "", t->why.text);
}

static void run(struct verify *v, struct task *t)
{
	if (t->kind == TASK_NODE)
		verify_node(v, t);
	else if (t->kind == TASK_CHECK)
		verify_check(v, t);
	else if (t->kind == TASK_FILE)
		verify_file(v, t);
}

/* --- the ring ------------------------------------------------------------------ */

static void task_free(struct verify *v, struct task *t)
{
	if (t->ref.dentry)
		mirror_put(v->opened.mirror, &t->ref);
	free(t->path);
	free(t->part);
	free(t);
}

/* Waits for the oldest task, and reports it.  Called with the lock held; releases it meanwhile. */
static void tell_oldest(struct verify *v)
{
	struct task *t = v->tasks[v->told % TASKS];
	if (!t->done) {
		pthread_mutex_unlock(&v->lock);
		fflush(stdout); /* before waiting */
		if (v->count == 0) /* no thread could be started */
			run(v, t);
		pthread_mutex_lock(&v->lock);
	}
	while (!t->done && v->count > 0)
		pthread_cond_wait(&v->done, &v->lock);
	if (v->taken == v->told) /* it was done from the start: no thread needs to take it */
		v->taken++;
	v->told++;
	if (t->verdict == VERDICT_AGAIN && !remember(v, t)) {
		t->verdict = VERDICT_TROUBLE;
		error_no_memory(&t->why, "what is to be looked at again");
	}
	if (t->verdict != VERDICT_AGAIN)
		verify_tell(v, t);
	task_free(v, t);
}

void verify_add(struct verify *v, const struct task *task)
{
	struct task *t = malloc(sizeof *t);
	if (!t || !task->path) {
		static char nothing[] = "";
		verify_tell(v, &(struct task){.what = task->what, .path = task->path ? task->path : nothing,
					      .verdict = VERDICT_TROUBLE, .why = {"no memory"}});
		struct mirror_ref ref = task->ref;
		if (ref.dentry)
			mirror_put(v->opened.mirror, &ref);
		free(task->path);
		free(task->part);
		free(t);
		return;
	}
	*t = *task;
	t->done = t->kind == TASK_TOLD;
	pthread_mutex_lock(&v->lock);
	while (v->added > v->told && (v->added - v->told == TASKS || v->tasks[v->told % TASKS]->done))
		tell_oldest(v);
	v->tasks[v->added++ % TASKS] = t;
	pthread_cond_signal(&v->more);
	pthread_mutex_unlock(&v->lock);
}

void verify_add_told(struct verify *v, const char *what, const char *path, enum verdict verdict, const char *why)
{
	struct task t = {.kind = TASK_TOLD, .what = what, .path = strdup(path), .verdict = verdict};
	if (why)
		error_set(&t.why, EBADMSG, "%s", why);
	verify_add(v, &t);
}

void verify_drain(struct verify *v)
{
	pthread_mutex_lock(&v->lock);
	while (v->told < v->added)
		tell_oldest(v);
	pthread_mutex_unlock(&v->lock);
}

/* --- threads --------------------------------------------------------------------- */

int verify_progress(void *arg, uint64_t bytes)
{
	struct verify *v = arg;
	pthread_mutex_lock(&v->lock);
	progress_add(&v->progress, bytes);
	pthread_mutex_unlock(&v->lock);
	return 0;
}

static void *worker(void *arg)
{
	struct verify *v = arg;
	pthread_mutex_lock(&v->lock);
	for (;;) {
		while (v->taken == v->added && !v->stop)
			pthread_cond_wait(&v->more, &v->lock);
		if (v->taken == v->added)
			break;
		struct task *t = v->tasks[v->taken++ % TASKS];
		if (t->done)
			continue;
		pthread_mutex_unlock(&v->lock);
		run(v, t);
		pthread_mutex_lock(&v->lock);
		t->done = true;
		pthread_cond_signal(&v->done);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

void verify_start(struct verify *v)
{
	for (unsigned n = source_command_threads(&v->opened, v->options, VERIFIERS_MAX); v->count < n; v->count++)
		if (pthread_create(&v->threads[v->count], NULL, worker, v) != 0)
			break;
}

void verify_end(struct verify *v)
{
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_broadcast(&v->more);
	pthread_mutex_unlock(&v->lock);
	for (unsigned i = 0; i < v->count; i++)
		pthread_join(v->threads[i], NULL);
	for (size_t i = 0; i < v->ndoubts; i++) {
		free(v->doubts[i].path);
		free(v->doubts[i].list);
	}
	free(v->doubts);
	idmap_free(&v->hashed);
}
