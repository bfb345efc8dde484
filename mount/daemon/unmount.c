/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "mount/daemon/daemon.h"
#include "mount/daemon/mountpoint.h"
#include "mount/log.h"

enum { A_SECOND_MS = 1000, PATIENCE_MS = 10000 };

static int unmount(const char *shown, const char *path)
{
	char words[256];
	int r = mountpoint_unmount(path, false, words, sizeof words);
	if (r == -EBUSY)
		log_say("%s: in use: a file in it is open, or it is somebody's working directory (fuser -m %s shows by whom)", shown, shown);
	else if (r < 0)
		log_say("%s: cannot be unmounted: %s", shown, words);
	return r;
}

/* --- waiting --------------------------------------------------------------- */

/* Any step may block on a file system that does not answer: the one the mountpoint lies
 * on, or another along its path. So a timer ends the command. */
static char overdue[PATH_MAX + 64];

_Noreturn static void on_overdue(int sig)
{
	ssize_t ignored = write(STDERR_FILENO, overdue, strlen(overdue));
	(void)ignored;
	_exit(sig ? 1 : 0);
}

static void bound(const char *mountpoint)
{
	snprintf(overdue, sizeof overdue, "arrayfs: %s: the file system that it is on does not answer\n", mountpoint);
	signal(SIGALRM, on_overdue);
	alarm(3 * PATIENCE_MS / 1000);
}

/* The daemon holds a lock on the directory below the mount for its lifetime. */
static bool has_ended(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* The daemon goes on serving while the file system is still mounted elsewhere. If it
 * lives on but no place is visible, its namespace may just be going away: that counts
 * only with `unseen`. */
static bool lives_elsewhere(const char *shown, const struct mounted *mounted, bool unseen)
{
	char words[1024];
	if (!mountpoint_lives(mounted, true))
		return false;
	mountpoint_elsewhere(mounted, words, sizeof words);
	if (*words)
		log_say("%s: unmounted here, but still mounted at %s: the daemon ends when it is unmounted there, too", shown, words);
	else if (unseen && mountpoint_lives(mounted, false))
		log_say("%s: unmounted here, but still mounted where it cannot be seen from here, as in a container: the daemon ends "
			"when it is unmounted there, too", shown);
	else
		return false;
	return true;
}

/* Waits for the daemon to end: returns -1 when it has, else the exit code. */
static int await_daemon(const char *shown, const char *path, int fd, const struct mounted *mounted, unsigned count)
{
	struct mounted now;
	int next = A_SECOND_MS;
	for (int ms = 0, step = 1; !has_ended(fd); ms += step, step = step < 20 ? step + 1 : step) {
		if (ms >= next) {
			next += A_SECOND_MS;
			if (mountpoint_look(path, &now) >= count /* remounted */ || lives_elsewhere(shown, mounted, ms >= 3 * A_SECOND_MS))
				return 0;
		}
		if (ms >= PATIENCE_MS) {
			log_say("%s: unmounted, but its daemon, or somebody else, still holds a lock on the directory after %d seconds", shown,
				PATIENCE_MS / 1000);
			return 1;
		}
		nanosleep(&(struct timespec){.tv_nsec = step * 1000000L}, NULL);
	}
	return -1;
}

/* --- the whole ------------------------------------------------------------- */

int unmount_run(const struct options *o)
{
	const char *mountpoint = o->source;
	char path[PATH_MAX], above[PATH_MAX];
	struct mounted mounted;
	bound(mountpoint);
	if (mountpoint_resolve(mountpoint, path) < 0) {
		log_say("%s: %s%s", mountpoint, strerror(errno), errno == ENOENT ? "; arrayfs status lists the mounts" : "");
		return 1;
	}
	unsigned count = mountpoint_look(path, &mounted);
	if (!count && mountpoint_above(path, above)) {
		log_say("%s: lies in the mount %s, which is unmounted as a whole", mountpoint, above);
		return 1;
	}
	if (!count) {
		log_say("%s: nothing is mounted there; arrayfs status lists the mounts", mountpoint);
		return 1;
	}
	if (strcmp(mounted.type, "fuse.arrayfs") != 0) {
		log_say("%s: a mount of type %s, not arrayfs's: umount(8) unmounts it", mountpoint, mounted.type);
		return 1;
	}
	if (unmount(mountpoint, path) < 0)
		return 1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -1 : await_daemon(mountpoint, path, fd, &mounted, count);
	/* A daemon that was killed could not remove the directory it had created. */
	if (r < 0 && fd >= 0 && fgetxattr(fd, mountpoint_mark, NULL, 0) >= 0)
		rmdir(path);
	if (fd >= 0)
		close(fd);
	return r < 0 ? 0 : r;
}
