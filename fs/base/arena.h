/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * Memory that lives as long as its archive and is freed at once.  Nothing in it
 * is freed by itself, so a parser that fails half way just returns.  Not for
 * several threads at once.
 */
struct arena {
	struct arena_block *blocks; /* the newest first: the one that is filled */
	size_t used, limit;         /* bytes handed out, and the most we will hand out */
	size_t soft;                /* if not 0, a lower limit for now: */
	bool denied;                /* it was met */
};

/* Zeroed, aligned for any type; NULL if there is none or the limit is reached. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t each);

/* A copy of s, NUL-ended, unaligned; s may hold NULs of its own. */
char *arena_text(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Counts memory that is held elsewhere for the archive's life against the limit;
 * false, and nothing counted, if it does not fit. */
bool arena_charge(struct arena *a, size_t n);
void arena_refund(struct arena *a, size_t n);

void arena_free(struct arena *a);
