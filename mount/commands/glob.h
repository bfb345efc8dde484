/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * Path patterns as in a shell: '*' matches any characters within one component, '?' one
 * character, [a-z] one of a set, [!a-z] one not in it, and a component of two stars any
 * number of directories. A backslash escapes them. A leading dot must be written out.
 *
 * Time is bounded by the product of the lengths. Neither fnmatch(3) nor glob(3) promises
 * that; glob(3) also reads real directories only, and fnmatch(3) depends on the locale.
 */
enum glob {
	GLOB_NEVER,   /* neither the path nor anything below it matches */
	GLOB_BELOW,   /* the path does not match, but something below it may */
	GLOB_MATCHES,
	GLOB_FAILED,  /* no memory */
};

bool glob_is_pattern(const char *text);

/* A pattern, which must outlive the state, and how far it matches each folder above the
 * path matched last. NULL without memory. */
struct glob_state;
struct glob_state *glob_new(const char *pattern);
void glob_free(struct glob_state *g);

/* Paths must come in the order of a walk: a folder before its contents, and those before
 * the folder's siblings; so each call costs only the last component. */
enum glob glob_match(struct glob_state *g, const char *path, size_t len);
