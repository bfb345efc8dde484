/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/* The archive's word for the type; NULL for a group without annotation, or
 * without memory. */
const char *schema_word(struct arena *arena, const struct element *e);

/* Type and codec of a leaf as it is shown; no shape and no word. */
struct array schema_array(const struct leaf *leaf);
