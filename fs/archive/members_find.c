/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/archive/members.h"
#include "fs/base/list.h"

/* A directory to walk, or one already walked. */
struct place {
	struct place *next;
	bool linked;
	dev_t dev;
	ino_t ino;
	char path[];
};

/* A file that was chosen. */
struct found {
	const char *path;
	dev_t dev;
	ino_t ino;
	uint64_t size;
	struct timespec mtime;
	bool sure;
};

struct found_list {
	struct found *all; /* grown by malloc */
	uint32_t count;
};

struct finding {
	struct members *members;
	struct arena *arena;
	members_choose *choose;
	void *arg;
	struct place *pending, *linked; /* the latter when no plain one is left */
	struct place **seen; /* chained by hash; NULL until there is one */
	uint32_t seen_chains, seen_count; /* the former a power of two */
	struct found_list files, links; /* links: files found by links */
	struct error *err;
};

static int put(struct finding *f, struct found_list *list, const char *path, const struct stat *st, bool sure)
{
	struct found *grown = list_grow(list->all, list->count, sizeof *grown);
	if (!grown)
		return error_no_memory(f->err, "the names of its files");
	list->all = grown;
	path = arena_text(f->arena, slice_text(path));
	if (!path)
		return error_no_memory(f->err, "the names of its files");
	list->all[list->count++] = (struct found){path, st->st_dev, st->st_ino, (uint64_t)st->st_size, st->st_mtim, sure};
	return 0;
}

static int put_place(struct finding *f, struct place **list, const char *path, bool linked)
{
	struct place *p = malloc(sizeof *p + strlen(path) + 1);
	if (!p)
		return error_no_memory(f->err, "the names of its directories");
	*p = (struct place){.next = *list, .linked = linked};
	strcpy(p->path, path);
	*list = p;
	return 0;
}

/* What a link leads to: 0 and *st for a file or a directory that may be read. */
static int look_behind(const struct folder *folder, const char *path, struct stat *st, struct error *err)
{
	char full[PATH_MAX];
	int r = folder_join(folder, path, full, err);
	if (r < 0)
		return r;
	if (!folder->confined)
		return fstatat(folder->dir, full, st, 0) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
	int fd = folder_open(folder, path, REACH_BENEATH, err);
	if (fd == -EXDEV)
		*err = (struct error){"a symbolic link that leads out of the folder; -o follow reads it"};
	if (fd < 0)
		return fd;
	r = fstat(fd, st) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
	close(fd);
	return r;
}

static int add_link(struct finding *f, const char *path, const char *name, bool sure)
{
	struct error err = {""};
	struct stat st;
	int r = look_behind(&f->members->folder, path, &st, &err);
	if (r == -EISDIR) /* within the folder: it is met itself */
		return 0;
	if (r < 0 && !sure && !error_passes(r))
		return 0;
	if (r < 0) {
		error_prefix(&err, r, path);
		return error_set(f->err, -r, "%s", err.text);
	}
	int is = f->choose(f->arg, path, name, st.st_mode & S_IFMT, f->err);
	if (is <= MEMBER_NO)
		return is;
	if (S_ISDIR(st.st_mode))
		return put_place(f, &f->linked, path, true);
	return S_ISREG(st.st_mode) ? put(f, &f->links, path, &st, is == MEMBER_SURE) : 0;
}

static int add(struct finding *f, int dir, const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) >= (int)sizeof path)
		return error_set(f->err, ENAMETOOLONG, "%.60s…: %s", folder, strerror(ENAMETOOLONG));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set(f->err, errno, "%s: %s", path, strerror(errno));
	int is = f->choose(f->arg, path, name, st.st_mode & S_IFMT, f->err);
	if (is <= MEMBER_NO)
		return is;
	if (S_ISDIR(st.st_mode))
		return put_place(f, &f->pending, path, false);
	if (S_ISLNK(st.st_mode))
		return add_link(f, path, name, is == MEMBER_SURE);
	if (S_ISREG(st.st_mode))
		return put(f, &f->files, path, &st, is == MEMBER_SURE);
	return is == MEMBER_SURE ? error_set(f->err, EINVAL, "%s: not a regular file", path) : 0;
}

/* --- directories already walked --------------------------------------------- */

static struct place **chain_of(struct place **chains, uint32_t count, dev_t dev, ino_t ino)
{
	return &chains[((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15 >> 32 & (count - 1)];
}

static bool met(const struct finding *f, const struct stat *st)
{
	const struct place *p = f->seen ? *chain_of(f->seen, f->seen_chains, st->st_dev, st->st_ino) : NULL;
	while (p && (p->dev != st->st_dev || p->ino != st->st_ino))
		p = p->next;
	return p;
}

/* As many chains as directories, and more. */
static bool grow_seen(struct finding *f)
{
	uint32_t count = f->seen ? f->seen_chains * 2 : 64;
	struct place **grown = f->seen_count < f->seen_chains ? f->seen : calloc(count, sizeof *grown);
	if (!grown || grown == f->seen)
		return grown;
	for (uint32_t i = 0; i < f->seen_chains; i++)
		for (struct place *p = f->seen[i], *next; p; p = next) {
			struct place **first = chain_of(grown, count, p->dev, p->ino);
			next = p->next;
			p->next = *first;
			*first = p;
		}
	free(f->seen);
	f->seen = grown;
	f->seen_chains = count;
	return true;
}

/* Takes over the place. */
static int put_seen(struct finding *f, struct place *p)
{
	if (!grow_seen(f)) {
		free(p);
		return error_no_memory(f->err, "the names of its directories");
	}
	struct place **first = chain_of(f->seen, f->seen_chains, p->dev, p->ino);
	p->next = *first;
	*first = p;
	f->seen_count++;
	return 0;
}

/* --- the walk ---------------------------------------------------------------- */

/* A directory below the folder ("": itself), to be listed. */
static DIR *open_dir(const struct folder *in, const char *path, struct stat *ret, struct error *err)
{
	char full[PATH_MAX];
	int r = folder_join(in, path, full, err);
	int at = r < 0 ? r : folder_fd(&(struct folder){in->dir, full, in->confined}, err);
	if (at < 0)
		return NULL;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 && fstat(fd, ret) == 0 ? fdopendir(fd) : NULL;
	if (!stream)
		error_set(err, errno, "%s", strerror(errno));
	if (!stream && fd >= 0)
		close(fd);
	close(at);
	return stream;
}

/* NULL at the end, or if errno is not 0. */
static const char *next_name(DIR *stream)
{
	struct dirent *d;
	errno = 0;
	do
		d = readdir(stream);
	while (d && (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0));
	return d ? d->d_name : NULL;
}

static int walk_place(struct finding *f, struct place *place)
{
	struct error own = {""};
	struct stat st;
	const char *name;
	DIR *stream = open_dir(&f->members->folder, place->path, &st, &own);
	int r = 0;
	if (!stream)
		return error_set(f->err, EIO, "%s%s%s", place->path, place->path[0] ? ": " : "", own.text);
	bool again = !f->members->folder.confined && met(f, &st);
	place->dev = st.st_dev;
	place->ino = st.st_ino;
	while (r == 0 && !again && (name = next_name(stream)))
		r = add(f, dirfd(stream), place->path, name);
	if (r == 0 && !again && errno)
		r = error_set(f->err, errno, "%s: %s", place->path[0] ? place->path : ".", strerror(errno));
	closedir(stream);
	return r;
}

bool members_any(const struct members *m, bool (*is)(const char *name))
{
	struct error err = {""};
	struct stat st;
	const char *name = NULL;
	DIR *stream = open_dir(&m->folder, "", &st, &err);
	while (stream && (name = next_name(stream)) && !is(name))
		;
	if (stream)
		closedir(stream);
	return name;
}

static int walk_all(struct finding *f)
{
	int r = put_place(f, &f->pending, "", false);
	while (r == 0 && (f->pending || f->linked)) {
		struct place **list = f->pending ? &f->pending : &f->linked, *place = *list;
		*list = place->next;
		r = walk_place(f, place);
		int put = put_seen(f, place);
		r = r < 0 ? r : put;
	}
	return r;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static int by_identity(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino != y->ino ? x->ino < y->ino ? -1 : 1 : 0;
}

/* Adds a link only if its target is not among the files itself. */
static int add_links(struct finding *f)
{
	struct found_list *files = &f->files;
	uint32_t plain = files->count;
	int r = 0;
	if (f->links.count > 0 && plain > 0)
		qsort(files->all, plain, sizeof *files->all, by_identity);
	for (uint32_t i = 0; i < f->links.count && r == 0; i++) {
		struct found *link = &f->links.all[i];
		struct found *itself = plain ? bsearch(link, files->all, plain, sizeof *link, by_identity) : NULL;
		struct stat st = {.st_dev = link->dev, .st_ino = link->ino, .st_size = (off_t)link->size, .st_mtim = link->mtime};
		if (itself)
			itself->sure |= link->sure;
		else
			r = put(f, files, link->path, &st, link->sure);
	}
	return r;
}

/* All that was found, in order. */
static int add_members(struct finding *f)
{
	struct found_list *files = &f->files;
	if (files->count > 0)
		qsort(files->all, files->count, sizeof *files->all, by_path);
	for (uint32_t i = 0; i < files->count; i++) {
		const struct found *one = &files->all[i];
		struct member member = {.path = one->path, .dev = one->dev, .ino = one->ino, .size = one->size,
					.mtime = one->mtime, .sure = one->sure};
		if (!members_add(f->members, f->arena, &member))
			return error_no_memory(f->err, "the names of its files");
	}
	return 0;
}

static void free_places(struct place *p)
{
	for (struct place *next; p; p = next) {
		next = p->next;
		free(p);
	}
}

int members_find(struct members *m, struct arena *arena, members_choose *choose, void *arg, struct error *err)
{
	struct finding f = {.members = m, .arena = arena, .choose = choose, .arg = arg, .err = err};
	m->later = true;
	int r = walk_all(&f);
	if (r == 0)
		r = add_links(&f);
	if (r == 0)
		r = add_members(&f);
	free(f.files.all);
	free(f.links.all);
	free_places(f.pending);
	free_places(f.linked);
	for (uint32_t i = 0; i < f.seen_chains; i++)
		free_places(f.seen[i]);
	free(f.seen);
	return r;
}
