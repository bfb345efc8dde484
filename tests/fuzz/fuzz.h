/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/cursor.h"

/*
 * What the targets of single parsers share.  Where whole files hide a parser behind
 * lengths, checksums and compression, these give it the bytes as they are.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that holds whatever the bytes are. */
#define HOLDS(promise)                                                                       \
	do {                                                                                 \
		if (!(promise)) {                                                            \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise); \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* All that is left of the input. */
static inline struct slice fuzz_rest(struct cursor *c)
{
	return cursor_take(c, cursor_left(c));
}
