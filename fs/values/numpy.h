/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/arena.h"
#include "fs/base/text.h"
#include "fs/values/array.h"

/*
 * How NumPy writes down what an array is: the `descr` of a type, and the header of
 * an .npy file around it (numpy.lib.format, versions 1.0, 2.0 and 3.0).
 *
 * A header is the text of a Python dictionary.  Of Python's grammar we take what
 * NumPy itself has ever written; the rest is refused, one sentence for each fault.
 */

/* A type in NumPy's words. */
struct numpy_type {
	/* Of one element.  A field's own sub-array shape is in rank and shape, of a
	 * header's type the array's; `type` is the descr's text.  Of what has fields
	 * the dtype is STRUCT.  OBJECT stands for Python objects, which are pickled. */
	struct array array;
	uint64_t size;                    /* bytes, those of a sub-array together */
	bool objects;                     /* it is an object or has one somewhere in it */
	const struct numpy_field *fields; /* in the order of the file, padding left out */
	size_t count;
};

struct numpy_field {
	struct slice name, title; /* UTF-8, but for lone surrogates; title is mostly empty */
	uint64_t offset;          /* in the record */
	struct numpy_type type;
	struct numpy_field *next;
};

struct numpy_header {
	struct numpy_type type; /* array.fortran is set from two dimensions on, and only there */
	uint64_t data;          /* bytes before the elements */
	uint64_t bytes;         /* of all elements, checked for overflow; objects have none that is known */
};

enum { NUMPY_PREFIX = 12, NUMPY_HEADER_MAX = 1 << 20 };

/* Do they begin with NumPy's magic? */
bool numpy_probe(struct slice head);

/* From the first NUMPY_PREFIX bytes, or as many as there are: where the data begins,
 * so that a caller knows how much numpy_read_header() wants to see. */
int numpy_header_size(struct slice head, uint64_t *ret, struct error *err);

/* `head` has at least all of the header.  Everything in ret lies in the arena. */
int numpy_read_header(struct slice head, struct arena *arena, struct numpy_header *ret, struct error *err);

/* A type alone, such as <f4 or <M8[ns], without quotes. */
int numpy_read_type(struct slice descr, struct arena *arena, struct numpy_type *ret, struct error *err);

/* The descr of elements that are whole bytes, without quotes: <f4, |V2. */
void numpy_write_type(const struct array *a, struct text *ret);

/* An .npy header whose dictionary has this descr and this shape, each as NumPy
 * prints it: '<f4', (2, 3). */
void numpy_write_header(struct slice descr, bool fortran, struct slice shape, struct text *ret);
