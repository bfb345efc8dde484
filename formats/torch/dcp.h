/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/strided.h"
#include "formats/shared/zip.h"
#include "formats/torch/torch.h"

/*
 * A checkpoint of torch.distributed.checkpoint: a folder of files that several processes wrote, and
 * what says where everything lies in them.
 *
 *	.metadata      a pickle of class Metadata
 *	__0_0.distcp   slices, one behind the other: each a whole file of torch.save()
 *
 *	Metadata.state_dict_metadata  {NAME: TensorStorageMetadata{properties, size, chunks: [{offsets, sizes}, …]},
 *	                               NAME: BytesStorageMetadata{}, …}
 *	Metadata.storage_data         {MetadataIndex{fqn, offset, index}:
 *	                               _StorageInfo{relative_path, offset, length, transform_descriptors}, …}
 *
 * A tensor consists of chunks, boxes of its elements; the slice of a chunk is that of its name
 * and offset.  Any other value is one slice.
 *
 *	dcp_metadata.c  the pickle, read          dcp_slice.c  slices, opened when they are read
 *	dcp_cells.c     which chunk has a place   dcp_read.c   a tensor's bytes, joined from its chunks
 *	dcp_values.c    the other values          dcp_checks.c checksums
 *	dcp.c           what is shown
 *
 * https://github.com/pytorch/pytorch/blob/v2.13.0/torch/distributed/checkpoint/metadata.py, filesystem.py
 */

/* A file that slices lie in. */
struct dcp_file {
	struct slice path;
	uint32_t source;   /* archive_source() */
	const char *fault; /* why it cannot be read; or NULL */
};

struct dcp_slice {
	uint32_t file; /* in d->files */
	uint64_t offset, length;
	const char *fault; /* why it cannot be read; or NULL */

	/* Once it was opened: where the elements begin in the file; 0: not yet.  And if they do not lie
	 * there as they are, in C order: */
	_Atomic uint64_t data;
	const struct strided *view;
};

struct dcp_chunk {
	const uint64_t *offsets, *sizes; /* as many as the tensor has dimensions */
	struct dcp_slice *slice;         /* NULL: there is none */
};

struct dcp_tensor {
	struct lazy lazy; /* dcp_read */
	struct slice name;
	const struct array *array;       /* what is shown; NULL and a fault: nothing is known */
	const struct torch_dtype *dtype;
	const char *fault;               /* why none of it can be read; or NULL */
	const char *partly;              /* why part of it cannot; or NULL */
	const uint64_t *shape;           /* as stored: where two elements share a byte, the array's is twice that */
	uint32_t rank, width;            /* width: bytes of an element as stored */
	struct dcp_chunk *chunks;        /* those that have elements */
	uint32_t nchunks;
	const struct dcp_cells *cells;   /* NULL: the only chunk is the whole tensor */
	const uint32_t *sources;         /* archive_source()s that its bytes come from */
	uint32_t nsources;
};

/* A value that is no tensor. */
struct dcp_value {
	struct slice name;
	struct dcp_slice *slice;
	_Atomic(const struct attr *) told; /* once it was read, if there was room to keep it */
};

struct dcp {
	struct archive *a;
	uint32_t metadata; /* archive_source() of .metadata */
	struct dcp_file *files;
	uint32_t nfiles;
	struct dcp_tensor *tensors; /* in the metadata's order */
	uint32_t ntensors;
	struct dcp_value *values; /* likewise */
	uint32_t nvalues;
	size_t kept; /* bytes of values that are kept */
};

/* --- dcp_metadata.c -------------------------------------------------------------------------- */

/* Is it a pickle that begins with the class Metadata? */
bool dcp_probe(const struct peek *p);

/* Reads .metadata, and opens the files that it names. */
int dcp_metadata(struct dcp *d, struct error *err);

/* --- dcp_cells.c ------------------------------------------------------------------------------ */

/*
 * The chunks' bounds cut the tensor into cells, each of which lies in one chunk or in none.  Sets
 * t->cells, t->partly if some place is in none, and t->fault if one is in two.
 */
int dcp_cells(struct archive *a, struct dcp_tensor *t, struct error *err);

/* The bytes from `at` on that lie in one chunk and follow each other there, too. */
struct dcp_run {
	const struct dcp_chunk *chunk; /* NULL: in none */
	uint64_t at;                   /* in the chunk, whose elements are in C order */
	uint64_t len;
};
struct dcp_run dcp_locate(const struct dcp_tensor *t, uint64_t at);

/* --- dcp_slice.c ------------------------------------------------------------------------------ */

/* Finds the elements of a tensor's chunk: slice->data and ->view.  Any thread. */
int dcp_slice_open(const struct dcp *d, const struct dcp_tensor *t, const struct dcp_chunk *chunk, struct error *err);

/* A slice read as the file that it is; stays where it is. */
struct dcp_opened {
	struct arena scratch; /* of all of it: arena_free() */
	struct torch_file file;
	struct zip zip;
	struct slice root; /* what the names of its records begin with */
};

/* Any thread.  To be freed, whatever happens.  `most`: the most bytes that its pickle may have. */
int dcp_slice_load(const struct dcp *d, const struct dcp_slice *slice, uint64_t most, struct dcp_opened *ret, struct error *err);

/* --- dcp_read.c ------------------------------------------------------------------------------- */

/* struct format's read(), for a->priv == struct dcp. */
int dcp_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* --- dcp_checks.c ----------------------------------------------------------------------------- */

/* struct format's checks(), likewise. */
int dcp_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err);

/* --- dcp_values.c ----------------------------------------------------------------------------- */

int dcp_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
