/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * An array as .npy (numpy.lib.format, versions 1.0 and 2.0), made of its type, its shape and
 * its bytes.  Of a shape that is not told, it is as many elements as it has bytes for, in one
 * dimension.
 */

/* Has elements of a fixed width, so that there is such a view. */
bool view_npy_exists(const struct array *a);

/*
 * The header, to which the bytes of the array, `size` in all, are what is missing.  Types
 * that NumPy has no name for are raw, as ml_dtypes writes its own: <V2, |V1;
 * those packed below a byte are the file's bytes, |u1, in one dimension.
 */
void view_npy_header(const struct array *a, uint64_t size, struct text *ret);
int view_npy_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_npy_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
