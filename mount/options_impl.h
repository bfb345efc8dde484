/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

enum { CACHE_DEFAULT_MB = 256 };

/* Reports a usage error; returns 2. */
int options_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, but the sentence itself says what to do instead. */
int options_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number of digits alone, from `least` to `most`? */
bool options_count(const char *text, unsigned least, unsigned most, unsigned *ret);

/* Takes the value of -o, a list, which it changes.  0, or 2 after reporting. */
int options_mount(struct options *o, char *list);

/* "yes" or "no"? */
bool options_no(const char *text, bool *ret_no);

/* A comma in a value is \, and nothing else is escaped. */
void options_unescape(char *text);

/* Takes one of -o records and what belongs to it; false: it is none of these. */
bool options_records(struct options *o, char *word, int *ret);

/* What the command calls an option that it lacks and other programs have; NULL: nothing. */
const char *options_meant(const struct command *command, const char *option);

/* A SOURCE that does not exist may be meant as a command.  0, or 2 after reporting. */
int options_check_word(int n, char **operands);

/* Do they fit each other?  0, or 2 after reporting. */
int options_records_check(struct options *o);

/* Their names, each with the sign that ends it; ends with NULL. */
extern const char *const options_records_names[];
