/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "fs/values/compare.h"

/*
 * Numbers from bytes, which are little-endian (compare_numbers.c).
 */
#define LOAD(type, from, i) ({ type v_; memcpy(&v_, (from) + (i) * sizeof v_, sizeof v_); v_; })

/* Fills `small`, where kind, dtype and bytes are known. */
void compare_prepare(struct compare *c);

/* n floats, or parts of complex numbers. */
void compare_reals(const struct compare *c, const uint8_t *from, size_t n, double *ret);

/* Signed ones with their sign extended. */
void compare_wholes(const struct compare *c, const uint8_t *from, size_t n, uint64_t *ret);
