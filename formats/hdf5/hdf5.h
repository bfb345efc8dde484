/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/blocks/blocks.h"

/*
 * Shared by the files of this folder; the order follows the chapters of the HDF5 File
 * Format Specification. Addresses are as stored in the file, relative to its base.
 * Functions with a `struct arena *s` allocate what they load there: in a scratch arena of
 * the caller's, or in the archive's own while it is being filled.
 */
#define H5_UNDEFINED UINT64_MAX

enum { H5_RANK_MAX = 32, H5_DEPTH_MAX = 32 };

/* --- superblock.c: one file of the archive, its own or a sibling ---------- */

struct h5_file {
	struct archive *a;
	uint32_t number; /* archive_source() */
	uint64_t base, root;
	uint64_t end;    /* of the file, according to the superblock */
	uint64_t sohm;   /* address of the shared message table, or undefined */
	uint8_t offsets, lengths; /* sizes in bytes of an address and of a length */
	uint8_t sohm_indexes;
	const struct h5_image *image; /* metadata cache image, which overrides the file's bytes; or NULL */
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

/* The same for a block that begins with a signature and ends with a checksum over
 * everything before; the cursor starts after the signature and ends before the checksum. */
int h5_load_summed(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t len, const char *signature,
		   struct cursor *ret, struct error *err);
int h5_check_sum(const struct h5_file *f, struct slice bytes, uint32_t sum, const char *what, uint64_t address,
		 struct error *err);

/* image.c: loads the cache image that the message refers to into the archive's arena, for
 * h5_load(). h5_image_over() copies the image's part of a range over the file's bytes. */
int h5_image(struct h5_file *f, struct cursor message, struct error *err);
void h5_image_over(const struct h5_image *image, uint64_t address, uint8_t *bytes, uint64_t len);

uint32_t h5_lookup3(const uint8_t *bytes, size_t len);
uint64_t h5_address(const struct h5_file *f, struct cursor *c);
static inline uint64_t h5_length(const struct h5_file *f, struct cursor *c)
{
	return cursor_le(c, f->lengths);
}

/* The number of bytes that tightly packed fields use for a number up to `limit`. */
unsigned h5_enc_size(uint64_t limit);
unsigned h5_log2(uint64_t n); /* index of the highest bit set; 0 for 0 */

/* Of an address, for an open-addressed table. */
static inline uint32_t h5_hash(uint64_t address)
{
	return (uint32_t)(address * 0x9e3779b97f4a7c15 >> 32);
}

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
	uint8_t flags; /* bit 1: shared, data is only a pointer to the message */
};

struct h5_header {
	struct h5_message *messages;
	uint32_t count;
	uint32_t links;
	uint64_t address;
};

int h5_header(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_header *ret, struct error *err);

/* Finds the first message of the type, following shared ones. Returns false if there is
 * none, with *ret_code 0. */
bool h5_message(const struct h5_file *f, struct arena *s, const struct h5_header *h, unsigned type,
		struct cursor *ret, int *ret_code, struct error *err);
bool h5_has(const struct h5_header *h, unsigned type);

/* Follows a shared message of the type; c is at its pointer. */
int h5_shared(const struct h5_file *f, struct arena *s, struct cursor c, unsigned type, struct cursor *ret,
	      struct error *err);

/* --- heap.c, fractal.c ---------------------------------------------------- */

struct h5_local_heap {
	struct slice data;
};
int h5_local_heap(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_local_heap *ret,
		  struct error *err);
int h5_local_text(const struct h5_local_heap *h, uint64_t offset, struct slice *ret, struct error *err);

/* Gets an object of a global heap, through the block cache: release *ret_block after
 * using the bytes. `within` is the block being decoded, or NULL. */
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
	/* The blocks read so far, by address: objects are requested in the order of their
	 * hashes, each in another block. An unreadable block has no bytes, but an error
	 * code and its message. */
	struct h5_fractal_block {
		uint64_t key; /* 1 + its address; 0 if the slot is free */
		struct slice bytes;
		const struct error *why;
		int code;
	} *kept;
	uint32_t kept_mask, kept_used;
	uint16_t id_len, width, rows;
	uint8_t flags, offset_size, length_size, heap_bits;
	struct h5_pipeline pipeline; /* of the heap's direct blocks and huge objects */
	uint64_t root_size; /* filtered size of a root that is a direct block */
	uint32_t root_mask;
};
int h5_fractal(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_fractal *ret, struct error *err);
int h5_fractal_get(const struct h5_file *f, struct h5_fractal *h, struct slice id, struct slice *ret, struct error *err);

/* --- btree1.c, btree2.c --------------------------------------------------- */

/* Where a chunk lies; its address is undefined if it was never written. */
struct h5_chunk_at {
	uint64_t address, size;
	uint32_t mask; /* bit mask of the filters skipped for it */
};

/* Broken entries of a group: their number, and the first one's error. h5_spare() records
 * an error and returns 0 if the fault is the file's and the other entries can still be
 * read; otherwise, after too many faults, or with `f` NULL it returns r. */
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
	uint8_t total_size[H5_DEPTH_MAX]; /* size of a child's total count, by the child's depth */
};
int h5_btree2(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_btree2 *ret, struct error *err);
typedef int h5_record_fn(void *arg, struct cursor record, struct error *err);
int h5_btree2_each(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, h5_record_fn *each, void *arg,
		   struct h5_faults *faults, struct error *err);
/* compare() < 0: the record sought precedes this one. *ret is empty if none matches. */
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
	uint8_t ref, vlen_string, padding; /* kind of reference; padding: 0 NUL-ended, 1 NUL-padded, 2 blanks */
	bool big, vax, sign, has_vlen;
	bool ones; /* the padding bits above a number's precision are ones */
	uint32_t size;
	uint16_t offset, precision;  /* in bits */
	uint8_t sign_at, exp_at, exp_bits, man_at, man_bits;
	uint8_t norm; /* 2: the mantissa's leading bit is implied */
	uint32_t bias;
	const struct h5_type *base;  /* of an enum, vlen, array or complex */
	struct h5_member {
		struct slice name, value; /* of a compound or enum; value: an enum member's bytes */
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

/* A dataset's datatype and dataspace; returns false if one is missing, with *ret_code 0. */
bool h5_elements(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct h5_type *type,
		 struct h5_space *space, int *ret_code, struct error *err);

/* describe.c: a type's name as shown. NULL without memory. */
#define H5_TYPE_REGION "H5T_STD_REF_DSETREG"
void h5_describe(struct arena *a, const struct h5_type *t, struct array *ret);
bool h5_is_bool(const struct h5_type *t);
bool h5_is_complex(const struct h5_type *t);
const char *h5_enum_json(struct arena *a, const struct h5_type *t);

/* --- filter.c --------------------------------------------------------------- */

int h5_filters(struct arena *s, struct cursor c, struct h5_pipeline *ret, struct error *err);
const char *h5_pipeline_name(struct arena *a, const struct h5_pipeline *p);

/* Decodes a chunk through the pipeline, to exactly len bytes in the block's room. */
int h5_pipeline_run(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct block *block,
		    struct error *err);
/* The same for a piece of metadata, into memory of s. */
int h5_pipeline_load(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct arena *s,
		     struct slice *ret, struct error *err);
/* Fails if a filter that was applied is not built in. That error is permanent, whatever
 * else may be wrong, so it is checked first. */
int h5_pipeline_check(const struct h5_pipeline *p, uint32_t mask, struct error *err);

struct h5_store; /* store.h */

/* --- view.c: a part of each element ------------------------------------------- */

/* `width` bytes at `offset` of each element, or of each item of arrays nested in it:
 * level i repeats `count` times at `stride`. The elements come from a store, or from the
 * sequences of another view. */
struct h5_view {
	const struct h5_file *file;
	const struct h5_store *store; /* or NULL: then vlen */
	const struct h5_vlen *vlen;
	uint32_t element, offset, width;
	uint32_t slots; /* parts per element */
	uint32_t nlevels;
	struct h5_level { uint32_t count, stride; } levels[8];
};
int h5_view_read(const struct h5_view *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err);
int h5_view_size(const struct h5_view *v, uint64_t *ret, struct error *err);

/* --- vlen.c: sequences in global heaps ------------------------------------------ */

struct h5_vlen {
	struct h5_view of;  /* the descriptors: length, address, index */
	uint32_t base;      /* size of an item in bytes */
	bool string;
	uint64_t count;     /* number of descriptors; undefined if nested in another sequence */
};
/* The bytes of the sequence that a descriptor points at, of a string those before its NUL;
 * release *ret_block if it is not NULL. */
int h5_vlen_sequence(const struct h5_vlen *v, struct block *within, const uint8_t *descriptor, struct slice *ret,
		     struct block **ret_block, struct error *err);
int h5_vlen_total(const struct h5_vlen *v, struct block *within, uint64_t *ret, struct error *err); /* bytes */
int h5_vlen_read(const struct h5_vlen *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err);
int h5_vlen_offsets(const struct h5_vlen *v, uint64_t offset, uint64_t len, uint8_t *out, struct error *err);

/* --- what the nodes point at: node.lazy --------------------------------------- */

struct h5_node {
	enum { H5_NODE_DATASET, H5_NODE_STORE, H5_NODE_VIEW, H5_NODE_OFFSETS, H5_NODE_VALUES } kind;
	union {
		uint64_t address; /* DATASET: of its object header; its store is made again when needed */
		const struct h5_store *store;
		const struct h5_view *view;
		const struct h5_vlen *vlen;
	};
};

/* dataset.c: stores are large, and most datasets are never read. Where a dataset can be
 * read without opening other files, only its address is kept. */

/* Reads the store of the dataset at the address again; all that it points at is in s. ret->file
 * is NULL if there is no dataset, or a null one. Any thread. */
int h5_dataset(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_store *ret, struct error *err);

/* The store of a node of kind DATASET, from the block cache. *ret is valid until
 * *ret_block is released. */
int h5_node_store(struct archive *a, const struct h5_node *n, struct block *within, const struct h5_store **ret,
		  struct block **ret_block, struct error *err);

/* A copy in the archive's arena, of one piece; NULL without memory. */
const struct h5_store *h5_store_keep(struct archive *a, const struct h5_store *s);

/* group.c */
struct h5_group {
	const struct h5_file *file;
	const struct h5_group *parent;
	uint64_t address;
	bool shared; /* several links lead to it or to a group above it, so its contents may have several paths */
};

enum h5_link_kind { H5_LINK_HARD = 0, H5_LINK_SOFT = 1, H5_LINK_EXTERNAL = 64 };

struct h5_link {
	struct slice name, target;
	uint64_t address;
	uint8_t kind;
};

/* The links of a group, sorted by name, in s; none if the object is not a group.
 * Unreadable links are left out and counted in `faults`; it is an error if `faults` is
 * NULL, or if no link can be read. */
int h5_links(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_link ***ret, uint32_t *ret_count,
	     struct h5_faults *faults, struct error *err);
int h5_links_of(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct h5_link ***ret,
		uint32_t *ret_count, struct h5_faults *faults, struct error *err);

/* Checks only the first node: fails if listing would fail immediately. */
int h5_group_check(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct error *err);

/* Resolves a path from the root, through hard and soft links; *ret is undefined if
 * nothing is there. */
int h5_find(const struct h5_file *f, struct arena *s, struct slice path, uint64_t *ret, struct error *err);

/* link.c: creates the nodes for a group's links. */
int h5_group_list(struct archive *a, uint32_t dir, const struct h5_group *g, struct error *err);

/* object.c: creates the node of a dataset, group or committed type */
int h5_object(struct archive *a, uint32_t parent, struct slice name, const struct h5_group *g, uint64_t address,
	      struct error *err);

/* --- attr.c, detail.c, value.c, reference.c: reported on request; any thread ---------- */

/* detail.c: implements struct format's details(). */
int h5_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
/* virtual_detail.c: the mappings as stored in the file, as a member of a JSON object. */
int h5_virtual_details(const struct h5_store *s, struct text *ret, struct error *err);
int h5_attributes(const struct h5_file *f, uint64_t address, attrs_each *each, void *arg, struct error *err);

/* Elements as text: JSON, or a scalar string verbatim. */
int h5_value(const struct h5_file *f, const struct h5_type *t, const struct h5_space *space, struct slice data,
	     struct text *ret, bool *ret_json, struct error *err);

/* Appends the path, within the archive as shown, of the object that a reference of type
 * `ref` points to, if that object has been found. h5_refer_width(): the longest such text
 * in bytes, as a word (text_word()). */
enum referred h5_refer(const struct h5_file *f, unsigned ref, struct slice element, struct text *ret);
size_t h5_refer_width(const struct h5_file *f);

/* The archive's state, among it which node shows which dataset, and where each node's
 * object is: `places` is in chunks that never move, like the tree's, so that any thread
 * may read it. */
struct h5_archive {
	struct h5_file file;
	struct h5_group root;
	struct h5_shown { uint64_t address; uint32_t part, node; } *shown;
	uint32_t shown_mask, shown_used;
	const struct h5_counts *counts; /* owned by graph.c; protected by the archive's lock */
	uint32_t virtual_depth, virtual_sources; /* while a fill reads them */
	struct h5_file **others; /* of virtual datasets, by archive_source() number; NULL: not met yet */
	uint32_t others_room;
	uint64_t looked; /* links examined so far to name the targets of others */
	uint32_t made; /* number of nodes after the last successful fill */
	struct h5_place { uint64_t address; const struct h5_store *store; } *places[TREE_CHUNKS];
	struct h5_paths *paths; /* owned by reference.c; protected by the archive's lock */
};

/* place.c: which node shows a given file of an object with several paths; `part` numbers
 * the object's files from 0, in the order in which they are emitted. h5_twin() returns 0
 * if none does. */
uint32_t h5_twin(const struct h5_archive *h, uint64_t address, uint32_t part);
int h5_show(struct archive *a, uint64_t address, uint32_t part, uint32_t node, struct error *err);

/* graph.c: how many paths of the mount lead to the object; 0 if there are too many groups, or
 * too many links among them, to count. Called with the archive's lock held. */
int h5_path_count(const struct h5_file *f, uint64_t address, uint32_t *ret, struct error *err);

/* place.c: the object that a node shows; address 0 if it shows a part of one. */
int h5_place(struct archive *a, uint32_t node, struct h5_place place, struct error *err);
struct h5_place h5_place_of(const struct archive *a, uint32_t node);

/* place.c: implements struct format's identity(). */
uint64_t h5_identity(const struct archive *a, uint32_t index);
