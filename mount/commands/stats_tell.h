/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/commands/stats.h"

/*
 * A result of stats, in the form in which it is shown.
 */
enum { STATS_CELL = 128 };

struct cell {
	enum cell_kind { CELL_NONE, CELL_REAL, CELL_COMPLEX, CELL_EXACT, CELL_TIME } kind;
	double value, imaginary; /* TIME: none */
	char exact[STATS_CELL];  /* EXACT, TIME: all of it */
};

struct row {
	char *path;
	uint64_t count, zeros, nan, inf;
	struct cell least, most, mean, deviation;
	uint64_t *bins; /* `nbins` of them, or NULL */
	unsigned nbins;
};

/* For people (stats_rows.c): keeps the row until there are enough to align. */
void stats_hold(struct stats *s, const struct job *j, const struct row *row);
