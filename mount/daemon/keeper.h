/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/mountpoint.h"
#include "mount/options.h"

/*
 * A helper process that keeps the privilege to mount and unmount, so that the daemon,
 * which reads untrusted data, can drop it before it reads the first byte. The keeper is
 * forked while the process has a single thread, reads no archive, and obeys the daemon:
 * it mounts once, where the options say, and unmounts that mount. If the daemon dies
 * without a word, the mount stays and answers ENOTCONN: an empty directory in its place
 * would pass for an empty archive.
 */
struct keeper {
	int pid;
	int socket; /* connected to the keeper */
};

/* What the keeper hands to the daemon, which owns it all. */
struct kept {
	int device;         /* /dev/fuse, mounted */
	int parent;         /* the directory (O_PATH) that holds the mountpoint; -1 if unavailable */
	int covered;        /* the mountpoint's own directory, below the mount; -1 if unavailable */
	char path[PATH_MAX]; /* the mountpoint; absolute, without symbolic links */
};

/* `list` is libfuse's option list. `waiting`, unless -1, is a pipe to a process that
 * waits for the mount to answer: the keeper takes it over, and writes to it then. */
int keeper_start(struct keeper *ret, const struct options *o, const char *list, int waiting);

/* Returns 0, or an error that the keeper has reported. */
int keeper_mount(struct keeper *k, struct kept *ret);

/* Lets the kernel read the file by itself (mount/daemon/passthrough.h): the number by which it knows
 * it, or -errno. Not concurrently. */
int keeper_back(const struct keeper *k, int device, int fd);
void keeper_unback(const struct keeper *k, int device, int number);

/* Ends the keeper, which first unmounts unless `unmounted`. Waits for it, but for half a
 * minute at most. Async-signal-safe. */
void keeper_end(struct keeper *k, bool unmounted);
