/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/* A shown file of one Parquet file, and where its first row and byte stand in what
 * the user sees: 0, unless several files are one table. */
struct statistics_of {
	struct archive *file;
	const struct shown *shown;
	uint64_t row, byte; /* byte UINT64_MAX: not known, or a directory */
	struct slice members; /* of JSON, each with a comma behind: put first into each object */
};

/*
 * Puts a JSON object for each row group, with commas between, and one before the
 * first unless `first`:
 *
 *   {"rows":[begin,end],"bytes":[begin,end],"error":…,"min":…,"min_exact":false,
 *    "max":…,"max_exact":false,"null_count":n,"distinct_count":n,
 *    "compressed_size":n,"size":n,"codec":…,"encodings":[…],
 *    "pages":[{"rows":…,"bytes":…,"min":…,"max":…,"null_count":n}]}
 *
 * What is not known is left out.  Bounds are of the values as they are shown:
 * numbers as such (dates and times in their unit, decimals with all their digits),
 * booleans, strings as strings, other bytes in hexadecimal, which has the same
 * order.  They are left out where the file does not say by which order they were
 * made, or where that is not the order of what is shown.  Bytes of offsets include
 * the one behind the last.
 */
int pq_statistics_put(const struct statistics_of *of, bool first, struct text *ret, struct error *err);

/* What a node tells of: itself, or, of the directory of a column of strings
 * (*ret_whole), its values; NULL for others. */
const struct shown *pq_statistics_shown(struct archive *a, const struct node *n, bool *ret_whole);

int pq_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
