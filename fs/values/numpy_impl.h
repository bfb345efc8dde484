/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/numpy.h"

/* Shared by numpy*.c: reading the text of a header. */
struct numpy_reader {
	struct cursor c; /* UTF-8 */
	struct arena *arena;
	struct error *err;
	unsigned depth;
	bool longs; /* integers may end in L, as in Python 2 */
};

/* Reports a fault at the cursor; -EBADMSG. */
int numpy_fault(struct numpy_reader *r, const char *what);
int numpy_no_memory(struct numpy_reader *r);

/* --- Python literals (numpy_literal.c); each skips leading white space --- */

bool numpy_next(struct numpy_reader *r, char punctuation); /* consumes it if it comes next */
int numpy_want(struct numpy_reader *r, char punctuation);
char numpy_peek(struct numpy_reader *r); /* NUL at the end */
int numpy_string(struct numpy_reader *r, struct slice *ret);
int numpy_bool(struct numpy_reader *r, bool *ret);
int numpy_shape(struct numpy_reader *r, struct array *ret); /* sets rank and shape */

/* --- descr (numpy_type.c) --- */

int numpy_descr(struct numpy_reader *r, struct numpy_type *ret);
