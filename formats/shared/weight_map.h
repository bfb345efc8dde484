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
 *	weight_map_read(a, &map, err)                        the index, of which `a` is
 *	for each shard:
 *		weight_map_open(a, &map, shard, &source, err)    archive_source(a, source)
 *		for each of its tensors:
 *			weight_map_find(&map, shard, name, number)
 *	weight_map_check(&map, err)                          were all found?
 *	weight_map_attrs(a, &map, err)
 *
 * https://huggingface.co/docs/transformers/big_models, "Shard metadata".
 */
struct weight_map {
	struct arena *scratch;
	struct slice_map tensors; /* in the index's order */
	struct slice_map shards;  /* paths, likewise */
	uint32_t *shard_of;       /* by a tensor's number */
	uint32_t *number_of;      /* likewise: from 1, as weight_map_find() was told; 0: not found */
	struct slice metadata;    /* the text of the object, if there is one */
	bool has_metadata;
};

/* For probes: is it an object with a weight_map whose first file ends in one of `ends`? */
bool weight_map_probe(const struct peek *p, const char *const *ends);

/* Reads the archive's own file.  Refused beyond what is no JSON: repeated names, and files that
 * are not below the index's folder.  All that is read is in map->scratch. */
int weight_map_read(struct archive *a, struct weight_map *map, struct error *err);

/* Opens the shard's file. */
int weight_map_open(struct archive *a, const struct weight_map *map, uint32_t shard, uint32_t *ret, struct error *err);

/* What is wrong with a shard, as a fault of the index; returns the error. */
int weight_map_fault(const struct weight_map *map, uint32_t shard, int error, struct error *err);

/* The shard has a tensor of that name, number `number` among its own: is it one that the index
 * expects there?  If so, its number in the index, which is noted; else SLICE_MAP_NONE. */
uint32_t weight_map_find(struct weight_map *map, uint32_t shard, struct slice name, uint32_t number);

/* -EBADMSG if a tensor was not found. */
int weight_map_check(const struct weight_map *map, struct error *err);

/* The index's metadata as attributes of the root: text as it stands, anything else as JSON. */
int weight_map_attrs(struct archive *a, const struct weight_map *map, struct error *err);

/* The root's details: the index as stored, but on one line: `,"header":{…}`. */
int weight_map_details(struct archive *a, struct text *ret, struct error *err);

/* Is it a relative path that leads no way up, as indexes name files? */
bool weight_map_path_fine(struct slice path);
