/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/commands.h"
#include "mount/copy.h"
#include "mount/log.h"
#include "mount/place.h"
#include "mount/progress.h"
#include "mount/source.h"
#include "mount/walk.h"

/* A file with several names is written once, and linked after that. */
struct linked {
	uint64_t ino;
	char *path;
};

struct extract {
	const struct options *options;
	struct mirror *m;
	int dest;
	struct progress progress;
	struct linked *linked;
	size_t nlinked;
	uint64_t total;
	bool failed;
	/* The folder at hand, most often the one before. */
	char *folder;
	int folder_fd;
};

/* Where the .npy files stand. */
#define NPY_VIEW ".arrayfs/npy"

/* Set by Ctrl-C and the like: the file at hand is removed, then the signal has
 * its way. */
static _Atomic int stopped; /* without a lock, and so for a handler that runs in any thread */

static void on_signal(int sig)
{
	stopped = sig;
}

static void complain(struct extract *x, const char *path, const char *why)
{
	progress_clear(&x->progress);
	log_say("%s: %s: %s", x->options->source, *path ? path : ".", why);
	x->failed = true;
}

static int on_progress(void *arg, uint64_t bytes)
{
	struct extract *x = arg;
	progress_add(&x->progress, bytes);
	return stopped;
}

/* --- below DEST -------------------------------------------------------- */

/* The folder of a path, open, and the last component in *ret_name. */
static int folder_of(struct extract *x, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (x->folder && strlen(x->folder) == n && strncmp(x->folder, path, n) == 0)
		return x->folder_fd;
	if (x->folder_fd >= 0)
		close(x->folder_fd);
	free(x->folder);
	x->folder = strndup(path, n);
	x->folder_fd = x->folder ? place_folder(x->dest, x->folder) : -1;
	if (x->folder_fd < 0) {
		free(x->folder);
		x->folder = NULL;
	}
	return x->folder_fd;
}

/* --- one thing at a time ----------------------------------------------- */

static int extract_bytes(struct extract *x, const struct mirror_ref *ref, int dir, const char *name,
			 const struct stat *st, struct error *err)
{
	char temporary[64];
	place_temporary(temporary);
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set(err, errno, "%s", strerror(errno));
	struct copy c = {.out = fd, .progress = on_progress, .arg = x};
	int r = copy_file(x->m, ref, &c, err);
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	futimens(fd, times);
	if (close(fd) < 0 && r == 0)
		r = error_set(err, errno, "%s", strerror(errno));
	if (r != 0) {
		unlinkat(dir, temporary, 0);
		return r;
	}
	if (place(dir, temporary, name, x->options->force) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	return 0;
}

static int make_symlink(struct extract *x, const char *target, int dir, const char *name, struct error *err)
{
	char temporary[64];
	place_temporary(temporary);
	if (symlinkat(target, dir, temporary) < 0 || place(dir, temporary, name, x->options->force) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	return 0;
}

static int extract_symlink(struct extract *x, const struct mirror_ref *ref, int dir, const char *name, struct error *err)
{
	char target[PATH_MAX];
	int r = mirror_readlink(x->m, ref, target, err);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : make_symlink(x, target, dir, name, err);
}

static int extract_same(struct extract *x, const char *path, const char *same, struct error *err)
{
	const char *name, *rest = path, *to = same;
	char target[PATH_MAX];
	struct stat there;
	size_t n = 0;
	int dir = folder_of(x, path, &name);
	if (dir < 0)
		return error_set(err, errno, "its folder cannot be made below DEST: %s", strerror(errno));
	if (!x->options->force && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return x->options->resume && S_ISLNK(there.st_mode) ? 0 : error_set(err, EEXIST, "is there already (--force overwrites)");
	/* What both paths begin with need not be gone. */
	for (size_t i = 0; path[i] && path[i] == same[i]; i++)
		if (path[i] == '/')
			rest = path + i + 1, to = same + i + 1;
	for (const char *slash = strchr(rest, '/'); slash && n + 3 < sizeof target; slash = strchr(slash + 1, '/'))
		n += (size_t)snprintf(target + n, sizeof target - n, "../");
	if ((size_t)snprintf(target + n, sizeof target - n, "%s", to) >= sizeof target - n)
		return error_set(err, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	return make_symlink(x, target, dir, name, err);
}

static const char *linked_path(const struct extract *x, uint64_t ino)
{
	for (size_t i = 0; i < x->nlinked; i++)
		if (x->linked[i].ino == ino)
			return x->linked[i].path;
	return NULL;
}

static void remember_link(struct extract *x, uint64_t ino, const char *path)
{
	struct linked *grown = reallocarray(x->linked, x->nlinked + 1, sizeof *grown);
	if (!grown)
		return; /* then it will be written twice */
	x->linked = grown;
	x->linked[x->nlinked] = (struct linked){ino, strdup(path)};
	x->nlinked += x->linked[x->nlinked].path != NULL;
}

/* A second name of a file that was written already. */
static int extract_hard_link(struct extract *x, const char *first, int dir, const char *name)
{
	char temporary[64];
	place_temporary(temporary);
	return linkat(x->dest, first, dir, temporary, 0) < 0 ? -1 : place(dir, temporary, name, x->options->force);
}

/* What an earlier run has written has the size and the time of what it was made of,
 * to the second: file systems keep no more for sure.  Nothing has its name before
 * it is whole. */
static bool is_done(const struct stat *there, const struct stat *st)
{
	return (there->st_mode & S_IFMT) == (st->st_mode & S_IFMT) && there->st_size == st->st_size &&
	       (S_ISLNK(st->st_mode) || there->st_mtim.tv_sec == st->st_mtim.tv_sec);
}

static int extract_file(struct extract *x, const char *path, const struct mirror_ref *ref, struct error *err)
{
	const char *name, *first;
	struct stat st, there;
	int r = mirror_stat(x->m, ref, -1, &st, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	if (S_ISLNK(st.st_mode) && x->options->npy)
		return 0; /* to what has another name here */
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return error_set(err, ENOTSUP, "neither a file nor a link: skipped");
	int dir = folder_of(x, path, &name);
	if (dir < 0)
		return error_set(err, errno, "its folder cannot be made below DEST: %s", strerror(errno));
	if (!x->options->force && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!x->options->resume || !is_done(&there, &st))
			return error_set(err, EEXIST, "is there already%s (--force overwrites)", x->options->resume ? ", and another" : "");
		progress_add(&x->progress, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
		if (st.st_nlink > 1)
			remember_link(x, st.st_ino, path);
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return extract_symlink(x, ref, dir, name, err);
	if (st.st_nlink > 1 && (first = linked_path(x, st.st_ino)) && extract_hard_link(x, first, dir, name) == 0)
		return 0;
	r = extract_bytes(x, ref, dir, name, &st, err);
	if (r == 0 && st.st_nlink > 1)
		remember_link(x, st.st_ino, path);
	return r;
}

/* The path by which it is written. */
static const char *below_view(const struct extract *x, const char *path)
{
	size_t n = strlen(NPY_VIEW);
	return x->options->npy && strncmp(path, NPY_VIEW, n) == 0 ? path + n + (path[n] == '/') : path;
}

static int visit(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
{
	struct extract *x = arg;
	struct error err = {0};
	int r = 0;
	path = below_view(x, path);
	if (kind == WALK_FAULT) {
		complain(x, path, fault->text);
	} else if (kind == WALK_FILE) {
		r = extract_file(x, path, ref, &err);
		if (r < 0)
			complain(x, path, err.text);
	} else if (kind == WALK_SAME) {
		r = extract_same(x, path, below_view(x, same), &err);
		if (r < 0)
			complain(x, path, err.text);
	} else if (kind == WALK_EMPTY_DIR) {
		int fd = place_folder(x->dest, path);
		if (fd < 0)
			complain(x, path, strerror(errno));
		else
			close(fd);
	}
	return stopped;
}

static int visit_size(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref, const char *same,
		      const struct error *fault)
{
	struct extract *x = arg;
	struct error err = {0};
	struct stat st;
	(void)path, (void)same, (void)fault;
	if (kind == WALK_FILE && mirror_stat(x->m, ref, -1, &st, &err) == 0 && S_ISREG(st.st_mode))
		x->total += (uint64_t)st.st_size;
	return stopped;
}

/* --- all --------------------------------------------------------------- */

/* What is extracted into SOURCE itself would be met again, and again. */
static bool lies_in(const char *dest, const char *source)
{
	char *a = realpath(dest, NULL), *b = realpath(source, NULL);
	size_t n = b ? strlen(b) : 0;
	bool in = a && b && strncmp(a, b, n) == 0 && (a[n] == '/' || a[n] == '\0' || n == 1);
	free(a);
	free(b);
	return in;
}

static int open_destination(const struct options *o)
{
	if (mkdir(o->destination, 0777) < 0 && errno != EEXIST)
		return -1;
	return open(o->destination, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int found(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
{
	(void)path, (void)ref, (void)same, (void)fault;
	*(bool *)arg = kind != WALK_FAULT;
	return 1;
}

/* The PATH of an array, or of a directory of some, in the view; NULL without memory. */
static char *path_in_view(const struct extract *x, const char *path)
{
	char *in_view;
	bool is_there = false;
	if (asprintf(&in_view, NPY_VIEW "/%s", path) < 0)
		return NULL;
	walk(x->m, in_view, found, &is_there);
	if (is_there)
		return in_view;
	free(in_view);
	return asprintf(&in_view, NPY_VIEW "/%s.npy", path) < 0 ? NULL : in_view;
}

static void walk_given(struct extract *x, const char *path, walk_visit *each)
{
	char *in_view = x->options->npy ? path_in_view(x, path) : NULL;
	if (x->options->npy && !in_view)
		complain(x, path, strerror(ENOMEM));
	else
		walk(x->m, in_view ? in_view : path, each, x);
	free(in_view);
}

static void extract_all(struct extract *x)
{
	static char root_path[] = "", *whole[] = {root_path, NULL};
	char **paths = *x->options->paths ? x->options->paths : whole;
	if (progress_wanted()) /* only a bar needs to know */
		for (char **path = paths; *path && !stopped; path++)
			walk_given(x, *path, visit_size);
	x->progress = progress_begin(x->total);
	for (char **path = paths; *path && !stopped; path++)
		walk_given(x, *path, visit);
	progress_clear(&x->progress);
}

int extract_run(const struct options *o)
{
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct extract x = {.options = o, .m = opened.mirror, .folder_fd = -1, .dest = open_destination(o)};
	if (x.dest < 0) {
		log_say("%s: %s", o->destination, strerror(errno));
		x.failed = true;
	} else if (lies_in(o->destination, o->source)) {
		log_say("%s: lies in %s", o->destination, o->source);
		x.failed = true;
	} else {
		struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
		sigaction(SIGINT, &act, NULL);
		sigaction(SIGTERM, &act, NULL);
		sigaction(SIGHUP, &act, NULL);
		extract_all(&x);
	}
	if (x.folder_fd >= 0)
		close(x.folder_fd);
	if (x.dest >= 0)
		close(x.dest);
	free(x.folder);
	for (size_t i = 0; i < x.nlinked; i++)
		free(x.linked[i].path);
	free(x.linked);
	source_command_close(&opened);
	if (stopped) {
		signal(stopped, SIG_DFL);
		raise(stopped);
	}
	return x.failed;
}
