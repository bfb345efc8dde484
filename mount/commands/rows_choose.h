/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/commands/rows.h"
#include "mount/options.h"

/*
 * What is asked for: options->paths are columns of one table, each with its table before it where
 * the archive has several, or tables.
 */
struct rows_choice {
	const struct options *options;
	struct archive *archive;
	enum rows_format format;
	struct arena arena;          /* of what follows; the caller's to free */
	struct rows_table all;
	struct rows_column *columns; /* those that are wanted, chained */
};

/* Finds `all` and `columns`; -errno and a sentence if there is no such table, or column, or one without text. */
int rows_choose(struct rows_choice *h, struct error *err);
