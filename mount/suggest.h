/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * "Did you mean …?": the likeliest of many words for one that is unknown.
 */
struct suggestion {
	const char *word;  /* what was typed */
	struct slice best; /* the likeliest so far; data NULL: nothing is near */
	unsigned cost;     /* of it */
};

/* Weighs a candidate, whose bytes must last as long as the suggestion.  Near is what differs in a few
 * letters (one, or one in three: added, left out, changed or swapped), what the word begins or ends, or what
 * begins or ends it.  Of equals the first stays. */
void suggest(struct suggestion *s, struct slice candidate);
