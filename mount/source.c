/* SPDX-License-Identifier: MIT */
#include "mount/source.h"

#include "formats/formats.h"
#include "fs/blocks.h"
#include "mount/log.h"

/* Beside the cache of decoded data, metadata may take this much. */
enum { METADATA_MB = 48 };

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
	int r = source_guard();
	if (r == 0 && (r = blocks_open(&ret->blocks, o->cache, o->threads)) < 0)
		error_set(&err, -r, "no memory for the cache");
	options.archive.blocks = ret->blocks;
	if (r == 0)
		r = mirror_open(&ret->mirror, formats, o->source, &options, &err);
	if (r < 0)
		log_say("%s: %s%s", o->source, err.text[0] ? err.text : strerror(-r),
			r == -ENOMEM ? " (-o cache=SIZE allows more)" : "");
	if (r < 0 && ret->blocks)
		blocks_close(ret->blocks);
	return r < 0;
}

void source_command_close(struct opened *opened)
{
	mirror_close(opened->mirror);
	blocks_close(opened->blocks);
}
