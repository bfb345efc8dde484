/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/blocks/stream.h"
#include "fs/values/numpy.h"

/* What .npy and .npz share: an .npy file, which may be a member of a zip. */

/* The bytes of an .npy file, or of any member of a zip. */
struct npy_bytes {
	struct stream *stream; /* they are compressed; NULL: in the archive's source */
	uint64_t offset;       /* where they begin in it */
	uint64_t size;
};

/* A lazy node: bytes of a stream as they are, or one field of each record. */
struct npy_file {
	struct npy_bytes bytes;  /* of what is shown, or of the records */
	const struct npy_records *records; /* NULL: as they are */
	uint64_t offset;         /* of the field in a record */
	uint64_t width;          /* bytes that lie together there, a slot */
	uint64_t slots, count;   /* in a record; in all records */
	const struct npy_level *levels; /* the sub-arrays that the slots belong to, outermost first */
	uint32_t nlevels;
	bool to_c_order;         /* records are in Fortran order, what is shown is not */
};

struct npy_level {
	const struct npy_level *outer;
	uint64_t count, stride;
};

struct npy_records {
	uint64_t size; /* bytes of one */
	uint64_t count;
	const uint64_t *shape;
	uint32_t rank;
};

/* Adds the array of the .npy file that the bytes begin with: a file, or of a structured one
 * a directory.  -EBADMSG if the array is longer than they are. */
int npy_show(struct archive *a, uint32_t parent, struct slice name, const struct npy_bytes *bytes, uint32_t *ret,
	     struct error *err);

/* Adds a file of the bytes as they are; array: what they are, or NULL. */
int npy_show_bytes(struct archive *a, uint32_t parent, struct slice name, const struct npy_bytes *bytes,
		   const struct array *array, uint32_t *ret, struct error *err);

/* The format's read(), of both. */
int npy_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* Copies bytes; offset counts from where they begin. */
int npy_fetch(struct archive *a, const struct npy_bytes *bytes, uint64_t offset, size_t len, uint8_t *out,
	      const _Atomic bool *gone, struct error *err);
