/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fs/error.h"

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

/* Unmounts what is mounted there, as root by itself and else by fusermount3; with
 * `detach` also what is in use.  0, or an error, -EBUSY if it is in use, and why
 * in `words`. */
int mountpoint_unmount(const char *path, bool detach, char *words, size_t room);

/* What the kernel says is mounted at the path, last of all: its type, and the
 * device number's two halves.  False if nothing is. */
struct mounted {
	char type[64];
	unsigned major, minor;
};
bool mountpoint_look(const char *path, struct mounted *ret);

/* The mark on a directory that was made for a mount. */
extern const char mountpoint_mark[];
