/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "fs/mirror/mirror.h"
#include "mount/daemon/passthrough.h"

/*
 * The tree as the kernel sees it: the operations of a low-level FUSE session, whose user
 * data is a struct mount.
 */
struct fuse_session;

struct mount {
	struct mirror *mirror;
	const char *source;       /* as the user named it, for messages */
	char *real;               /* its absolute path, without links; or NULL */
	const char *options;      /* those of -o, as they were given */
	time_t since;             /* when the mount began, and the same by CLOCK_BOOTTIME */
	struct timespec began;
	bool debug;               /* log every request */
	bool fixed;               /* SOURCE is one archive: nothing ever changes */
	bool stateless;           /* and no file or directory in it needs an open */
	bool parallel;            /* the kernel may send several lookups in a directory at once */
	uint32_t generation;      /* of every inode, so that file handles from an earlier daemon are stale */
	_Atomic bool agreed;      /* FUSE_INIT has been answered */
	struct passthrough passthrough; /* of original files */
	_Atomic bool originals;   /* one has been looked up */
	void (*ready)(struct mount *); /* called when FUSE_INIT arrives */
	pthread_mutex_t lock;     /* of handles and snapshots */
	struct handle *handles;   /* all open files and directories */
	struct text live[LIVE_COUNT]; /* snapshots, if the kernel opens files by itself */
	struct fuse_session *_Atomic session; /* while it serves */
	pthread_t watcher;        /* checks the source's files, if the kernel opens files by itself */
	bool watching, watch_ends;
	bool stuck;               /* the watcher is blocked on a disk: the mirror must stay */
	pthread_mutex_t watch_lock; /* of watch_ends */
	pthread_cond_t watch_end;
};

void mount_init(struct mount *m);

/* Closes what is still open when the session ends; the mirror remains the caller's. */
void mount_close(struct mount *m);

/* While the session runs, the kernel is notified of modes and owners that change: by the
 * threads that serve requests for an archive, or, if the kernel opens files by itself, by
 * a thread of its own. */
void mount_watch(struct mount *m, struct fuse_session *session);
void mount_watch_end(struct mount *m);

struct fuse_lowlevel_ops;
extern const struct fuse_lowlevel_ops mount_ops;
