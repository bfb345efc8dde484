/* SPDX-License-Identifier: MIT */
#include "fs/base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static size_t whole_pages(size_t n)
{
	return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

void *pages_new(size_t n)
{
	if (n < PAGES_HUGE)
		return calloc(1, n);
	if (n > SIZE_MAX - PAGES_HUGE - PAGE)
		return NULL;
	n = whole_pages(n);
	uint8_t *at = mmap(NULL, n + PAGES_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)at & (PAGES_HUGE - 1); /* up to the alignment of a huge page */
	if (before)
		munmap(at, before);
	munmap(at + before + n, PAGES_HUGE - before);
	madvise(at + before, n, MADV_HUGEPAGE); /* only a hint: failure is harmless */
	return at + before;
}

void pages_free(void *pages, size_t n)
{
	if (n < PAGES_HUGE)
		free(pages);
	else if (pages)
		munmap(pages, whole_pages(n));
}
