/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "mount/fuse.h"

/*
 * How libfuse talks to /dev/fuse.  A reply holds mapped bytes, which the kernel
 * copies; where a page of them is gone it fails the read with EIO, and the write of
 * the reply with EFAULT.  That is no news to print, it is the archive's fault: it is
 * noted here for whoever replied.
 */
int device_attach(struct fuse_session *se, int device);

/* The last reply of this thread met such a page. */
extern _Thread_local bool device_lost;
