/* SPDX-License-Identifier: MIT */
/*
 * A pattern and, a line each, paths.  What a path matches is the same whether it is
 * asked for alone, with the folders it lies in before it, or after its neighbours.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount/commands/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asks for the folders on the way first, those that the path before has not asked for. */
static enum glob walk_to(struct glob_state *g, const char *path, const char *before)
{
	size_t len = strlen(path), known = strlen(before);
	for (size_t i = 1; i < len; i++)
		if (path[i] == '/' && (i > known || memcmp(path, before, i) != 0 || (i < known && before[i] != '/')))
			(void)glob_match(g, path, i);
	return glob_match(g, path, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *pattern, *path;
	const char *before = "";
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	pattern = strsep(&rest, "\n");
	(void)glob_is_pattern(pattern);
	struct glob_state *walked = glob_new(pattern);
	while (walked && (path = strsep(&rest, "\n"))) {
		if (*path == '\0' || *path == '/' || strstr(path, "//") || path[strlen(path) - 1] == '/')
			continue; /* no walk has such */
		struct glob_state *alone = glob_new(pattern);
		if (alone && walk_to(alone, path, "") != walk_to(walked, path, before)) {
			fprintf(stderr, "%s: %s is another match behind %s\n", pattern, path, before);
			abort();
		}
		glob_free(alone);
		before = path;
	}
	glob_free(walked);
	free(text);
	return 0;
}
