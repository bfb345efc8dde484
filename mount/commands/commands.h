/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

/* The commands that work without a mount; each returns the exit code. */
int list_run(const struct options *o);
int info_run(const struct options *o);
int cat_run(const struct options *o);
int rows_run(const struct options *o);
int stats_run(const struct options *o);
int extract_run(const struct options *o);
int diff_run(const struct options *o);
int verify_run(const struct options *o);
