/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * Parts: members that are archives themselves, each opened whenever it is read.  Say so
 * by parts_of() before the first is held.
 */
void parts_of(struct archive *whole, const struct format *const *formats);

/* Like member_hold().  -ENOTSUP without a sentence if it is none of the formats'. */
int part_hold(struct member *part, struct archive **ret, struct error *err);

/* Prefetch: the part will be held soon, so a worker may open it. */
void part_prefetch(struct archive *whole, struct member *part);
