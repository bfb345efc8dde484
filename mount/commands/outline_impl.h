/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/commands/outline.h"

enum { DEEPEST = 64 }; /* deeper items are shown with their path from there, to bound the indent */

/* Lines stand in the order of a walk: a directory's contents come after it, deeper by one. */
struct line {
	char *name, *dtype, *shape; /* the latter two NULL if not known */
	uint32_t depth;
	uint32_t times; /* how many siblings it stands for; 0: an earlier one stands for it and its contents */
	uint32_t shared; /* bytes at the beginning of its name that are a sibling's, too */
	bool directory, more; /* more: siblings follow */
	bool sized;           /* false: something in it is of unknown size */
	bool below;           /* deeper than what is to be shown */
	uint64_t bytes, count; /* of a directory: the totals of what is in it */
};

struct outline {
	struct line *lines;
	size_t count;
	size_t stack[DEEPEST + 1]; /* the lines of the directories above the last leaf */
	uint32_t depth;            /* of the deepest one */
};

/* Lets the first of several siblings that differ only in numbers stand for all. False without
 * memory: then they are unchanged. */
bool outline_fold(struct outline *o, bool utf8);
