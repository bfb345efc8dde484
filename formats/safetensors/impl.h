/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/safetensors/header.h"

/* Shared by the files that read a header. */

/* Rule 2: sorted by offset, each tensor begins where the previous one ends, and the last one
 * ends with the file, which has `room` bytes for them. */
int safetensors_check_cover(const struct safetensors_header *h, uint64_t room, struct arena *scratch, struct error *err);

/* How much of a name is shown in messages, for "%.*s". */
static inline int safetensors_cut(struct slice name)
{
	enum { SHOWN = 100 };
	return name.len < SHOWN ? (int)name.len : SHOWN;
}
