/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/archive/pieces.h"

/*
 * Arrow IPC: files (Feather V2) and streams.  Format: arrow.apache.org, "Arrow Columnar
 * Format", metadata versions V4 and V5; the schemas Message.fbs, Schema.fbs, File.fbs.
 *
 *   file    ARROW1 0 0 | messages … | footer | length i32 | ARROW1
 *   stream  messages …
 *   message FFFFFFFF | length i32 | flatbuffer | body     (before 0.15 without FFFFFFFF)
 *
 * A table is a sequence of record batches of one schema; a dictionary is one, too, of the
 * dictionary batches of its id, with a single field.  What a batch has is looked up when it
 * is read: open() keeps where each message is and how many rows came before.
 *
 *   arrow.c    probe, open: footers and streams, to tables and batches
 *   schema.c   fields, from flatbuffers
 *   message.c  what one batch has of one field
 *   show.c     the tree
 *   view.c     the buffers of one batch that a field needs, decoded
 *   runs.c     which slots of a batch are shown, through all that it is nested in
 *   totals.c   how many slots came before each batch, if that does not follow from rows
 *   making.c   what one batch adds to a shown file; make.c its bytes, views.c those of string views
 *   read.c     the bytes of a shown file
 *   dataset/   a directory of files as one table
 */

/* How the slots of a field lie in its buffers.  "validity" is a bitmap, which may be empty
 * if there are no nulls. */
enum layout {
	LAYOUT_NULL,       /* none */
	LAYOUT_FIXED,      /* validity, values of `width` bytes */
	LAYOUT_BOOL,       /* validity, a bit each */
	LAYOUT_INDICES,    /* validity, values of `width` bytes: numbers into a dictionary */
	LAYOUT_STRING,     /* validity, offsets of `width` bytes, bytes */
	LAYOUT_VIEW,       /* validity, views of 16 bytes, any number of buffers of bytes */
	LAYOUT_LIST,       /* validity, offsets of `width` bytes; a child.  Maps, too */
	LAYOUT_LIST_VIEW,  /* validity, offsets, sizes, both of `width` bytes; a child */
	LAYOUT_FIXED_LIST, /* validity; a child of `per` slots for each of its own */
	LAYOUT_STRUCT,     /* validity; children */
	LAYOUT_SPARSE,     /* types of a byte; children.  In V4 validity before it */
	LAYOUT_DENSE,      /* types of a byte, offsets of 4; children.  Likewise */
	LAYOUT_RUN_END,    /* none; two children: run ends, values */
};

struct field {
	uint8_t layout;
	bool nullable;  /* according to the schema; or because it has nulls */
	bool is_signed; /* of INDICES */
	uint8_t shown;  /* of INDICES: bytes of an index as shown */
	uint32_t width;
	uint64_t per;
	struct table *dictionary; /* of INDICES */

	/* In its table, whose fields are in pre-order. */
	uint32_t parent; /* FIELD_NONE at the top */
	uint32_t next;   /* the first that is not below it: its sibling, if that has the same parent */

	/* In a record batch: the numbers of its node and of its first buffer, which those of the
	 * views and, in V4, of the unions before it add to. */
	uint32_t node, buffer, views, unions;

	/* Its description. */
	struct slice name;
	const char *fault; /* why no slot of it can be read, or NULL */
	struct array array; /* without a shape: dtype, byteorder, type; of INDICES the indices' */
	const struct field_detail *detail; /* schema.c's and show.c's own */

	struct field **codes; /* of a union: the child of each of the 128 type codes, or NULL */

	/* totals.c's: before each batch, and after the last, as far as was requested. */
	struct counts {
		_Atomic(uint64_t *) first; /* NULL: nothing was */
		_Atomic uint32_t known;    /* how many batches were counted; their counts no longer change */
	} leads, /* slots of a list's values, bytes of a string, runs of RUN_END */
	  slots; /* of a child of DENSE: its own */
};
#define FIELD_NONE UINT32_MAX

static inline bool field_is_union(const struct field *f)
{
	return f->layout == LAYOUT_SPARSE || f->layout == LAYOUT_DENSE;
}

struct batch {
	uint64_t first;  /* rows before it */
	uint64_t meta;   /* where its flatbuffer is in the source */
	uint64_t body;   /* and its body */
	uint64_t body_len;
	uint32_t meta_len;
	uint32_t order;  /* the number of its message in a stream; in files of all dictionary batches 0, of all record batches 1 */
};

struct table {
	struct field *fields;
	uint32_t nfields;
	uint32_t number;        /* 0: the record batches; of a dictionary from 1 */
	int64_t id;             /* of a dictionary */
	uint64_t rows;          /* of all batches */
	struct batch *batches;  /* and one after the last, of which only `first` counts: all rows */
	uint32_t nbatches;
	uint64_t *starts;       /* of a dictionary: for each batch, the number of the value that indices count from
				 * once it has come: where the last replacement began */
};

struct arrow {
	struct table **tables; /* [0] and the dictionaries */
	uint32_t ntables;
	bool big;              /* endianness */
	bool file;
	uint8_t version;       /* of the metadata, from 1 on */
	bool compressed;       /* some batch is */
	const struct field_detail *detail; /* of the schema; NULL: it has none */
	const struct arrow_files *files;   /* of a table over files; else NULL */
};

/*
 * A table over files is shown as one file is: its batches are the files, and those of its dictionaries
 * what the dictionaries of the files have.  How much of something a file has, and its bytes:
 */
struct shown;
struct arrow_files {
	int (*count)(struct archive *a, const struct table *t, struct field *f, bool leads, uint32_t file, struct block *within,
		     uint64_t *ret, struct error *err); /* of what field->leads or field->slots is about */
	int (*get)(struct archive *a, const struct shown *shown, uint32_t file, struct piece *piece, uint64_t at, uint64_t len,
		   struct readahead_next next, struct answer *ret, struct error *err); /* as pieces_type's */
	void (*prefetch)(struct archive *a, const struct table *t, uint32_t file);
};

/* --- message.c ---------------------------------------------------------------------- */

struct extent {
	uint64_t at, len; /* in the source; within the batch's body */
};

/* What a batch has of one field. */
struct part {
	uint64_t length;
	uint64_t nulls;           /* 0: its bitmap is not read; UINT64_MAX: not stated, the bitmap decides */
	struct extent buffers[3]; /* in the order of enum layout, without the validity of unions; those that it lacks are empty */
	uint32_t number;          /* of buffers[0] in its batch: blocks are identified by these numbers */
	uint32_t extra, extras;   /* VIEW: the number of the first buffer of bytes, and how many there are */
	uint8_t codec;            /* enum codec_id: CODEC_NONE, CODEC_LZ4_FRAME, CODEC_ZSTD.  Compressed, a buffer that is not
				   * empty is an int64 of its decoded length, or -1 if it is not compressed, and the rest */
};

/* -EBADMSG and a sentence where the batch does not have it as it should.  The length is
 * below 2^60; that it is what the parent needs is not checked.  Reads the mapped flatbuffer
 * itself, with every step checked.  Any thread. */
int arrow_part(struct archive *a, const struct table *t, uint32_t batch, const struct field *f, struct part *ret,
	       struct error *err);

/* One buffer by its number, for those of a VIEW. */
int arrow_buffer(struct archive *a, const struct table *t, uint32_t batch, uint32_t number, struct extent *ret,
		 uint8_t *ret_codec, struct error *err);

/* Which values of a dictionary the indices of a batch of `t` mean: those from *ret_start
 * on, before *ret_end. */
void arrow_dictionary_range(const struct table *dictionary, const struct table *t, uint32_t batch, uint64_t *ret_start,
			    uint64_t *ret_end);

/* --- arrow.c, schema.c, show.c ----------------------------------------------------------------- */

bool arrow_probe(const struct peek *p);
extern const char *const arrow_suffixes[];

/* Reads the metadata, to archive->priv. */
int arrow_open(struct archive *a, struct error *err);

/* Sets how an index is shown: widened until it holds the last value of its dictionary. */
void arrow_settle_indices(struct field *f, bool big);

/* Shows a table below a directory. */
void arrow_show(struct archive *a, const struct table *t, uint32_t dir);

/* --- what is shown: node->lazy, also of a directory ---------------------------------------------------------- */

enum what {
	WHAT_VALUES,   /* FIXED, BOOL (a byte each), INDICES (of `shown` bytes, re-based); types of a union */
	WHAT_OFFSETS,  /* int64: LIST, LIST_VIEW, STRING, VIEW, one more than there are slots; DENSE: one a slot; RUN_END: the run ends, one a run */
	WHAT_BYTES,    /* STRING, VIEW: what the offsets lead to */
	WHAT_VALIDITY, /* a bool a slot */
};
struct shown {
	const struct table *table;
	struct field *field;
	enum what what;
};

/* --- read.c, totals.c --------------------------------------------------------------------- */

/* How many slots of the field are shown: rows times all fixed lists, if that is all that it is
 * nested in, known without reading anything; else SIZE_UNKNOWN.  On overflow an error. */
int arrow_slots(const struct table *t, const struct field *f, uint64_t *ret, struct error *err);

/* As struct format's. */
int arrow_extent(struct archive *a, const struct node *n, bool decode, uint64_t *ret, struct error *err);
int arrow_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);
int arrow_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
	       struct error *err);
int arrow_read_shown(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		     struct answer *ret, struct error *err);
