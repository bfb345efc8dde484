/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <sys/types.h>

/* What daemon and keeper say to each other, over a SOCK_SEQPACKET: a word, bytes that go with it,
 * and descriptors. Async-signal-safe. */
enum { MESSAGE_FDS = 3 };

/* Returns 0 or -errno. */
int message_send(int socket, char word, const void *bytes, size_t len, const int *fds, int n);

/* Returns the number of bytes that came with the word, or -errno: -EPIPE if the other end is
 * closed. The caller owns the descriptors; those that did not come are -1. */
ssize_t message_receive(int socket, char *ret_word, void *bytes, size_t room, int fds[MESSAGE_FDS]);
void message_close(int fds[MESSAGE_FDS]);
