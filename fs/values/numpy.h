/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"
#include "fs/base/text.h"
#include "fs/values/array.h"

/*
 * How NumPy describes an array: the `descr` of its type, and the .npy header around
 * that (numpy.lib.format, versions 1.0, 2.0 and 3.0).
 *
 * A header is the text of a Python dictionary.  Of Python's grammar we accept only
 * what NumPy itself has ever written; each other fault has its own sentence.
 */
struct numpy_type {
	/* One element.  rank and shape are a field's sub-array shape or, in a header,
	 * the array's; `type` is the text of the descr.  The dtype of a record is
	 * STRUCT; OBJECT is a Python object, which is pickled. */
	struct array array;
	uint64_t size;                    /* bytes; of a sub-array, all of it */
	bool objects;                     /* is or contains an object */
	const struct numpy_field *fields; /* in file order, without padding */
	size_t count;
};

struct numpy_field {
	struct slice name, title; /* UTF-8, except that surrogates may be lone; title is usually empty */
	uint64_t offset;          /* in the record */
	struct numpy_type type;
	struct numpy_field *next;
};

struct numpy_header {
	struct numpy_type type; /* array.fortran is set only if there are at least two dimensions */
	uint64_t data;          /* bytes before the elements */
	uint64_t bytes;         /* of all elements, checked for overflow; 0 for objects: unknown */
};

#define NUMPY_MAGIC "\x93NUMPY"
enum { NUMPY_PREFIX = 12, NUMPY_HEADER_MAX = 1 << 20, NUMPY_RANK_MAX = 64 };

/* Does it begin with NumPy's magic? */
bool numpy_probe(struct slice head);

/* Where the data begins, from the first NUMPY_PREFIX bytes or as many as there are:
 * what numpy_read_header() must be given. */
int numpy_header_size(struct slice head, uint64_t *ret, struct error *err);

/* `head` holds at least the whole header.  Everything in ret is allocated from the arena. */
int numpy_read_header(struct slice head, struct arena *arena, struct numpy_header *ret, struct error *err);

/* A type by itself, such as <f4 or <M8[ns], without quotes. */
int numpy_read_type(struct slice descr, struct arena *arena, struct numpy_type *ret, struct error *err);

/* The descr of elements of whole bytes, without quotes: <f4, |V2. */
void numpy_write_type(const struct array *a, struct text *ret);

/* An .npy header with this descr and shape, each as NumPy prints it: '<f4', (2, 3). */
void numpy_write_header(struct slice descr, bool fortran, struct slice shape, struct text *ret);
