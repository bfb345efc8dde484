/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * A line on a terminal that tells how far long work has come: bytes done, rate,
 * time left.  Says nothing where standard error is no terminal.
 */
struct progress {
	bool shown;
	uint64_t done, total;
	double began, told; /* seconds */
};

struct progress progress_begin(uint64_t total);
bool progress_wanted(void);
void progress_add(struct progress *p, uint64_t bytes);
void progress_clear(struct progress *p); /* before anything else is said, and at the end */
