/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/interrupt.h"
#include "mount/daemon/ops.h"

/*
 * Shared by the operations: a request in progress, traces, faults and error replies.
 */
static inline struct mount *mount_of(fuse_req_t req) { return fuse_req_userdata(req); }

/* A request that may block, from its arrival to the reply, on the working thread's stack. */
struct request {
	fuse_req_t req;
	struct mount *mount;
	const char *what;
	fuse_ino_t ino;
	const struct mirror_ref *_Atomic ref; /* what it reads, once known; or NULL */
	struct interrupt interrupt;
};

void request_begin(struct request *q, fuse_req_t req, const char *what, fuse_ino_t ino);

/* To be called once, before any reply. Returns false if the request was answered with
 * EINTR meanwhile: then q->req no longer exists. */
bool request_end(struct request *q);

/* Ends the request with an error; also reports the fault if `ref` refers to something. */
void request_fail(struct request *q, const struct mirror_ref *ref, int r, const struct error *err);

void trace(const struct mount *m, const char *what, fuse_ino_t ino, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void reply_error(fuse_req_t req, const char *what, fuse_ino_t ino, int r);

/* Reports that something in SOURCE could not be read: which, and why. */
void tell_fault(const struct mount *m, const struct mirror_ref *ref, int r, const struct error *err);
