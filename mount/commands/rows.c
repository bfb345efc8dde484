/* SPDX-License-Identifier: MIT */
/*
 * `arrayfs rows`: a table's rows as text.  Threads take batches of rows, one after another, and write each in its
 * turn.
 */
#include "mount/commands/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/progress.h"
#include "mount/log.h"
#include "mount/source.h"

enum { WORKERS_MOST = 64, BATCH_MOST = 16384, BATCH_BYTES = 2 << 20, NAMED = 8 };

struct table {
	const struct options *options;
	struct archive *archive;
	struct arena arena;
	struct rows_column *columns; /* chained */
	uint64_t begin, end;         /* rows that are wanted */
	uint64_t batch;              /* rows */
	enum rows_format format;
	struct progress progress;

	pthread_mutex_t lock;
	pthread_cond_t turn;
	uint64_t next, written; /* batches */
	bool stop, lost;
	int code;
};

static void complain(struct table *t, const char *what)
{
	log_say("%s: %s", t->options->source, what);
	t->code = 1;
}

/* --- which table, which columns -------------------------------------------------------------- */

/* The child of that name, as shown or as the archive has it. */
static struct rows_column *find_column(struct rows_column *columns, struct slice name)
{
	for (struct rows_column *c = columns; c; c = c->next)
		if (slice_equal(c->name, name) || slice_equal(c->member, name))
			return c;
	return NULL;
}

/* Names of tables below the root, for a sentence; returns how many there are. */
static unsigned list_tables(struct archive *a, char *ret, size_t room)
{
	unsigned count = 0;
	size_t len = 0;
	ret[0] = '\0';
	for (uint32_t i = tree_node(&a->tree, TREE_ROOT)->child; i; i = tree_node(&a->tree, i)->next)
		if (rows_is_table(a, i) && count++ < NAMED && len < room)
			len += (size_t)snprintf(ret + len, room - len, "%s%s", len ? ", " : "", tree_node(&a->tree, i)->name);
	return count;
}

/* Below the root: the one table that all COLUMNs begin with. */
static int find_inner(struct table *t, uint32_t *ret, struct error *err)
{
	struct archive *a = t->archive;
	char names[160];
	unsigned count = list_tables(a, names, sizeof names);
	if (count == 0)
		return error_set(err, ENOTSUP, "is no table (%s); its arrays are shown by `arrayfs list` and `arrayfs cat`", a->format->name);
	const char *first = t->options->paths[0];
	size_t n = first ? strcspn(first, "/") : 0;
	*ret = first ? tree_find(&a->tree, tree_node(&a->tree, TREE_ROOT), TREE_ROOT, (struct slice){(const uint8_t *)first, n}) : 0;
	if (!*ret || !rows_is_table(a, *ret))
		return error_set(err, ENOTSUP, "has %u table%s: %s; say which: arrayfs rows %s TABLE/COLUMN, or TABLE", count, count == 1 ? "" : "s", names,
				 t->options->source);
	for (char **path = t->options->paths; *path; path++)
		if (strcspn(*path, "/") != n || memcmp(*path, first, n) != 0)
			return error_set(err, ENOTSUP, "%s is of another table than %s", *path, first);
	return 0;
}

/* Distance in edits, of short names. */
static unsigned edits(struct slice a, const char *b, size_t n)
{
	enum { MOST = 64 };
	unsigned row[MOST + 1];
	if (a.len > MOST || n > MOST)
		return MOST;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned swap = diagonal + (a.data[i - 1] != (uint8_t)b[j - 1]), least = row[j] < row[j - 1] ? row[j] : row[j - 1];
			diagonal = row[j];
			row[j] = swap < least + 1 ? swap : least + 1;
		}
	}
	return row[n];
}

static int no_column(struct table *t, const char *name, struct error *err)
{
	const struct rows_column *near = NULL;
	unsigned least = 4;
	for (const struct rows_column *c = t->columns; c; c = c->next) {
		unsigned distance = edits(c->name, name, strlen(name));
		if (distance < least) {
			least = distance;
			near = c;
		}
	}
	return error_set(err, ENOENT, near ? "no column '%s'; did you mean '%.*s'?" : "no column '%s' (`arrayfs list` tells them)", name,
			 near ? (int)near->name.len : 0, near ? (const char *)near->name.data : "");
}

/* In the order in which they were asked for. */
static int choose_columns(struct table *t, bool inner, struct error *err)
{
	struct rows_column *all = t->columns, *first = NULL, **at = &first;
	for (char **path = t->options->paths; *path; path++) {
		const char *name = *path, *slash = inner ? strchr(name, '/') : NULL;
		if (inner && (!slash || !slash[1])) /* the table alone: all of it */
			return 0;
		name = slash ? slash + 1 : name;
		const struct rows_column *c = find_column(all, slice_text(name));
		struct rows_column *copy = c ? arena_alloc(&t->arena, sizeof *copy) : NULL;
		if (!copy)
			return c ? error_no_memory(err, "the columns") : no_column(t, name, err);
		*copy = *c;
		copy->next = NULL;
		*at = copy;
		at = &copy->next;
	}
	if (first)
		t->columns = first;
	return 0;
}

static uint64_t clip(int64_t row, uint64_t rows)
{
	if (row < 0)
		return -(uint64_t)row > rows ? 0 : rows + (uint64_t)row;
	return (uint64_t)row > rows ? rows : (uint64_t)row;
}

/* About how many bytes a row takes. */
static uint64_t row_bytes(const struct rows_column *c)
{
	uint64_t bytes = 16;
	for (; c; c = c->next)
		bytes += c->kind == ROWS_FIXED ? c->each * c->width : 32 + (c->first ? 4 * row_bytes(c->first) : 0);
	return bytes;
}

static int open_table(struct table *t, struct error *err)
{
	uint32_t dir = TREE_ROOT;
	uint64_t rows;
	bool inner = !rows_is_table(t->archive, TREE_ROOT);
	int r = inner ? find_inner(t, &dir, err) : 0;
	if (r < 0)
		return r;
	struct rows_column *table = rows_columns(t->archive, dir, &t->arena, &rows, err);
	if (!table)
		return -ENOTSUP;
	t->columns = table->first;
	if ((r = choose_columns(t, inner, err)) < 0)
		return r;
	const struct rows *wanted = &t->options->rows;
	t->begin = wanted->given ? clip(wanted->begin, rows) : 0;
	t->end = wanted->given ? clip(wanted->end, rows) : rows;
	t->end = t->end > t->begin ? t->end : t->begin;
	uint64_t fit = BATCH_BYTES / row_bytes(t->columns);
	t->batch = fit < 64 ? 64 : fit > BATCH_MOST ? BATCH_MOST : fit;
	return 0;
}

/* --- batches ------------------------------------------------------------------------------------- */

static int load_columns(struct table *t, uint64_t first, uint64_t count, struct arena *arena, struct rows_batch **ret, struct error *err)
{
	struct rows_batch **at = ret;
	for (const struct rows_column *c = t->columns; c; c = c->next, at = &(*at)->next) {
		*at = arena_alloc(arena, sizeof **at);
		int r = *at ? rows_load(t->archive, c, first, count, arena, *at, err) : error_no_memory(err, "the rows");
		if (r < 0) {
			char name[64];
			snprintf(name, sizeof name, "%.*s", (int)c->name.len, (const char *)c->name.data);
			return error_prefix(err, r, name);
		}
	}
	return 0;
}

/* Empties it; what it holds next fits the one block that it keeps, as far as what it held tells. */
static void renew(struct arena *arena, size_t *held)
{
	if (arena->used > *held) {
		*held = arena->used + arena->used / 2;
		arena_free(arena);
		*arena = (struct arena){.limit = ROWS_HELD};
		arena_alloc(arena, *held);
	}
	arena_clear(arena);
}

static int make_batch(struct table *t, uint64_t number, struct arena *arena, size_t *held, struct rows_out *o, struct error *err)
{
	struct rows_batch *columns = NULL;
	uint64_t first = t->begin + number * t->batch, count = t->end - first < t->batch ? t->end - first : t->batch;
	renew(arena, held);
	o->len = 0;
	if (number == 0)
		rows_put_header(o, t->format, t->columns);
	int r = first < t->end ? load_columns(t, first, count, arena, &columns, err) : 0;
	if (r == 0)
		rows_put(o, t->format, columns, count);
	return r == 0 && o->failed ? error_no_memory(err, "the rows' text") : r;
}

/* A closed pipe ends the command with SIGPIPE, quietly. */
static int write_all(const struct rows_out *o)
{
	for (size_t done = 0; done < o->len;) {
		ssize_t n = write(STDOUT_FILENO, o->bytes + done, o->len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Writes the batch once those before it are written. */
static void write_in_turn(struct table *t, uint64_t number, struct rows_out *o, int failed, const struct error *err)
{
	pthread_mutex_lock(&t->lock);
	while (t->written != number && !t->stop)
		pthread_cond_wait(&t->turn, &t->lock);
	bool stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	int r = stop || failed ? 0 : write_all(o);
	pthread_mutex_lock(&t->lock);
	if (!t->stop && failed)
		complain(t, err->text);
	if (!t->stop && r < 0) {
		log_say("standard output: %s", strerror(-r));
		t->code = 1;
	}
	t->stop |= failed || r < 0;
	t->lost |= o->lost;
	t->written++;
	progress_add(&t->progress, o->len);
	pthread_cond_broadcast(&t->turn);
	pthread_mutex_unlock(&t->lock);
}

static void *work(void *arg)
{
	struct table *t = arg;
	struct arena arena = {.limit = ROWS_HELD};
	size_t held = 0;
	struct rows_out o = {0};
	uint64_t batches = t->begin == t->end ? 1 : (t->end - t->begin + t->batch - 1) / t->batch;
	for (;;) {
		struct error err = {0};
		pthread_mutex_lock(&t->lock);
		uint64_t number = t->next;
		bool stop = t->stop || number >= batches;
		t->next += !stop;
		pthread_mutex_unlock(&t->lock);
		if (stop)
			break;
		int r = make_batch(t, number, &arena, &held, &o, &err);
		write_in_turn(t, number, &o, r, &err);
	}
	free(o.bytes);
	arena_free(&arena);
	return NULL;
}

static void run(struct table *t, unsigned threads)
{
	pthread_t all[WORKERS_MOST];
	unsigned started = 0;
	threads = threads < WORKERS_MOST ? threads : WORKERS_MOST;
	t->progress = progress_begin(0);
	while (started + 1 < threads && pthread_create(&all[started], NULL, work, t) == 0)
		started++;
	work(t);
	for (unsigned i = 0; i < started; i++)
		pthread_join(all[i], NULL);
	progress_clear(&t->progress);
	if (t->lost && t->format == ROWS_JSONL)
		log_say("%s: NaN and infinities, which JSON has no numbers for, are null", t->options->source);
}

int rows_run(const struct options *o)
{
	struct opened opened;
	struct mirror_ref root;
	struct error err = {0};
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct table t = {.options = o, .format = o->rows_tsv ? ROWS_TSV : o->rows_jsonl ? ROWS_JSONL : ROWS_CSV, .arena.limit = 64 << 20};
	pthread_mutex_init(&t.lock, NULL);
	pthread_cond_init(&t.turn, NULL);
	if (!mirror_is_archive(opened.mirror)) {
		complain(&t, "is a directory; name one table in it, or show all of them as one: -o dataset");
	} else if (mirror_get(opened.mirror, TREE_ROOT, &root, &err) < 0) {
		complain(&t, err.text);
	} else {
		t.archive = &root.open->archive;
		if (open_table(&t, &err) < 0)
			complain(&t, err.text);
		else
			run(&t, blocks_threads(opened.blocks));
		mirror_put(opened.mirror, &root);
	}
	arena_free(&t.arena);
	source_command_close(&opened);
	return t.code;
}
