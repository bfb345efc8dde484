/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * An array of two or more dimensions as a picture: a heat map, a PNG of a palette.
 *
 *   cells      The mean of as many rows and columns as bring each side down to 1,024 pixels; a
 *              small array is enlarged by whole factors.
 *   tiles      With more than two dimensions, each matrix of the last two is a tile, and tiles are
 *              placed side by side (fs/views/picture.h).
 *   values     Numbers; bool as 0 and 1; complex numbers by their magnitude; with a float32 view,
 *              the values in that.  In Fortran order it is the same array that is drawn.
 *   colours    From the 1st to the 99th percentile of the cells; values beyond, infinity included,
 *              are clipped.  If both have the same sign, dark blue over green to yellow; else blue,
 *              white, red, zero being white.  Magenta: one of the cell's elements is NaN or null.
 *              A comment in the file states the range.
 *   read       About 256 MiB of an array at most: in a larger one, every cell is the mean of some of
 *              its elements, evenly spread; if not even one row per cell can be read, there are fewer cells.
 *
 * Its size follows from the shape alone, so that listing a directory of pictures, which asks for
 * all sizes, reads no array: the pixels are not compressed, so that a file is little more than
 * 1 MiB at most.
 *
 * The picture is made at the first read, by all processors, and cached; its bytes are the same
 * each time.
 */
bool view_png_exists(const struct array *a);

/* -ENOENT: there is nothing to draw, which below an array of variable length is known only with the size. */
int view_png_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_png_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
