/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/interrupt.h"
#include "mount/daemon/ops.h"

/*
 * What the operations share: telling a request that is worked on, a fault and a
 * failure.
 */
static inline struct mount *mount_of(fuse_req_t req) { return fuse_req_userdata(req); }

/* A request that may have to wait, from its beginning to the reply, in the thread
 * that works on it. */
struct request {
	fuse_req_t req;
	struct mount *mount;
	const char *what;
	fuse_ino_t ino;
	const struct mirror_ref *_Atomic ref; /* what it reads, once that is known, or NULL */
	struct interrupt interrupt;
};

void request_begin(struct request *q, fuse_req_t req, const char *what, fuse_ino_t ino);

/* To be called once, before any reply.  False: its caller is gone and nobody waits;
 * q->req is no more. */
bool request_end(struct request *q);

/* Ends it with an error, whose fault is told if `ref` leads to something. */
void request_fail(struct request *q, const struct mirror_ref *ref, int r, const struct error *err);

void trace(const struct mount *m, const char *what, fuse_ino_t ino, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void reply_error(fuse_req_t req, const char *what, fuse_ino_t ino, int r);

/* Something in SOURCE could not be read: says which, and why. */
void tell_fault(const struct mount *m, const struct mirror_ref *ref, int r, const struct error *err);
