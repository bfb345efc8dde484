/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/numpy.h"

/* Inside of numpy*.c: the text of a header, as it is read. */
enum { NUMPY_RANK_MAX = 64 };

struct numpy_reader {
	struct cursor c; /* UTF-8 */
	struct arena *arena;
	struct error *err;
	unsigned depth;
	bool longs; /* integers may end in L, as Python 2 wrote them */
};

/* The sentence for a fault where the cursor stands; -EBADMSG. */
int numpy_fault(struct numpy_reader *r, const char *what);
int numpy_no_memory(struct numpy_reader *r);

/* --- Python's literals (numpy_literal.c); each steps over the space before it --- */

bool numpy_next(struct numpy_reader *r, char punctuation); /* steps over it, if it comes next */
int numpy_want(struct numpy_reader *r, char punctuation);
char numpy_peek(struct numpy_reader *r); /* NUL at the end */
int numpy_string(struct numpy_reader *r, struct slice *ret);
int numpy_bool(struct numpy_reader *r, bool *ret);
int numpy_shape(struct numpy_reader *r, struct array *ret); /* sets rank and shape */

/* --- descr (numpy_type.c) --- */

int numpy_descr(struct numpy_reader *r, struct numpy_type *ret);
