/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

/* Reports a usage error; returns 2. */
int options_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "yes" or "no"? */
bool options_no(const char *text, bool *ret_no);

/* A comma in a value is \, and nothing else is escaped. */
void options_unescape(char *text);

/* Takes one of -o records and what belongs to it; false: it is none of these. */
bool options_records(struct options *o, char *word, int *ret);

/* Do they fit each other?  0, or 2 after reporting. */
int options_records_check(struct options *o);
