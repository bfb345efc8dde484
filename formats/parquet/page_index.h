/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/*
 * PageIndex.md, read in place: all of it between source_enter() and
 * source_leave().  False where there is none, or where it is broken.
 */
struct location {
	uint64_t at, bytes; /* with its header */
	uint64_t first_row; /* in the row group */
};

bool pq_offset_index_open(const struct archive *a, const struct chunk *chunk, struct cursor *ret, uint32_t *ret_count);
bool pq_offset_index_next(struct cursor *c, struct location *ret);

/* The pages of a chunk without lists, which lies in [at, end): only if the index
 * says of every byte of the chunk which page it is of, and the first and the last
 * page are as it says.  Fills ret->page, up to ret->count of them, unless ret is
 * NULL.  *ret_dictionary as in struct pages. */
bool pq_offset_index_pages(const struct archive *a, const struct chunk *chunk, uint64_t at, uint64_t end, struct pages *ret,
			   uint32_t *ret_count, uint64_t *ret_dictionary);

struct column_index {
	struct cursor nulls, min, max, counts;
	bool has_counts;
};

struct page_statistics {
	struct bounds bounds; /* none: it holds nulls only */
	int64_t null_count;   /* -1: not known */
};

/* Only if it tells of so many pages. */
bool pq_column_index_open(const struct archive *a, const struct chunk *chunk, uint32_t pages, struct column_index *ret);
bool pq_column_index_next(struct column_index *x, struct page_statistics *ret);
