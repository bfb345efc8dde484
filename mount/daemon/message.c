/* SPDX-License-Identifier: MIT */
#include "mount/daemon/message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int message_send(int socket, char word, const void *bytes, size_t len, const int *fds, int n)
{
	char control[CMSG_SPACE(MESSAGE_FDS * sizeof(int))] = {0};
	struct iovec parts[] = {{&word, 1}, {(void *)(uintptr_t)bytes, len}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = len ? 2 : 1};
	ssize_t sent;
	if (n > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	return sent < 0 ? -errno : 0;
}

ssize_t message_receive(int socket, char *ret_word, void *bytes, size_t room, int fds[MESSAGE_FDS])
{
	char control[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	struct iovec parts[] = {{ret_word, 1}, {bytes, room}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = room ? 2 : 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n;
	for (int i = 0; i < MESSAGE_FDS; i++)
		fds[i] = -1;
	while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n - 1;
}

void message_close(int fds[MESSAGE_FDS])
{
	for (int i = 0; i < MESSAGE_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
