/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/array.h"

/*
 * Compares elements pairwise, of one type, or numbers of two types by their values.  Knows types,
 * not formats.
 *
 *   no tolerance   bit by bit: -0.0 differs from 0.0, and NaNs are equal only if
 *                  their bits are
 *   tolerance      integers, floats and complex numbers as numpy.isclose(a, b) does:
 *                  equal if |a - b| <= atol + rtol * |b|, computed in double
 *                  (differences of integers exactly); an infinity equals itself, any
 *                  NaN any other; everything else bit by bit
 *
 * Byte order does not matter: big-endian elements are swapped first.
 */
struct tolerance {
	double atol, rtol; /* neither negative nor NaN */
};

enum compare_kind {
	COMPARE_OPAQUE,  /* bool, strings, decimals, bytes: differences have no size */
	COMPARE_WHOLE,   /* integers; dates and times, in their own unit */
	COMPARE_REAL,
	COMPARE_COMPLEX, /* absolute value of the difference */
};

struct compare_side {
	unsigned bytes; /* per element; 1 if elements are packed or their type is unknown */
	bool turn;
	uint8_t dtype;
	double small[256]; /* values of a one-byte float type */
};

struct compare {
	enum compare_kind kind;
	bool elements;   /* false: bytes are compared instead */
	bool mixed;      /* of two types: both are taken as doubles */
	bool is_signed, close;
	struct tolerance tolerance;
	struct compare_side a, b;
};

struct compare_result {
	uint64_t differ;  /* number of elements that differ */
	uint64_t nan;     /* of those, NaN on one side only */
	uint64_t first;   /* index of the first */
	bool measured;    /* a difference is a number, so that these are set: */
	uint64_t at;      /* index of the largest difference; of equal ones, the first */
	double largest;   /* REAL, COMPLEX; may be infinite */
	uint64_t whole;   /* WHOLE */
};

/* Elements wider than this are compared as bytes. */
enum { COMPARE_WIDEST = 1 << 16 };

/* For two arrays whose dtypes have the same name; NULL is a file of bytes.
 * `tolerance` may be NULL. */
void compare_init(struct compare *ret, const struct array *a, const struct array *b, const struct tolerance *tolerance);

/* Whether its elements are numbers whose values can be compared with those of another type. */
bool compare_is_number(const struct array *a);

/* For two arrays of numbers, of any such types: integers and floats are compared as doubles. */
void compare_init_values(struct compare *ret, const struct array *a, const struct array *b, const struct tolerance *tolerance);

/* Adds `count` pairs, the first of which has index `first`, to the result, which
 * starts as {0}.  Any thread, but only one at a time per result. */
void compare_run(const struct compare *c, const uint8_t *a, const uint8_t *b, size_t count, uint64_t first,
		 struct compare_result *r);

/* Adds the result for another part of the same arrays. */
void compare_join(struct compare_result *r, const struct compare_result *part);
