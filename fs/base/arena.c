/* SPDX-License-Identifier: MIT */
#include "fs/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Blocks double in size from FIRST to SMALL, their heads included, and are huge pages from then on: a tiny
 * archive costs little, a large one few calls.  An allocation larger than a quarter of a block gets a block of
 * its own.  Blocks of LARGE bytes and more are mapped: memory that is never touched then costs nothing, whereas
 * calloc() clears whatever was used before.  From HUGE_PAGE bytes on they are made of huge pages: a fault for each
 * 4 KiB took a fifth of the time that 20,000 tensors' names take. */
enum { HUGE_PAGE = 2 << 20, PAGE_MOST = 64 << 10, FIRST = 4096, SMALL = HUGE_PAGE / 4, LARGE = 384 << 10 };

struct arena_block {
	struct arena_block *next;
	size_t used, size; /* of bytes[] */
	_Alignas(max_align_t) unsigned char bytes[];
};

/* What is mapped of that length: whole pages, whatever their size. */
static size_t mapped(size_t len)
{
	return (len + PAGE_MOST - 1) & ~(size_t)(PAGE_MOST - 1);
}

/* Zeroed; if of HUGE_PAGE bytes or more, aligned to HUGE_PAGE. */
static void *map(size_t len)
{
	size_t all, kept = mapped(len);
	if (kept < len || __builtin_add_overflow(kept, len < HUGE_PAGE ? (size_t)0 : (size_t)HUGE_PAGE, &all))
		return NULL;
	unsigned char *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (len < HUGE_PAGE)
		return p;
	size_t before = -(uintptr_t)p % HUGE_PAGE;
	if (before)
		munmap(p, before);
	if (all - before > kept)
		munmap(p + before + kept, all - before - kept);
	madvise(p + before, kept, MADV_HUGEPAGE); /* without it all works, too */
	return p + before;
}

static struct arena_block *block_new(size_t len)
{
	struct arena_block *b = len < LARGE ? calloc(1, len) : map(len);
	if (b)
		b->size = len - sizeof *b;
	return b;
}

static void block_free(struct arena_block *b)
{
	size_t len = sizeof *b + b->size;
	if (len < LARGE)
		free(b);
	else
		munmap(b, mapped(len));
}

static void *own_block(struct arena *a, size_t n)
{
	struct arena_block *b = n <= SIZE_MAX - sizeof *b ? block_new(sizeof *b + n) : NULL;
	if (!b)
		return NULL;
	b->used = n;
	b->next = a->own;
	a->own = b;
	return b->bytes;
}

static bool fits(struct arena *a, size_t n)
{
	struct arena *of = a->of;
	if (n > a->limit - a->used)
		return false;
	if (a->soft && (a->used > a->soft || n > a->soft - a->used))
		a->denied = true;
	else if (of && of->soft && (of->lent > of->lendable || n > of->lendable - of->lent))
		of->denied = true;
	else
		return true;
	return false;
}

static void count(struct arena *a, size_t n)
{
	a->used += n;
	if (a->of)
		a->of->lent += n;
}

/* The next block's length, head included, where `left` bytes are left in this one; 0: the allocation gets a
 * block of its own.  Of half a huge page or more, what comes next has the rest, unless more is left here. */
static size_t next_len(const struct arena_block *b, size_t left, size_t n)
{
	size_t before = b ? sizeof *b + b->size : 0, len = before < FIRST ? FIRST : before < SMALL ? before * 2 : HUGE_PAGE;
	if (n >= HUGE_PAGE / 2 && n <= HUGE_PAGE - sizeof *b && HUGE_PAGE - sizeof *b - n >= left)
		return HUGE_PAGE;
	return n > len / 4 ? 0 : len;
}

static void *take(struct arena *a, size_t n, size_t align)
{
	if (!fits(a, n))
		return NULL;
	struct arena_block *b = a->blocks;
	size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
	if (!b || at > b->size || n > b->size - at) {
		size_t len = next_len(b, b && at < b->size ? b->size - at : 0, n);
		if (!len) {
			void *own = own_block(a, n);
			count(a, own ? n : 0);
			return own;
		}
		struct arena_block *fresh = block_new(len);
		if (!fresh)
			return NULL;
		fresh->next = b;
		a->blocks = b = fresh;
		at = 0;
	}
	b->used = at + n;
	count(a, n);
	return b->bytes + at;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return take(a, n, _Alignof(max_align_t));
}

void *arena_aligned(struct arena *a, size_t n, size_t align)
{
	return take(a, n, align);
}

void *arena_array(struct arena *a, size_t count, size_t each)
{
	size_t n;
	return __builtin_mul_overflow(count, each, &n) ? NULL : arena_alloc(a, n);
}

char *arena_text(struct arena *a, struct slice s)
{
	char *text = s.len < SIZE_MAX ? take(a, s.len + 1, 1) : NULL;
	if (text && s.len)
		memcpy(text, s.data, s.len);
	return text;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = n >= 0 ? take(a, (size_t)n + 1, 1) : NULL;
	if (text) {
		va_start(args, format);
		vsnprintf(text, (size_t)n + 1, format, args);
		va_end(args);
	}
	return text;
}

bool arena_charge(struct arena *a, size_t n)
{
	if (!fits(a, n))
		return false;
	count(a, n);
	return true;
}

void arena_refund(struct arena *a, size_t n)
{
	count(a, (size_t)0 - n);
}

size_t arena_left(const struct arena *a)
{
	size_t most = a->soft && a->soft < a->limit ? a->soft : a->limit;
	return a->used < most ? most - a->used : 0;
}

void arena_deny(struct arena *a)
{
	a->denied |= a->soft != 0;
}

struct arena arena_scratch(struct arena *kept)
{
	size_t limit = kept->of ? kept->limit - kept->used : kept->limit;
	return (struct arena){.limit = limit, .of = kept->of ? kept->of : kept};
}

struct arena arena_apart(const struct arena *kept)
{
	return (struct arena){.limit = kept->limit};
}

void arena_try(struct arena *a, size_t most)
{
	a->soft = most ? a->used + most : 0;
	a->lendable = most;
	a->denied = false;
}

bool arena_tried(struct arena *a)
{
	a->soft = 0;
	return !a->denied;
}

static void free_blocks(struct arena_block *b)
{
	for (struct arena_block *next; b; b = next) {
		next = b->next;
		block_free(b);
	}
}

void arena_free(struct arena *a)
{
	free_blocks(a->blocks);
	free_blocks(a->own);
	a->blocks = a->own = NULL;
	arena_refund(a, a->used);
}

void arena_clear(struct arena *a)
{
	struct arena_block *b = a->blocks;
	if (!b && a->own) { /* a block of its own is as good */
		b = a->blocks = a->own;
		a->own = b->next;
		b->next = NULL;
	}
	free_blocks(a->own);
	a->own = NULL;
	if (b) {
		free_blocks(b->next);
		b->next = NULL;
		memset(b->bytes, 0, b->used);
		b->used = 0;
	}
	arena_refund(a, a->used);
}
