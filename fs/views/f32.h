/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/shape.h"

/*
 * The values of an array as float32, little-endian, in the order of its elements: of floats of 16
 * bits and less, of GGML's blocks and of integers with a scale (fs/values/widen.h).  Four bytes an
 * element; a read decodes the blocks that it touches, and nothing is kept.
 */
bool view_f32_exists(const struct array *a);
int view_f32_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
int view_f32_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* What the view is: float32, in the shape that is counted in elements. */
void view_f32_array(const struct array *a, struct shaped *ret);
