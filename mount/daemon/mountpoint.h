/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fs/base/error.h"

/*
 * The directory that is mounted over: made if it is missing, removed again if it
 * was made, and locked (flock) by the daemon for as long as it lives, so that
 * whoever unmounts can wait for its end.
 */
struct mountpoint {
	char path[PATH_MAX]; /* absolute, no links */
	bool handed;         /* /dev/fd/N: mounted already, by somebody else */
	bool made;
	int dir;             /* the directory itself, below the mount; -1 if handed */
};

/* Refuses a file, and a directory that is not empty unless nonempty. */
int mountpoint_prepare(struct mountpoint *ret, const char *path, bool nonempty, struct error *err);

/* Removes what was made. */
void mountpoint_finish(struct mountpoint *p);

/* Unmounts what is mounted there, as root by itself and else by fusermount3, for which
 * it does not wait for ever; with `detach` also what is in use.  0, or an error, -EBUSY
 * if it is in use, and why in `words`. */
int mountpoint_unmount(const char *path, bool detach, char *words, size_t room);

/* How many things the kernel says are mounted at the path, and the last of all: its
 * type, its source, and the device number's two halves.  Touches none of them. */
struct mounted {
	char type[64], source[PATH_MAX];
	unsigned major, minor; /* which another mount may get as soon as this one is no more */
	ino_t bdi;             /* of what sysfs has of it, which no other gets; 0 without sysfs */
};
unsigned mountpoint_look(const char *path, struct mounted *ret);

/* The absolute path of a mountpoint, its links resolved, without touching what is
 * mounted there, which may not answer; -1 and errno. */
int mountpoint_resolve(const char *path, char ret[PATH_MAX]);

/* Where the same thing is mounted beside, by bind mounts and in other mount namespaces
 * whose processes can be seen: words for people, "" for nowhere.  And is it alive
 * anywhere at all?  Without sysfs nobody knows: `unknown`. */
void mountpoint_elsewhere(const struct mounted *mounted, char *words, size_t room);
bool mountpoint_lives(const struct mounted *mounted, bool unknown);

/* The mark on a directory that was made for a mount. */
extern const char mountpoint_mark[];
