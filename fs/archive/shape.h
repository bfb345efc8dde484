/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The shape of what is below an array of variable length.  Where the archive's metadata
 * does not state the length, it follows from a size: a file's own, or, for a directory
 * that stands for one array or column, that of a file in it.
 */
enum { SHAPE_MAX = 64 }; /* dimensions; arrays of more have no shape then */

struct shaped {
	struct array array;
	uint64_t dims[SHAPE_MAX]; /* array.shape, where that was to be found */
};

/* Can the node have a shape?  Does not try to find it. */
bool shape_exists(const struct node *n);

/* The node's array with its shape.  Costs as much as finding the node's size, and whatever
 * is decoded for one serves the other.  -ENODATA if it has none. */
int shape_find(struct archive *a, const struct node *n, struct shaped *ret, struct error *err);

/* The same, but never decodes: if the shape is not available without, the array has none. */
void shape_known(struct archive *a, const struct node *n, struct shaped *ret);

/* The shape of an array whose file has `size` bytes; false if it has none. */
bool shape_of_size(const struct array *array, uint64_t size, struct shaped *ret);
