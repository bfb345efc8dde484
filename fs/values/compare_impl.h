/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "fs/values/compare.h"

/* Numbers from little-endian bytes (compare_numbers.c). */
#define LOAD(type, from, i) ({ type v_; memcpy(&v_, (from) + (i) * sizeof v_, sizeof v_); v_; })

/* Fills `small`; kind, dtype and bytes must be set. */
void compare_prepare(struct compare *c);

/* n floats, or parts of complex numbers. */
void compare_reals(const struct compare *c, const uint8_t *from, size_t n, double *ret);

/* n integers, signed ones sign-extended. */
void compare_wholes(const struct compare *c, const uint8_t *from, size_t n, uint64_t *ret);
