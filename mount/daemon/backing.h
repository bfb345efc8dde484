/* SPDX-License-Identifier: MIT */
#pragma once
#include <linux/ioctl.h>
#include <stdint.h>

/* Of linux/fuse.h 7.40, which may be older here: by these requests to a FUSE device, a file is made
 * known to the kernel as one that it may read by itself, and forgotten again. */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)
