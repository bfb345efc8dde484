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
	bool denied;                /* it was met, by this one or by its scratch arenas */
	size_t lent, lendable;      /* what those have together; and may have, while there is a lower limit */
	struct arena *of;           /* of a scratch arena: whose it is */
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

/*
 * For what is needed only on the way, while `kept` is being filled: by the thread that
 * fills it, and freed with arena_free().  Each may have as much as `kept`, but under a
 * lower limit all of them together have no more than it allows.
 */
struct arena arena_scratch(struct arena *kept);

/* For whoever reads, in any thread, while another may be filling `kept`. */
struct arena arena_apart(const struct arena *kept);

/* Hands out at most so much more (0: any amount), and its scratch arenas as much again;
 * until arena_tried(), which is false if that was not enough. */
void arena_try(struct arena *a, size_t most);
bool arena_tried(struct arena *a);

void arena_free(struct arena *a);
