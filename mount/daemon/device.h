/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

struct fuse_session;

/*
 * Lets the session speak over a FUSE device that is mounted already, and closes it
 * with the session.  -errno on failure.
 *
 * libfuse up to 3.16.1 forgets to tell the kernel FUSE_CAP_PARALLEL_DIROPS.  Then
 * whoever looks up a name waits for all others who look into that directory, even
 * for an archive on a disk that does not answer.  So it is put into the reply.
 */
int device_attach(struct fuse_session *se, int fd);

/* Somebody unmounted it: the session ends once all requests are answered, but may wait
 * no longer than so many seconds. */
enum { DEVICE_PATIENCE = 5 };

/* A reply holds mapped bytes, which the kernel copies; where a page of them is gone
 * it fails the read with EIO, and the write of the reply with EFAULT.  That is no
 * news to print, it is the archive's fault: this tells whoever replied that the last
 * reply of this thread met such a page. */
extern _Thread_local bool device_lost;
