/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/array.h"

/*
 * Elements of one type, compared pairwise.  It knows types, no formats.
 *
 *   bit by bit     unless a tolerance is given: -0.0 is not 0.0, and a NaN is
 *                  another with the same bits only
 *   with one       integers, floats and complex numbers are as numpy.isclose(a, b)
 *                  finds them, |a - b| <= atol + rtol * |b|, computed in double
 *                  (differences of integers exactly); infinities are themselves, any
 *                  NaN is any other; all else bit by bit
 *
 * Byte order does not matter: what is big-endian is turned first.
 */
struct tolerance {
	double atol, rtol; /* not negative, no NaN */
};

enum compare_kind {
	COMPARE_OPAQUE,  /* bool, strings, decimals, bytes: no difference is a number */
	COMPARE_WHOLE,   /* integers; dates and times, in their own unit */
	COMPARE_REAL,
	COMPARE_COMPLEX, /* the difference's absolute value */
};

struct compare {
	enum compare_kind kind;
	unsigned bytes;  /* of an element, 1 where elements are packed or not told */
	bool elements;   /* false: bytes are compared, for want of elements */
	bool turn_a, turn_b;
	bool is_signed, close;
	uint8_t dtype;
	struct tolerance tolerance;
	double small[256]; /* what the floats of one byte are */
};

struct compare_result {
	uint64_t differ;  /* elements */
	uint64_t nan;     /* of those, NaN on one side only */
	uint64_t first;   /* the first of them */
	bool measured;    /* some difference is a number: */
	uint64_t at;      /* where the largest is, the first of them */
	double largest;   /* REAL, COMPLEX; may be infinite */
	uint64_t whole;   /* WHOLE */
};

/* Elements wider than this are compared as bytes. */
enum { COMPARE_WIDEST = 1 << 16 };

/* Of two arrays whose dtypes are called the same; NULL is a file of bytes.
 * `tolerance` may be NULL. */
void compare_init(struct compare *ret, const struct array *a, const struct array *b, const struct tolerance *tolerance);

/* Adds `count` pairs, of which the first is number `first`, to the result, which
 * starts from {0}.  Any thread; a result belongs to one at a time. */
void compare_run(const struct compare *c, const uint8_t *a, const uint8_t *b, size_t count, uint64_t first,
		 struct compare_result *r);

/* Adds the result of another part of the same arrays. */
void compare_join(struct compare_result *r, const struct compare_result *part);
