/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

struct fuse_session;

/*
 * Attaches the session to a FUSE device that is mounted already; the device is closed
 * with the session. Returns -errno on failure.
 *
 * libfuse up to 3.16.1 does not pass FUSE_CAP_PARALLEL_DIROPS on to the kernel. The
 * kernel then serialises all lookups in a directory, so that one on a disk that does not
 * answer blocks the others. device_attach() therefore sets the flag in the FUSE_INIT
 * reply.
 */
int device_attach(struct fuse_session *se, int fd);

/* After an unmount or a signal, the session ends once all requests are answered, but
 * after this many seconds at the latest. */
enum { DEVICE_PATIENCE = 5 };

/* A reply's bytes may be a mapping of the archive, which the kernel copies. If one of
 * those pages is gone, the kernel fails the read with EIO, and our write of the reply
 * with EFAULT. That is the archive's fault and not worth a message from libfuse; this
 * flag tells the replying thread that its last reply met such a page. */
extern _Thread_local bool device_lost;
