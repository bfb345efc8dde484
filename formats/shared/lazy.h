/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * For a format whose lazy files are made in several ways: what each points to begins with a
 * struct lazy, and the format's read() is lazy_read().
 */
struct lazy {
	/* As struct format's read(). */
	int (*read)(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
};

static inline int lazy_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
			    struct error *err)
{
	return ((const struct lazy *)n->lazy)->read(a, n, offset, len, ret, err);
}
