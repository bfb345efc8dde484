/* SPDX-License-Identifier: MIT */
#include "mount/copy.h"

#include <limits.h>
#include <unistd.h>

/* As much as is decoded in parallel, at a time. */
enum { PIECE = 8 << 20 };

/* A hole in a mapping is the archive's fault, everything else the writer's. */
static int write_spans(struct copy *c, struct answer *a, struct error *err)
{
	struct iovec *v = a->spans;
	size_t left = a->count;
	while (left > 0) {
		ssize_t n = writev(c->out, v, left < IOV_MAX ? (int)left : IOV_MAX);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EFAULT)
			return error_set(err, EIO, "the file was cut short");
		if (n < 0) {
			c->writing = true;
			return error_set(err, errno, "%s", strerror(errno));
		}
		while (left > 0 && (size_t)n >= v->iov_len)
			n -= (ssize_t)v->iov_len, v++, left--;
		if (left > 0)
			v->iov_base = (char *)v->iov_base + n, v->iov_len -= (size_t)n;
	}
	return 0;
}

int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err)
{
	int fd, r = mirror_open_file(m, ref, &fd, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	for (uint64_t at = 0, n = 1; r == 0 && n > 0; at += n) {
		struct answer a;
		answer_init(&a);
		r = mirror_read(m, ref, fd, at, PIECE, &a, err);
		n = a.len;
		if (r == 0)
			r = write_spans(c, &a, err);
		answer_close(&a);
		if (r == 0 && c->progress)
			r = c->progress(c->arg, n);
	}
	mirror_close_file(m, fd);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : r;
}
