/* SPDX-License-Identifier: MIT */
#include "mount/source.h"

#include <libgen.h>
#include <stdlib.h>

#include "formats/formats.h"
#include "fs/blocks.h"
#include "fs/shelf.h"
#include "mount/log.h"
#include "mount/sandbox.h"

/* Beside the cache of decoded data, metadata may take this much. */
enum { METADATA_MB = 48 };

/* --extract writes files, which no sandbox here provides for. */
static bool is_confined(const struct options *o)
{
	return !o->no_sandbox && o->command != COMMAND_EXTRACT;
}

/* An archive that is a file is open now, and needs no other; or, where its format
 * opens others later, those in its folder. */
static void narrow(struct mirror *m, const struct options *o)
{
	struct error err = {0};
	struct mirror_ref root;
	struct stat st;
	char *copy = strdup(o->source);
	if (copy && mirror_is_archive(m) && mirror_get(m, TREE_ROOT, &root, &err) == 0) {
		bool folder = stat(o->source, &st) == 0 && S_ISDIR(st.st_mode);
		bool siblings = root.held->archive.format->siblings;
		sandbox_narrow(folder ? o->source : siblings ? dirname(copy) : NULL, o->debug);
		mirror_put(m, &root);
	}
	free(copy);
}

int source_command_open(struct opened *ret, const struct options *o)
{
	struct error err = {0};
	struct mirror_options options = {
		.follow = o->follow,
		.dataset = o->dataset,
		.archive = {
			.memory = o->cache + ((size_t)METADATA_MB << 20),
			.split = o->split,
			.no_verify = o->no_verify,
		},
	};
	*ret = (struct opened){0};
	if (is_confined(o))
		sandbox_enter(o->source, o->follow, o->debug);
	int r = source_guard();
	if (r == 0 && (r = blocks_open(&ret->blocks, o->cache, o->threads)) < 0)
		error_set(&err, -r, "no memory for the cache");
	options.archive.blocks = ret->blocks;
	if (r == 0)
		r = mirror_open(&ret->mirror, formats, o->source, &options, &err);
	if (r < 0)
		log_say("%s: %s%s", o->source, err.text[0] ? err.text : strerror(-r),
			r == -ENOMEM ? " (-o cache=SIZE allows more)" : "");
	if (r == 0 && is_confined(o))
		narrow(ret->mirror, o);
	if (r < 0 && ret->blocks)
		blocks_close(ret->blocks);
	return r < 0;
}

void source_command_close(struct opened *opened)
{
	mirror_close(opened->mirror);
	blocks_close(opened->blocks);
}
