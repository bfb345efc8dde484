/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * Copies a file in the tree, or `len` bytes of it from `begin` on, to a descriptor.  `progress` is told
 * how many came, and ends it by returning other than 0, which copy then returns.
 * -errno with a sentence; *ret_writing tells whose fault it was.
 */
struct copy {
	int out;
	uint64_t begin, len; /* 0: to the end */
	int (*progress)(void *arg, uint64_t bytes);
	void *arg;
	bool writing; /* the fault is the writer's, not the archive's */
};
int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err);
