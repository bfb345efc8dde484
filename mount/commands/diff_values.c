/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/mirror/open_archives.h"
#include "fs/archive/column.h"
#include "mount/commands/diff.h"
#include "mount/commands/piece.h"
#include "mount/commands/walk.h"

enum { WORKERS_MAX = 64 };

/* A pair whose bytes are being compared. */
struct work {
	struct work *next;
	struct pair *pair;
	struct mirror_ref refs[2];
	int fds[2];
	const struct array *array; /* of A */
	struct shaped shown[2];    /* of values that are decoded */
	uint64_t size, at;         /* in bytes; `at` is where the next piece begins */
	uint64_t piece;            /* size of a piece, in whole elements */
	unsigned running;          /* pieces being compared */
	struct compare compare;
	struct compare_result result;
	struct error err;
	int failed; /* 1 + the side that failed */
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t more;  /* signalled when pieces are added, or no more will come */
	pthread_cond_t told;  /* signalled when `wanted` is done */
	const struct pair *wanted;
	pthread_t threads[WORKERS_MAX];
	unsigned count;
	size_t next;       /* the next pair to open */
	unsigned opening;  /* pairs being opened, which may add pieces */
	bool stop;
	struct work *works; /* those with pieces not yet taken */
	struct work **tail;
};

/* --- a piece --------------------------------------------------------------- */

static const struct item *item_of(const struct pair *p, int side)
{
	return side ? p->b : p->a;
}

static int read_side(const struct diff *d, const struct work *w, int side, uint64_t offset, uint64_t len, struct piece *ret,
		     struct error *err)
{
	if (!item_of(w->pair, side))
		return piece_fill(ret, 1, len, err);
	return piece_read(d->sources[side].mirror, &w->refs[side], w->fds[side], offset, len, ret, err);
}

/* Returns 0, or 1 + the side that failed. */
static int compare_piece(const struct diff *d, struct work *w, uint64_t offset, uint64_t len, struct compare_result *ret,
			 struct error *err)
{
	struct piece b[2] = {0};
	const unsigned each[] = {w->compare.a.bytes, w->compare.b.bytes};
	uint64_t first = offset / each[0], count = len / each[0];
	int failed = 0;
	for (int i = 0; i < 2 && !failed; i++)
		if (read_side(d, w, i, first * each[i], count * each[i], &b[i], err) < 0)
			failed = 1 + i;
	if (!failed) {
		source_enter_both(b[0].mapped, b[1].mapped);
		compare_run(&w->compare, b[0].at, b[1].at, (size_t)count, first, ret);
		source_leave_unchecked();
		for (int i = 0; i < 2 && !failed; i++)
			if (b[i].mapped && source_leave(b[i].mapped, b[i].offset, count * each[i], err) < 0)
				failed = 1 + i;
	}
	for (int i = 0; i < 2; i++)
		piece_close(&b[i]);
	return failed;
}

/* --- a pair ---------------------------------------------------------------- */

/* Those are compared exactly, without a tolerance. */
static bool is_structure(const struct mirror_ref *ref)
{
	return ref->open && column_is_structure(&ref->open->archive.tree, ref->node);
}

static const struct array *array_of(const struct mirror_ref *ref)
{
	return ref->open && ref->node->array && ref->node->array->dtype != DTYPE_NONE ? ref->node->array : NULL;
}

/* The size of a piece: as many whole elements as one thread should take at a time. */
static uint64_t piece_of(const struct work *w)
{
	bool plain = true;
	for (int i = 0; i < 2; i++)
		plain &= piece_is_mapped(&w->refs[i]);
	uint64_t piece = plain ? PIECE_MAPPED : PIECE_DECODED;
	return piece - piece % w->compare.a.bytes;
}

/* Compares the sizes; returns 1 if they differ, and reports it. */
static int compare_sizes(const struct diff *d, struct work *w, int *ret_side, struct error *err)
{
	struct stat st[2] = {0};
	char sizes[2][24];
	for (int i = 0; i < 2; i++) {
		*ret_side = i;
		if (!item_of(w->pair, i))
			continue;
		struct mirror *m = d->sources[i].mirror;
		int r = mirror_open_file(m, &w->refs[i], &w->fds[i], err);
		if (r == 0)
			r = mirror_stat(m, &w->refs[i], w->fds[i], &st[i], err);
		if (r < 0)
			return error_set(err, -r, "%s", strerror(-r));
		snprintf(sizes[i], sizeof sizes[i], "%" PRIu64, (uint64_t)st[i].st_size);
	}
	w->size = (uint64_t)st[w->pair->a ? 0 : 1].st_size;
	if (!w->pair->a || !w->pair->b)
		return 0;
	if ((uint64_t)st[0].st_size / w->compare.a.bytes == (uint64_t)st[1].st_size / w->compare.b.bytes &&
	    (uint64_t)st[0].st_size % w->compare.a.bytes == (uint64_t)st[1].st_size % w->compare.b.bytes)
		return 0;
	tell_unequal(d, &w->pair->lines, w->pair->a, "size", sizes[0], sizes[1], true);
	return 1;
}

/* In an archive, the inode number finds an item, however deep it lies. */
static int find_item(const struct diff *d, const struct item *item, int side, struct mirror_ref *ret, struct error *err)
{
	struct mirror *m = d->sources[side].mirror;
	if (mirror_is_archive(m))
		return mirror_get(m, item->ino, ret, err);
	char *path = item_path(item);
	int r = path ? walk_resolve(m, path, false, ret, err) : -ENOMEM;
	free(path);
	return r;
}

/* Turns to the view in which its values are decoded, if it has one. */
static const struct array *value_array(const struct diff *d, struct work *w, int side)
{
	struct mirror *m = d->sources[side].mirror;
	struct mirror_ref plain = w->refs[side];
	const struct view *v = &views[VIEW_F32];
	if (!view_exists(v, plain.node))
		return plain.node->array;
	if (mirror_sibling(m, &plain, ino_of(plain.ino, VIEW_F32, ino_index(plain.ino)), &w->refs[side]) < 0)
		return NULL;
	mirror_put(m, &plain);
	v->array(w->refs[side].node->array, &w->shown[side]);
	return &w->shown[side].array;
}

/* Sets how they are compared; false if the result is reported already. */
static bool begin_compare(const struct diff *d, struct work *w, bool enumerated)
{
	struct pair *p = w->pair;
	const struct mirror_ref *refs[] = {&w->refs[p->a ? 0 : 1], &w->refs[p->b ? 1 : 0]};
	bool exact = enumerated || is_structure(refs[0]) || is_structure(refs[1]);
	if (p->by_value && exact) {
		tell_unequal(d, &p->lines, p->a, "dtype", p->a->dtype, p->b->dtype, false);
		return false;
	}
	if (p->by_value) {
		const struct array *a = value_array(d, w, 0), *b = value_array(d, w, 1);
		w->array = a;
		if (a && b)
			compare_init_values(&w->compare, a, b, d->tolerance);
		else
			diff_fault(d, p, a ? 1 : 0, "no memory");
		return a && b;
	}
	w->array = array_of(refs[0]);
	compare_init(&w->compare, w->array, array_of(refs[1]), exact ? NULL : d->tolerance);
	return true;
}

/* Compares everything but the bytes; returns true if pieces must follow. */
static bool open_pair(const struct diff *d, struct work *w)
{
	struct pair *p = w->pair;
	struct error err = {0};
	bool enumerated = false;
	int r = 0, side;
	for (side = 0; side < 2; side++)
		if (item_of(p, side) && (r = find_item(d, item_of(p, side), side, &w->refs[side], &err)) < 0) {
			error_set(&err, -r, "%s", strerror(-r));
			diff_fault(d, p, side, err.text);
			return false;
		}
	if (p->a && p->b && diff_attrs(d, w->refs, p, &enumerated, &err) < 0) {
		diff_fault(d, p, 0, err.text);
		err.text[0] = '\0';
	}
	if (!p->values || !begin_compare(d, w, enumerated))
		return false;
	if ((r = compare_sizes(d, w, &side, &err)) < 0)
		diff_fault(d, p, side, err.text);
	if (r != 0 || w->size == 0)
		return false;
	if (w->size % w->compare.a.bytes)
		compare_init(&w->compare, NULL, NULL, NULL);
	w->piece = piece_of(w);
	return true;
}

/* Called with the lock held. Wakes the waiter only for the pair it waits for, since there
 * are many pairs. */
static void pair_done(struct workers *ws, struct pair *p)
{
	p->done = true;
	if (ws->wanted == p)
		pthread_cond_signal(&ws->told);
}

/* Called with the lock held. */
static void close_pair(struct diff *d, struct work *w)
{
	struct pair *p = w->pair;
	if (w->failed)
		diff_fault(d, p, w->failed - 1, w->err.text);
	else if (w->result.differ)
		tell_values(d, &p->lines, pair_item(p), w->array, &w->compare, w->size / w->compare.a.bytes, &w->result);
	for (int i = 0; i < 2; i++) {
		mirror_close_file(d->sources[i].mirror, w->fds[i]);
		if (w->refs[i].dentry)
			mirror_put(d->sources[i].mirror, &w->refs[i]);
	}
	free(w);
	pair_done(d->workers, p);
}

/* --- threads --------------------------------------------------------------- */

/* Called with the lock held; releases it meanwhile. */
static void run_piece(struct diff *d, struct workers *ws)
{
	struct work *w = ws->works;
	struct compare_result part = {0};
	struct error err = {0};
	uint64_t offset = w->at, left = w->size - offset, len = w->piece < left ? w->piece : left;
	w->at += w->failed ? left : len;
	if (w->at == w->size && !(ws->works = w->next))
		ws->tail = &ws->works;
	w->running++;
	pthread_mutex_unlock(&ws->lock);
	int failed = w->failed ? 0 : compare_piece(d, w, offset, len, &part, &err);
	pthread_mutex_lock(&ws->lock);
	w->running--;
	if (failed && !w->failed) {
		w->failed = failed;
		w->err = err;
	}
	compare_join(&w->result, &part);
	bool decoded = w->pair->by_value && w->size > 0;
	progress_add(&d->progress, decoded ? (uint64_t)((double)len / (double)w->size * (double)w->pair->a->size) : len);
	if (w->at == w->size && w->running == 0)
		close_pair(d, w);
}

/* Called with the lock held; releases it meanwhile. */
static void run_pair(struct diff *d, struct workers *ws)
{
	struct pair *p = &d->pairs[ws->next++];
	if (!p->look) {
		pair_done(ws, p);
		return;
	}
	struct work *w = calloc(1, sizeof *w);
	if (!w) {
		diff_fault(d, p, 0, "no memory");
		pair_done(ws, p);
		return;
	}
	*w = (struct work){.pair = p, .fds = {-1, -1}};
	ws->opening++;
	pthread_mutex_unlock(&ws->lock);
	bool pieces = open_pair(d, w);
	pthread_mutex_lock(&ws->lock);
	ws->opening--;
	if (!pieces) {
		close_pair(d, w);
	} else {
		*ws->tail = w;
		ws->tail = &w->next;
	}
	if (pieces || ws->opening == 0)
		pthread_cond_broadcast(&ws->more);
}

static void *worker(void *arg)
{
	struct diff *d = arg;
	struct workers *ws = d->workers;
	pthread_mutex_lock(&ws->lock);
	while (!ws->stop) {
		if (ws->works)
			run_piece(d, ws);
		else if (ws->next < d->count)
			run_pair(d, ws);
		else if (ws->opening)
			pthread_cond_wait(&ws->more, &ws->lock);
		else
			break;
	}
	pthread_mutex_unlock(&ws->lock);
	return NULL;
}

int diff_start(struct diff *d)
{
	struct workers *ws = d->workers = calloc(1, sizeof *ws);
	if (!ws)
		return -ENOMEM;
	ws->tail = &ws->works;
	pthread_mutex_init(&ws->lock, NULL);
	pthread_cond_init(&ws->more, NULL);
	pthread_cond_init(&ws->told, NULL);
	for (unsigned n = source_command_threads(&d->sources[0], d->options, WORKERS_MAX); ws->count < n; ws->count++)
		if (pthread_create(&ws->threads[ws->count], NULL, worker, d) != 0)
			break;
	if (ws->count == 0)
		worker(d);
	return 0;
}

bool diff_is_done(struct diff *d, const struct pair *p)
{
	pthread_mutex_lock(&d->workers->lock);
	bool done = p->done;
	pthread_mutex_unlock(&d->workers->lock);
	return done;
}

void diff_wait(struct diff *d, struct pair *p)
{
	pthread_mutex_lock(&d->workers->lock);
	d->workers->wanted = p;
	while (!p->done)
		pthread_cond_wait(&d->workers->told, &d->workers->lock);
	if (p->lines.len || p->fault)
		progress_clear(&d->progress);
	pthread_mutex_unlock(&d->workers->lock);
}

void diff_end(struct diff *d)
{
	struct workers *ws = d->workers;
	pthread_mutex_lock(&ws->lock);
	ws->stop = true;
	pthread_cond_broadcast(&ws->more);
	pthread_mutex_unlock(&ws->lock);
	for (unsigned i = 0; i < ws->count; i++)
		pthread_join(ws->threads[i], NULL);
	progress_clear(&d->progress);
	while (ws->works) {
		struct work *w = ws->works;
		ws->works = w->next;
		close_pair(d, w);
	}
	free(ws);
	d->workers = NULL;
}
