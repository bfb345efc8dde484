/* SPDX-License-Identifier: MIT */
#include "mount/device.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

_Thread_local bool device_lost;

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	ssize_t n = writev(fd, iov, count);
	if (n < 0 && errno == EFAULT) {
		device_lost = true;
		errno = ENOENT; /* the one error that libfuse does not print */
	}
	return n;
}

static ssize_t device_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, len);
}

int device_attach(struct fuse_session *se, int device)
{
	static const struct fuse_custom_io io = {.writev = device_writev, .read = device_read};
	return fuse_session_custom_io(se, &io, device);
}
