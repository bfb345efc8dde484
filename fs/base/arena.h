/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * A bump allocator whose memory lives as long as its archive and is freed all at
 * once.  Nothing is freed individually, so a parser that fails half way just returns.
 * Not thread-safe.
 */
struct arena {
	struct arena_block *blocks; /* newest first: the one being filled */
	struct arena_block *own;    /* of one allocation each */
	size_t used, limit;         /* bytes handed out, and the hard limit */
	size_t soft;                /* a temporary lower limit, set by arena_try(); 0: none */
	bool denied;                /* an allocation hit the soft limit, here or in a scratch arena */
	size_t lent, lendable;      /* bytes that all scratch arenas hold; and may hold under the soft limit */
	struct arena *of;           /* for a scratch arena: the arena it belongs to */
};

/* Zeroed, aligned for any type; NULL if there is no memory or a limit is reached. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t each);
void *arena_aligned(struct arena *a, size_t n, size_t align); /* for less than any type: packed more densely */

/* A NUL-terminated, unaligned copy of s; s itself may contain NULs. */
char *arena_text(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Charges memory that is held outside the arena for the archive's lifetime to the
 * limit; false, with nothing charged, if it does not fit. */
bool arena_charge(struct arena *a, size_t n);
void arena_refund(struct arena *a, size_t n);

/* How much may still be charged; arena_deny() acts like a charge of more than that. */
size_t arena_left(const struct arena *a);
void arena_deny(struct arena *a);

/*
 * A scratch arena for temporary data while `kept` is being filled: used by the thread that
 * fills `kept`, freed with arena_free().  Each has the same limit as `kept`, but a scratch
 * arena of a scratch arena only what is left of that one's.  Under a soft limit, all scratch
 * arenas of `kept` share what arena_try() allows.
 */
struct arena arena_scratch(struct arena *kept);

/* A scratch arena that shares no state with `kept`: for readers in any thread, while
 * another thread may be filling `kept`. */
struct arena arena_apart(const struct arena *kept);

/* Sets a soft limit until arena_tried(): at most `most` bytes more from the arena, and
 * as much again from all its scratch arenas (0: no soft limit).  arena_tried() is false
 * if an allocation hit it. */
void arena_try(struct arena *a, size_t most);
bool arena_tried(struct arena *a);

void arena_free(struct arena *a);

/* The same, but keeps the memory for reuse: for scratch that is needed again and again. */
void arena_clear(struct arena *a);
