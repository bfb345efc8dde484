/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/text.h"
#include "fs/source/answer.h"
#include "fs/values/array.h"

/*
 * An array in another form, made of its type, its shape and its bytes: a view
 * knows types, no formats.  `size` is that of the array's own file in bytes.
 */

/* Of a shape that is not told, the array is as many elements as it has bytes
 * for, in one dimension. */

/* --- .npy (numpy.lib.format, versions 1.0 and 2.0) ---------------------- */

/* Has elements of a fixed width, so that there is such a view. */
bool view_npy_exists(const struct array *a);

/*
 * The header, to which the bytes of the array are all that is missing.  Types
 * that NumPy has no name for are raw, as ml_dtypes writes its own: <V2, |V1;
 * those packed below a byte are the file's bytes, |u1, in one dimension.
 */
void view_npy_header(const struct array *a, uint64_t size, struct text *ret);
