/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "mount/commands.h"
#include "mount/copy.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/walk.h"

static int cat(const struct options *o, struct mirror *m, const char *path)
{
	struct copy c = {.out = STDOUT_FILENO};
	struct error err = {0};
	struct mirror_ref ref;
	int r = walk_resolve(m, path, true, &ref, &err);
	if (r == 0) {
		r = copy_file(m, &ref, &c, &err);
		mirror_put(m, &ref);
	}
	if (r < 0 && c.writing)
		log_say("standard output: %s", err.text);
	else if (r < 0)
		log_say("%s: %s: %s", o->source, path, err.text);
	return r;
}

/* A reader that goes away ends us with SIGPIPE, quietly, as it ends cat. */
int cat_run(const struct options *o)
{
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	for (char **path = o->paths; *path; path++)
		if (cat(o, opened.mirror, *path) < 0)
			r = 1;
	source_command_close(&opened);
	return r;
}
