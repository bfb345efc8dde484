/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The shape of what lies below an array of variable length.  The archive's metadata
 * may not tell how much that is; then its size does: a file's own, or, of a directory
 * that stands for one array or column, that of a file in it.
 */
enum { SHAPE_MAX = 64 }; /* dimensions; arrays of more have no shape then */

struct shaped {
	struct array array;
	uint64_t dims[SHAPE_MAX]; /* array.shape, where that was to be found */
};

/* Can the node have a shape?  Does not try to find it. */
bool shape_exists(const struct node *n);

/* The node's array with its shape, at the price of its size: what decodes for the one
 * decodes for the other, once.  -ENODATA if there is none. */
int shape_find(struct archive *a, const struct node *n, struct shaped *ret, struct error *err);

/* The same; but where that would have to be decoded, or cannot be had, the array is
 * without a shape. */
void shape_known(struct archive *a, const struct node *n, struct shaped *ret);

/* Of an array whose file is of so many bytes: false if it has no shape. */
bool shape_of_size(const struct array *array, uint64_t size, struct shaped *ret);
