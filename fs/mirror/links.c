/* SPDX-License-Identifier: MIT */
/*
 * How many names an array has that indexes show, too: st_nlink.  It must be right at
 * the first look, so whoever asks for an array of a file looks for indexes in the
 * file's folder and in those above, up to SOURCE: an index names files below its own.
 * What was found in a folder is kept until something in it changes.
 */
#include "fs/mirror/impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* Folders that are kept, and the bytes of what is kept of them; asked anew so often. */
enum { FOLDERS_MAX = 64, BYTES_MAX = 4 << 20, FRESH_MS = 500, PATIENCE_MS = 2000 };

/* A file whose arrays are named by indexes of a folder. */
struct named_file {
	struct number_owner file;
	uint32_t count;  /* of numbers */
	uint32_t *names; /* by the array's number: how many the indexes give it */
};

struct index_folder {
	struct index_folder *next; /* those used last come first */
	char *path;                /* below SOURCE */
	struct named_file *files;
	uint32_t nfiles;
	char **indexes;            /* names of files that may be indexes */
	uint32_t nindexes;
	size_t bytes;
	uint64_t sum;              /* of all that they name; 0 for nothing */
	uint64_t stamp;            /* of the folder and those files */
	uint64_t checked;          /* when that was asked last, in ms */
	unsigned users;            /* who look at it, or wait to */
	bool busy;                 /* one of them reads it, without the lock */
	bool failed;               /* some of it could not be had just now */
};

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

static void empty(struct index_folder *f)
{
	for (uint32_t i = 0; i < f->nfiles; i++)
		free(f->files[i].names);
	for (uint32_t i = 0; i < f->nindexes; i++)
		free(f->indexes[i]);
	free(f->files);
	free(f->indexes);
	*f = (struct index_folder){.next = f->next, .path = f->path, .users = f->users, .busy = f->busy};
}

static void free_folder(struct index_folder *f)
{
	empty(f);
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

/* --- reading a folder ----------------------------------------------------- */

static bool may_be_index(const struct mirror *m, const char *name)
{
	size_t len = strlen(name);
	for (const struct format *const *f = m->formats; *f; f++)
		for (const char *const *s = (*f)->indexes; s && *s; s++)
			if (len > strlen(*s) && strcasecmp(name + len - strlen(*s), *s) == 0)
				return true;
	return false;
}

static uint64_t mixed(uint64_t sum, uint64_t word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

static uint64_t stamp_of(uint64_t stamp, const struct stat *st)
{
	const uint64_t words[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
				  (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		stamp = mixed(stamp, words[i]);
	return stamp;
}

/* What the folder and the files in it that may be indexes are at this moment. */
static uint64_t stamp_now(const struct mirror *m, const struct index_folder *f)
{
	char path[PATH_MAX];
	struct stat st = {0};
	uint64_t stamp = 1;
	fstatat(m->root->base, f->path[0] ? f->path : ".", &st, 0);
	stamp = stamp_of(stamp, &st);
	for (uint32_t i = 0; i < f->nindexes; i++) {
		st = (struct stat){0};
		if (snprintf(path, sizeof path, "%s%s%s", f->path, f->path[0] ? "/" : "", f->indexes[i]) < PATH_MAX)
			fstatat(m->root->base, path, &st, 0);
		stamp = stamp_of(stamp, &st);
	}
	return stamp;
}

static void *grown(void *list, uint32_t count, size_t each)
{
	return count & (count - 1) ? list : reallocarray(list, count ? count * 2 : 1, each); /* full at powers of two */
}

static struct named_file *file_of(struct index_folder *f, const struct number_owner *file)
{
	for (uint32_t i = 0; i < f->nfiles; i++)
		if (memcmp(&f->files[i].file, file, sizeof *file) == 0)
			return &f->files[i];
	struct named_file *more = grown(f->files, f->nfiles, sizeof *more);
	if (!more)
		return NULL;
	f->files = more;
	f->files[f->nfiles] = (struct named_file){.file = *file};
	f->bytes += sizeof *more;
	return &f->files[f->nfiles++];
}

static bool count_name(struct index_folder *f, uint32_t file, uint32_t number)
{
	struct named_file *n = &f->files[file];
	if (number >= n->count) {
		uint32_t room = number < 32 ? 64 : number * 2;
		uint32_t *more = reallocarray(n->names, room, sizeof *more);
		if (!more)
			return false;
		memset(more + n->count, 0, (room - n->count) * sizeof *more);
		f->bytes += (room - n->count) * sizeof *more;
		n->names = more;
		n->count = room;
	}
	n->names[number]++;
	return true;
}

/* Counts what the index names. */
static bool count_index(struct index_folder *f, struct archive *a)
{
	uint32_t count = atomic_load(&a->tree.count);
	uint32_t *files = calloc((size_t)a->nsiblings + 1, sizeof *files); /* by source */
	bool good = files;
	for (uint32_t k = 0; good && k <= a->nsiblings; k++) {
		struct number_owner owner = mirror_owner(archive_source(a, k));
		struct named_file *file = k ? file_of(f, &owner) : NULL; /* its own file holds no arrays */
		files[k] = file ? (uint32_t)(file - f->files) : UINT32_MAX;
		good = !k || file;
	}
	for (uint32_t i = TREE_ROOT + 1; good && i < count; i++) {
		const struct node *n = tree_node(&a->tree, i);
		if (n->kind == NODE_RANGE && n->source)
			good = count_name(f, files[n->source], a->format->ordinal(a, i, n));
	}
	free(files);
	return good;
}

/* The mirrored directory of that path, by the names in it. */
static int find_folder(struct mirror *m, const char *path, struct mirror_ref *ret)
{
	struct error err = {0};
	struct mirror_ref at;
	int r = mirror_get(m, TREE_ROOT, ret, &err);
	for (size_t len; r == 0 && *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		at = *ret;
		r = at.held ? -ENOTDIR : plain_lookup(m, &at, (struct slice){(const uint8_t *)path, len}, ret, &err);
		mirror_put(m, &at);
	}
	return r;
}

static int list_folder(struct mirror *m, const struct mirror_ref *dir, struct index_folder *f)
{
	struct error err = {0};
	struct mirror_name name;
	struct mirror_dir d;
	int r = mirror_open_dir(m, dir, &d, &err);
	if (r < 0)
		return r;
	for (off_t at = 0; (r = plain_next(m, &d, at, &name, &err)) > 0;) {
		at = name.next;
		if (!may_be_index(m, name.name))
			continue;
		char **more = grown(f->indexes, f->nindexes, sizeof *more);
		if (!more || (f->indexes = more, !(more[f->nindexes] = strdup(name.name)))) {
			r = -ENOMEM;
			break;
		}
		f->bytes += strlen(name.name) + 32;
		f->nindexes++;
	}
	mirror_close_dir(m, &d);
	return r;
}

static int by_file(const void *a, const void *b)
{
	return memcmp(&((const struct named_file *)a)->file, &((const struct named_file *)b)->file, sizeof(struct number_owner));
}

static uint64_t sum_of(const struct index_folder *f)
{
	uint64_t sum = f->nfiles;
	for (uint32_t i = 0; i < f->nfiles; i++) {
		const struct named_file *n = &f->files[i];
		sum = mixed(mixed(sum, n->file.ino), n->file.mtime);
		for (uint32_t k = 0; k < n->count; k++)
			sum = mixed(sum, n->names[k]);
	}
	return sum;
}

static void read_folder(struct mirror *m, struct index_folder *f)
{
	struct error err = {0};
	struct mirror_ref dir, ref;
	int r = find_folder(m, f->path, &dir);
	if (r < 0 || dir.held || !S_ISDIR(dir.entry->type)) {
		if (r == 0)
			mirror_put(m, &dir);
		f->failed = true;
		return;
	}
	f->failed = list_folder(m, &dir, f) < 0;
	f->stamp = stamp_now(m, f); /* before they are opened: what changes meanwhile is read again */
	for (uint32_t i = 0; i < f->nindexes; i++) {
		r = plain_lookup(m, &dir, slice_text(f->indexes[i]), &ref, &err);
		if (r < 0) {
			f->failed |= r != -ENOENT;
			continue;
		}
		if (ref.held && ref.held->archive.format->indexes)
			f->failed |= !count_index(f, &ref.held->archive);
		mirror_put(m, &ref);
	}
	mirror_put(m, &dir);
	if (f->nfiles)
		qsort(f->files, f->nfiles, sizeof *f->files, by_file);
	f->sum = sum_of(f);
}

/* --- the folders that are kept ---------------------------------------------- */

/* The oldest go, but the newest stays, and those that somebody uses. */
static void spare_folders(struct links *l)
{
	size_t bytes = 0;
	unsigned count = 0;
	for (struct index_folder **p = &l->folders, *f; (f = *p);) {
		bytes += f->bytes;
		if (count++ > 0 && !f->users && (count > FOLDERS_MAX || bytes > BYTES_MAX)) {
			*p = f->next;
			free_folder(f);
		} else {
			p = &f->next;
		}
	}
}

/* Found or made, put first and in use. */
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

/* Reads it if it was not, or has changed since.  The lock is held, and let go meanwhile;
 * false if another is at it for too long. */
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
	if (!f->checked || f->failed || stamp_now(m, f) != f->stamp) {
		empty(f);
		read_folder(m, f);
	}
	pthread_mutex_lock(&l->lock);
	f->checked = now ? now : 1;
	f->busy = false;
	pthread_cond_broadcast(&l->ready);
	return true;
}

static uint32_t names_in(const struct index_folder *f, const struct number_owner *file, uint32_t number)
{
	const struct named_file want = {.file = *file};
	const struct named_file *n = f->nfiles ? bsearch(&want, f->files, f->nfiles, sizeof want, by_file) : NULL;
	return n && number < n->count ? n->names[number] : 0;
}

/* --- asking ------------------------------------------------------------------- */

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

/* Calls each() for the folder of a path below SOURCE and for those above; a folder that
 * could not be had comes as NULL. */
static void each_folder(struct mirror *m, const char *path, void (*each)(void *arg, const struct index_folder *f), void *arg)
{
	size_t len = folder_len(path);
	pthread_mutex_lock(&m->links.lock);
	for (;;) {
		struct index_folder *f = folder_first(&m->links, path, len);
		each(arg, f && folder_refresh(m, f) && !f->failed ? f : NULL);
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

/* Where indexes could name the source's arrays; NULL outside of mirrored directories. */
static const char *path_of(const struct mirror *m, const struct source *s)
{
	return s->dir == m->root->base ? s->path : NULL;
}

struct asking {
	struct number_owner file;
	uint32_t number, names;
	bool any; /* index there, as far as is known */
};

static void add_names(void *arg, const struct index_folder *f)
{
	struct asking *q = arg;
	q->any |= !f || f->nfiles;
	q->names += f ? names_in(f, &q->file, q->number) : 0;
}

static void add_sum(void *arg, const struct index_folder *f)
{
	uint64_t *sum = arg;
	*sum = mixed(*sum, f ? f->sum : 0);
}

static uint64_t names_sum(struct mirror *m, struct archive *a)
{
	uint64_t sum = 1;
	const char *last = NULL;
	for (uint32_t k = 0; k <= a->nsiblings; k++) {
		const char *path = path_of(m, archive_source(a, k));
		size_t len = path ? folder_len(path) : 0;
		if (!path || (last && folder_len(last) == len && memcmp(path, last, len) == 0))
			continue; /* most often all are in one folder */
		each_folder(m, last = path, add_sum, &sum);
	}
	return sum ? sum : 1;
}

bool mirror_names_changed(struct mirror *m, struct held *h)
{
	if (mirror_is_archive(m) || !h->archive.format->ordinal)
		return false;
	uint64_t sum = names_sum(m, &h->archive), before = atomic_exchange(&h->names_sum, sum);
	return before && before != sum;
}

uint32_t mirror_names(struct mirror *m, struct held *h, uint32_t index)
{
	struct archive *a = &h->archive;
	const struct node *n = tree_node(&a->tree, index);
	if (mirror_is_archive(m) || !a->format->ordinal || n->kind != NODE_RANGE)
		return n->links ? n->links : 1;
	const struct source *s = archive_source(a, n->source);
	if (!path_of(m, s) || now_ms() < atomic_load_explicit(&h->unnamed_until, memory_order_relaxed))
		return 1;
	if (!atomic_load_explicit(&h->names_sum, memory_order_relaxed))
		mirror_names_changed(m, h); /* from now on */
	struct asking q = {.file = mirror_owner(s), .number = a->format->ordinal(a, index, n), .names = 1}; /* in its own archive */
	each_folder(m, s->path, add_names, &q);
	if (!q.any)
		atomic_store_explicit(&h->unnamed_until, now_ms() + FRESH_MS, memory_order_relaxed);
	return q.names;
}

bool mirror_shared(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret)
{
	if (mirror_is_archive(m) || !ref->held || ino_view(ref->ino) || !ref->held->archive.format->ordinal ||
	    ref->node->kind != NODE_RANGE || mirror_names(m, ref->held, ino_index(ref->ino)) < 2)
		return false;
	*ret = mirror_number(m, ref, ref->ino);
	return true;
}
