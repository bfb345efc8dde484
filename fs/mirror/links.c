/* SPDX-License-Identifier: MIT */
/*
 * st_nlink of arrays that indexes show as well. It must be right from the first stat, so a
 * query for an array searches the folder of the array's file, and those above up to SOURCE, for
 * indexes: an index names files below its own folder. What was found in a folder is cached
 * until something in it changes.
 */
#include "fs/mirror/links_impl.h"

#include <stdlib.h>
#include <time.h>

/* Limits on the folders cached and on the bytes cached for them; how often a folder is checked
 * again; how long to wait for another thread to read it. */
enum { FOLDERS_MAX = 64, BYTES_MAX = 4 << 20, FRESH_MS = 500, PATIENCE_MS = 2000 };

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void links_init(struct links *l)
{
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->ready, NULL);
}

static void free_folder(struct index_folder *f)
{
	links_free(&f->names);
	free(f->path);
	free(f);
}

void links_close(struct links *l)
{
	while (l->folders) {
		struct index_folder *f = l->folders;
		l->folders = f->next;
		free_folder(f);
	}
	pthread_cond_destroy(&l->ready);
	pthread_mutex_destroy(&l->lock);
}

/* --- cached folders --------------------------------------------------------- */

/* Evicts the least recently used, but never the newest or those in use. */
static void spare_folders(struct links *l)
{
	size_t bytes = 0;
	unsigned count = 0;
	for (struct index_folder **p = &l->folders, *f; (f = *p);) {
		bytes += f->names.bytes;
		if (count++ > 0 && !f->users && (count > FOLDERS_MAX || bytes > BYTES_MAX)) {
			*p = f->next;
			free_folder(f);
		} else {
			p = &f->next;
		}
	}
}

/* Finds or creates the folder, moves it to the front and marks it in use. */
static struct index_folder *folder_first(struct links *l, const char *path, size_t len)
{
	struct index_folder **p = &l->folders, *f;
	while ((f = *p) && (strncmp(f->path, path, len) != 0 || f->path[len]))
		p = &f->next;
	if (f) {
		*p = f->next;
	} else {
		f = calloc(1, sizeof *f);
		if (!f || !(f->path = strndup(path, len))) {
			free(f);
			return NULL;
		}
	}
	f->next = l->folders;
	f->users++;
	l->folders = f;
	return f;
}

/* Reads the folder if that was not done, or it has changed since. Called with the lock held,
 * which is dropped meanwhile; false if another thread takes too long reading it. */
static bool folder_refresh(struct mirror *m, struct index_folder *f)
{
	struct links *l = &m->links;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	while (f->busy)
		if (pthread_cond_timedwait(&l->ready, &l->lock, &until) != 0)
			return false;
	uint64_t now = now_ms();
	if (f->checked && now - f->checked < FRESH_MS)
		return true;
	f->busy = true;
	pthread_mutex_unlock(&l->lock);
	struct folder_names fresh = {0};
	bool changed = !f->checked || links_changed(m, f->path, &f->names);
	if (changed)
		links_read(m, f->path, &fresh);
	pthread_mutex_lock(&l->lock);
	if (changed) {
		links_free(&f->names);
		f->names = fresh;
	}
	f->checked = now ? now : 1;
	f->busy = false;
	pthread_cond_broadcast(&l->ready);
	return true;
}

static uint32_t names_in(const struct folder_names *f, const struct number_owner *file, uint32_t number)
{
	const struct named_file want = {.file = *file};
	const struct named_file *n = f->nfiles ? bsearch(&want, f->files, f->nfiles, sizeof want, links_by_file) : NULL;
	return n && number < n->count ? n->names[number] : 0;
}

/* --- queries ------------------------------------------------------------------ */

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

/* Calls each() for the folder of a path below SOURCE and for those above it; with NULL for a
 * folder that could not be read. */
static void each_folder(struct mirror *m, const char *path, void (*each)(void *arg, const struct folder_names *f), void *arg)
{
	size_t len = folder_len(path);
	pthread_mutex_lock(&m->links.lock);
	for (;;) {
		struct index_folder *f = folder_first(&m->links, path, len);
		each(arg, f && folder_refresh(m, f) && !f->names.failed ? &f->names : NULL);
		if (f)
			f->users--;
		if (len == 0)
			break;
		while (len > 0 && path[--len] != '/')
			;
	}
	spare_folders(&m->links);
	pthread_mutex_unlock(&m->links.lock);
}

/* The path by which indexes could name the source's arrays; NULL outside mirrored directories. */
static const char *path_of(const struct mirror *m, const struct source *s)
{
	return s->dir == m->root->base ? s->path : NULL;
}

struct asking {
	struct number_owner file;
	uint32_t number, names;
	bool any; /* a folder has an index, or could not be read */
};

static void add_names(void *arg, const struct folder_names *f)
{
	struct asking *q = arg;
	q->any |= !f || f->nfiles;
	q->names += f ? names_in(f, &q->file, q->number) : 0;
}

static void add_sum(void *arg, const struct folder_names *f)
{
	uint64_t *sum = arg;
	*sum = links_mixed(*sum, f ? f->sum : 0);
}

static uint64_t names_sum(struct mirror *m, struct archive *a)
{
	uint64_t sum = 1;
	const char *last = NULL;
	for (uint32_t k = 0; k < archive_sources(a); k++) {
		const char *path = path_of(m, archive_source(a, k));
		size_t len = path ? folder_len(path) : 0;
		if (!path || (last && folder_len(last) == len && memcmp(path, last, len) == 0))
			continue; /* usually all are in one folder */
		each_folder(m, last = path, add_sum, &sum);
	}
	return sum ? sum : 1;
}

bool mirror_names_changed(struct mirror *m, struct open_archive *h)
{
	if (mirror_is_archive(m) || !h->archive.format->ordinal)
		return false;
	uint64_t sum = names_sum(m, &h->archive), before = atomic_exchange(&h->names_sum, sum);
	return before && before != sum;
}

uint32_t mirror_names(struct mirror *m, struct open_archive *h, uint32_t index)
{
	struct archive *a = &h->archive;
	const struct node *n = tree_node(&a->tree, index);
	uint32_t own = n->links ? n->links : 1; /* the names in its own archive */
	if (mirror_is_archive(m) || !a->format->ordinal || n->kind != NODE_RANGE)
		return own;
	const struct source *s = archive_source(a, n->source);
	if (!path_of(m, s) || now_ms() < atomic_load_explicit(&h->unnamed_until, memory_order_relaxed))
		return own;
	if (!atomic_load_explicit(&h->names_sum, memory_order_relaxed))
		mirror_names_changed(m, h); /* changes are noticed from now on */
	struct asking q = {.file = mirror_owner(s), .number = a->format->ordinal(a, index, n), .names = own};
	each_folder(m, s->path, add_names, &q);
	if (!q.any)
		atomic_store_explicit(&h->unnamed_until, now_ms() + FRESH_MS, memory_order_relaxed);
	return q.names;
}

bool mirror_shared(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret)
{
	if (!ref->open || ino_view(ref->ino) || !ref->open->archive.format->ordinal || ref->node->kind == NODE_DIR ||
	    mirror_names(m, ref->open, ino_index(ref->ino)) < 2)
		return false;
	*ret = mirror_number(m, ref, ref->ino);
	return true;
}
