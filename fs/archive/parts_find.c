/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/archive/parts_impl.h"
#include "fs/base/list.h"

/* A directory to look into, and one that was. */
struct place {
	struct place *next;
	bool linked;
	dev_t dev;
	ino_t ino;
	char path[];
};

struct finding {
	struct parts *parts;
	const struct folder *folder;
	parts_visit *visit;
	struct place *pending, *linked; /* the latter when no plain one is left */
	struct place *seen;
	struct part *links;             /* files found by links, grown by malloc */
	uint32_t nfiles, nlinks;
	struct part *files;
	struct error *err;
};

static int put(struct finding *f, struct part **list, uint32_t *n, struct part part, const char *path)
{
	struct part *grown = list_grow(*list, *n, sizeof *grown);
	if (!grown)
		return error_set(f->err, ENOMEM, "no memory for the names of its files");
	*list = grown;
	part.path = arena_text(&f->parts->whole->arena, slice_text(path));
	part.in = f->parts;
	if (!part.path)
		return error_set(f->err, ENOMEM, "no memory for the names of its files");
	(*list)[(*n)++] = part;
	return 0;
}

static int put_place(struct finding *f, struct place **list, const char *path, bool linked)
{
	struct place *p = malloc(sizeof *p + strlen(path) + 1);
	if (!p)
		return error_set(f->err, ENOMEM, "no memory for the names of its directories");
	*p = (struct place){.next = *list, .linked = linked};
	strcpy(p->path, path);
	*list = p;
	return 0;
}

static struct part part_of(const struct stat *st, bool wished)
{
	return (struct part){.dev = st->st_dev, .ino = st->st_ino, .size = (uint64_t)st->st_size, .mtime = st->st_mtim,
			     .wished = wished};
}

/* What a link leads to: 0 and *st for a file or a directory that may be read. */
static int look_behind(const struct finding *f, const char *path, struct stat *st, struct error *err)
{
	if (!f->folder->confined)
		return fstatat(f->folder->dir, path, st, 0) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
	int fd = folder_open(f->folder, path, REACH_BENEATH, err);
	if (fd == -EXDEV)
		*err = (struct error){"a symbolic link that leads out of the folder; -o follow reads it"};
	if (fd < 0)
		return fd;
	int r = fstat(fd, st) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
	close(fd);
	return r;
}

static int add_link(struct finding *f, const char *path, const char *name, bool wished)
{
	struct error err = {""};
	struct stat st;
	int r = look_behind(f, path, &st, &err);
	if (r == -EISDIR) /* within the folder: it is met itself */
		return 0;
	if (r < 0 && !wished && !strchr(name, '='))
		return 0;
	if (r < 0) {
		error_prefix(&err, r, path);
		return error_set(f->err, -r, "%s", err.text);
	}
	if (S_ISDIR(st.st_mode))
		return put_place(f, &f->linked, path, true);
	return S_ISREG(st.st_mode) && name[0] != '_' ? put(f, &f->links, &f->nlinks, part_of(&st, wished), path) : 0;
}

static int add(struct finding *f, int dir, const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) >= (int)sizeof path)
		return error_set(f->err, ENAMETOOLONG, "%.60s…: %s", folder, strerror(ENAMETOOLONG));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set(f->err, errno, "%s: %s", path, strerror(errno));
	bool partition = name[0] == '_' && strchr(name, '=') && !S_ISREG(st.st_mode);
	int r = f->visit(f->parts->whole, path, S_ISDIR(st.st_mode), f->err);
	if (r < 0 || name[0] == '.' || (name[0] == '_' && !partition))
		return r;
	bool wished = archive_wished(f->parts->formats, name);
	if (S_ISDIR(st.st_mode))
		return put_place(f, &f->pending, path, false);
	if (S_ISLNK(st.st_mode))
		return add_link(f, path, name, wished);
	if (S_ISREG(st.st_mode))
		return put(f, &f->files, &f->nfiles, part_of(&st, wished), path);
	return wished ? error_set(f->err, EINVAL, "%s: not a regular file", path) : 0;
}

static bool met(const struct finding *f, const struct stat *st)
{
	for (const struct place *p = f->seen; p; p = p->next)
		if (p->dev == st->st_dev && p->ino == st->st_ino)
			return true;
	return false;
}

static int walk_place(struct finding *f, struct place *place)
{
	struct folder folder = {f->folder->dir, place->path, f->folder->confined};
	struct error own = {""};
	struct stat st;
	int at = folder_fd(&folder, &own), r = 0;
	int fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at >= 0 && fd < 0)
		error_set(&own, errno, "%s", strerror(errno));
	if (at >= 0)
		close(at);
	DIR *stream = fd >= 0 && fstat(fd, &st) == 0 ? fdopendir(fd) : NULL;
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return error_set(f->err, EIO, "%s%s%s", place->path, place->path[0] ? ": " : "",
				 own.text[0] ? own.text : "cannot be read");
	}
	bool again = !f->folder->confined && met(f, &st);
	place->dev = st.st_dev;
	place->ino = st.st_ino;
	for (struct dirent *d; r == 0 && !again && (errno = 0, d = readdir(stream));)
		r = add(f, dirfd(stream), place->path, d->d_name);
	closedir(stream);
	return r;
}

static int walk_all(struct finding *f)
{
	int r = put_place(f, &f->pending, "", false);
	while (r == 0 && (f->pending || f->linked)) {
		struct place **list = f->pending ? &f->pending : &f->linked, *place = *list;
		*list = place->next;
		r = walk_place(f, place);
		place->next = f->seen;
		f->seen = place;
	}
	return r;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct part *)a)->path, ((const struct part *)b)->path);
}

static int by_identity(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino != y->ino ? x->ino < y->ino ? -1 : 1 : 0;
}

/* Links count where their file is not there itself. */
static int add_links(struct finding *f)
{
	uint32_t plain = f->nfiles;
	int r = 0;
	if (f->nlinks == 0)
		return 0;
	qsort(f->files, plain, sizeof *f->files, by_identity);
	for (uint32_t i = 0; i < f->nlinks && r == 0; i++) {
		struct part *itself = plain ? bsearch(&f->links[i], f->files, plain, sizeof *f->files, by_identity) : NULL;
		if (itself)
			itself->wished |= f->links[i].wished;
		else
			r = put(f, &f->files, &f->nfiles, f->links[i], f->links[i].path);
	}
	return r;
}

static void free_places(struct place *p)
{
	for (struct place *next; p; p = next) {
		next = p->next;
		free(p);
	}
}

int parts_find(struct parts *p, struct archive *whole, const struct format *format, parts_visit *visit, struct error *err)
{
	parts_init(p, whole, format);
	struct finding f = {.parts = p, .folder = &whole->folder, .visit = visit, .err = err};
	int r = walk_all(&f);
	if (r == 0)
		r = add_links(&f);
	if (r == 0 && f.nfiles) {
		qsort(f.files, f.nfiles, sizeof *f.files, by_path);
		p->all = arena_array(&whole->arena, f.nfiles, sizeof *p->all);
		r = p->all ? 0 : error_set(err, ENOMEM, "no memory for the names of its files");
		if (p->all)
			memcpy(p->all, f.files, f.nfiles * sizeof *p->all);
		p->count = f.nfiles;
	}
	free(f.files);
	free(f.links);
	free_places(f.pending);
	free_places(f.linked);
	free_places(f.seen);
	return r;
}
