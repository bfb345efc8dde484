/* SPDX-License-Identifier: MIT */
/*
 * `arrayfs rows`: a table's rows as text.  Threads take batches of rows, one after another, and write each in its
 * turn.
 *
 * What they hold is part of the memory that a command may take, the cache and 64 MB: each thread has a share for the rows
 * and the text of a batch.  Text that is longer is written as it grows, once it is the batch's turn; a batch that is larger
 * is made in parts; and for a single row there is, in its turn, all that is left.
 */
#include "mount/commands/rows_choose.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/progress.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/terminal.h"
#include "mount/units.h"

enum {
	WORKERS_MOST = 64,
	FREE = 16 << 20,         /* what may be taken in addition to half of the cache */
	SHARE = 16 << 20,        /* of a thread, if there is as much */
	SHARE_LEAST = 1 << 20,   /* rather fewer threads */
	BATCH_BYTES = 2 << 20,   /* of rows and the text that is held, */
	COLUMN_BYTES = 64 << 10, /* or for each column, if that is more */
	FIRST_BATCH = 1024,      /* rows, while it is not known how much they take */
	ALONE_BYTES = 64 << 10,  /* what is worth a thread of its own at the end */
};

struct table {
	struct rows_choice of;
	struct blocks *blocks;
	uint64_t begin, end;         /* rows that are wanted */
	struct progress progress;
	struct rows_kept kept;
	unsigned threads;
	size_t share, large;         /* bytes: of a thread; and what one may take beyond, in its turn */
	uint64_t batch_bytes;

	pthread_mutex_t lock;
	pthread_cond_t turn;
	uint64_t at;                 /* the first row that no batch has taken */
	uint64_t next, written;      /* batches */
	uint64_t row_bytes;          /* about how many a row takes, with its text */
	bool measured;               /* by rows that were read */
	bool stop, lost;
	bool shown;                  /* on a terminal */
	int code;
};

static void complain(struct table *t, const char *what)
{
	log_say("%s: %s", t->of.options->source, what);
	t->code = 1;
}

/* --- how many rows at a time --------------------------------------------------------------------- */

static uint64_t clip(int64_t row, uint64_t rows)
{
	if (row < 0)
		return -(uint64_t)row > rows ? 0 : rows + (uint64_t)row;
	return (uint64_t)row > rows ? rows : (uint64_t)row;
}

/* About how many bytes a slot takes, by the columns' types. */
static uint64_t slot_bytes(const struct rows_column *c)
{
	uint64_t bytes = 0;
	for (; c; c = c->next) {
		uint64_t each = c->kind == ROWS_ARRAY ? c->each : c->kind == ROWS_LIST || c->kind == ROWS_MAP ? 4 : 1, below;
		if (__builtin_mul_overflow(each, c->first ? slot_bytes(c->first) : 0, &below))
			return UINT64_MAX / 4;
		bytes += 8 + (c->kind == ROWS_FIXED ? 3 * (uint64_t)c->width : c->kind == ROWS_STRING ? 48 : below);
		if (bytes > UINT64_MAX / 4)
			return UINT64_MAX / 4;
	}
	return bytes;
}

static size_t least(uint64_t a, uint64_t b)
{
	return a < b ? (size_t)a : (size_t)b;
}

/* In wide tables a batch should be as long as pages, so that these are not decoded again and again. */
static void divide_memory(struct table *t)
{
	size_t all = FREE + t->of.options->cache / 2, shares = all / 4 * 3;
	uint64_t columns = 0;
	for (const struct rows_column *c = t->of.columns; c; c = c->next)
		columns++;
	t->threads = (unsigned)least(blocks_threads(t->blocks), least(WORKERS_MOST, shares / SHARE_LEAST));
	t->batch_bytes = columns * COLUMN_BYTES < BATCH_BYTES ? BATCH_BYTES : columns * COLUMN_BYTES;
	t->share = least(t->batch_bytes < SHARE / 2 ? SHARE : t->batch_bytes * 2, shares / t->threads);
	t->batch_bytes = least(t->batch_bytes, t->share / 2);
	t->kept.arena.limit = (all - least(all, t->threads * t->share)) / 2 + t->of.options->cache / 4;
	t->large = t->kept.arena.limit;
	t->row_bytes = slot_bytes(t->of.columns) + 1;
}

static size_t rows_share(const struct table *t)
{
	return t->share / 4 * 3;
}

static size_t text_share(const struct table *t)
{
	return t->share / 4;
}

static int open_table(struct table *t, struct error *err)
{
	int r = rows_choose(&t->of, err);
	if (r < 0)
		return r;
	const struct rows *wanted = &t->of.options->rows;
	t->begin = wanted->given ? clip(wanted->begin, t->of.all.rows) : 0;
	t->end = wanted->given ? clip(wanted->end, t->of.all.rows) : t->of.all.rows;
	t->end = t->end > t->begin ? t->end : t->begin;
	t->at = t->begin;
	divide_memory(t);
	return 0;
}

/* --- a thread ------------------------------------------------------------------------------------- */

struct worker {
	struct table *t;
	struct arena arena;
	size_t held;         /* of the block that it keeps */
	struct rows_out out;
	uint64_t number;     /* of the batch at hand */
	uint64_t first, count; /* its rows */
	uint64_t bytes, text;  /* what they took so far; and their text */
	bool large;          /* it has more than its share */
	int stopped;         /* -errno of standard output; or -ECANCELED: another has failed */
};

/* The next rows that no thread has; false: there are none.  The first batch, which has the header, may be empty. */
static bool take_batch(struct worker *w)
{
	struct table *t = w->t;
	pthread_mutex_lock(&t->lock);
	uint64_t left = t->end - t->at, count = t->batch_bytes / t->row_bytes, each = left / t->threads + 1;
	bool some = !t->stop && (left > 0 || t->next == 0);
	if (!t->measured && count > FIRST_BATCH)
		count = FIRST_BATCH;
	if (count > each && each > ALONE_BYTES / t->row_bytes)
		count = each;
	w->number = t->next;
	w->first = t->at;
	w->count = count < 1 ? 1 : count;
	w->count = w->count < left ? w->count : left;
	w->bytes = w->text = 0;
	t->next += some;
	t->at += some ? w->count : 0;
	pthread_mutex_unlock(&t->lock);
	return some;
}

static int await_turn(struct worker *w)
{
	struct table *t = w->t;
	pthread_mutex_lock(&t->lock);
	while (t->written != w->number && !t->stop)
		pthread_cond_wait(&t->turn, &t->lock);
	bool stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	return stop ? -ECANCELED : 0;
}

/* A closed pipe ends the command with SIGPIPE, quietly. */
static int write_all(const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, bytes + done, len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* To a terminal, which the contents of a table must not control. */
static int write_escaped(const char *bytes, size_t len)
{
	struct text t = {0};
	terminal_escape(&t, (struct slice){(const uint8_t *)bytes, len}, true, true);
	int r = t.failed ? t.failed : write_all(t.bytes, t.len);
	text_free(&t);
	return r;
}

static int write_text(struct rows_out *o, const char *bytes, size_t len)
{
	struct worker *w = o->arg;
	w->stopped = await_turn(w);
	if (w->stopped == 0)
		w->stopped = w->t->shown ? write_escaped(bytes, len) : write_all(bytes, len);
	w->text += len;
	return w->stopped;
}

/* --- a batch ---------------------------------------------------------------------------------------- */

static int load_columns(struct worker *w, uint64_t first, uint64_t count, struct rows_batch **ret, struct error *err)
{
	struct table *t = w->t;
	struct rows_reader reader = {.archive = t->of.archive, .kept = &t->kept, .arena = &w->arena};
	struct rows_batch **at = ret;
	*ret = NULL;
	for (const struct rows_column *c = t->of.columns; c; c = c->next, at = &(*at)->next) {
		*at = arena_alloc(&w->arena, sizeof **at);
		int r = *at ? rows_load(&reader, c, first, count, *at, err) : error_set(err, E2BIG, "too large");
		if (r < 0) {
			char name[64];
			snprintf(name, sizeof name, "%.*s", (int)c->shown.len, (const char *)c->shown.data);
			return error_prefix(err, r, name);
		}
	}
	return 0;
}

static void limit(struct worker *w, size_t most)
{
	arena_free(&w->arena);
	w->arena = (struct arena){.limit = most};
	w->held = 0;
}

/* Empties it, keeping one block, sized by what it held, for what it holds next. */
static void renew(struct worker *w)
{
	struct arena *arena = &w->arena;
	if (arena->used > w->held) {
		size_t held = least(arena->used + arena->used / 2, arena->limit);
		limit(w, arena->limit);
		w->held = held;
		arena_alloc(arena, held);
	}
	arena_clear(arena);
}

/* In its turn, which only one thread has, it may take all that is left. */
static int enlarge(struct worker *w)
{
	int r = await_turn(w);
	if (r < 0)
		return r;
	blocks_metadata(w->t->blocks, 0, w->t->large);
	limit(w, rows_share(w->t) + w->t->large);
	w->large = true;
	return 0;
}

static void shrink(struct worker *w)
{
	if (!w->large)
		return;
	limit(w, rows_share(w->t));
	blocks_metadata(w->t->blocks, w->t->large, 0);
	w->large = false;
}

/* One row needs more than is allowed. */
static int refuse_row(const struct worker *w, uint64_t row, const struct error *why, struct error *err)
{
	char column[80], limit[SIZE_TEXT];
	snprintf(column, sizeof column, "%.*s", (int)strcspn(why->text, ":"), why->text);
	return error_set(err, E2BIG, "row %" PRIu64 " is larger than the %s that its values may take together (%s): -o cache=SIZE allows more", row,
			 size_text(w->arena.limit, true, limit), column);
}

/* In parts, if all does not fit. */
static int make_rows(struct worker *w, struct error *err)
{
	struct rows_batch *columns = NULL;
	uint64_t done = 0, part = w->count;
	while (done < w->count) {
		struct error why = {0};
		uint64_t count = w->count - done < part ? w->count - done : part;
		renew(w);
		int r = load_columns(w, w->first + done, count, &columns, &why);
		if (r == -E2BIG && count > 1) {
			part = count / 2;
			continue;
		}
		if (r == -E2BIG && !w->large) {
			if ((r = enlarge(w)) == 0)
				continue;
		}
		if (r == -E2BIG)
			return refuse_row(w, w->first + done, &why, err);
		if (r < 0)
			return error_set(err, -r, "%s", why.text);
		rows_put(&w->out, w->t->of.format, columns, count);
		if (w->out.failed)
			return w->stopped ? w->stopped : error_no_memory(err, "the rows' text");
		w->bytes += w->arena.used;
		done += count;
	}
	return 0;
}

/* Writes what is left of the batch, in its turn, and ends that. */
static void end_batch(struct worker *w, int failed, const struct error *err)
{
	struct table *t = w->t;
	int r = w->stopped ? w->stopped : write_text(&w->out, w->out.bytes, failed ? 0 : w->out.len);
	pthread_mutex_lock(&t->lock);
	if (!t->stop && r < 0 && r != -ECANCELED) {
		log_say("standard output: %s", strerror(-r));
		t->code = 1;
	} else if (!t->stop && failed) {
		complain(t, err->text);
	}
	t->stop |= failed || r < 0;
	t->lost |= w->out.lost;
	if (w->count) { /* rather too much than too little */
		uint64_t measured = (w->bytes + least(w->text, text_share(t))) / w->count + 1, mixed = t->row_bytes / 4 * 3 + measured / 4 + 1;
		t->row_bytes = measured > mixed || !t->measured ? measured : mixed;
		t->measured = true;
	}
	t->written++;
	progress_add(&t->progress, w->text);
	pthread_cond_broadcast(&t->turn);
	pthread_mutex_unlock(&t->lock);
}

static void *work(void *arg)
{
	struct table *t = arg;
	struct worker w = {.t = t, .arena.limit = rows_share(t), .out = {.most = text_share(t), .flush = write_text}};
	w.out.arg = &w;
	while (take_batch(&w)) {
		struct error err = {0};
		w.out.len = 0;
		if (w.number == 0)
			rows_put_header(&w.out, t->of.format, t->of.columns);
		int r = make_rows(&w, &err);
		end_batch(&w, r, &err);
		shrink(&w);
	}
	rows_out_free(&w.out);
	arena_free(&w.arena);
	return NULL;
}

static void run(struct table *t)
{
	pthread_t all[WORKERS_MOST];
	unsigned started = 0;
	size_t taken = t->threads * t->share + t->of.arena.used;
	blocks_metadata(t->blocks, 0, taken);
	t->progress = progress_begin(0);
	while (started + 1 < t->threads && pthread_create(&all[started], NULL, work, t) == 0)
		started++;
	work(t);
	for (unsigned i = 0; i < started; i++)
		pthread_join(all[i], NULL);
	blocks_metadata(t->blocks, taken + t->kept.counted, 0);
	progress_clear(&t->progress);
	if (t->lost && t->of.format == ROWS_JSONL)
		log_say("%s: NaN and infinities, which JSON has no numbers for, are null", t->of.options->source);
}

static void init(struct table *t)
{
	pthread_mutexattr_t recursive; /* dictionaries may lie within dictionaries */
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&t->kept.lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->turn, NULL);
	t->of.arena.limit = FREE + t->of.options->cache / 2;
}

int rows_run(const struct options *o)
{
	struct opened opened;
	struct mirror_ref root;
	struct error err = {0};
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct table t = {.of.options = o, .of.format = o->rows_tsv ? ROWS_TSV : o->rows_jsonl ? ROWS_JSONL : ROWS_CSV, .blocks = opened.blocks,
			  .shown = isatty(STDOUT_FILENO)};
	init(&t);
	if (!mirror_is_archive(opened.mirror)) {
		complain(&t, "is a directory; name one table in it as SOURCE, or show all of them as one: -o dataset");
	} else if (mirror_get(opened.mirror, TREE_ROOT, &root, &err) < 0) {
		complain(&t, err.text);
	} else {
		t.of.archive = &root.open->archive;
		if (open_table(&t, &err) < 0)
			complain(&t, err.text);
		else
			run(&t);
		mirror_put(opened.mirror, &root);
	}
	arena_free(&t.kept.arena);
	arena_free(&t.of.arena);
	source_command_close(&opened);
	return t.code;
}
