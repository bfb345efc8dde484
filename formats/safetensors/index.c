/* SPDX-License-Identifier: MIT */
/*
 * safetensors index: says which of several safetensors files, the shards, holds each
 * tensor of a model (formats/shared/weight_map.h).
 *
 * Shown: exactly the tensors of weight_map, in its order, each from the shard named
 * there and no other; the index's own metadata as attributes of the root.  Anything
 * else in the shards is not shown.
 */
#include <inttypes.h>

#include "formats/safetensors/header.h"
#include "formats/shared/weight_map.h"

struct shard {
	uint32_t source; /* archive_source() */
	struct arena scratch;
	struct safetensors_header header;
};

static bool index_probe(const struct peek *p)
{
	return weight_map_probe(p, (const char *const[]){".safetensors", NULL});
}

/* Opens the shard, reads its header, and finds those tensors in it that the index expects there. */
static int open_shard(struct archive *a, struct weight_map *map, uint32_t number, struct shard *s, struct error *err)
{
	s->scratch = arena_scratch(&a->arena);
	int r = weight_map_open(a, map, number, &s->source, err);
	if (r < 0)
		return r;
	r = safetensors_header_read(archive_source(a, s->source), a->options->split, &a->tree, &s->scratch, &s->header, err);
	if (r == 0)
		r = safetensors_check_names(&s->header, &s->scratch, err);
	if (r < 0)
		return weight_map_fault(map, number, r, err);
	for (uint32_t i = 0; i < s->header.count; i++)
		weight_map_find(map, number, s->header.names[i], i);
	return 0;
}

static int add_tensors(struct archive *a, const struct weight_map *map, const struct shard *shards, struct error *err)
{
	uint32_t count = map->tensors.count;
	uint32_t *nodes = arena_array(map->scratch, (size_t)count + 1, sizeof *nodes);
	uint32_t *numbers = arena_array(map->scratch, (size_t)count + 1, sizeof *numbers);
	if (!nodes || !numbers)
		return error_no_memory(err, "an index of so many tensors");
	for (uint32_t i = 0; i < count; i++) {
		const struct shard *s = &shards[map->shard_of[i]];
		numbers[i] = map->number_of[i] - 1;
		nodes[i] = safetensors_add(a, &s->header, numbers[i], tree_expect_name(&a->tree, TREE_ROOT, map->tensors.keys[i]),
					   s->source);
	}
	return safetensors_number(a, nodes, numbers, count, err);
}

static int open_shards(struct archive *a, struct weight_map *map, struct error *err)
{
	struct shard *shards = arena_array(map->scratch, map->shards.count, sizeof *shards);
	int r = shards ? 0 : error_set(err, ENOMEM, "no memory for %" PRIu32 " shards", map->shards.count);
	for (uint32_t i = 0; r == 0 && i < map->shards.count; i++)
		r = open_shard(a, map, i, &shards[i], err);
	if (r == 0)
		r = weight_map_check(map, err);
	if (r == 0)
		r = add_tensors(a, map, shards, err);
	for (uint32_t i = 0; shards && i < map->shards.count; i++)
		arena_free(&shards[i].scratch);
	return r;
}

static int index_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct weight_map map = {.scratch = &scratch};
	int r = weight_map_read(a, &map, err);
	if (r == 0)
		r = open_shards(a, &map, err);
	if (r == 0)
		r = weight_map_attrs(a, &map, err);
	arena_free(&scratch);
	return r;
}

static int index_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	(void)n;
	return index == TREE_ROOT ? weight_map_details(a, ret, err) : 0;
}

const struct format format_safetensors_index = {
	.name = "safetensors.index",
	.suffixes = (const char *const[]){".safetensors.index.json", NULL},
	.indexes = (const char *const[]){".json", NULL},
	.text = true,
	.probe = index_probe,
	.open = index_open,
	.details = index_details,
	.ordinal = safetensors_ordinal,
};
