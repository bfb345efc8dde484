/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/parts.h"

/*
 * A directory of files of one kind as one table: which of its files count, the columns
 * that its paths imply, and what else does not depend on the kind.
 *
 * format_table finds the files and their kind, and is then that kind's `table`, whose open()
 * finds in archive->priv a struct table_files without rows.
 */
struct table_files {
	const struct table_kind *kind;
	struct member **all;
	uint32_t count;
	uint64_t *first_row;    /* rows before each file, and of all: set by table_take() */
	struct table_key *keys; /* in order of first appearance */
};

struct table_kind {
	const char *name;           /* as in "not a NAME file" */
	const struct format *file;  /* opens one file, for its metadata: no tree. -ENOEXEC: it is not of this kind at all */
	const struct format *table;
	bool (*claims)(const struct members *m); /* or NULL: does something in the folder say which files count?  Then `table` */
	                                         /* finds them itself: its open() gets NULL */
};
extern const struct table_kind table_parquet, table_arrow;

/* An empty list, in the archive's arena. */
struct table_files *table_files(struct archive *a, const struct table_kind *kind, uint32_t room, struct error *err);

/*
 * Calls take() for each file, opened, in order; it returns how many rows the file has, and may
 * look at the first_row of this and earlier ones.  Files are opened ahead by workers.
 */
typedef int table_take_file(void *arg, struct archive *file, uint32_t number, uint64_t *ret_rows, struct error *err);
int table_take(struct archive *a, struct table_files *files, table_take_file *take, void *arg, struct error *err);

/* Refuses: the types of the field in two files cannot be united. */
int table_refuse(const char *field, const char *type, const struct member *in, const char *other, const struct member *other_in,
		 struct error *err);
const char *table_path(const struct member *file); /* for messages: its end if it is long */

/* --- table_keys.c: partition keys, by directories called KEY=VALUE ---------------------- */

struct table_key {
	struct slice name;
	struct table_key *next;
	struct slice *values;    /* for each file; data is NULL for null */
	uint8_t dtype;           /* INT64, DATE32, STRING */
	bool nulls;              /* some path gives null, or lacks it */
	uint32_t seen;           /* the last file that had it, + 1 */
};
int table_find_keys(struct archive *a, struct table_files *files, struct error *err);
const struct table_key *table_key(const struct table_files *files, struct slice name); /* NULL: none is called so */
void table_put_value(const struct table_key *key, uint32_t file, struct text *t); /* as JSON */
void table_put_origin(const struct table_files *files, uint32_t file, struct text *t); /* "file":…,"partition":{…}, */
/* Answers bytes [at, at + len) of the offsets of strings of `each` bytes, from `first` on: int64, little-endian. */
int table_key_offsets(uint64_t first, uint64_t each, uint64_t at, uint64_t len, struct answer *ret);
int64_t table_key_number(const struct table_key *key, uint32_t file); /* for INT64 and DATE32; 0 for null */

/* --- table_widen.c: numbers of a file as those of a wider column ---------------------------- */

enum table_widening { WIDEN_SIGNED, WIDEN_UNSIGNED, WIDEN_HALF, WIDEN_SINGLE, WIDEN_HALF_TO_SINGLE };

/* From a dtype to one that holds all its values; `width`: of the wider. */
enum table_widening table_widening(enum dtype from, uint32_t width);

/* Converts elements at `from` to `len` bytes of the column, which begin `within` bytes
 * into the first element and may end inside the last.  Little-endian both. */
void table_convert(enum table_widening how, const uint8_t *from, uint32_t from_width, uint32_t width, uint64_t within, uint64_t len,
		   uint8_t *to);
