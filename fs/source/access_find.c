/* SPDX-License-Identifier: MIT */
/* Finds out who may read a file: from its mode, its access control list and the folders
 * on its path. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "fs/source/access.h"

/* --- access control lists: acl(5) ------------------------------------------- */

static const char acl_name[] = "system.posix_acl_access";
enum { ACL_VERSION = 2, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16 };

/* u32 version, then entries {u16 tag, u16 permissions, u32 uid or gid}, little-endian. */
mode_t access_mode(mode_t mode, struct slice acl)
{
	struct cursor c = cursor_over(acl);
	mode_t owner = mode & ~(mode_t)077, group = 0, mask = 7, named = 7;
	bool any = false;
	if (cursor_u32le(&c) != ACL_VERSION)
		return owner;
	while (!c.failed && cursor_left(&c) > 0) {
		unsigned tag = cursor_u16le(&c), permissions = cursor_u16le(&c);
		cursor_skip(&c, 4);
		any |= tag == ACL_USER || tag == ACL_GROUP;
		if (tag == ACL_USER || tag == ACL_GROUP)
			named &= permissions;
		else if (tag == ACL_GROUP_OBJ)
			group = permissions;
		else if (tag == ACL_MASK)
			mask = permissions;
	}
	if (c.failed)
		return owner;
	named = any ? named & mask : 7; /* a named user may be in the group or in other */
	return owner | (mode & (group & mask & named) << 3) | (mode & named);
}

/* Applies the ACL to st_mode.  One that cannot be read may deny everyone but the owner. */
static void heed(struct stat *st, const uint8_t *list, ssize_t n)
{
	if (n >= 0)
		st->st_mode = (st->st_mode & S_IFMT) | access_mode(st->st_mode & 07777, (struct slice){list, (size_t)n});
	else if (errno != ENODATA && errno != EOPNOTSUPP)
		st->st_mode &= ~(mode_t)077;
}

static bool may_have_list(const struct stat *st)
{
	return !S_ISLNK(st->st_mode) && (st->st_mode & 077);
}

enum { LIST_MAX = 4 + 8 * 1024 };

int access_lstat(int dir, const char *path, struct stat *ret)
{
	char full[PATH_MAX];
	uint8_t list[LIST_MAX];
	if (fstatat(dir, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!may_have_list(ret))
		return 0;
	int n = dir == AT_FDCWD ? snprintf(full, sizeof full, "%s", path)
				: snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dir, path);
	errno = ENAMETOOLONG;
	heed(ret, list, n < PATH_MAX ? lgetxattr(full, acl_name, list, sizeof list) : -1);
	return 0;
}

int access_fstat(int fd, struct stat *ret)
{
	char proc[64];
	uint8_t list[LIST_MAX];
	if (fstat(fd, ret) < 0)
		return -errno;
	if (!may_have_list(ret))
		return 0;
	ssize_t n = fgetxattr(fd, acl_name, list, sizeof list);
	if (n < 0 && errno == EBADF) { /* O_PATH */
		snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
		n = getxattr(proc, acl_name, list, sizeof list);
	}
	heed(ret, list, n);
	return 0;
}

/* --- folders ------------------------------------------------------------------- */

/*
 * Race: whoever must be kept out may be able to redirect a path between two lookups.  So
 * only open descriptors are examined, and folders are walked upwards from them, by "..".
 */
enum { FOLDER = O_PATH | O_DIRECTORY | O_CLOEXEC };

static bool is_shown(const struct access_from *from, const struct stat *st)
{
	for (unsigned i = 0; i < from->count; i++)
		if (from->shown[i].dev == st->st_dev && from->shown[i].ino == st->st_ino)
			return true;
	return false;
}

/* Records the folder, which it closes, and all above it, up to the first that is shown
 * (not recorded) or to the root.  `from` may be NULL: then none is shown. */
static int climb(int folder, const struct access_from *from, struct access_way *ret)
{
	struct stat st, below = {0};
	ret->count = 0;
	ret->closed = false;
	for (bool first = true; folder >= 0; first = false) {
		int r = access_fstat(folder, &st), above = -1;
		bool top = r < 0 || (from && is_shown(from, &st)) ||
			   (!first && st.st_dev == below.st_dev && st.st_ino == below.st_ino);
		if (!top && ret->count < ACCESS_DEPTH)
			ret->folders[ret->count++] = access_of(&st);
		else if (!top)
			ret->closed = top = true;
		if (!top && (above = openat(folder, "..", FOLDER)) < 0)
			r = -errno;
		close(folder);
		if (r < 0 || top)
			return r;
		below = st;
		folder = above;
	}
	return -errno;
}

static struct access go(struct access a, const struct access_way *way, uid_t self)
{
	for (unsigned i = 0; i < way->count; i++)
		a = access_through(a, way->folders[i], self);
	if (way->closed)
		a.mode &= 0700;
	return a;
}

/* Records the shown folders, from the base upwards to `top`; just the base if it is not
 * below `top`. */
static int note_shown(int top, struct access_from *from)
{
	enum { MOST = sizeof from->shown / sizeof *from->shown };
	struct stat st, last;
	unsigned n = 0;
	if (fstat(top, &last) < 0)
		return -errno;
	int folder = fcntl(from->base, F_DUPFD_CLOEXEC, 0);
	while (folder >= 0 && n < MOST && fstat(folder, &st) == 0 &&
	       !(n > 0 && from->shown[n - 1].dev == st.st_dev && from->shown[n - 1].ino == st.st_ino)) {
		from->shown[n].dev = st.st_dev;
		from->shown[n++].ino = st.st_ino;
		bool end = st.st_dev == last.st_dev && st.st_ino == last.st_ino;
		int above = end ? -1 : openat(folder, "..", FOLDER);
		close(folder);
		folder = above;
		if (end)
			from->count = n;
	}
	if (folder >= 0)
		close(folder);
	if (n > 0 && from->count == 0)
		from->count = 1;
	return n > 0 ? 0 : -ENOENT;
}

int access_from(const struct folder *folder, struct access_from *ret)
{
	ret->count = 0;
	ret->parent = -1;
	ret->self = access_self();
	ret->base = folder_fd(folder, NULL);
	int r = ret->base < 0 ? ret->base : note_shown(folder->dir, ret);
	if (r < 0 && ret->base >= 0)
		close(ret->base);
	if (r < 0)
		ret->base = -1;
	return r;
}

void access_from_close(struct access_from *from)
{
	if (from->parent >= 0)
		close(from->parent);
	if (from->base >= 0)
		close(from->base);
}

/* Opens the folder that holds the path's last component, relative to `dir`; *ret_name
 * points to that component. */
static int open_parent(int dir, const char *path, const char **ret_name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 0, path);
	int r = openat(dir, *parent ? parent : slash ? "/" : ".", FOLDER);
	return r < 0 ? -errno : r;
}

/* Opens the folder that an open file is in; -ESTALE if the file is no longer there. */
static int parent_of(int fd, const struct stat *st)
{
	char proc[64], real[PATH_MAX];
	const char *name;
	struct stat there;
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(proc, real, sizeof real - 1);
	if (n < 1 || n >= PATH_MAX - 1 || real[0] != '/')
		return -ENOENT;
	real[n] = '\0';
	int parent = open_parent(AT_FDCWD, real, &name);
	if (parent < 0 || (fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_dev == st->st_dev &&
			   there.st_ino == st->st_ino))
		return parent;
	close(parent);
	return -ESTALE;
}

int access_outside(int fd, struct stat *ret_st, struct access *ret)
{
	int r = access_fstat(fd, ret_st);
	*ret = access_of(ret_st);
	if (r < 0)
		return r;
	struct access_way way;
	int parent = S_ISDIR(ret_st->st_mode) ? openat(fd, "..", FOLDER) : parent_of(fd, ret_st);
	r = parent < 0 ? -ENOENT : climb(parent, NULL, &way);
	if (r == 0)
		*ret = go(*ret, &way, geteuid());
	return r;
}

/* Opens the path's folder as from->parent, unless the last lookup left it open. */
static int enter(struct access_from *from, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (from->parent >= 0 && strlen(from->path) == n && memcmp(from->path, path, n) == 0)
		return 0;
	if (from->parent >= 0)
		close(from->parent);
	from->parent = from->base < 0 ? -EBADF : open_parent(from->base, path, ret_name);
	if (from->parent < 0)
		return from->parent;
	snprintf(from->path, sizeof from->path, "%.*s", (int)n, path);
	int folder = fcntl(from->parent, F_DUPFD_CLOEXEC, 0);
	return folder < 0 ? -errno : climb(folder, from, &from->way);
}

bool access_settled(const struct stat *st)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec > st->st_ctim.tv_sec + 1;
}

struct access_seen access_seen(const struct stat *st)
{
	return (struct access_seen){.dev = st->st_dev, .ino = st->st_ino, .mode = st->st_mode, .changed = st->st_ctim,
				    .file = access_of(st), .settled = access_settled(st)};
}

/* Looks up a file in from->parent that is not a link. */
static int find_there(const struct access_from *from, const char *name, struct access_seen *seen, struct stat *st,
		      struct access *ret)
{
	if (seen->settled && seen->dev == st->st_dev && seen->ino == st->st_ino && seen->mode == st->st_mode &&
	    seen->changed.tv_sec == st->st_ctim.tv_sec && seen->changed.tv_nsec == st->st_ctim.tv_nsec) {
		*ret = seen->file;
		return 0;
	}
	int fd = openat(from->parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : fstat(fd, st) < 0 ? -errno : 0;
	*seen = (struct access_seen){.dev = st->st_dev, .ino = st->st_ino, .mode = st->st_mode, .changed = st->st_ctim};
	seen->settled = r == 0 && access_settled(st);
	if (r == 0)
		r = S_ISLNK(st->st_mode) ? -ESTALE : access_fstat(fd, st);
	seen->settled &= r == 0;
	seen->file = *ret = access_of(st);
	if (fd >= 0)
		close(fd);
	return r;
}

/* Looks up the target of a link in from->parent, and the folders on its path. */
static int find_behind(const struct access_from *from, const char *name, struct access_way *way, struct stat *st,
		       struct access *ret)
{
	int fd = openat(from->parent, name, O_PATH | O_CLOEXEC);
	int r = fd < 0 ? -errno : access_fstat(fd, st);
	int parent = r < 0 ? r : parent_of(fd, st);
	if (fd >= 0)
		close(fd);
	*ret = access_of(st);
	return parent < 0 ? parent : climb(parent, from, way);
}

int access_find(struct access_from *from, const char *path, struct access_seen *seen, struct stat *ret_st,
		struct access *ret)
{
	struct access_way behind, *way = &from->way;
	const char *name;
	*ret_st = (struct stat){0};
	int r = enter(from, path, &name);
	if (r < 0) {
		if (from->parent >= 0)
			close(from->parent);
		from->parent = -1;
		return r;
	}
	if (fstatat(from->parent, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(ret_st->st_mode))
		r = find_behind(from, name, way = &behind, ret_st, ret);
	else
		r = find_there(from, name, seen, ret_st, ret);
	if (r == 0)
		*ret = go(*ret, way, from->self.uid);
	return r;
}
