/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/blocks/blocks.h"
#include "fs/codec/codec.h"

/*
 * Shared by the files of this format. Terms are the specification's: a leaf is a column
 * of the schema; a chunk is a leaf's part of a row group; an entry is one item of a page
 * (repetition level, definition level, perhaps a value).
 *
 * One term is our own: a slot of depth d is an element of a shown array below d lists;
 * the slots of depth 0 are the rows. An entry begins a slot of depth d if its repetition
 * level is at most d and its definition level at least leaf->exists[d].
 */

/* parquet.thrift, "Type"; plus GROUP. */
enum physical { BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, GROUP };

enum repetition { REQUIRED, OPTIONAL, REPEATED };

/* parquet.thrift, "LogicalType", by field number; converted types are mapped to these. */
enum logical {
	LOGICAL_NONE, LOGICAL_STRING, LOGICAL_MAP, LOGICAL_LIST, LOGICAL_ENUM, LOGICAL_DECIMAL, LOGICAL_DATE,
	LOGICAL_TIME, LOGICAL_TIMESTAMP, LOGICAL_INTERVAL, LOGICAL_INTEGER, LOGICAL_UNKNOWN, LOGICAL_JSON,
	LOGICAL_BSON, LOGICAL_UUID, LOGICAL_FLOAT16, LOGICAL_VARIANT, LOGICAL_GEOMETRY, LOGICAL_GEOGRAPHY,
	LOGICAL_FILE, LOGICAL_COUNT
};

enum encoding {
	PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, BIT_PACKED = 4, DELTA_BINARY_PACKED = 5,
	DELTA_LENGTH_BYTE_ARRAY = 6, DELTA_BYTE_ARRAY = 7, RLE_DICTIONARY = 8, BYTE_STREAM_SPLIT = 9,
};

struct element {
	struct slice name;    /* in the footer */
	uint32_t children;
	uint32_t next;        /* the element after its subtree */
	uint32_t leaf;        /* the first leaf of its subtree */
	int32_t length;       /* type_length */
	int32_t scale, precision;
	uint8_t physical;     /* enum physical */
	uint8_t repetition;
	uint8_t logical;      /* enum logical; NONE if it does not fit the physical type */
	uint8_t unit;         /* for TIME and TIMESTAMP: 1 ms, 2 us, 3 ns */
	uint8_t bits;         /* for INTEGER */
	bool is_signed, utc;
	uint8_t max_def, max_rep;
	bool foreign;         /* has an annotation that is unknown or does not fit */
};

/* Known traits of the program that wrote the file; of several files, all of them. */
enum writer {
	WRITER_SHORT_CHUNKS = 1,      /* a chunk's size does not include the dictionary page's header */
	WRITER_COMPRESSES_ALWAYS = 2, /* pages are compressed, whatever is_compressed says */
	WRITER_MISCOUNTS_NULLS = 4,   /* for strings: a null count of 0 despite nulls */
	WRITER_KNOWS_SIZES = 8,       /* its size statistics are known to be right */
};

/* How stored values are converted to shown ones. */
enum convert { CONVERT_NONE, CONVERT_NARROW, CONVERT_INT96, CONVERT_DECIMAL, CONVERT_ZERO };

/* The kinds of blocks of a leaf. */
enum kind { KIND_PAGES, KIND_DICTIONARY, KIND_LEVELS, KIND_VALUES, KIND_SUMS, KIND_TOTALS, KIND_CHECKED, KINDS };

struct leaf {
	const struct element *element;
	uint32_t number;
	uint8_t max_def, max_rep;
	uint8_t convert;          /* enum convert */
	uint8_t order;            /* its statistics' "ColumnOrder": 0 undefined, 1 its type's, 2 IEEE 754's */
	bool strings;             /* values of variable length, shown as strings */
	uint32_t stored, width;   /* in bytes: a value in the file, 0 if they vary; and as shown */
	const uint8_t *exists;    /* max_rep + 1 definition levels, see above */
	uint64_t *stated;         /* each quantity's total, by the size statistics; NULL: unknown */
	_Atomic bool counted;     /* the pages contradict `stated`, so the pages are counted instead */
	_Atomic bool recounted;   /* `totals` have been counted from the pages, too */
	const uint64_t *_Atomic totals; /* see pq_leaf_totals(); NULL until first needed */
	uint64_t cost;            /* bytes to decode for all of it, as far as the footer says */
	uint64_t rows;            /* while reading the footer: rows of the current row group, by its histogram */
	const char *fault;        /* why none of its row groups can be read; NULL if some can */
	const char *codec;        /* shared by all chunks; NULL for none, or if they differ */
	bool nulls;               /* some chunk may contain nulls */
	bool met, sound;          /* met: a chunk was seen; sound: one without such a fault */
};

struct parquet {
	struct slice footer;      /* in the arena; or, if large, in the mapping */
	bool mapped;
	uint64_t footer_at;
	const struct element *elements;
	uint32_t nelements;
	struct leaf *leaves;
	uint32_t nleaves;
	uint32_t ngroups;
	uint64_t *first_row;      /* ngroups + 1 */
	struct slice created_by;  /* in the arena */
	int32_t version;          /* of the format, as the writer says */
	uint32_t *chunks;         /* their offsets in the footer, ngroups × nleaves */
	size_t key_values_at;     /* likewise */
	uint32_t key_values;
	uint8_t writer;           /* enum writer, by created_by */
};

/* --- footer.c: "File Metadata"; chunk.c: "Column Metadata" ------------------ */

int pq_footer_read(struct archive *a, struct parquet *p, struct error *err);

/* For so little data, counting the pages is as fast as using the size statistics. So
 * those are not used: few other readers rely on them, so they may be wrong. */
static inline bool pq_leaf_is_small(const struct leaf *leaf) { return leaf->cost <= 64 << 10; }

/* --- created_by.c ------------------------------------------------------------ */

uint8_t pq_created_by_traits(struct slice created_by); /* enum writer */

/* --- key_values.c: "KeyValue" ----------------------------------------------- */

/* The cursor is at n pairs: records their place and skips them. */
void pq_key_values_skip(struct parquet *p, struct cursor *c, uint32_t n);
int pq_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);

/* From "Statistics", as stored; data is NULL for what is missing. */
struct bounds {
	struct slice min, max;
	bool min_exact, max_exact;
};

struct chunk {
	int64_t values;           /* entries */
	int64_t data_at, dictionary_at, bytes; /* total_compressed_size */
	int64_t uncompressed;     /* -1: not known */
	int64_t index_at, column_index_at; /* of the offset index and of the column index; 0 for none */
	int32_t index_bytes, column_index_bytes;
	int32_t type, codec;      /* as in the file */
	int64_t null_count, distinct_count; /* -1: not known */
	int64_t string_bytes;     /* unencoded_byte_array_data_bytes; -1: not known */
	bool encrypted, external, has_meta;
	uint16_t encoded;         /* bit mask of its encodings */

	/* These point into the footer: access them only between source_enter() and
	 * source_leave(). */
	struct slice rep_histogram, def_histogram; /* lists of i64, including the list headers */
	struct slice encodings;   /* a list of i32 */
	struct bounds bounds, old_bounds; /* min_value and max_value; and the deprecated min and max */
};

/* Call between source_enter() and source_leave(). Reads the chunk at the cursor, or a
 * leaf's chunk. */
void pq_chunk_read(struct cursor *c, struct chunk *ret);
int pq_chunk_peek(const struct parquet *p, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err);

/* --- chunk_sizes.c: "Size Statistics" ---------------------------------------- */

/* Call between source_enter() and source_leave(). Stores a chunk's number of slots of each
 * depth, then the bytes of its strings, by its size statistics. Returns false if they are
 * missing, or if the footer contradicts itself. ret[0], the rows, is set if a histogram has
 * them, else unchanged. */
bool pq_chunk_sizes(const struct leaf *leaf, const struct chunk *chunk, uint64_t *ret);

/* The same for callers outside such a section: the chunk's metadata, and its sizes. */
int pq_chunk_of(struct archive *a, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err);
int pq_chunk_sizes_of(struct archive *a, const struct leaf *leaf, uint32_t group, uint64_t *ret, bool *ret_told,
		      struct error *err);

/* Returns 0, or the error why the chunk cannot be read. */
int pq_chunk_readable(const struct leaf *leaf, const struct chunk *chunk, struct error *err);
enum codec_id pq_chunk_codec(int32_t codec); /* CODEC_COUNT if unknown */

/* --- schema.c: the tree ---------------------------------------------------- */

/* The kinds of shown files. */
enum what { WHAT_VALUES, WHAT_STRINGS, WHAT_STRING_OFFSETS, WHAT_OFFSETS, WHAT_VALIDITY };

struct shown {
	struct leaf *leaf;  /* the leaf it is made of */
	uint8_t what;
	uint8_t depth;      /* it has one element per slot of this depth */
	uint8_t level;      /* VALIDITY: valid at this definition level and above */
	bool whole;         /* without a validity file beside it, so without nulls */
	uint64_t base;      /* OFFSETS: added to each offset, for a file of a dataset */
	const struct element *group; /* OFFSETS, VALIDITY: any leaf in this group will do; NULL: only `leaf` */
};

/* The quantity that a file has elements for; the bytes of an element; and whether one
 * more element follows: offsets end with the total. */
static inline unsigned shown_quantity(const struct shown *s)
{
	return s->what == WHAT_STRINGS ? s->leaf->max_rep + 1u : s->depth;
}

static inline uint32_t shown_width(const struct shown *s)
{
	return s->what == WHAT_VALUES ? s->leaf->width : s->what == WHAT_VALIDITY || s->what == WHAT_STRINGS ? 1 : 8;
}

static inline bool shown_tail(const struct shown *s)
{
	return s->what == WHAT_OFFSETS || s->what == WHAT_STRING_OFFSETS;
}

/* For offsets: the quantity that they count. */
static inline unsigned shown_counted(const struct shown *s)
{
	return s->what == WHAT_STRING_OFFSETS ? s->leaf->max_rep + 1u : s->depth + 1u;
}

/* Does its size depend on totals? The number of rows is known without reading any page. */
static inline bool shown_needs_totals(const struct shown *s) { return shown_quantity(s) > 0 || shown_tail(s); }

int pq_schema_read(struct archive *a, struct parquet *p, struct cursor *c, uint32_t count, struct error *err);
int pq_schema_show(struct archive *a, struct parquet *p, struct error *err);

/* --- page.c: "Data Pages", "Page Index" ------------------------------------ */

struct pq_page_header {
	int32_t type, size, stored, crc; /* size: uncompressed_page_size */
	int32_t values, encoding, def_encoding, rep_encoding;
	int32_t nulls, rows, def_bytes, rep_bytes; /* v2 */
	bool has_crc, compressed, v2, data, dictionary;
};

/* KIND_PAGES, index = row group. */
struct pages {
	uint64_t dictionary_at;   /* 0: none */
	uint64_t end;             /* end of the chunk */
	uint32_t count;
	uint16_t codec;           /* enum codec_id */
	bool indexed;             /* by the offset index: each page ends where the next begins */
	bool compressed;          /* v2 pages are compressed, even if they say otherwise */
	struct page {
		uint64_t at;      /* offset in the file; UINT64_MAX: not found */
		uint64_t first;   /* entry */
	} page[];                 /* plus a last one with only `first`: the number of entries */
};

/* A loaded page: its sections, in the mapping or in scratch. */
struct page_data {
	struct pq_page_header header;
	struct slice rep, def, values;
	bool in_place;            /* in the mapping */
	uint64_t at;              /* offset of the values in the file, if in_place */
	uint64_t end;             /* end of the page in the file; 0 if unknown */
};

int pq_pages_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err);
int pq_page_header(struct cursor *c, struct pq_page_header *ret, struct error *err);

/* Call between source_enter() and source_leave(). If the values fill `straight` exactly,
 * they are decompressed there. */
int pq_page_load(struct archive *a, const struct leaf *leaf, const struct pages *pages, uint64_t at, struct block *scratch,
		 bool levels_only, struct slice straight, struct page_data *ret, struct error *err);

/* Ends that section; returns -EIO if the page at `at` was truncated meanwhile. */
int pq_page_leave(struct archive *a, uint64_t at, const struct page_data *page, struct error *err);
int pq_page_levels(struct slice s, int32_t encoding, unsigned max, uint64_t n, uint8_t *ret, struct error *err);

/* --- rle.c, encoding.c, strings.c: "Encodings" ----------------------------- */

struct rle {
	struct cursor c;
	unsigned width;
	uint64_t left;      /* values left in the run */
	bool packed;
	uint32_t value;     /* of an RLE run */
	struct slice run;   /* of a bit-packed run */
	uint64_t at;        /* values of it already consumed */
};

struct rle pq_rle_over(struct slice s, unsigned width);
bool pq_rle_run(struct rle *r); /* ensures that a run is current; false at the end of the data */
/* Unpacks n values of the current bit-packed run; false if its bytes are truncated. */
bool pq_rle_unpack(struct rle *r, uint32_t *ret, size_t n);
bool pq_rle_bytes(struct rle *r, uint8_t *ret, uint64_t n);   /* width at most 8 */
bool pq_rle_indices(struct rle *r, uint32_t *ret, uint64_t n, uint32_t limit); /* all below limit */
void pq_unpack_bits(const uint8_t *from, size_t len, uint64_t bit, unsigned width, uint64_t *ret, size_t n);

int pq_delta_decode(struct cursor *c, uint64_t n, unsigned bytes, void *ret, struct error *err);

/* The state of decoding. */
struct dictionary {
	uint32_t count;
	const uint8_t *values; /* fixed width: as shown */
	const uint32_t *ends;  /* strings: count + 1, from 0 */
};
struct decoding {
	struct leaf *leaf;
	struct block *block;
	struct dictionary dictionary;
	bool has_dictionary;
};

/* Decodes n contiguous values, as shown. */
int pq_fixed_decode(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, uint8_t *ret, struct error *err);

/* pq_strings_measure() finds the lengths of n values, in scratch, and their sum;
 * pq_strings_copy() then copies their bytes. */
struct strings {
	uint32_t *lengths;
	uint64_t total;
	uint32_t *indices;    /* dictionary */
	uint32_t *prefixes;   /* DELTA_BYTE_ARRAY */
	struct slice rest;
};
int pq_strings_measure(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, struct strings *ret, struct error *err);
int pq_strings_copy(struct decoding *d, int32_t encoding, const struct strings *m, uint64_t n, uint8_t *ret, struct error *err);

int pq_dictionary_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err);
struct dictionary pq_dictionary_of(const struct leaf *leaf, const struct block *block);

/* --- values.c: what a page gives; leaf.c: as blocks, and how much of it ---- */

int pq_levels_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err);
int pq_values_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err);
/* Nulls of the leaf itself, not of groups above it. */
bool pq_values_have_nulls(const struct leaf *leaf, const struct block *values);
int pq_checked_decode(struct archive *a, struct leaf *leaf, uint64_t index, struct block *ret, struct error *err);

/* Indices of KIND_LEVELS, KIND_VALUES, KIND_CHECKED. */
static inline uint64_t pq_leaf_page(uint32_t group, uint32_t page) { return (uint64_t)group << 32 | page; }

struct block_source pq_leaf_source(struct archive *a, struct leaf *leaf, enum kind kind);
int pq_leaf_get(struct archive *a, struct leaf *leaf, enum kind kind, uint64_t index, struct block *within,
		struct block **ret, struct error *err);

/* Iterates over a group's leaves: among those that can be read, the cheapest first; NULL after
 * the last. The group's offsets and validity come from the first leaf that has them. */
struct leaf *pq_leaf_first(const struct parquet *p, const struct element *group);
struct leaf *pq_leaf_next(const struct parquet *p, const struct element *group, const struct leaf *leaf);

/* The number of quantities that have sums: slots of each depth, and bytes of strings. */
static inline unsigned pq_leaf_quantities(const struct leaf *l) { return l->max_rep + 1u + l->strings; }

/* To be called when the pages contradict the leaf's size statistics: those are ignored
 * from now on, and sizes derived from them are computed again. */
void pq_leaf_count(struct archive *a, struct leaf *leaf);

/* leaf->totals: for each quantity, the amount before each row group, then the total.
 * `within` as for blocks_get(). The second function takes them from another block than
 * the leaf's own. Any thread. */
int pq_leaf_totals(struct archive *a, struct leaf *leaf, struct block *within, struct error *err);
int pq_leaf_totals_from(struct archive *a, struct leaf *leaf, const struct block_source *from, struct block *within,
			struct error *err);

/* --- read.c: by the leaf that the struct names; shown.c: by any that will do ------- */

/* Reads any struct shown; `next` says how the reader is expected to continue. */
int pq_leaf_read(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		 struct answer *ret, struct error *err);
int pq_read_shown(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		  struct answer *ret, struct error *err);
int pq_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
	    struct error *err);
int pq_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);
