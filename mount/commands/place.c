/* SPDX-License-Identifier: MIT */
#include "mount/commands/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_beneath(int dir, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int place_folder(int dest, const char *path)
{
	int at = fcntl(dest, F_DUPFD_CLOEXEC, 3);
	for (const char *p = path; at >= 0 && *p;) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(p, "/");
		if (n > NAME_MAX) {
			close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, p, n);
		name[n] = '\0';
		p += n + (p[n] == '/');
		if (mkdirat(at, name, 0777) < 0 && errno != EEXIST) {
			int code = errno;
			close(at);
			errno = code;
			return -1;
		}
		int below = open_beneath(at, name), code = errno;
		close(at);
		errno = code;
		at = below;
	}
	return at;
}

static void name_temporary(char ret[PLACE_TEMPORARY])
{
	static unsigned count;
	snprintf(ret, PLACE_TEMPORARY, ".arrayfs-%ld-%u~", (long)getpid(), count++);
}

/* An existing name belongs to a process with the same pid: one that was killed, or one on
 * another host or in another pid namespace. Race: a concurrent place_clean() may lock or
 * remove the file before it is locked here; so never wait for the lock, check under it
 * that the file still has a name, and else retry with another. */
int place_create(int dir, char ret[PLACE_TEMPORARY])
{
	for (;;) {
		struct stat st;
		name_temporary(ret);
		int fd = openat(dir, ret, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd < 0 && errno == EEXIST)
			continue;
		bool locked = fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
		if (fd < 0 || (locked && (fstat(fd, &st) < 0 || st.st_nlink > 0)))
			return fd;
		if (!locked)
			unlinkat(dir, ret, 0);
		close(fd);
	}
}

int place(int dir, const char *temporary, const char *name, bool over)
{
	int r = renameat2(dir, temporary, dir, name, over ? 0 : RENAME_NOREPLACE);
	if (r < 0 && errno == EINVAL && !over) { /* the file system does not support RENAME_NOREPLACE */
		r = linkat(dir, temporary, dir, name, 0);
		if (r == 0)
			unlinkat(dir, temporary, 0);
	}
	if (r < 0) {
		int code = errno;
		unlinkat(dir, temporary, 0);
		errno = code;
	}
	return r;
}

static int make_link(const char *target, int from, int dir, const char *name)
{
	return from < 0 ? symlinkat(target, dir, name) : linkat(from, target, dir, name, 0);
}

int place_link(const char *target, int from, int dir, const char *name, bool over)
{
	char temporary[PLACE_TEMPORARY];
	int r;
	if (!over)
		return make_link(target, from, dir, name);
	do
		name_temporary(temporary);
	while ((r = make_link(target, from, dir, temporary)) < 0 && errno == EEXIST);
	if (r < 0 || (r = place(dir, temporary, name, true)) < 0)
		return r;
	unlinkat(dir, temporary, 0); /* rename() leaves it if both names are links to one file */
	return 0;
}

/* --- what others left ------------------------------------------------------- */

static bool is_temporary(const char *name)
{
	long pid;
	unsigned count;
	int end = 0;
	return sscanf(name, ".arrayfs-%ld-%u~%n", &pid, &count, &end) == 2 && end > 0 && name[end] == '\0';
}

/* Removes a temporary file, unless a living writer holds its lock. */
static void remove_unlocked(int dir, const char *name)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
	if (fd >= 0)
		close(fd);
}

void place_clean(int dir, bool (*keep)(void *arg, const char *name), void *arg)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	for (struct dirent *e; d && (e = readdir(d));)
		if (is_temporary(e->d_name) && !keep(arg, e->d_name))
			remove_unlocked(dir, e->d_name);
	if (d)
		closedir(d);
	else if (copy >= 0)
		close(copy);
}
