/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/slice_map.h"
#include "fs/archive/archive.h"

/*
 * An index of a model's shards, which gathers the tensors of several files:
 *
 *	{"metadata": {"total_size": 12, …}, "weight_map": {TENSOR: FILE, …}}
 *
 * FILE is a path relative to the index's folder, without "..".  It may lead through no symbolic
 * link except as the last component (hubs keep shards as links to blobs).
 *
 * A format of such indexes says how a shard is opened, and how the tensors are added:
 *
 *	static const struct weight_map_use use = {sizeof(struct shard), open_shard, add_tensors};
 *	return weight_map_show(a, &use, err);
 *
 * https://huggingface.co/docs/transformers/big_models, "Shard metadata".
 */
struct weight_map {
	struct arena *scratch;
	struct slice_map tensors; /* in the index's order */
	struct slice_map shards;  /* paths, likewise */
	uint32_t *shard_of;       /* by a tensor's number */
	uint32_t *number_of;      /* likewise: from 1, as given to weight_map_find(); 0: not found */
	struct slice metadata;    /* the text of the object, if there is one */
	bool has_metadata;
};

/* For probes: is it an object with a weight_map whose first file ends in one of `ends`? */
bool weight_map_probe(const struct peek *p, const char *const *ends);

/* Shows the tensors of the index, of which `a` is, and its metadata as attributes of the root: text as it
 * stands, anything else as JSON.  Also refused, besides invalid JSON: repeated names, files that are not
 * below the index's folder, a tensor that its shard does not have, and what a shard is refused for. */
struct weight_map_use {
	size_t shard; /* the bytes of what open() keeps of a shard, zeroed at first */

	/* Reads the shard in archive_source(a, source), and calls weight_map_find() for each of its
	 * tensors.  `scratch` lives until all have been added. */
	int (*open)(struct archive *a, struct weight_map *map, uint32_t number, uint32_t source, struct arena *scratch, void *shard,
		    struct error *err);

	/* Adds the index's tensors in its order.  All have been found.  `shards`: of map->shards.count. */
	int (*add)(struct archive *a, const struct weight_map *map, const void *shards, struct error *err);
};
int weight_map_show(struct archive *a, const struct weight_map_use *use, struct error *err);

/* The shard has a tensor of that name, number `number` among its own: is it one that the index
 * expects there?  If so, its number in the index, which is noted; else SLICE_MAP_NONE. */
uint32_t weight_map_find(struct weight_map *map, uint32_t shard, struct slice name, uint32_t number);

/* A format's details(): of the root, the index as stored, but on one line: `,"header":{…}`. */
int weight_map_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);

/* Is it a relative path without "..", as indexes name files? */
bool weight_map_path_fine(struct slice path);
