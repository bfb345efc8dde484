/* SPDX-License-Identifier: MIT */
/*
 * safetensors index: says which of several safetensors files, the shards, holds each
 * tensor of a model (formats/shared/weight_map.h).
 *
 * Shown: exactly the tensors of weight_map, in its order, each from the shard named
 * there and no other; the index's own metadata as attributes of the root.  Anything
 * else in the shards is not shown.
 */
#include "formats/safetensors/header.h"
#include "formats/shared/weight_map.h"

struct shard {
	uint32_t source; /* archive_source() */
	struct safetensors_header header;
};

static bool index_probe(const struct peek *p)
{
	return weight_map_probe(p, (const char *const[]){".safetensors", NULL});
}

/* Reads the shard's header, and finds those tensors in it that the index expects there. */
static int open_shard(struct archive *a, struct weight_map *map, uint32_t number, uint32_t source, struct arena *scratch, void *shard,
		      struct error *err)
{
	struct shard *s = shard;
	s->source = source;
	int r = safetensors_header_read(archive_source(a, source), a->options->split, &a->tree, scratch, &s->header, err);
	if (r == 0)
		r = safetensors_check_names(&s->header, scratch, err);
	for (uint32_t i = 0; r == 0 && i < s->header.count; i++)
		weight_map_find(map, number, s->header.names[i], i);
	return r;
}

static int add_tensors(struct archive *a, const struct weight_map *map, const void *shards, struct error *err)
{
	uint32_t count = map->tensors.count;
	uint32_t *nodes = arena_array(map->scratch, (size_t)count + 1, sizeof *nodes);
	uint32_t *numbers = arena_array(map->scratch, (size_t)count + 1, sizeof *numbers);
	if (!nodes || !numbers)
		return error_no_memory(err, "an index of so many tensors");
	for (uint32_t i = 0; i < count; i++) {
		const struct shard *s = (const struct shard *)shards + map->shard_of[i];
		numbers[i] = map->number_of[i] - 1;
		nodes[i] = safetensors_add(a, &s->header, numbers[i], tree_expect_name(&a->tree, TREE_ROOT, map->tensors.keys[i]),
					   s->source);
	}
	return safetensors_number(a, nodes, numbers, count, err);
}

static int index_open(struct archive *a, struct error *err)
{
	static const struct weight_map_use use = {sizeof(struct shard), open_shard, add_tensors};
	return weight_map_show(a, &use, err);
}

const struct format format_safetensors_index = {
	.name = "safetensors.index",
	.suffixes = (const char *const[]){".safetensors.index.json", NULL},
	.indexes = (const char *const[]){".json", NULL},
	.text = true,
	.probe = index_probe,
	.open = index_open,
	.details = weight_map_details,
	.ordinal = safetensors_ordinal,
};
