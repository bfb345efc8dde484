/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

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
};

bool glob_is_pattern(const char *text);
enum glob glob_match(const char *pattern, const char *path);
