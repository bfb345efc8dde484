/* SPDX-License-Identifier: MIT */
#include "mount/daemon/reply.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "mount/log.h"

void trace(const struct mount *m, const char *what, fuse_ino_t ino, const char *format, ...)
{
	char text[512];
	va_list args;
	if (!m->debug)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_say("%-9s %" PRIu64 ".%u %s", what, ino >> 32, (unsigned)ino, text);
}

/* Maps the readers' own error codes to EIO for the caller. */
static int error_for_caller(int r)
{
	return r == -EBADMSG || r == -ENOTSUP || r == -ENOMEM ? EIO : -r;
}

void reply_error(fuse_req_t req, const char *what, fuse_ino_t ino, int r)
{
	trace(mount_of(req), what, ino, "-> %s", strerror(error_for_caller(r)));
	fuse_reply_err(req, error_for_caller(r));
}

void tell_fault(const struct mount *m, const struct mirror_ref *ref, int r, const struct error *err)
{
	char path[PATH_MAX];
	if ((error_for_caller(r) != EIO && r != -ENFILE) || !err->text[0])
		return;
	mirror_path(m->mirror, ref, path, sizeof path);
	log_fault(path, err->text);
}

/* The caller is gone: cancels its prefetches. */
static void on_left(void *request)
{
	struct request *q = request;
	const struct mirror_ref *ref = q->ref;
	if (ref)
		mirror_cancel_prefetch(q->mount->mirror, ref);
}

void request_begin(struct request *q, fuse_req_t req, const char *what, fuse_ino_t ino)
{
	q->req = req;
	q->mount = mount_of(req);
	q->what = what;
	q->ino = ino;
	q->ref = NULL;
	interrupt_begin(&q->interrupt, req, on_left, q);
}

bool request_end(struct request *q)
{
	bool waited = interrupt_end(&q->interrupt);
	if (!waited)
		trace(q->mount, q->what, q->ino, "-> nobody waits any more");
	return waited;
}

void request_fail(struct request *q, const struct mirror_ref *ref, int r, const struct error *err)
{
	if (ref && ref->dentry)
		tell_fault(q->mount, ref, r, err);
	if (request_end(q))
		reply_error(q->req, q->what, q->ino, r);
}
