/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/content.h"
#include "fs/values/numpy.h"

/* What .npy and .npz share: an .npy file, which may be a member of a zip. */

/* A lazy node: bytes of a stream as they are, or one field of each record. */
struct npy_file {
	struct content bytes;    /* of what is shown, or of the records */
	const struct npy_records *records; /* NULL: as they are */
	uint64_t offset;         /* of the field in a record */
	uint64_t width;          /* contiguous bytes there: a slot */
	uint64_t slots, count;   /* slots in a record; bytes in all records */
	const struct npy_level *levels; /* the sub-arrays that the slots belong to, innermost first */
	uint32_t nlevels;
	bool to_c_order;         /* records are in Fortran order, but shown in C order */
};

struct npy_level {
	const struct npy_level *outer;
	uint64_t count, stride;
};

struct npy_records {
	uint64_t size; /* bytes of a record */
	uint64_t count;
	const uint64_t *shape;
	uint32_t rank;
};

/* Adds the array of the .npy file that `bytes` begins with: a file or, if structured, a
 * directory. -EBADMSG if the array is longer than `bytes`. */
int npy_show(struct archive *a, uint32_t parent, struct slice name, const struct content *bytes, uint32_t *ret,
	     struct error *err);

/* Adds a file of the bytes as they are; `array` describes them, or is NULL. */
int npy_show_bytes(struct archive *a, uint32_t parent, struct slice name, const struct content *bytes,
		   const struct array *array, uint32_t *ret, struct error *err);

/* read() of both formats. */
int npy_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
