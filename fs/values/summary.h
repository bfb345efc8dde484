/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/values/array.h"
#include "fs/values/widen.h"

/*
 * Statistics of an array's numbers: how many there are, the least, the greatest, mean and standard
 * deviation (ddof 0), how many are zero, NaN and infinite.  In one pass, by any number of threads.
 *
 *   integers       least and greatest exactly, of any width up to 256 bits; bool is 0 and 1
 *   floats         of any kind; NaN and infinities are counted, and left out of the rest
 *   complex        no order, so neither least nor greatest; the deviation is numpy's, a real number;
 *                  NaN or infinite if a part is
 *   dates, times   as integers in their unit; NumPy's NaT counts as NaN
 *   decimals       as their integers, without the scale
 *   quantized      what they stand for: the values of fs/values/widen.h
 *
 * Means and deviations are those of numpy in float64 or better: elements are added up in blocks,
 * each around one of its own values, and blocks are merged as by Chan, Golub and LeVeque, "Updating
 * formulae and a pairwise algorithm for computing sample variances" (1979).  So they do not depend
 * on how the array was cut into parts, except in the last bits of a long double.
 */
enum summary_kind { SUMMARY_NONE, SUMMARY_REAL, SUMMARY_COMPLEX, SUMMARY_WHOLE };

enum { SUMMARY_BLOCK = 2048 }; /* elements */

/* How an array's elements are taken. */
struct summary_plan {
	const struct array *array;
	enum summary_kind kind;
	uint32_t elements, bytes; /* of a group, the least that can be taken alone */
	uint8_t dtype;            /* enum dtype of the numbers that are added up */
	uint8_t width;            /* and their bytes */
	bool turn;                /* big-endian */
	bool not_a_time;          /* the least integer is NaT */
	bool widened;             /* the numbers are widen_run()'s */
	struct widen widen;
};

/* An integer of 256 bits in two's complement, the lowest limb first. */
struct summary_whole {
	uint64_t limb[4];
};

struct summary_moments {
	uint64_t count;
	long double mean;
	long double squares; /* the sum of (x - mean)^2 */
};

/* Begins as {0}. */
struct summary {
	uint64_t count;                  /* of all elements but nulls */
	uint64_t zeros, nan, inf;
	struct summary_moments parts[2]; /* of the finite ones; of complex numbers the real and the imaginary part */
	double least, most;              /* REAL, if there are finite ones */
	struct summary_whole least_whole, most_whole; /* WHOLE, likewise */
};

/* Whether its elements are numbers; the other functions are for arrays where they are.  The array
 * must outlive the plan. */
bool summary_exists(const struct array *a);
void summary_init(struct summary_plan *ret, const struct array *a);

/* Which elements are null: a byte for each slot of `each` elements, 0 for null, from slot `first` on. */
struct summary_valid {
	const uint8_t *slots; /* NULL: none is null */
	uint64_t first, each;
};

/* Adds `count` elements, the first of which has index `at`, which begins a group.  Any thread, one
 * at a time per result.  The bytes may change meanwhile: then so do the numbers. */
void summary_run(const struct summary_plan *p, const uint8_t *from, uint64_t at, uint64_t count,
		 const struct summary_valid *valid, struct summary *r);

/* Adds the result for another part of the same array. */
void summary_join(struct summary *r, const struct summary *part);

/* Of the finite ones; complex: of a part (0, 1), and the deviation of both.  NaN if there are none. */
double summary_mean(const struct summary *r, unsigned part);
double summary_deviation(const struct summary *r);

/*
 * Bins of equal width between the least and the greatest finite value, whose counts are those of
 * numpy.histogram(a.astype(float64), bins=n): a bin includes its lower edge, the last one both.
 */
struct summary_bins {
	unsigned count;
	double *edges; /* count + 1 of them, the caller's */
	double scale;  /* bins per unit */
};

/* False if there are none: no finite values, complex ones, or too narrow a range for so many. */
bool summary_bins(const struct summary_plan *p, const struct summary *r, unsigned count, double *edges, struct summary_bins *ret);

/* Adds to the counts; else as summary_run(). */
void summary_count(const struct summary_plan *p, const struct summary_bins *bins, const uint8_t *from, uint64_t at, uint64_t count,
		   const struct summary_valid *valid, uint64_t *counts);

/* The nearest double. */
double summary_whole_value(const struct summary_whole *w);
