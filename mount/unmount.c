/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mount/daemon.h"
#include "mount/log.h"
#include "mount/mountpoint.h"

/* The absolute path without links, also of a mount that does not answer: then
 * only its parent can be resolved. */
static bool resolve(const char *path, char ret[PATH_MAX])
{
	char parent[PATH_MAX], copy[PATH_MAX];
	if (realpath(path, ret))
		return true;
	if (errno != ENOTCONN || strlen(path) >= sizeof copy)
		return false;
	strcpy(copy, path);
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	char *slash = strrchr(copy, '/');
	const char *name = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	if (!realpath(!slash ? "." : slash == copy ? "/" : copy, parent))
		return false;
	return snprintf(ret, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < PATH_MAX;
}

static int unmount(const char *shown, const char *path)
{
	char words[256];
	int r = mountpoint_unmount(path, false, words, sizeof words);
	if (r == -EBUSY)
		log_say("%s: in use: a file in it is open, or it is somebody's working directory", shown);
	else if (r < 0)
		log_say("%s: cannot be unmounted: %s", shown, words);
	return r;
}

int unmount_run(const char *mountpoint)
{
	char path[PATH_MAX];
	struct mounted mounted;
	if (!resolve(mountpoint, path)) {
		log_say("%s: %s", mountpoint, strerror(errno));
		return 1;
	}
	if (!mountpoint_look(path, &mounted)) {
		log_say("%s: nothing is mounted there", mountpoint);
		return 1;
	}
	if (strcmp(mounted.type, "fuse.arrayfs") != 0) {
		log_say("%s: a mount of type %s, not arrayfs's", mountpoint, mounted.type);
		return 1;
	}
	if (unmount(mountpoint, path) < 0)
		return 1;

	/* The daemon holds a lock on the directory below for as long as it lives. */
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
			;
	/* One that was killed could not remove the directory that it had made. */
	if (fd >= 0 && fgetxattr(fd, mountpoint_mark, NULL, 0) >= 0)
		rmdir(path);
	if (fd >= 0)
		close(fd);
	return 0;
}
