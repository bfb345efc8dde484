/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs of bytes that lie at regular distances, in some order of dimensions, and where they go:
 * the innermost dimension to contiguous bytes, the others at any distance.
 */
enum { STRIDED_RANK = 64, STRIDED_LINE = 64 /* bytes that memory is read in, at least */ };

struct strided_box {
	uint64_t run; /* bytes that lie together */
	uint32_t rank;
	struct strided_dim {
		uint64_t extent;
		uint64_t in, out; /* from one to the next, in bytes */
	} dims[STRIDED_RANK];
};

/* The bytes that it has, and those from its first to its last. */
uint64_t strided_box_bytes(const struct strided_box *b);
uint64_t strided_box_span(const struct strided_box *b);

/* The dimension along which neighbours share a line, where those along the innermost do not:
 * copied along both at once, each line is read once.  NULL if there is none. */
const struct strided_dim *strided_box_across(const struct strided_box *b);

void strided_box_copy(const struct strided_box *b, const uint8_t *in, uint8_t *out);
