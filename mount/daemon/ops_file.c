/* SPDX-License-Identifier: MIT */
#include "mount/daemon/device.h"
#include "mount/daemon/ops_impl.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* --- opening ----------------------------------------------------------- */

/* Does the kernel open files by itself? It does so for good, once it is told to: so it is not, if
 * there may be some that it can read by itself when they are opened. */
static bool is_unasked(const struct mount *m)
{
	return m->stateless && !(m->originals && m->passthrough.works);
}

/* Lets the kernel read an original by itself, if it can; returns its number. */
static int32_t back_original(struct mount *m, struct handle *h)
{
	if (ino_view(h->ref.ino) != VIEW_ORIGINAL)
		return 0;
	int fd = mirror_original(m->mirror, &h->ref, h->fd);
	int32_t number = passthrough_begin(&m->passthrough, h->ref.ino, fd);
	h->original = true;
	if (fd >= 0)
		close(fd);
	return number;
}

static int reply_opened(fuse_req_t req, const struct fuse_file_info *fi, int32_t backing)
{
	struct passthrough_opened opened = passthrough_reply(fi->fh, backing);
	return backing ? fuse_reply_buf(req, (const char *)&opened, sizeof opened) : fuse_reply_open(req, fi);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct error err = {0};
	struct request q;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || is_unasked(m)) {
		/* ENOSYS makes the kernel open files by itself from now on. */
		reply_error(req, "open", ino, (fi->flags & O_ACCMODE) != O_RDONLY ? -EROFS : -ENOSYS);
		return;
	}
	request_begin(&q, req, "open", ino);
	struct handle *h = handle_new(m);
	int r = h ? mirror_get(m->mirror, ino, &h->ref, &err) : -ENOMEM;
	/* The kernel checked permissions against attributes that have changed since: on
	 * ESTALE it looks them up again and retries. */
	if (r == 0 && mirror_watch(m->mirror, &h->ref))
		r = -ESTALE;
	if (r == 0)
		r = mirror_open_file(m->mirror, &h->ref, &h->fd, &err);
	if (r < 0) {
		request_fail(&q, h ? &h->ref : NULL, r, &err);
	} else {
		fi->fh = (uintptr_t)h;
		fi->keep_cache = mirror_keeps(m->mirror, &h->ref, h->fd);
		if (ino_live(ino)) {
			live_put(m, ino, &h->live);
			fi->keep_cache = 0;
			fi->direct_io = 1;
		}
		fi->noflush = 1;
		int32_t backing = back_original(m, h);
		if (request_end(&q)) {
			trace(m, "open", ino, "-> open%s", backing ? ", to be read by the kernel" : "");
			if (reply_opened(req, fi, backing) == 0)
				h = NULL; /* closed by op_release() */
		}
	}
	handle_put(m, h);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	trace(mount_of(req), "close", ino, "%s", "");
	handle_put(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* --- reading ----------------------------------------------------------- */

/* Replies with the spans as they are, or with a flat copy if one writev() cannot take as
 * many. Returns -EIO if mapped bytes were gone by then; the reader has got EIO as well. */
static int reply_answer(fuse_req_t req, const struct answer *a, struct error *err)
{
	char *flat = NULL;
	int r = 0;
	if (a->count >= IOV_MAX) {
		flat = malloc(a->len);
		r = flat ? answer_copy(a, flat, err) : -ENOMEM;
	}
	if (r < 0) {
		fuse_reply_err(req, EIO);
		free(flat);
		return r;
	}
	device_lost = false;
	if (flat)
		fuse_reply_buf(req, flat, a->len);
	else if (a->count == 0)
		fuse_reply_buf(req, NULL, 0);
	else if (a->count == 1)
		fuse_reply_buf(req, a->spans[0].iov_base, a->spans[0].iov_len);
	else
		fuse_reply_iov(req, a->spans, (int)a->count);
	free(flat);
	return device_lost ? error_set(err, EIO, "the file was cut short, or cannot be read") : 0;
}

/* For a read with O_DIRECT. After a failed read, the page cache retries page by page; an
 * O_DIRECT reader gets no such retry, so halve the size until the good bytes before the
 * fault are returned. The kernel would also wait for the disk uninterruptibly on such a
 * reader's behalf, so the wait is done here. */
static int read_past_cache(struct request *q, const struct mirror_ref *ref, int fd, uint64_t offset, size_t size,
			   struct answer *a, struct error *err)
{
	struct mirror *mirror = q->mount->mirror;
	int r = mirror_read(mirror, ref, fd, offset, size, a, err);
	if (r < 0 && r != -EINTR)
		tell_fault(q->mount, ref, r, err);
	while (r < 0 && r != -EINTR && size > 4096) {
		size = (size / 2 + 4095) & ~(size_t)4095;
		answer_reset(a);
		r = mirror_read(mirror, ref, fd, offset, size, a, err);
	}
	if (r == 0)
		answer_await(a);
	return r;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_hold(fi);
	struct mirror_ref got = {0}, *ref = h ? &h->ref : &got;
	struct error err = {0};
	struct request q;
	struct answer a;
	if (ino_live(ino)) {
		trace(m, "read", ino, "%zu at %" PRIu64, size, (uint64_t)offset);
		live_reply(req, ino, h, size, offset);
		handle_put(m, h);
		return;
	}
	request_begin(&q, req, "read", ino);
	answer_init(&a);
	a.gone = &q.interrupt.gone;
	int fd = h ? h->fd : -1, r = h ? 0 : mirror_get(m->mirror, ino, &got, &err);
	if (r == 0)
		q.ref = ref;
	if (r == 0 && fi->flags & O_DIRECT) {
		r = read_past_cache(&q, ref, fd, (uint64_t)offset, size, &a, &err);
	} else if (r == 0 && (r = mirror_read(m->mirror, ref, fd, (uint64_t)offset, size, &a, &err)) < 0) {
		tell_fault(m, ref, r, &err);
	}
	if (ref->dentry)
		mirror_watch_sizes(m->mirror, ref);
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
	} else if (request_end(&q)) {
		trace(m, "read", ino, "%zu at %" PRIu64 " -> %" PRIu64 " in %zu spans", size, (uint64_t)offset, a.len, a.count);
		if ((r = reply_answer(req, &a, &err)) < 0)
			tell_fault(m, ref, r, &err);
	}
	answer_close(&a);
	if (got.dentry)
		mirror_put(m->mirror, &got);
	handle_put(m, h);
}
