/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * The extended attributes of a file or directory, within the limits of the kernel's
 * interface: names of up to 255 bytes without NUL; values, and the list of names, of up
 * to 64 KiB. Whatever does not fit is left out.
 *
 * Both return the length or -errno; with a room of 0 they return the length alone.
 */
ssize_t xattr_get(struct mirror *m, const struct mirror_ref *ref, const char *name, void *buf, size_t room,
		  struct error *err);
ssize_t xattr_list(struct mirror *m, const struct mirror_ref *ref, char *buf, size_t room, struct error *err);
