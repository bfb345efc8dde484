/* SPDX-License-Identifier: MIT */
#include "fs/source/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int system_error(struct error *err, int code)
{
	return error_set(err, code, "%s", code == EXDEV ? "a path that leads out of the folder" : strerror(code));
}

static int open_how(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

/* Opens `path` below `dir` if it is a regular file.  Checks through O_PATH first, so
 * that no FIFO or device is touched; and once more when open, in case it was replaced. */
static int open_regular(int dir, const char *path, uint64_t resolve, struct error *err)
{
	struct stat st, opened;
	int at = open_how(dir, path, O_PATH, resolve);
	if (at < 0)
		return system_error(err, errno);
	int r = fstat(at, &st) < 0 ? -errno : 0;
	close(at);
	if (r < 0)
		return system_error(err, -r);
	if (!S_ISREG(st.st_mode))
		return error_set(err, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "not a regular file");

	int fd = open_how(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, resolve);
	if (fd < 0)
		return system_error(err, errno);
	if (fstat(fd, &opened) < 0 || !S_ISREG(opened.st_mode)) {
		close(fd);
		return error_set(err, EINVAL, "not a regular file");
	}
	return fd;
}

int folder_join(const struct folder *folder, const char *path, char ret[PATH_MAX], struct error *err)
{
	int n = snprintf(ret, PATH_MAX, "%s%s%s", folder->path, folder->path[0] ? "/" : "", path);
	return n < PATH_MAX ? 0 : system_error(err, ENAMETOOLONG);
}

int folder_fd(const struct folder *folder, struct error *err)
{
	uint64_t resolve = folder->confined ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS : 0;
	int fd = open_how(folder->dir, folder->path[0] ? folder->path : ".", O_PATH | O_DIRECTORY, resolve);
	return fd < 0 ? system_error(err, errno) : fd;
}

/* Checks that all components of `path` but the last are plain folders, not links. */
static int check_parents(const struct folder *folder, const char *path, struct error *err)
{
	char parents[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r = 0;

	if (!slash)
		return 0;
	int base = folder_fd(folder, err);
	if (base < 0)
		return base;
	snprintf(parents, sizeof parents, "%.*s", (int)(slash - path), path);
	int fd = open_how(base, parents, O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		r = errno == ELOOP ? error_set(err, ELOOP, "its folder is a symbolic link") : system_error(err, errno);
	else
		close(fd);
	close(base);
	return r;
}

int folder_open(const struct folder *folder, const char *path, enum reach reach, struct error *err)
{
	char full[PATH_MAX];
	uint64_t confine = folder->confined ? RESOLVE_BENEATH : 0;
	int r = folder_join(folder, path, full, err);
	if (r < 0)
		return r;

	switch (reach) {
	case REACH_EXACT:
		return open_regular(folder->dir, full, confine | RESOLVE_NO_SYMLINKS, err);
	case REACH_HUB:
		if ((r = check_parents(folder, path, err)) < 0)
			return r;
		break;
	case REACH_ANY:
		break;
	case REACH_BENEATH:
		if ((r = folder_fd(folder, err)) < 0)
			return r;
		int fd = open_regular(r, path, RESOLVE_BENEATH, err);
		close(r);
		return fd;
	}
	return open_regular(folder->dir, full, confine, err);
}
