/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/mountpoint.h"
#include "mount/options.h"

/*
 * The process beside the daemon that keeps the right to mount and unmount, so
 * that the daemon, which reads what nobody vouches for, can give it up before it
 * reads the first byte.  It is forked while the process has one thread, reads no
 * archive, and does what the daemon asks: mount, once, where the options say; and
 * unmount that.  When the daemon dies without a word, the mount stays and answers
 * ENOTCONN: an empty directory in its place would pass for an empty archive.
 */
struct keeper {
	int pid;
	int socket; /* to it */
};

/* What mounting gave the daemon, all its own. */
struct kept {
	int device;         /* /dev/fuse, mounted */
	int parent;         /* the folder (O_PATH) of the mountpoint, and itself, as it is */
	int covered;        /* below the mount; -1 if they cannot be had */
	char path[PATH_MAX]; /* of the mountpoint; absolute, no links */
};

/* `list` is libfuse's option list.  `waiting`, if not -1, is a pipe to a process
 * that waits for the mount to answer: the keeper tells it, and has the pipe from
 * here on. */
int keeper_start(struct keeper *ret, const struct options *o, const char *list, int waiting);

/* 0; or an error, and the keeper has told it. */
int keeper_mount(struct keeper *k, struct kept *ret);

/* Ends it; it unmounts first, unless somebody did.  Returns when it has ended, or does
 * not for half a minute.  A signal's handler may call it. */
void keeper_end(struct keeper *k, bool unmounted);
