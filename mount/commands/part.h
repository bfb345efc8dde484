/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/* An operand that may lead into an archive: last.ckpt/state_dict. */
struct part {
	char *source;       /* the archive, last.ckpt, or all of the operand; allocated */
	const char *within; /* the path in the archive, a part of the operand; "" for all of it */
};

/* False without memory.  An operand that leads nowhere is taken as a source; opening it will report that. */
bool part_split(const char *operand, struct part *ret);
