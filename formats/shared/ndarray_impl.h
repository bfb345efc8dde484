/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/ndarray.h"

/* Shared by ndarray*.c: a lazy node of one field of each record. */
struct ndarray_field {
	struct lazy lazy;        /* ndarray_read_field */
	struct content bytes;    /* of the records */
	const struct ndarray_records *records;
	uint64_t offset;         /* of the field in a record */
	uint64_t width;          /* contiguous bytes there: a slot */
	uint64_t slots, count;   /* slots in a record; bytes in all records */
	const struct ndarray_level *levels; /* the sub-arrays that the slots belong to, innermost first */
	uint32_t nlevels;
	bool to_c_order;         /* records lie in another order, but are shown in C order */
};

struct ndarray_level {
	const struct ndarray_level *outer;
	uint64_t count, stride;
};

struct ndarray_records {
	uint64_t size; /* bytes of a record */
	uint64_t count;
	const uint64_t *shape;
	const uint64_t *strides; /* in records, of those that lie in another order than C's; else NULL */
	uint32_t rank; /* at most NUMPY_RANK_MAX */
};

int ndarray_read_field(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
