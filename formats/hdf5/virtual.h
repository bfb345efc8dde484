/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/hdf5/hdf5.h"

/* What virtual.c makes of the mappings, and virtual_read.c reads by. */

/* Per dimension: `count` blocks of `block`, every `stride` from `start`. */
struct selection {
	uint32_t rank, endless; /* the dimension without end, or `rank` */
	uint64_t elements;
	struct span { uint64_t start, stride, count, block, n; } *spans; /* n: selected; the last block may be cut */
};

struct h5_mapping {
	const struct h5_store *source; /* NULL: missing */
	struct selection from, to;
};
