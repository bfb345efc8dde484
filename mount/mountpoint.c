/* SPDX-License-Identifier: MIT */
#include "mount/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mount/log.h"

/* The numbers of /dev/fuse: Documentation/admin-guide/devices.txt. */
enum { MISC = 10, FUSE = 229 };

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

static int open_directory(struct mountpoint *p, const char *path, bool nonempty, struct error *err)
{
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && errno == ENOENT && mkdir(path, 0777) == 0) {
		p->made = true;
		setxattr(path, mountpoint_mark, "1", 1, 0); /* for an unmount after the daemon was killed */
		p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (p->dir < 0 && errno == EACCES) /* may still be mounted over by who owns it not */
		p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0 && errno == ENOTCONN)
		return error_set(err, ENOTCONN, "mounted by a daemon that has ended (arrayfs -u cleans up)");
	if (p->dir < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (!realpath(path, p->path))
		return error_set(err, errno, "%s", strerror(errno));
	if (!nonempty && !is_empty(p->dir))
		return error_set(err, ENOTEMPTY, "not empty (-o nonempty mounts over it)");
	flock(p->dir, LOCK_SH | LOCK_NB); /* where the file system has no locks, nobody can wait */
	return 0;
}

static bool is_number(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n > 0 && n < 9 && text[n] == '\0';
}

int mountpoint_prepare(struct mountpoint *ret, const char *path, bool nonempty, struct error *err)
{
	*ret = (struct mountpoint){.dir = -1};
	if (strncmp(path, "/dev/fd/", 8) == 0) {
		struct stat st;
		int fd = atoi(path + 8);
		ret->handed = true;
		snprintf(ret->path, sizeof ret->path, "/dev/fd/%d", fd);
		if (!is_number(path + 8) || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(MISC, FUSE))
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

/* Undoes the octal escapes of mountinfo. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; to++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	*to = '\0';
}

/* proc(5), /proc/PID/mountinfo: id, parent, major:minor, root, mount point,
 * options, optional fields, "-", type, source, super options. */
bool mountpoint_look(const char *path, struct mounted *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, place[PATH_MAX];
	size_t room = 0;
	bool found = false;
	while (f && getline(&line, &room, f) > 0) {
		unsigned major, minor;
		const char *type = strstr(line, " - ");
		if (!type || sscanf(line, "%*d %*d %u:%u %*s %4095s", &major, &minor, place) != 3)
			continue;
		unescape(place);
		if (strcmp(place, path) != 0)
			continue;
		found = sscanf(type + 3, "%63s", ret->type) == 1; /* the last one is on top */
		ret->major = major;
		ret->minor = minor;
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* As an ordinary user, by the helper that may. */
static int by_helper(const char *path, bool detach, char *words, size_t room)
{
	int capture = log_capture_begin(), status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", detach ? "-uz" : "-u", "--", path, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	log_capture_end(capture, words, room);
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
