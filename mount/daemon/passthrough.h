/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * FUSE passthrough (Linux 6.9, Documentation/filesystems/fuse-passthrough.rst): the kernel itself
 * reads and maps a file that is shown as it is, without asking us and without a second copy in its
 * cache. It is root's alone; the keeper has the privilege that the daemon has dropped. Spoken here
 * without libfuse, which knows it from 3.17 on: in the replies to FUSE_INIT and FUSE_OPEN.
 *
 * All who have an inode open at a time must have it open in one way: so the first of them settles
 * it. Any thread may call.
 */
struct keeper;
struct backing;

struct passthrough {
	struct keeper *keeper; /* NULL: not to be used */
	int device;
	bool offered;          /* by the kernel */
	_Atomic bool works;
	pthread_mutex_t lock;  /* of the list; held while the keeper is asked */
	struct backing *backings;
};

void passthrough_init(struct passthrough *p);
void passthrough_close(struct passthrough *p);

/* For the session's first request and its reply, FUSE_INIT: notes what the kernel offers, and
 * accepts it. */
void passthrough_look(struct passthrough *p, const void *request, size_t len);
void passthrough_accept(struct passthrough *p, void *reply, size_t len);

/* The inode is being opened: the backing's number, by which `fd` is known to the kernel, or 0 for
 * one that is to be read through us. passthrough_end() when it is released. `fd` remains the
 * caller's; -1: it cannot be. */
int32_t passthrough_begin(struct passthrough *p, uint64_t ino, int fd);
void passthrough_end(struct passthrough *p, uint64_t ino);

/* What FUSE_OPEN is answered with. */
struct passthrough_opened {
	uint64_t handle;
	uint32_t flags;
	int32_t backing;
};
struct passthrough_opened passthrough_reply(uint64_t handle, int32_t backing);
