/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/hdf5/hdf5.h"

/*
 * Where a dataset's bytes lie, and how they are read: what store.c finds out, and the files
 * for each of its layouts.
 */
enum h5_storage { H5_COMPACT, H5_CONTIGUOUS, H5_CHUNKED, H5_VIRTUAL, H5_EXTERNALS, H5_UNWRITTEN, H5_FAULT };
enum h5_index { H5_BTREE1 = 0, H5_SINGLE = 1, H5_IMPLICIT = 2, H5_FIXED_ARRAY = 3, H5_EXTENSIBLE = 4, H5_BTREE2 = 5 };

struct h5_store {
	const struct h5_file *file;
	uint8_t storage, index;
	bool unfiltered_edges;
	uint8_t size_bytes;   /* width of a chunk's size in the index */
	uint32_t element;     /* bytes */
	uint32_t rank;
	uint64_t count;       /* of elements */
	uint64_t size;        /* total bytes */
	uint64_t *dims;
	uint64_t address, single_size;
	uint32_t single_mask;
	struct slice compact;
	const uint8_t *fill;  /* the fill value: one element; NULL for zeros */
	bool unfilled;        /* unwritten data reads as zeros, whatever the fill value */
	struct h5_pipeline pipeline;
	uint64_t *chunk, *chunks; /* the shape of a chunk; the number of chunks per dimension */
	uint64_t *max_chunks;     /* chunks per dimension at maximum size; undefined: unlimited */
	uint64_t chunk_bytes, nchunks;
	bool flat; /* a chunk's bytes are contiguous in the dataset, too */
	const struct h5_external { uint32_t source; uint64_t offset, size; const char *fault; } *externals;
	uint32_t nexternals;
	const struct h5_mapping *mappings;
	uint32_t nmappings;
	bool needs_files;    /* its bytes are in other files, or would be if it were sound */
	uint32_t heap_index; /* index of the encoded mappings in the global heap at `address` */
	const uint32_t *sources; /* sources that hold the elements; none: the archive's own file alone */
	uint32_t nsources;
	const struct h5_convert *convert; /* for a virtual dataset's source of another type; or NULL */
	const struct h5_node *node; /* whose store this is, if it is made again when needed; or NULL */
	int code;
	const char *fault;    /* why nothing can be read; if chunked: why reading may fail */
};

/* Reads layout, filters and fill value; what the store points at is allocated in `keep`,
 * except for what lists other files, which is in the archive's arena. A fault is stored in
 * the store, and reported when it is read. Other files are opened only if `opens`, which a
 * thread may say that fills the archive. */
int h5_store(const struct h5_file *f, struct arena *keep, struct arena *s, const struct h5_header *h, const struct h5_type *t,
	     const struct h5_space *space, bool opens, struct h5_store *ret, struct error *err);
int h5_changed(struct error *err); /* -EIO: a dataset has changed since it was listed */

/* Copies bytes of the elements, in C order. */
int h5_store_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		  struct error *err);
int h5_store_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
/* Prefetches the chunks of the range, and those that its reader is expected to need next. */
void h5_store_prefetch(const struct h5_store *s, uint64_t offset, uint64_t len);

/* external.c: the external files that hold a contiguous dataset's bytes, if any; then its
 * storage is H5_EXTERNALS. */
int h5_externals(const struct h5_file *f, struct arena *scratch, const struct h5_header *h, struct h5_store *s,
		 struct error *err);
int h5_externals_read(const struct h5_store *s, uint64_t offset, uint64_t len, uint8_t *out, struct error *err);

/* sources.c: the files that hold the elements' bytes. */
int h5_sources(struct arena *scratch, struct h5_store *s, struct error *err);
const uint32_t *h5_sources_of(const struct archive *a, const struct node *n, uint32_t *ret_count);

/* chunk_index.c, chunk_array.c */
int h5_chunk_find(const struct h5_store *s, const uint64_t *scaled, struct h5_chunk_at *ret, struct error *err);
int h5_fixed_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
		   struct error *err);
int h5_extensible_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
			struct error *err);

/* chunk.c: the bytes of a chunk: in a block (to be released), in the mapping, or nowhere
 * (then filled with the fill value). */
struct h5_chunk_bytes {
	struct block *block;
	const uint8_t *at;
	uint64_t place; /* offset in the source, if not in a block */
};
int h5_chunk_get(const struct h5_store *s, struct block *within, uint64_t number, struct h5_chunk_bytes *ret,
		 struct error *err);
/* Is `end` where the chunk's part of the dataset ends? */
bool h5_chunk_ends(const struct h5_store *s, uint64_t number, uint64_t end);

/* chunk_copy.c: copies a range of the dataset. `passing`: the caller reads sequentially,
 * so a chunk read to its end will not be needed again. */
int h5_chunks_copy(const struct h5_store *s, struct block *within, bool passing, uint64_t offset, uint64_t len,
		   uint8_t *out, struct error *err);

/* chunk.c */
int h5_chunks_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
void h5_fill(const struct h5_store *s, uint64_t offset, uint64_t len, uint8_t *out);

/* virtual.c */
int h5_virtual(const struct h5_file *f, struct arena *s, const struct h5_type *t, struct h5_store *ret,
	       struct error *err);
int h5_virtual_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		    struct error *err);
