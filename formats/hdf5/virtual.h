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

/* convert.c: how elements of one type become another's, in s; NULL if they do not (or
 * there is no memory): numbers do, but not floating ones integers. */
const struct h5_convert *h5_convert(struct arena *s, const struct h5_type *from, const struct h5_type *to);
void h5_convert_run(const struct h5_convert *c, const uint8_t *in, size_t count, uint8_t *out);
