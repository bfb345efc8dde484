/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/*
 * PageIndex.md, read in place: call all of these between source_enter() and
 * source_leave().  They return false if there is no index, or if it is corrupt.
 */
struct location {
	uint64_t at, bytes; /* including the page header */
	uint64_t first_row; /* in the row group */
};

bool pq_offset_index_open(const struct archive *a, const struct chunk *chunk, struct cursor *ret, uint32_t *ret_count);
bool pq_offset_index_next(struct cursor *c, struct location *ret);

/* Finds the pages of a chunk without lists that lies in [at, end). Succeeds only if the
 * index accounts for every byte of the chunk, and the first and last pages match it.
 * Fills ret->page, up to ret->count of them, unless ret is NULL. *ret_dictionary is as
 * in struct pages. */
bool pq_offset_index_pages(const struct archive *a, const struct chunk *chunk, uint64_t at, uint64_t end, struct pages *ret,
			   uint32_t *ret_count, uint64_t *ret_dictionary);

struct column_index {
	struct cursor nulls, min, max, counts;
	bool has_counts;
};

struct page_statistics {
	struct bounds bounds; /* none if the page holds only nulls */
	int64_t null_count;   /* -1: unknown */
};

/* False if it does not cover exactly that many pages. */
bool pq_column_index_open(const struct archive *a, const struct chunk *chunk, uint32_t pages, struct column_index *ret);
bool pq_column_index_next(struct column_index *x, struct page_statistics *ret);
