/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/gguf/reader.h"
#include "formats/shared/lazy.h"
#include "fs/archive/archive.h"

/* The types of metadata values: enum gguf_metadata_value_type. */
enum gguf_type {
	GGUF_UINT8, GGUF_INT8, GGUF_UINT16, GGUF_INT16, GGUF_UINT32, GGUF_INT32, GGUF_FLOAT32, GGUF_BOOL,
	GGUF_STRING, GGUF_ARRAY, GGUF_UINT64, GGUF_INT64, GGUF_FLOAT64, GGUF_TYPES
};

struct gguf_value_type {
	const char *name;
	uint8_t dtype;
	uint8_t width; /* bytes; 0 for strings and arrays */
};
extern const struct gguf_value_type gguf_value_types[GGUF_TYPES];

/* What a tensor's elements are: enum ggml_type.  The array has dtype, type and quant; false for a
 * number that is no type, or none any more. */
bool gguf_tensor_type(uint32_t number, bool big, struct array *ret);

/* An array of strings: each is preceded by its length, a u64.  Positions in the file follow from
 * those in the values, so few of these are kept. */
enum { GGUF_STEP = 1024 };
struct gguf_strings {
	struct gguf_file {
		struct lazy lazy;
		const struct gguf_strings *strings;
	} offsets, values;
	uint64_t at;            /* where the first length stands */
	uint64_t count, bytes;  /* of all strings together */
	const uint64_t *starts; /* of every GGUF_STEP-th string, within the values */
	bool big;
};

/* A pair of the metadata. */
struct gguf_pair {
	struct slice key; /* ends in a NUL */
	uint32_t type;    /* enum gguf_type */
	uint32_t element; /* of an array: likewise */
	union {
		uint64_t number; /* of one that has a width: its bits */
		uint64_t at;     /* of a string or an array: where its bytes, or elements, begin in the file */
	};
	uint64_t count; /* the string's bytes, or the array's elements */
	const struct gguf_strings *strings; /* of an array of strings */
};

struct gguf_tensor {
	struct slice name;
	const struct array *array;
	uint64_t offset, size; /* in the file */
	bool known;            /* else its size is not known */
};

/* All that precedes the data of one file. */
struct gguf_header {
	uint32_t version;
	bool big;
	uint64_t tensor_count, pair_count, alignment;
	uint64_t data; /* where the tensors' data begins */
	struct gguf_pair *pairs;
	struct gguf_tensor *tensors;
};

/* a->priv.  Of a set, the first file's header. */
struct gguf {
	struct gguf_header header;
	uint32_t parts;       /* files of the set; 1 */
	uint64_t set_tensors; /* in all of them */
};

enum { GGUF_SHOWN = 100 }; /* bytes of a name that a message holds */
static inline int gguf_cut(struct slice name)
{
	return name.len < GGUF_SHOWN ? (int)name.len : GGUF_SHOWN;
}

/* Reads the header of a file, but not its metadata's values.  The pairs are allocated from `keep`,
 * the rest from `scratch`, except what the tree keeps.  Refuses what breaks a rule, but equal names. */
int gguf_read(struct archive *a, const struct source *s, struct arena *keep, struct arena *scratch, struct gguf_header *ret,
	      struct error *err);
int gguf_read_metadata(struct gguf_reader *r, struct arena *keep, struct arena *scratch, struct gguf_header *h);
int gguf_read_tensors(struct gguf_reader *r, struct archive *a, struct arena *scratch, struct gguf_header *h);

/* The integer of that key; false if there is none. */
bool gguf_integer(const struct gguf_header *h, const char *key, int64_t *ret);

/* -EBADMSG if two tensors have the same name. */
int gguf_check_names(const struct gguf_header *h, struct arena *scratch, struct error *err);

/* Adds the tensors as bytes of that source; and the arrays of the metadata. */
void gguf_add_tensors(struct archive *a, const struct gguf_header *h, uint32_t source);
void gguf_add_metadata(struct archive *a, const struct gguf_header *h);

/* If the archive is the first part of a set, and named as SOURCE: how many parts the set has; else 1. */
int gguf_split_count(const struct archive *a, const struct gguf_header *h, uint32_t *ret, struct error *err);
/* Adds the tensors of all parts, the first of which has been read. */
int gguf_split_open(struct archive *a, struct gguf *g, struct arena *scratch, struct error *err);

/* Reads an array's strings from its first length on, and notes where they start. */
struct gguf_strings *gguf_strings_read(struct gguf_reader *r, struct arena *keep, uint64_t count);
void gguf_strings_add(struct tree *t, struct tree_path path, const struct gguf_strings *s);

int gguf_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
int gguf_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
