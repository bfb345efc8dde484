/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/shape.h"
#include "fs/mirror/mirror.h"
#include "mount/commands/idmap.h"
#include "mount/commands/page.h"
#include "mount/source.h"

/*
 * What a person wants to know first about an archive, a directory of several, or one array;
 * from metadata alone, except for the first values of an array.
 *
 *   info.c          which of these PATH is
 *   info_collect.c  goes through all arrays and adds up
 *   info_scales.c   dimensions that have names, as netCDF has them
 *   info_facts.c    what is said of a node: attributes, types in words
 *   info_page.c     the sums, for people
 *   info_json.c     the same as JSON
 *   info_array.c    one array
 *   info_values.c   its first values
 */

/* Something that is counted by name, with the bytes it has: dtypes, codecs, formats. */
enum { TALLY_MOST = 256 }; /* names; any further ones are counted together, as "other" */
struct tally {
	struct tally_one {
		char name[DTYPE_NAME_MAX];
		uint64_t count, bytes, rows;
		bool unsized; /* bytes are only what is known */
	} *ones;
	size_t count;
};
struct tally_one *tally(struct tally *t, const char *name); /* NULL without memory */

/* An array, as it is listed. */
struct item {
	char *path, *shape, *type; /* type: the archive's own word, or NULL */
	char *dtype;               /* of a column, with the types of what is in it */
	uint64_t bytes;
	bool sized;    /* bytes are known without decoding; else they are what is known */
	bool nullable;
	bool bare;     /* no array of its own, but a dimension that has no coordinates */
};

enum { ITEMS_FIRST = 20, ITEMS_LARGEST = 5 };

struct info {
	const char *source, *path;
	struct mirror *m;
	struct archive *archive; /* that it is all about; NULL: a directory of several */
	bool below;              /* about what is below a directory in it */
	bool table;              /* of the archive that is visited: its arrays are the columns of one table */
	bool failed;

	uint64_t files, directories, file_bytes; /* beside archives */
	uint64_t arrays, bytes, unsized, parameters, blocks, block_bytes; /* blocks: parameters in blocks, quantized */
	uint64_t faults;   /* arrays that cannot be read */
	uint64_t refused;  /* files that are called archives, and are none */
	char why[256];     /* of the first fault or refusal */
	struct tally dtypes, codecs, formats;
	struct item first[ITEMS_FIRST], largest[ITEMS_LARGEST];
	size_t nfirst, nlargest;
	struct text *columns; /* JSON of each; NULL: not wanted */

	struct scale {
		char *path;
		uint64_t size;
		bool unlimited;
	} *scales;
	size_t nscales;
	unsigned looked; /* arrays that were checked for being one */

	struct item open;    /* the array that the directory is, whose files are being visited */
	struct array of;     /* and what it is; without shape */
	uint64_t elements;   /* of it */
	bool fault;          /* it cannot be read */
	struct idmap seen;   /* nodes of several names */
};

/* --- info_collect.c ------------------------------------------------------------- */

/* Adds up what is at i->path, and below. */
void info_collect(struct info *i);
void info_free(struct info *i);

/* Is everything that it shows one table? */
bool info_is_table(const struct archive *a);
uint64_t info_rows(struct archive *a); /* of it, by its format or by what its root is */

/* --- info_facts.c --------------------------------------------------------------- */

/* The attributes of a node that are the archive's own: calls each with the name, and the value's first bytes as text.
 * Returns how many there are. */
typedef void info_attr(void *arg, const char *name, const char *value);
uint64_t info_attrs(struct archive *a, uint32_t index, const struct node *n, info_attr *each, void *arg);

/* One of them, as text; false if there is none. */
bool info_attr_of(struct archive *a, uint32_t index, const struct node *n, const char *name, struct text *ret);

/* What an element is: "float32", "Q4_K", "list<string>", "float32[768]". */
void info_type(const struct archive *a, const struct node *n, struct text *ret);

/* The shape, "[2,3]", and the number of elements, which saturates; nothing where they are not known.  An array of blocks has the
 * numbers that these stand for. */
void info_shape(const struct array *a, struct text *ret);
bool info_elements(const struct array *a, uint64_t *ret);

/* May it be null? */
bool info_nullable(const struct archive *a, const struct node *n);

/* --- info_scales.c -------------------------------------------------------------- */

/* If the array is a scale, adds it, and returns whether it is nothing else. */
void info_scale(struct info *i, const struct mirror_ref *ref, const char *path, bool *ret_bare);

/* The names of an array's dimensions, "(time, lat)"; false if they have none. */
bool info_dimensions(const struct mirror_ref *ref, struct text *ret);

/* --- info_values.c -------------------------------------------------------------- */

/* The first values, for people, or as the elements of a list of JSON.  Nothing if they have no
 * text, or if even the first ones would take decoding everything. */
void info_values(struct mirror *m, const struct mirror_ref *ref, bool json, struct text *ret);

/* --- what is written ------------------------------------------------------------ */

bool info_page(struct info *i, const struct mirror_ref *top); /* false without memory */
int info_json(struct info *i, const struct mirror_ref *top, struct text *t);

/* One array, or another file; as JSON to t unless that is NULL. */
bool info_array(struct info *i, const struct mirror_ref *ref, struct text *t);
