/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/*
 * Zeroed memory of any size; NULL if there is none.  From PAGES_HUGE bytes on it is
 * mapped with huge pages where the system has them: one page fault instead of 512, and
 * fewer TLB misses for random lookups.
 */
enum { PAGES_HUGE = 2 << 20 };

void *pages_new(size_t n);
void pages_free(void *pages, size_t n); /* n: as for pages_new(); NULL is ignored */
