/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * A progress line on a terminal: bytes done, rate, time left. Prints nothing if standard
 * error is no terminal.
 */
struct progress {
	bool shown;
	uint64_t done, total;
	double began, printed; /* seconds */
};

struct progress progress_begin(uint64_t total);
bool progress_wanted(void);
void progress_add(struct progress *p, uint64_t bytes);
void progress_clear(struct progress *p); /* before any other output, and at the end */

/* SIGINT and SIGTERM erase the line before they end the process. */
void progress_heed_signals(void);
