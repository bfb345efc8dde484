/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "fs/base/text.h"

/*
 * The numbers in a name, such as those of layers.  Runs of many digits are none: they are
 * hashes, or times.
 */
enum { NUMBERS_MOST = 8 }; /* further ones belong to the text */

struct numbers {
	size_t count;
	size_t at[NUMBERS_MOST], digits[NUMBERS_MOST];
};

struct numbers numbers_of(const char *name);

/* Reads them; a number includes its leading zeros. */
void numbers_read(const char *name, uint64_t *ret);

/* Appends such numbers, each once: "{0…3,5,7…9}", or "{0,2…78}" for steps.  Many that follow no
 * rule are given by the first and the last.  Sorts the list.  `bare`: without braces. */
void numbers_put(struct text *t, uint64_t *list, size_t count, bool bare, bool utf8);
