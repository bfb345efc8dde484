/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "fs/values/compare.h"

/* Numbers from little-endian bytes (compare_numbers.c). */
#define LOAD(type, from, i) ({ type v_; memcpy(&v_, (from) + (i) * sizeof v_, sizeof v_); v_; })

/* Fills `small`; dtype must be set. */
void compare_prepare(struct compare_side *s);

/* n floats, or parts of complex numbers, or integers of which those over 2^53 are rounded. */
void compare_reals(const struct compare_side *s, const uint8_t *from, size_t n, double *ret);

/* n integers, signed ones sign-extended. */
void compare_wholes(const struct compare_side *s, bool is_signed, const uint8_t *from, size_t n, uint64_t *ret);
