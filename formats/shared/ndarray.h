/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/content.h"
#include "formats/shared/lazy.h"
#include "fs/values/numpy.h"

/*
 * Arrays of NumPy's types whose elements lie somewhere: what .npy files, members of .npz and
 * pickles have in common.  The lazy nodes begin with a struct lazy: format.read is lazy_read().
 */

/* Adds the array: a file or, if it is structured, a directory of its fields.  `type` has the
 * array's shape, of at most NUMPY_RANK_MAX dimensions, and is not DTYPE_OBJECT, as fields may
 * be; `elements` are exactly its bytes. */
int ndarray_show(struct archive *a, uint32_t parent, struct slice name, const struct numpy_type *type,
		 const struct content *elements, uint32_t *ret, struct error *err);

/* The same of elements in another order than C's or Fortran's: strides[i], in elements, is how far
 * apart they lie in dimension i, each place being one element's.  They are shown in C order.  NULL: as above. */
int ndarray_show_strided(struct archive *a, uint32_t parent, struct slice name, const struct numpy_type *type, const uint64_t *strides,
			 const struct content *elements, uint32_t *ret, struct error *err);
