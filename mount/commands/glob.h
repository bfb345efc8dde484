/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * Patterns of paths, as a shell has them: '*' is any characters of one component,
 * '?' one character, [a-z] one of some, [!a-z] one of the others, and a component
 * of two stars any number of directories; a backslash takes their meaning.  A dot
 * that a name begins with has to be written.
 *
 * Time is bounded by the product of the lengths, which neither fnmatch(3) nor
 * glob(3) promises, and both know only real directories or heed the locale.
 */
enum glob {
	GLOB_NEVER,   /* neither the path nor anything below it */
	GLOB_BELOW,   /* not the path, perhaps something below it */
	GLOB_MATCHES,
	GLOB_FAILED,  /* no memory */
};

bool glob_is_pattern(const char *text);

/* A pattern, which must live as long, and how far it goes into the folders above the
 * path that was asked for last.  NULL without memory. */
struct glob_state;
struct glob_state *glob_new(const char *pattern);
void glob_free(struct glob_state *g);

/* Paths have to come as a walk has them: a folder before what is in it, and all of
 * that before its neighbours; so the cost is that of the last component alone. */
enum glob glob_match(struct glob_state *g, const char *path, size_t len);
