/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/blocks/blocks.h"

/*
 * What the files of this folder share, along the chapters of the HDF5 File
 * Format Specification.  Addresses are as the file has them, relative to its
 * base.  Functions that take a `struct arena *s` put what they load there: a
 * scratch arena of the caller's, or the archive's own while it is being filled.
 */
#define H5_UNDEFINED UINT64_MAX

enum { H5_RANK_MAX = 32, H5_DEPTH_MAX = 32 };

/* --- superblock.c: one file of the archive, its own or a sibling ---------- */

struct h5_file {
	struct archive *a;
	uint32_t number; /* archive_source() */
	uint64_t base, root;
	uint64_t sohm;   /* the shared message table, or undefined */
	uint8_t offsets, lengths; /* bytes of an address, of a length */
	uint8_t sohm_indexes;
	const struct h5_image *image; /* metadata that stands elsewhere; or NULL */
};

bool h5_probe(const struct peek *p);
int h5_superblock(struct h5_file *f, struct arena *s, struct error *err);

static inline struct source *h5_source(const struct h5_file *f)
{
	return archive_source(f->a, f->number);
}

/* Copies bytes into s. */
int h5_load(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t len, struct cursor *ret,
	    struct error *err);

/* The same of a block that begins with a signature and ends with a checksum over
 * all before; the cursor stands behind the signature and ends before the sum. */
int h5_load_summed(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t len, const char *signature,
		   struct cursor *ret, struct error *err);
int h5_check_sum(const struct h5_file *f, struct slice bytes, uint32_t sum, const char *what, uint64_t address,
		 struct error *err);

/* image.c: reads what the message tells of into the archive's arena, for h5_load();
 * puts what it has of a range over what the file has. */
int h5_image(struct h5_file *f, struct cursor message, struct error *err);
void h5_image_over(const struct h5_image *image, uint64_t address, uint8_t *bytes, uint64_t len);

uint32_t h5_lookup3(const uint8_t *bytes, size_t len);
uint64_t h5_address(const struct h5_file *f, struct cursor *c);
static inline uint64_t h5_length(const struct h5_file *f, struct cursor *c)
{
	return cursor_le(c, f->lengths);
}

/* Bytes that a number up to `limit` takes where the format packs tightly. */
unsigned h5_enc_size(uint64_t limit);
unsigned h5_log2(uint64_t n); /* of the highest bit; 0 for 0 */

/* --- header.c: object headers -------------------------------------------- */

enum h5_message_type {
	H5_NIL = 0, H5_DATASPACE = 1, H5_LINK_INFO = 2, H5_DATATYPE = 3, H5_FILL_OLD = 4, H5_FILL = 5, H5_LINK = 6,
	H5_EXTERNAL = 7, H5_LAYOUT = 8, H5_GROUP_INFO = 10, H5_FILTERS = 11, H5_ATTRIBUTE = 12,
	H5_SOHM = 15, H5_CONTINUATION = 16, H5_SYMBOL_TABLE = 17, H5_DRIVER = 20, H5_ATTRIBUTE_INFO = 21,
	H5_REFCOUNT = 22, H5_CACHE_IMAGE = 24,
};

struct h5_message {
	struct slice data;
	uint16_t type;
	uint8_t flags; /* bit 1: data only points to the message */
};

struct h5_header {
	struct h5_message *messages;
	uint32_t count, room;
	uint32_t links;
	uint64_t address;
};

int h5_header(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_header *ret, struct error *err);

/* The first message of the type, shared ones followed; false, and 0 in *ret_code,
 * if there is none. */
bool h5_message(const struct h5_file *f, struct arena *s, const struct h5_header *h, unsigned type,
		struct cursor *ret, int *ret_code, struct error *err);
bool h5_has(const struct h5_header *h, unsigned type);

/* Follows a shared message of the type: c is at its pointer. */
int h5_shared(const struct h5_file *f, struct arena *s, struct cursor c, unsigned type, struct cursor *ret,
	      struct error *err);

/* --- heap.c, fractal.c ---------------------------------------------------- */

struct h5_local_heap {
	struct slice data;
};
int h5_local_heap(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_local_heap *ret,
		  struct error *err);
int h5_local_text(const struct h5_local_heap *h, uint64_t offset, struct slice *ret, struct error *err);

/* An object of a global heap, through the cache of blocks: *ret_block is to be
 * released when its bytes have been used.  `within` is the block being made, or NULL. */
int h5_global(const struct h5_file *f, struct block *within, uint64_t address, uint32_t index, struct slice *ret,
	      struct block **ret_block, struct error *err);

struct h5_filter {
	uint16_t id;
	bool optional;
	const char *name;
	uint32_t *values, nvalues;
};
struct h5_pipeline {
	struct h5_filter *filters;
	uint32_t count;
};

struct h5_fractal {
	uint64_t address, huge, root, start, max_direct;
	struct arena *s;
	/* The blocks read, by address: objects are asked for in the order of hashes, each
	 * in another block.  One that cannot be read has no bytes, but a code and why. */
	struct h5_fractal_block {
		uint64_t key; /* 1 + its address; 0 if there is none */
		struct slice bytes;
		const struct error *why;
		int code;
	} *kept;
	uint32_t kept_mask, kept_used;
	uint16_t id_len, width, rows;
	uint8_t flags, offset_size, length_size, heap_bits;
	struct h5_pipeline pipeline; /* of its direct blocks and its huge objects */
	uint64_t root_size; /* of a root that is a direct block, filtered */
	uint32_t root_mask;
};
int h5_fractal(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_fractal *ret, struct error *err);
int h5_fractal_get(const struct h5_file *f, struct h5_fractal *h, struct slice id, struct slice *ret, struct error *err);

/* --- btree1.c, btree2.c --------------------------------------------------- */

/* Where one chunk lies; address undefined if it was never written. */
struct h5_chunk_at {
	uint64_t address, size;
	uint32_t mask; /* filters that were left out */
};

/* Entries of a group that are broken: how many, and why the first is.  _spare: 0 where
 * the fault is the file's and the others can go on, else r; with `f` NULL none can. */
struct h5_faults {
	uint64_t count;
	struct error first;
};
int h5_spare(struct h5_faults *f, int r, struct error *err);

typedef int h5_entry_fn(void *arg, struct slice name, uint64_t address, bool soft, struct slice target,
			struct error *err);
int h5_btree1_group(const struct h5_file *f, struct arena *s, uint64_t address, const struct h5_local_heap *heap,
		    h5_entry_fn *each, void *arg, struct h5_faults *faults, struct error *err);
int h5_btree1_chunk(const struct h5_file *f, uint64_t address, unsigned rank, const uint64_t *at,
		    struct h5_chunk_at *ret, struct error *err);

struct h5_btree2 {
	uint64_t root, records;
	uint32_t node_size;
	uint16_t record_size, depth, root_records;
	uint8_t type, nrec_size;
	uint8_t total_size[H5_DEPTH_MAX]; /* of a child's total, by the child's depth */
};
int h5_btree2(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_btree2 *ret, struct error *err);
typedef int h5_record_fn(void *arg, struct cursor record, struct error *err);
int h5_btree2_each(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, h5_record_fn *each, void *arg,
		   struct h5_faults *faults, struct error *err);
/* compare() < 0: what is sought comes before the record.  *ret is empty if none is. */
typedef int h5_compare_fn(const void *arg, struct cursor record);
int h5_btree2_find(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, h5_compare_fn *compare,
		   const void *arg, struct cursor *ret, struct error *err);

/* --- datatype.c: datatypes and dataspaces ---------------------------------- */

enum h5_class {
	H5_FIXED, H5_FLOAT, H5_TIME, H5_STRING, H5_BITFIELD, H5_OPAQUE, H5_COMPOUND, H5_REFERENCE, H5_ENUM, H5_VLEN,
	H5_ARRAY, H5_COMPLEX, H5_UNKNOWN
};

struct h5_type {
	uint8_t class;
	uint8_t ref, vlen_string, padding; /* kind of reference; 0 NUL-ended, 1 NUL-padded, 2 blanks */
	bool big, vax, sign, has_vlen;
	bool ones; /* stand above the bits of a number that has fewer than its bytes */
	uint32_t size;
	uint16_t offset, precision;  /* in bits */
	uint8_t sign_at, exp_at, exp_bits, man_at, man_bits;
	uint8_t norm; /* 2: the leading bit of the mantissa is implied */
	uint32_t bias;
	const struct h5_type *base;  /* enum, vlen, array, complex */
	struct h5_member {
		struct slice name, value; /* compound; enum: its bytes */
		uint32_t offset;
		const struct h5_type *type;
	} *members;
	uint32_t nmembers;
	uint32_t rank;
	uint64_t *dims;              /* array */
};
int h5_datatype(const struct h5_file *f, struct arena *s, struct cursor *c, struct h5_type *ret, struct error *err);
bool h5_type_equal(const struct h5_type *a, const struct h5_type *b);

struct h5_space {
	uint32_t rank;
	bool null;
	uint64_t dims[H5_RANK_MAX], max[H5_RANK_MAX];
	uint64_t count;
};
int h5_dataspace(const struct h5_file *f, struct cursor c, struct h5_space *ret, struct error *err);

/* describe.c: what a type is called.  NULL if there is no memory. */
#define H5_TYPE_REGION "H5T_STD_REF_DSETREG"
void h5_describe(struct arena *a, const struct h5_type *t, struct array *ret);
bool h5_is_bool(const struct h5_type *t);
bool h5_is_complex(const struct h5_type *t);
const char *h5_enum_json(struct arena *a, const struct h5_type *t);

/* --- filter.c --------------------------------------------------------------- */

int h5_filters(const struct h5_file *f, struct arena *s, struct cursor c, struct h5_pipeline *ret, struct error *err);
const char *h5_pipeline_name(struct arena *a, const struct h5_pipeline *p);

/* A filter's decoder: *ret bytes of at most `room`. */
typedef int h5_decode_fn(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret,
			 const struct codec_memory *memory, struct error *err);
h5_decode_fn h5_nbit, h5_scaleoffset, h5_szip, h5_lz4, h5_bitshuffle;

/* Undoes the pipeline: exactly len bytes in the block's room. */
int h5_pipeline_run(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct block *block,
		    struct error *err);
/* The same for a piece of metadata, in memory of s. */
int h5_pipeline_load(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct arena *s,
		     struct slice *ret, struct error *err);
/* Is each filter that was not left out built in?  What is not stays wrong whatever else
 * may be, so it is asked first. */
int h5_pipeline_check(const struct h5_pipeline *p, uint32_t mask, struct error *err);

/* --- store.c: where a dataset's bytes lie ------------------------------------ */

enum h5_storage { H5_COMPACT, H5_CONTIGUOUS, H5_CHUNKED, H5_VIRTUAL, H5_EXTERNALS, H5_UNWRITTEN, H5_FAULT };
enum h5_index { H5_BTREE1 = 0, H5_SINGLE = 1, H5_IMPLICIT = 2, H5_FIXED_ARRAY = 3, H5_EXTENSIBLE = 4, H5_BTREE2 = 5 };

struct h5_store {
	const struct h5_file *file;
	uint8_t storage, index;
	bool unfiltered_edges;
	uint8_t size_bytes;   /* of a chunk's size in its index */
	uint32_t element;     /* bytes */
	uint32_t rank;
	uint64_t count;       /* of elements */
	uint64_t size;        /* bytes, of all */
	uint64_t *dims;
	uint64_t address, single_size;
	uint32_t single_mask;
	struct slice compact;
	const uint8_t *fill;  /* one element; NULL for zeros */
	bool unfilled;        /* what was never written is zeros, whatever the fill value */
	struct h5_pipeline pipeline;
	uint64_t *chunk, *chunks; /* shape of a chunk; how many */
	uint64_t *max_chunks;     /* as the dataset may grow; undefined: unlimited */
	uint64_t chunk_bytes, nchunks;
	bool flat; /* the bytes of a chunk lie together in the dataset, too */
	const struct h5_external { uint32_t source; uint64_t offset, size; const char *fault; } *externals;
	uint32_t nexternals;
	const struct h5_mapping *mappings;
	uint32_t nmappings;
	uint32_t heap_index; /* of the mappings as they stand in the file, in the heap at `address` */
	const uint32_t *sources; /* whose bytes those of the elements are, if not of the archive's own file alone */
	uint32_t nsources;
	const struct h5_convert *convert; /* a virtual dataset's source of another type; or NULL */
	int code;
	const char *fault;    /* why nothing can be read; if chunked: why perhaps not */
};

/* Reads layout, filters and fill value; a fault becomes the store's own. */
int h5_store(const struct h5_file *f, struct arena *s, const struct h5_header *h, const struct h5_type *t,
	     const struct h5_space *space, struct h5_store *ret, struct error *err);

/* Copies bytes of the elements in C order. */
int h5_store_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		  struct error *err);
int h5_store_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
/* Has the chunks of the range decoded ahead, and those that its reader is expected to need next. */
void h5_store_want(const struct h5_store *s, uint64_t offset, uint64_t len);

/* external.c: the files that a contiguous dataset has its bytes in, if it has any; then
 * its storage is H5_EXTERNALS. */
int h5_externals(const struct h5_file *f, struct arena *scratch, const struct h5_header *h, struct h5_store *s,
		 struct error *err);
int h5_externals_read(const struct h5_store *s, uint64_t offset, uint64_t len, uint8_t *out, struct error *err);

/* sources.c: of which files the elements' bytes are. */
int h5_sources(struct arena *scratch, struct h5_store *s, struct error *err);
const uint32_t *h5_sources_of(const struct archive *a, const struct node *n, uint32_t *ret_count);

/* chunk_index.c, chunk_array.c */
int h5_chunk_find(const struct h5_store *s, const uint64_t *scaled, struct h5_chunk_at *ret, struct error *err);
int h5_fixed_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
		   struct error *err);
int h5_extensible_array(const struct h5_store *s, struct arena *scratch, uint64_t index, struct h5_chunk_at *ret,
			struct error *err);

/* chunk.c: the bytes of a chunk: in a block, to be released, in the mapping, or nowhere
 * (fill). */
struct h5_chunk_bytes {
	struct block *block;
	const uint8_t *at;
	uint64_t place; /* in the source, where not in a block */
};
int h5_chunk_get(const struct h5_store *s, struct block *within, uint64_t number, struct h5_chunk_bytes *ret,
		 struct error *err);
bool h5_chunk_ends(const struct h5_store *s, uint64_t number, uint64_t end); /* is the byte before `end` its last in the dataset? */

/* chunk_copy.c: a range of the dataset.  `passing`: in order, so what was read to its
 * end will not be asked for again. */
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

/* --- view.c: a part of each element ------------------------------------------- */

/* `width` bytes at `offset` of each element, or of each element of arrays in it:
 * level i repeats `count` times at `stride`.  Elements come from a store, or from
 * the sequences of another view. */
struct h5_view {
	const struct h5_file *file;
	const struct h5_store *store; /* or NULL: */
	const struct h5_vlen *vlen;
	uint32_t element, offset, width;
	uint32_t slots; /* of an element */
	uint32_t nlevels;
	struct h5_level { uint32_t count, stride; } levels[8];
};
int h5_view_read(const struct h5_view *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err);
int h5_view_size(const struct h5_view *v, uint64_t *ret, struct error *err);

/* --- vlen.c: sequences in global heaps ------------------------------------------ */

struct h5_vlen {
	struct h5_view of;  /* the descriptors: length, address, index */
	uint32_t base;      /* bytes of an item */
	bool string;
	uint64_t count;     /* of descriptors; unknown (undefined) below another sequence */
};
int h5_vlen_total(const struct h5_vlen *v, struct block *within, uint64_t *ret, struct error *err); /* bytes */
int h5_vlen_read(const struct h5_vlen *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err);
int h5_vlen_offsets(const struct h5_vlen *v, uint64_t offset, uint64_t len, uint8_t *out, struct error *err);

/* --- what the nodes point at: node.lazy --------------------------------------- */

struct h5_node {
	enum { H5_NODE_VIEW, H5_NODE_STORE, H5_NODE_OFFSETS, H5_NODE_VALUES } kind;
	union {
		struct h5_view view;
		const struct h5_store *store;
		const struct h5_vlen *vlen;
	};
};

/* group.c */
struct h5_group {
	const struct h5_file *file;
	const struct h5_group *parent;
	uint64_t address;
	bool shared; /* more than one link leads to it or to a group above: so may paths to what it holds */
};

enum h5_link_kind { H5_LINK_HARD = 0, H5_LINK_SOFT = 1, H5_LINK_EXTERNAL = 64 };

struct h5_link {
	struct slice name, target;
	uint64_t address;
	uint8_t kind;
};

/* The links of a group by name, in s; none if the object is no group.  Those that cannot
 * be read are not among them but in `faults`; an error if that is NULL, or if no other
 * could be read. */
int h5_links(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_link **ret, uint32_t *ret_count,
	     struct h5_faults *faults, struct error *err);
int h5_links_of(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct h5_link **ret,
		uint32_t *ret_count, struct h5_faults *faults, struct error *err);

/* A sound beginning is all that is looked for: fails where listing it would at once. */
int h5_group_check(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct error *err);

/* Follows hard and soft links from the root; undefined if there is nothing. */
int h5_find(const struct h5_file *f, struct arena *s, struct slice path, uint64_t *ret, struct error *err);

/* link.c: the nodes of a group's links. */
int h5_group_list(struct archive *a, uint32_t dir, const struct h5_group *g, struct error *err);

/* object.c: the node of one dataset, group or committed type */
int h5_object(struct archive *a, uint32_t parent, struct slice name, const struct h5_group *g, uint64_t address,
	      struct error *err);

/* --- attr.c, detail.c, value.c, reference.c: what is told when asked; any thread ---------- */

/* detail.c: as struct format's details(). */
int h5_details(struct archive *a, uint32_t index, struct text *ret, struct error *err);
/* virtual_detail.c: the mappings as the file has them, as a member of a JSON object. */
int h5_virtual_details(const struct h5_store *s, struct text *ret, struct error *err);
int h5_attributes(const struct h5_file *f, uint64_t address, attrs_each *each, void *arg, struct error *err);

/* Elements as text: JSON, or a scalar string as it is. */
int h5_value(const struct h5_file *f, const struct h5_type *t, const struct h5_space *space, struct slice data,
	     struct text *ret, bool *ret_json, struct error *err);

/* Puts the path of the object that a reference of the type leads to, in the archive's
 * own words, if it is among those that were found.  And the most bytes of any, as a
 * word (text_word()). */
enum referred h5_refer(const struct h5_file *f, unsigned ref, struct slice element, struct text *ret);
size_t h5_refer_width(const struct h5_file *f);

/* What the archive keeps: which node shows which dataset, and where a node's object
 * is: in chunks that never move, as the tree's own, so that any thread may look. */
struct h5_archive {
	struct h5_file file;
	struct h5_group root;
	struct h5_shown { uint64_t address; uint32_t part, node; } *shown;
	uint32_t shown_mask, shown_used;
	const struct h5_counts *counts; /* graph.c's; under the archive's lock */
	uint32_t virtual_depth, virtual_sources; /* while a filling reads them */
	uint64_t looked; /* at links, for the names of others' targets */
	uint32_t made; /* nodes, when the last filling ended well */
	struct h5_place { uint64_t address; const struct h5_store *store; } *places[TREE_CHUNKS];
	struct h5_paths *paths; /* reference.c's; under the archive's lock */
};

/* place.c: which node shows a file of an object that several paths lead to: the object's
 * files are counted from 0 in the order in which they are emitted.  h5_twin(): 0 if none does. */
uint32_t h5_twin(const struct h5_archive *h, uint64_t address, uint32_t part);
int h5_show(struct archive *a, uint64_t address, uint32_t part, uint32_t node, struct error *err);

/* graph.c: how many paths of the mount lead to the object; 0 if the groups are too many, or
 * too tangled, to tell.  The archive's lock is held. */
int h5_path_count(const struct h5_file *f, uint64_t address, uint32_t *ret, struct error *err);

/* place.c: the object that a node shows; address 0 if it is a part of one. */
int h5_place(struct archive *a, uint32_t node, struct h5_place place, struct error *err);
struct h5_place h5_place_of(const struct archive *a, uint32_t node);

/* place.c: as struct format's identity(). */
uint64_t h5_identity(const struct archive *a, uint32_t index);
