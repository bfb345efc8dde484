/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/text.h"
#include "fs/source/answer.h"
#include "fs/values/array.h"

/*
 * A view shows an array in another form, made from its type, its shape and its bytes:
 * it knows types, not formats.  `size` is the size of the array's own file in bytes.
 * An array of unknown shape has one dimension, of as many elements as it has bytes for.
 */

/* --- .npy (numpy.lib.format, versions 1.0 and 2.0) ---------------------- */

/* Whether there is such a view: the elements have a fixed width. */
bool view_npy_exists(const struct array *a);

/*
 * The header; the array's bytes follow it unchanged.  Types that NumPy has no name
 * for are raw, as ml_dtypes writes its own: <V2, |V1; elements packed below a byte
 * are shown as the file's bytes, |u1, in one dimension.
 */
void view_npy_header(const struct array *a, uint64_t size, struct text *ret);
