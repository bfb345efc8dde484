/* SPDX-License-Identifier: MIT */
/* What the system tells of who may read a file: its mode, its access control list, the
 * folders on the way. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/access.h"

/* --- access control lists: acl(5) ------------------------------------------- */

static const char acl_name[] = "system.posix_acl_access";
enum { ACL_VERSION = 2, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16 };

/* u32 version, and entries {u16 tag, u16 permissions, u32 whose}, little-endian. */
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
	named = any ? named & mask : 7; /* they may be of the group, or others */
	return owner | (mode & (group & mask & named) << 3) | (mode & named);
}

/* A list that cannot be read might deny it to all but the owner. */
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

/* The absolute path of what is open. */
static int real_path(int fd, char ret[PATH_MAX])
{
	char proc[64];
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(proc, ret, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return n > 0 && n < PATH_MAX - 1 && ret[0] == '/' ? 0 : -ENOENT;
}

/* Is that the folder, or below it? */
static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return n == 1 || (strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

static int through(int dir, const char *path, uid_t self, struct access *a)
{
	struct stat st;
	int r = access_lstat(dir, path, &st);
	if (r == 0 && !S_ISDIR(st.st_mode))
		r = -ELOOP;
	if (r == 0)
		*a = access_through(*a, access_of(&st), self);
	return r;
}

/* Through the folders of an absolute path, but those that lead to `to`, if it lies
 * below `from`; both may be NULL. */
static int through_all(char *path, const char *from, const char *to, struct access *a)
{
	uid_t self = geteuid();
	int r = from ? 0 : through(AT_FDCWD, "/", self, a);
	for (char *slash = strchr(path + 1, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!(from && (is_below(from, path) || (is_below(path, from) && is_below(to, path)))))
			r = through(AT_FDCWD, path, self, a);
		*slash = '/';
	}
	return r;
}

int access_outside(int fd, struct stat *ret_st, struct access *ret)
{
	char path[PATH_MAX];
	int r = access_fstat(fd, ret_st);
	if (r == 0)
		r = real_path(fd, path);
	*ret = access_of(ret_st);
	return r < 0 ? r : through_all(path, NULL, NULL, ret);
}

/* No link on the way, and none at the end: else -ELOOP. */
static int find_plain(int base, const char *path, struct stat *ret_st, struct access *ret)
{
	char part[PATH_MAX];
	uid_t self = geteuid();
	int r = access_lstat(base, path, ret_st);
	if (r == 0 && S_ISLNK(ret_st->st_mode))
		r = -ELOOP;
	*ret = access_of(ret_st);
	for (const char *slash = strchr(path, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (strcmp(part, ".") != 0)
			r = through(base, part, self, ret);
	}
	return r;
}

static int find_linked(const struct folder *folder, int base, const char *path, struct stat *ret_st, struct access *ret)
{
	char real[PATH_MAX], real_base[PATH_MAX], real_top[PATH_MAX];
	int fd = openat(base, path, O_PATH | O_CLOEXEC);
	int r = fd < 0 ? -errno : access_fstat(fd, ret_st);
	if (r == 0)
		r = real_path(fd, real);
	if (r == 0)
		r = real_path(base, real_base);
	if (r == 0)
		r = real_path(folder->dir, real_top);
	if (fd >= 0)
		close(fd);
	*ret = access_of(ret_st);
	if (r < 0)
		return r;
	if (is_below(real, real_base))
		return through_all(real, real_base, real_base, ret);
	return is_below(real, real_top) ? through_all(real, real_top, real_base, ret) : through_all(real, NULL, NULL, ret);
}

int access_find(const struct folder *folder, const char *path, struct stat *ret_st, struct access *ret)
{
	int base = folder_fd(folder, NULL);
	*ret_st = (struct stat){0};
	if (base < 0)
		return base;
	int r = find_plain(base, path, ret_st, ret);
	if (r == -ELOOP)
		r = find_linked(folder, base, path, ret_st, ret);
	close(base);
	return r;
}
