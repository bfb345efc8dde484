/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * An array as .npy (numpy.lib.format, versions 1.0 and 2.0), made from its type, its shape
 * and its bytes.  An array of unknown shape has one dimension, of as many elements as it
 * has bytes for.
 */

/* Whether there is such a view: the elements have a fixed width. */
bool view_npy_exists(const struct array *a);

/*
 * The header; the array's bytes, `size` in all, follow it unchanged.  Types that NumPy has
 * no name for are raw, as ml_dtypes writes its own: <V2, |V1; elements packed below a byte
 * are shown as the file's bytes, |u1, in one dimension.
 */
void view_npy_header(const struct array *a, uint64_t size, struct text *ret);
int view_npy_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_npy_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
