/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/list.h"
#include "mount/commands/copy.h"
#include "mount/commands/extract.h"
#include "mount/commands/place.h"
#include "mount/commands/walk.h"

/* Sets the error from errno, as a fault of DEST. */
static int dest_fault(struct extract *x, struct error *err)
{
	int code = errno;
	x->in_dest = true;
	return error_set(err, code, "%s", strerror(code));
}

/* --- below DEST -------------------------------------------------------- */

/* Does SOURCE have something of that name? Then it is no leftover temporary file. */
static bool is_in_source(void *arg, const char *name)
{
	struct extract *x = arg;
	struct mirror_ref ref;
	struct error err = {0};
	char *path;
	if (asprintf(&path, "%s/%s/%s", x->options->npy ? NPY_VIEW : "", x->folder, name) < 0)
		return true;
	int r = walk_resolve(x->m, path, false, &ref, &err);
	if (r == 0)
		mirror_put(x->m, &ref);
	free(path);
	return r != -ENOENT;
}

/* Cleans the current folder, once. */
static void clean_folder(struct extract *x)
{
	struct stat st;
	uint64_t *done = fstat(x->folder_fd, &st) == 0 ? idmap_at(&x->cleaned, (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 48) : NULL;
	if (done && !*done)
		place_clean(x->folder_fd, is_in_source, x);
	if (done)
		*done = 1;
}

static int folder_fault(struct extract *x, struct error *err)
{
	const char *why = errno == ELOOP ? "a link stands where its folder should" :
			  errno == ENOTDIR ? "a file stands where its folder should" : NULL;
	if (!why)
		return dest_fault(x, err);
	x->in_dest = true;
	return error_set(err, errno, "%s", why);
}

/* Opens the folder of a path (kept open for the next file); *ret_name is the last component. */
static int folder_of(struct extract *x, const char *path, const char **ret_name, struct error *err)
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
		int r = folder_fault(x, err);
		free(x->folder);
		x->folder = NULL;
		return r;
	}
	if (x->options->resume)
		clean_folder(x);
	return x->folder_fd;
}

int extract_empty_folder(struct extract *x, const char *path, struct error *err)
{
	int fd = place_folder(x->dest, path);
	if (fd < 0)
		return folder_fault(x, err);
	close(fd);
	return 0;
}

/* --- what is there already --------------------------------------------- */

static int another(struct extract *x, struct error *err)
{
	x->in_dest = true;
	return error_set(err, EEXIST, "already exists%s (--force overwrites)", x->options->resume ? ", but is different" : "");
}

/* Returns 1 if an earlier run has made the link, 0 if nothing is there. */
static int find_symlink(struct extract *x, const char *target, int dir, const char *name, struct error *err)
{
	char found[PATH_MAX];
	struct stat there;
	if (x->options->force || fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	ssize_t n = x->options->resume ? readlinkat(dir, name, found, sizeof found) : -1;
	return n >= 0 && (size_t)n == strlen(target) && memcmp(found, target, (size_t)n) == 0 ? 1 : another(x, err);
}

/* Likewise for a file. An earlier run's file has the size of its origin, and its time to
 * the second (file systems guarantee no finer resolution). No file gets its name before
 * it is complete. */
static int find_file(struct extract *x, const struct stat *st, int dir, const char *name, struct error *err)
{
	struct stat there;
	if (x->options->force || fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return x->options->resume && S_ISREG(there.st_mode) && there.st_size == st->st_size &&
	       there.st_mtim.tv_sec == st->st_mtim.tv_sec ? 1 : another(x, err);
}

/* --- files ------------------------------------------------------------- */

static int on_progress(void *arg, uint64_t bytes)
{
	struct extract *x = arg;
	progress_add(&x->progress, bytes);
	return extract_stopped;
}

static int write_file(struct extract *x, const struct mirror_ref *ref, int dir, const char *name, const struct stat *st,
		      struct error *err)
{
	char temporary[PLACE_TEMPORARY];
	int fd = place_create(dir, temporary);
	if (fd < 0)
		return dest_fault(x, err);
	struct copy c = {.out = fd, .progress = on_progress, .arg = x, .memory = &x->memory};
	int r = copy_file(x->m, ref, &c, err);
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	x->in_dest = c.writing;
	futimens(fd, times);
	int lock = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* keeps the flock until the file has its final name */
	if (close(fd) < 0 && r == 0)
		r = dest_fault(x, err);
	if (r != 0)
		unlinkat(dir, temporary, 0);
	else if (place(dir, temporary, name, x->options->force) < 0)
		r = dest_fault(x, err);
	if (lock >= 0)
		close(lock);
	return r;
}

/* --- several names ------------------------------------------------------- */

static void remember(struct extract *x, uint64_t ino, const char *path)
{
	uint64_t *number = idmap_at(&x->written, ino);
	if (!number || *number)
		return; /* without memory, it is just written twice */
	char **grown = list_grow(x->paths, x->npaths, sizeof *grown);
	if (!grown)
		return;
	x->paths = grown;
	char *copy = strdup(path);
	if (copy) {
		x->paths[x->npaths++] = copy;
		*number = x->npaths;
	}
}

/* Hard-links a file that was written before; returns false if that fails. */
static bool link_file(struct extract *x, uint64_t ino, int dir, const char *name)
{
	uint64_t number = idmap_get(&x->written, ino);
	if (!number)
		return false;
	char *first = strdup(x->paths[number - 1]), *slash = first ? strrchr(first, '/') : NULL;
	if (slash)
		*slash = '\0';
	int from = first ? place_folder(x->dest, slash ? first : "") : -1;
	bool linked = from >= 0 && place_link(slash ? slash + 1 : first, from, dir, name, x->options->force) == 0;
	if (from >= 0)
		close(from);
	free(first);
	return linked;
}

static int extract_regular(struct extract *x, const char *path, const struct mirror_ref *ref, const struct stat *st,
			   struct error *err)
{
	const char *name;
	int dir = folder_of(x, path, &name, err);
	int r = dir < 0 ? dir : find_file(x, st, dir, name, err);
	if (r < 0)
		return r;
	if (r == 1)
		progress_add(&x->progress, (uint64_t)st->st_size);
	else if (st->st_nlink > 1 && link_file(x, st->st_ino, dir, name))
		return 0;
	else if ((r = write_file(x, ref, dir, name, st, err)) != 0)
		return r;
	if (st->st_nlink > 1)
		remember(x, st->st_ino, path);
	return 0;
}

/* --- links ----------------------------------------------------------------- */

static int extract_symlink(struct extract *x, const char *path, const char *target, struct error *err)
{
	const char *name;
	int dir = folder_of(x, path, &name, err);
	int r = dir < 0 ? dir : find_symlink(x, target, dir, name, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return place_link(target, -1, dir, name, x->options->force) < 0 ? dest_fault(x, err) : 0;
}

int extract_same(struct extract *x, const char *path, const char *same, struct error *err)
{
	const char *rest = path, *to = same;
	char target[PATH_MAX];
	size_t n = 0;
	/* The link need not climb out of the paths' common prefix. */
	for (size_t i = 0; path[i] && path[i] == same[i]; i++)
		if (path[i] == '/')
			rest = path + i + 1, to = same + i + 1;
	for (const char *slash = strchr(rest, '/'); slash && n + 3 < sizeof target; slash = strchr(slash + 1, '/'))
		n += (size_t)snprintf(target + n, sizeof target - n, "../");
	if ((size_t)snprintf(target + n, sizeof target - n, "%s", to) >= sizeof target - n)
		return error_set(err, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	return extract_symlink(x, path, target, err);
}

int extract_file(struct extract *x, const char *path, const struct mirror_ref *ref, struct error *err)
{
	char target[PATH_MAX];
	struct stat st;
	int r = mirror_stat(x->m, ref, -1, &st, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	if (S_ISREG(st.st_mode))
		return extract_regular(x, path, ref, &st, err);
	if (!S_ISLNK(st.st_mode))
		return error_set(err, ENOTSUP, "neither a file nor a link: skipped");
	if (x->options->npy)
		return 0; /* its target has another name in this view */
	r = mirror_readlink(x->m, ref, target, err);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : extract_symlink(x, path, target, err);
}

void extract_free(struct extract *x)
{
	if (x->folder_fd >= 0)
		close(x->folder_fd);
	if (x->dest >= 0)
		close(x->dest);
	free(x->folder);
	for (size_t i = 0; i < x->npaths; i++)
		free(x->paths[i]);
	free(x->paths);
	copy_memory_close(&x->memory);
	idmap_free(&x->written);
	idmap_free(&x->cleaned);
}
