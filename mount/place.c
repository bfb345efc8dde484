/* SPDX-License-Identifier: MIT */
#include "mount/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
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

int place(int dir, const char *temporary, const char *name, bool over)
{
	int r = renameat2(dir, temporary, dir, name, over ? 0 : RENAME_NOREPLACE);
	if (r < 0 && errno == EINVAL && !over) { /* a file system that cannot promise */
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

void place_temporary(char ret[PLACE_TEMPORARY])
{
	static unsigned count;
	snprintf(ret, PLACE_TEMPORARY, ".arrayfs-%ld-%u~", (long)getpid(), count++);
}
