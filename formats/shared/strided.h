/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/content.h"
#include "formats/shared/lazy.h"

/*
 * A strided view: elements that lie in a content at regular distances, in some order of
 * dimensions, shown in C order.  What lies in C order already is a range of the content, and no
 * struct strided is needed.
 *
 *	element [i, j, …] is at offset + (i * strides[0] + j * strides[1] + …) * width
 *
 * A stride of 0 repeats.  Reads gather in blocks, so that a transposed matrix costs about as
 * much as a copy.
 */
struct strided {
	struct lazy lazy; /* strided_read */
	struct content from;
	uint64_t offset; /* of the first element, in bytes of `from` */
	const uint64_t *shape, *strides; /* strides in elements */
	uint32_t rank;
	uint32_t width;  /* bytes per element */

	/* Flips the sign bit of every `sign`-th number of sign_width bytes, from the
	 * sign_first-th on: a complex number counts as two. sign 0: none. */
	uint8_t sign, sign_first, sign_width;
	bool big_endian;
};

/* Are the elements contiguous, in C order?  Extents of 1 have any stride. */
bool strided_in_order(const uint64_t *shape, const uint64_t *strides, uint32_t rank);

/* How many elements the storage must have: one more than the highest index, offset (in
 * elements) included; 0 if there are no elements.  False if that, or their number, overflows. */
bool strided_reach(uint64_t offset, const uint64_t *shape, const uint64_t *strides, uint32_t rank, uint64_t *ret);

/* read() of such a node, which has shape's elements of width bytes: all checked by strided_reach()
 * to lie within `from`. */
int strided_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
