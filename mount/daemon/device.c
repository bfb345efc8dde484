/* SPDX-License-Identifier: MIT */
#include "mount/daemon/device.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mount/daemon/fuse.h"
#include "mount/daemon/ops.h"

_Thread_local bool device_lost;

static ssize_t device_read(int fd, void *buf, size_t len, void *userdata)
{
	struct mount *m = userdata;
	ssize_t n = read(fd, buf, len);
	if (n > 0 && !m->agreed)
		passthrough_look(&m->passthrough, buf, (size_t)n);
	if (n < 0 && errno == ENODEV) {
		alarm(DEVICE_PATIENCE);
		errno = ENODEV;
	}
	return n;
}

/* Edits the reply to FUSE_INIT, which is the session's first reply; no other is in flight. */
static void complete_init(struct mount *m, struct iovec *iov, int count)
{
	struct fuse_init_out init;
	const struct fuse_out_header *header = iov[0].iov_base;
	m->agreed = true;
	if (count != 2 || header->error || iov[1].iov_len > sizeof init ||
	    iov[1].iov_len < offsetof(struct fuse_init_out, max_background))
		return;
	memcpy(&init, iov[1].iov_base, iov[1].iov_len);
	init.flags |= m->parallel ? FUSE_PARALLEL_DIROPS : 0;
	passthrough_accept(&m->passthrough, &init, iov[1].iov_len);
	memcpy(iov[1].iov_base, &init, iov[1].iov_len);
}

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct mount *m = userdata;
	if (!m->agreed)
		complete_init(m, iov, count);
	ssize_t n = writev(fd, iov, count);
	if (n < 0 && errno == EFAULT) {
		device_lost = true;
		errno = ENOENT; /* the one error that libfuse does not print */
	}
	return n;
}

int device_attach(struct fuse_session *se, int fd)
{
	static const struct fuse_custom_io io = {.read = device_read, .writev = device_writev};
	int r = fuse_session_custom_io(se, &io, fd);
	return r > 0 ? -r : r;
}
