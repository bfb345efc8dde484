/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "fs/base/error.h"

/*
 * The directory to mount over. It is created if missing, and then removed again; the
 * daemon locks it (flock) for its lifetime, so that `arrayfs unmount` can wait for the
 * daemon's end.
 */
struct mountpoint {
	char path[PATH_MAX]; /* absolute, without symbolic links */
	bool handed;         /* /dev/fd/N: already mounted, by somebody else */
	bool made;
	int dir;             /* the directory itself, below the mount; -1 if handed */
};

/* Rejects a file, and unless `nonempty` a directory that is not empty. */
int mountpoint_prepare(struct mountpoint *ret, const char *path, bool nonempty, struct error *err);

/* Is it /dev/fuse? */
bool mountpoint_is_device(const struct stat *st);

/* Removes the directory if mountpoint_prepare() created it. */
void mountpoint_finish(struct mountpoint *p);

/* Unmounts what is mounted at the path: directly as root, else by fusermount3, with a
 * timeout. `detach` also unmounts a file system that is in use. Returns 0 or an error
 * (-EBUSY if in use), with the reason in `words`. */
int mountpoint_unmount(const char *path, bool detach, char *words, size_t room);

/* Counts the mounts that the kernel lists at the path, and describes the topmost: its
 * type, its source and its device number. Reads only the kernel's list, and touches no
 * mount. */
struct mounted {
	char type[64], source[PATH_MAX];
	unsigned major, minor; /* reused by another mount once this one is gone */
	ino_t bdi;             /* inode of its directory in sysfs, never reused; 0 without sysfs */
};
unsigned mountpoint_look(const char *path, struct mounted *ret);

/* Calls it for each mount of this mount namespace, until it returns false. `m->bdi` is 0. */
void mountpoint_each(bool (*each)(void *arg, const struct mounted *m, const char *place), void *arg);

/* The mount of arrayfs that the path, which is resolved, lies in; false: in none. */
bool mountpoint_above(const char *path, char ret[PATH_MAX]);

/* Finds the absolute path of a mountpoint, with symbolic links resolved, but without
 * touching what is mounted there, which may not answer. Returns -1 and sets errno on
 * failure. */
int mountpoint_resolve(const char *path, char ret[PATH_MAX]);

/* Lists, for people, where else the same file system is mounted: by bind mounts, and in
 * the mount namespaces of visible processes; "" for nowhere. mountpoint_lives(): whether
 * it is still mounted anywhere at all; without sysfs that is unknown, and it returns
 * `unknown`. */
void mountpoint_elsewhere(const struct mounted *mounted, char *words, size_t room);
bool mountpoint_lives(const struct mounted *mounted, bool unknown);

/* The extended attribute that marks a directory as created for a mount. */
extern const char mountpoint_mark[];
