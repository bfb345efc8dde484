/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/array.h"

/*
 * The values of an array as float32, where its elements are narrower than that or stand for
 * something else: float16, bfloat16 and narrower floats, GGML's blocks, and integers with a
 * scale.
 *
 *   floats      exactly; a NaN of 16 bits keeps its payload, as in NumPy, others are quiet, as in
 *               ml_dtypes
 *   blocks      fs/values/quant.h
 *   integers    scale * (q - zero_point), rounded once, as TensorFlow Lite's Dequantize
 *
 * Packed elements begin at a byte's lowest bit.
 */
struct widen {
	uint32_t elements, bytes; /* of a group, the least that can be decoded alone */
	const struct array *array;
	quant_decode *decode;  /* of blocks */
	uint64_t inner;        /* with several scales: elements that each is used for in a row */
	bool wide;             /* computed in doubles */
	float small[256];      /* the values of a float of at most 8 bits */
};

/* Whether there are such values; the other functions are for arrays that have them. */
bool widen_exists(const struct array *a);
void widen_init(struct widen *ret, const struct array *a);

/*
 * Decodes whole groups, the first of which has element `at`, into `groups * elements` values in
 * this machine's byte order. Any thread.
 */
void widen_run(const struct widen *w, const uint8_t *groups, uint64_t at, size_t count, float *to);

/* The extents are those of the array but for the last, which of blocks is counted in elements. */
uint64_t widen_last_extent(const struct array *a);

enum { WIDEN_GROUP = 256 }; /* elements of a group, at most */
