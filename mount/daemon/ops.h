/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "fs/mirror/mirror.h"

/*
 * The tree, as the kernel sees it: the operations of a low-level FUSE session
 * whose user data is a struct mount.
 */
struct fuse_session;

struct mount {
	struct mirror *mirror;
	const char *source;       /* as it was named, for messages */
	bool debug;               /* tell every request */
	bool fixed;               /* one archive: nothing ever changes */
	bool stateless;           /* and nothing in it needs to be opened */
	bool parallel;            /* the kernel may look into a directory for several callers at once */
	uint32_t generation;      /* of every inode: handles that an earlier daemon gave are stale */
	_Atomic bool agreed;      /* the session is agreed upon */
	void (*ready)(struct mount *); /* called once the session is agreed upon */
	pthread_mutex_t lock;     /* of handles and figures */
	struct handle *handles;   /* all that are open */
	struct text figures, log; /* of stats.json and log.txt, where nobody opens them */
	struct fuse_session *_Atomic session; /* while it serves */
	pthread_t watcher;        /* looks at the source's files, where the kernel asks nobody */
	bool watching, watch_ends;
	bool stuck;               /* it waits for a disk that does not answer: the mirror must stay */
	pthread_mutex_t watch_lock; /* of watch_ends */
	pthread_cond_t watch_end;
};

void mount_init(struct mount *m);

/* Closes what is still open when the session ends; the mirror stays the caller's. */
void mount_close(struct mount *m);

/* While the session serves, the kernel is told of modes and owners that change: by
 * whoever asks for something in the archive, or, where the kernel opens files by itself,
 * by a thread. */
void mount_watch(struct mount *m, struct fuse_session *session);
void mount_watch_end(struct mount *m);

struct fuse_lowlevel_ops;
extern const struct fuse_lowlevel_ops mount_ops;
