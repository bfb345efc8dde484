/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * Copies a file of the tree, or `len` bytes of it from `begin` on, to a descriptor.
 * `progress` is called with the number of bytes just copied; a return value other than 0
 * ends the copy, which then returns that value. On failure, returns -errno with a
 * message, and `writing` says which side failed.
 */
struct copy {
	int out;
	uint64_t begin, len; /* 0: to the end */
	int (*progress)(void *arg, uint64_t bytes);
	void *arg;
	bool writing; /* writing failed, not reading the archive */
};
int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err);
