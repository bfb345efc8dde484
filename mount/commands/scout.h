/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/blocks/blocks.h"
#include "fs/mirror/mirror.h"
#include "mount/options.h"

/*
 * Goes ahead of --extract in an archive whose files only one processor at a time can decode:
 * while one is written, the next two are decoded into the cache, as far as that holds them, by another
 * thread.  It takes the same walk, and is wherever that was not yet.
 */
struct scout;

/* NULL where there is nothing to gain, or no memory. */
struct scout *scout_begin(struct mirror *m, struct blocks *blocks, void (*whole)(void *arg, struct scout *s), void *arg);

/* The walk's visit; see walk.h. */
int scout_visit(struct scout *s, const struct mirror_ref *ref);

/* The next file is about to be written.  s may be NULL, here and below. */
void scout_follow(struct scout *s);
void scout_end(struct scout *s);
