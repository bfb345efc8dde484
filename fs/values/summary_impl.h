/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>

#include "fs/values/summary.h"

/*
 * Shared by the files of summaries.  Elements are little-endian, whole, and none of them null: at
 * most SUMMARY_BLOCK at a time.
 */

#define LOAD(type, from, i) ({ type v_; memcpy(&v_, (from) + (i) * sizeof v_, sizeof v_); v_; })

/* Calls `each` for blocks of the elements (summary.c). */
typedef void summary_each(const struct summary_plan *p, const uint8_t *block, size_t n, void *arg);
void summary_blocks(const struct summary_plan *p, const uint8_t *from, uint64_t at, uint64_t count,
		    const struct summary_valid *valid, summary_each *each, void *arg);

/* What was found in a block of finite numbers: sums around one of them. */
struct summary_sums {
	double sum, squares;
	double least, most;
	uint64_t zeros;
};

/* Adds n numbers whose sums around `pivot` these are. */
void summary_add(struct summary_moments *m, size_t n, long double pivot, long double sum, double squares);
void summary_merge(struct summary_moments *m, const struct summary_moments *more);

/* --- floats (summary_real.c) -------------------------------------------------------------- */

void summary_reals(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r);
/* A number of 8 bits that occurs so many times. */
void summary_real_code(const struct summary_plan *p, uint8_t code, uint64_t times, struct summary *r);
void summary_complex(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r);

/* The finite ones as doubles; returns how many, and counts the others. */
size_t summary_finite(const struct summary_plan *p, const uint8_t *block, size_t n, double *ret, uint64_t *ret_nan, uint64_t *ret_inf);

/* With AVX2 (summary_avx2.c): false if it is not there, or a number is not finite.  n: a multiple
 * of SUMMARY_STEP.  Sums are around *ret_pivot. */
enum { SUMMARY_STEP = 16 };
bool summary_fast(enum dtype dtype, const uint8_t *block, size_t n, double *ret_pivot, struct summary_sums *ret);

/* Likewise, of any number of doubles that are finite, around the first of them. */
bool summary_fast_doubles(const double *x, size_t n, struct summary_sums *ret);

/* --- integers (summary_whole.c) -------------------------------------------------------------- */

void summary_wholes(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r);
void summary_whole_code(const struct summary_plan *p, uint8_t code, uint64_t times, struct summary *r);

/* As doubles but for NaT; returns how many. */
size_t summary_whole_doubles(const struct summary_plan *p, const uint8_t *block, size_t n, double *ret);

bool summary_whole_less(const struct summary_whole *a, const struct summary_whole *b);
