/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/parquet/parquet.h"

/* A shown file of one Parquet file, and the position of its first row and byte in what
 * the user sees: 0, unless several files form one table. */
struct statistics_of {
	struct archive *file;
	const struct shown *shown;
	uint64_t row, byte; /* byte UINT64_MAX: unknown, or a directory */
	struct slice members; /* JSON members, each followed by a comma, to begin each object with */
};

/*
 * Appends a JSON object per row group, separated by commas, with a comma before the
 * first one unless `first`:
 *
 *   {"rows":[begin,end],"bytes":[begin,end],"error":…,"min":…,"min_exact":false,
 *    "max":…,"max_exact":false,"null_count":n,"distinct_count":n,
 *    "compressed_size":n,"size":n,"codec":…,"encodings":[…],
 *    "pages":[{"rows":…,"bytes":…,"min":…,"max":…,"null_count":n}]}
 *
 * Unknown members are omitted.  Bounds are those of the values as shown: numbers as
 * numbers (dates and times in their unit, decimals with all their digits), booleans,
 * strings as strings, other bytes in hexadecimal, which sorts the same way.  They are
 * omitted if the file does not say by which order they were determined, or if what is
 * shown sorts differently.  The bytes of offsets include the final one.
 */
int pq_statistics_put(const struct statistics_of *of, bool first, struct text *ret, struct error *err);

/* What a node's statistics are about: the file itself or, for the directory of a string
 * column (*ret_whole), its values; NULL if there are none. */
const struct shown *pq_statistics_shown(struct archive *a, const struct node *n, bool *ret_whole);

int pq_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
