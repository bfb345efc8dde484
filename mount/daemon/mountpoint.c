/* SPDX-License-Identifier: MIT */
#include "mount/daemon/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "mount/log.h"

/* MISC, FUSE: device number of /dev/fuse, see Documentation/admin-guide/devices.txt. */
enum { MISC = 10, FUSE = 229, PATIENCE_MS = 10000 };

const char mountpoint_mark[] = "user.arrayfs.made";

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	bool empty = true;
	while (d && empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

/* Rejects a path where arrayfs is mounted already. Opening the path would reach the
 * mounted file system, which may not answer, so this asks the kernel's mount list
 * instead. */
static int check_mounted(const char *path, bool nonempty, struct error *err)
{
	char real[PATH_MAX];
	struct mounted mounted;
	if (nonempty || mountpoint_resolve(path, real) < 0 || !mountpoint_look(real, &mounted) ||
	    strcmp(mounted.type, "fuse.arrayfs") != 0)
		return 0;
	return error_set(err, EBUSY, "%.150s is mounted there already (arrayfs unmount ends it)", mounted.source);
}

static int open_directory(struct mountpoint *p, const char *path, bool nonempty, struct error *err)
{
	int r = check_mounted(path, nonempty, err);
	if (r < 0)
		return r;
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && errno == ENOENT && mkdir(path, 0777) == 0) {
		p->made = true;
		setxattr(path, mountpoint_mark, "1", 1, 0); /* lets arrayfs unmount remove it after the daemon was killed */
		p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (p->dir < 0 && errno == EACCES) /* the user may mount over it even without read permission */
		p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && errno == ENOTCONN)
		return error_set(err, ENOTCONN, "mounted by a daemon that has ended (arrayfs unmount cleans up)");
	if (p->dir < 0 && errno == ENOTDIR)
		return error_set(err, ENOTDIR, "Not a directory to mount on (SOURCE comes first; arrayfs diff compares two)");
	if (p->dir < 0 && errno == ENOENT)
		return error_set(err, ENOENT, "No such file or directory, nor the one above it (mkdir -p creates both)");
	if (p->dir < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (!realpath(path, p->path))
		return error_set(err, errno, "%s", strerror(errno));
	if (!nonempty && !is_empty(p->dir))
		return error_set(err, ENOTEMPTY, "not empty (-o nonempty mounts over it)");
	flock(p->dir, LOCK_SH | LOCK_NB); /* fails where the file system has no locks: then nobody can wait */
	return 0;
}

static bool is_number(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n > 0 && n < 9 && text[n] == '\0';
}

bool mountpoint_is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(MISC, FUSE);
}

int mountpoint_prepare(struct mountpoint *ret, const char *path, bool nonempty, struct error *err)
{
	*ret = (struct mountpoint){.dir = -1};
	if (strncmp(path, "/dev/fd/", 8) == 0) {
		struct stat st;
		int fd = atoi(path + 8);
		ret->handed = true;
		snprintf(ret->path, sizeof ret->path, "/dev/fd/%d", fd);
		if (!is_number(path + 8) || fstat(fd, &st) < 0 || !mountpoint_is_device(&st))
			return error_set(err, EBADF, "not an open /dev/fuse");
		return 0;
	}
	int r = open_directory(ret, path, nonempty, err);
	if (r < 0)
		mountpoint_finish(ret);
	return r;
}

void mountpoint_finish(struct mountpoint *p)
{
	if (p->made)
		rmdir(p->path);
	p->made = false;
	if (p->dir >= 0)
		close(p->dir);
	p->dir = -1;
}

/* Waits for the process to end, with a timeout after which it is killed. */
static bool await_end(pid_t pid, int *ret_status)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		pid_t r = waitpid(pid, ret_status, WNOHANG);
		if (r == pid || (r < 0 && errno != EINTR))
			return r == pid;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	kill(pid, SIGKILL);
	return false;
}

/* For an ordinary user: by the setuid helper. */
static int by_helper(const char *path, bool detach, char *words, size_t room)
{
	int capture = log_capture_begin(), status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", detach ? "-uz" : "-u", "--", path, NULL);
		_exit(127);
	}
	bool ended = pid < 0 || await_end(pid, &status);
	log_capture_end(capture, words, room);
	if (!ended)
		snprintf(words, room, "fusermount3 did not answer for %d seconds", PATIENCE_MS / 1000);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

int mountpoint_unmount(const char *path, bool detach, char *words, size_t room)
{
	*words = '\0';
	if (umount2(path, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)) == 0)
		return 0;
	int r = -errno;
	if (r == -EPERM)
		r = by_helper(path, detach, words, room);
	if (r < 0 && strstr(words, "busy"))
		r = -EBUSY;
	if (r < 0 && !*words)
		snprintf(words, room, "%s", strerror(-r));
	return r;
}
