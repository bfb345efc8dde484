/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/*
 * Zeroed memory, small or large; NULL if there is none.  From PAGES_HUGE on it is mapped,
 * in pages of that size where the system has them: one fault instead of 512, and what is
 * looked up here and there is found without a walk through tables of pages.
 */
enum { PAGES_HUGE = 2 << 20 };

void *pages_new(size_t n);
void pages_free(void *pages, size_t n); /* of the same n; NULL does nothing */
