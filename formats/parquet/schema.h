/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/* The name of the type in this archive; NULL for a group without annotation, or without
 * memory. */
const char *pq_schema_word(struct arena *arena, const struct element *e);

/* Type and codec of a leaf as shown, without shape and type name. */
struct array pq_schema_array(const struct leaf *leaf);

uint8_t pq_schema_dtype(const struct element *e); /* enum dtype */

/* Completes elements whose names, types and children are set: assigns their levels and
 * leaves, and stores them in p. */
int pq_schema_number(struct archive *a, struct parquet *p, struct element *all, uint32_t count, struct error *err);

/* show.c: is the group a list or a map, by all of the specification's rules, including
 * those for old files; and is a list's repeated field the element itself? */
bool pq_schema_is_list(const struct element *e);
bool pq_schema_is_map(const struct element *e);
bool pq_schema_is_element(const struct element *list, const struct element *repeated);
