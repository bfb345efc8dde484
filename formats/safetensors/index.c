/* SPDX-License-Identifier: MIT */
/*
 * safetensors index: says which of several safetensors files, the shards, holds each
 * tensor of a model.
 *
 *      {"metadata": {"total_size": 123, …},
 *       "weight_map": {TENSOR: "model-00001-of-00002.safetensors", …}}
 *
 * Shown: exactly the tensors of weight_map, in its order, each from the shard named
 * there and no other; the index's own metadata as attributes of the root.  Anything
 * else in the shards is not shown.
 *
 * A shard is a path below the index's directory: relative, without "..", and with no
 * symbolic links except as the last component (hubs keep shards as links to blobs).
 *
 * https://huggingface.co/docs/transformers/big_models, "Shard metadata".
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/shared/json.h"
#include "formats/safetensors/header.h"
#include "fs/base/list.h"
#include "fs/base/name.h"

/* The limit of a safetensors header, too. */
enum { INDEX_MAX = 100000000 };

struct shard {
	uint32_t source; /* archive_source() */
	struct arena scratch;
	struct safetensors_header header;
};

struct reader {
	struct json j;
	struct arena scratch;
	struct slice metadata;    /* the text of the object, to be read later */
	struct slice_map tensors; /* in the order of weight_map */
	uint32_t *shard_of;       /* by a tensor's number */
	uint32_t *number_of;      /* likewise: in the shard's header, from 1 */
	struct slice_map shards; /* paths */
	bool weight_map_seen, metadata_seen;
	struct error *err;
	int failed;
};

enum { SHOWN = 100 };

static int cut(struct slice s)
{
	return s.len < SHOWN ? (int)s.len : SHOWN;
}

/* An object with a weight_map whose first file is a safetensors file. */
static bool index_probe(const struct peek *p)
{
	struct cursor head = p->head;
	struct arena none = {0};
	struct slice name;
	if (p->size < 2 || !cursor_left(&head) || !strchr(" \t\r\n{", *head.pos))
		return false;
	struct json j = json_over((struct slice){head.pos, cursor_left(&head)}, &none);
	json_object(&j);
	while (json_member(&j, &name)) {
		if (!slice_equal(name, SLICE("weight_map"))) {
			json_skip(&j);
			continue;
		}
		json_object(&j);
		struct slice path = json_member(&j, &name) ? json_string(&j) : name, end = SLICE(".safetensors");
		return !j.failed && path.len > end.len && memcmp(path.data + path.len - end.len, end.data, end.len) == 0;
	}
	return false;
}

static void no_memory(struct reader *r)
{
	if (!r->failed)
		r->failed = error_set(r->err, ENOMEM, "no memory for an index of so many tensors");
}

/* --- reading the index ------------------------------------------------- */

static bool shard_path_fine(struct slice path)
{
	const uint8_t *start = path.data, *end = path.data + path.len;
	if (path.len == 0 || *start == '/' || memchr(path.data, '\0', path.len))
		return false;
	for (const uint8_t *p = start; p <= end; p++) {
		if (p < end && *p != '/')
			continue;
		if (slice_equal((struct slice){start, (size_t)(p - start)}, SLICE("..")))
			return false;
		start = p + 1;
	}
	return end[-1] != '/';
}

/* One line of weight_map. */
static void read_entry(struct reader *r, struct slice tensor, struct slice path)
{
	bool fresh;
	uint32_t id = slice_map_add(&r->tensors, tensor, &fresh);
	if (id == SLICE_MAP_NONE) {
		no_memory(r);
		return;
	}
	if (!fresh) { /* otherwise the later one would silently replace the earlier */
		r->failed = error_set(r->err, EBADMSG, "tensor %.*s appears twice in the index", cut(tensor), tensor.data);
		return;
	}
	uint32_t *more = list_grow_in(&r->scratch, r->shard_of, id, sizeof *more);
	if (!more) {
		no_memory(r);
		return;
	}
	r->shard_of = more;
	r->shard_of[id] = slice_map_add(&r->shards, path, &fresh);
	if (r->shard_of[id] == SLICE_MAP_NONE)
		no_memory(r);
	else if (fresh && !shard_path_fine(path))
		r->failed = error_set(r->err, EBADMSG, "shard %.*s is not a path below the index's folder", cut(path), path.data);
}

static void read_weight_map(struct reader *r)
{
	struct slice name;
	if (r->weight_map_seen)
		json_fail(&r->j, "weight_map is repeated");
	r->weight_map_seen = true;
	json_object(&r->j);
	while (json_member(&r->j, &name)) {
		struct slice path = json_string(&r->j);
		if (!r->j.failed)
			read_entry(r, name, path);
		if (r->failed)
			return;
	}
}

static int read_index(struct reader *r, struct slice text)
{
	struct slice name;
	if (!utf8_valid(text))
		return error_set(r->err, EBADMSG, "the index is not UTF-8");
	r->j = json_over(text, &r->scratch);
	json_object(&r->j);
	while (json_member(&r->j, &name) && r->failed == 0) {
		if (slice_equal(name, SLICE("weight_map"))) {
			read_weight_map(r);
		} else if (slice_equal(name, SLICE("metadata"))) {
			if (r->metadata_seen)
				json_fail(&r->j, "metadata is repeated");
			r->metadata_seen = true;
			r->metadata = json_skip(&r->j);
		} else {
			json_skip(&r->j);
		}
	}
	int e = r->failed ? r->failed : json_end(&r->j, r->err, "the index");
	if (e == 0 && !r->weight_map_seen)
		e = error_set(r->err, EBADMSG, "the index has no weight_map");
	return e;
}

/* --- the shards -------------------------------------------------------- */

/* Opens the shard and reads its header. */
static int open_shard(struct archive *a, struct slice path, struct shard *s, struct error *err)
{
	char name[128];

	snprintf(name, sizeof name, "shard %.*s", cut(path), path.data);
	s->scratch = arena_scratch(&a->arena);
	int r = archive_sibling(a, path, REACH_HUB, &s->source, err);
	if (r == 0)
		r = safetensors_header_read(archive_source(a, s->source), a->options->split, &a->tree, &s->scratch, &s->header, err);
	if (r == 0)
		r = safetensors_check_names(&s->header, &s->scratch, err);
	/* Whatever is wrong with the shard, it is the index that is reported as corrupt. */
	return r < 0 ? error_prefix(err, error_passes(r) ? r : -EBADMSG, name) : 0;
}

/* Finds those tensors in the shard that the index expects there. */
static void find_tensors(struct reader *r, const struct shard *s, uint32_t shard)
{
	for (uint32_t i = 0; i < s->header.count; i++) {
		uint32_t tensor = slice_map_find(&r->tensors, s->header.names[i]);
		if (tensor != SLICE_MAP_NONE && r->shard_of[tensor] == shard)
			r->number_of[tensor] = i + 1;
	}
}

static int add_tensors(struct archive *a, struct reader *r, const struct shard *shards)
{
	uint32_t count = r->tensors.count;
	uint32_t *nodes = arena_array(&r->scratch, (size_t)count + 1, sizeof *nodes);
	uint32_t *numbers = arena_array(&r->scratch, (size_t)count + 1, sizeof *numbers);
	if (!nodes || !numbers) {
		no_memory(r);
		return r->failed;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct slice name = r->tensors.keys[i], path = r->shards.keys[r->shard_of[i]];
		const struct shard *s = &shards[r->shard_of[i]];
		if (r->number_of[i] == 0)
			return error_set(r->err, EBADMSG, "tensor %.*s is not in shard %.*s", cut(name), name.data,
					 cut(path), path.data);
		numbers[i] = r->number_of[i] - 1;
		nodes[i] = safetensors_add(a, &s->header, numbers[i], tree_expect_name(&a->tree, TREE_ROOT, name), s->source);
	}
	return safetensors_number(a, nodes, numbers, count, r->err);
}

/* Strings are added verbatim, anything else as JSON. */
static int add_metadata(struct archive *a, struct reader *r)
{
	struct slice_map seen = {.arena = &r->scratch};
	struct json j = json_over(r->metadata, &r->scratch);
	struct slice name;
	bool fresh = true;
	if (!r->metadata_seen || json_peek(&j) != JSON_OBJECT)
		return 0;
	json_object(&j);
	while (json_member(&j, &name)) {
		struct slice value = json_peek(&j) == JSON_STRING ? json_string(&j) : json_skip(&j);
		if (slice_map_add(&seen, name, &fresh) == SLICE_MAP_NONE || j.failed)
			return error_set(r->err, ENOMEM, "no memory for the index's metadata");
		if (!fresh)
			return error_set(r->err, EBADMSG, "metadata %.*s appears twice in the index", cut(name), name.data);
		safetensors_attr(a, TREE_ROOT, &r->scratch, name, value);
	}
	return 0;
}

static int open_shards(struct archive *a, struct reader *r)
{
	struct shard *shards = arena_array(&r->scratch, r->shards.count, sizeof *shards);
	int e = shards ? 0 : error_set(r->err, ENOMEM, "no memory for %" PRIu32 " shards", r->shards.count);

	r->number_of = arena_array(&r->scratch, (size_t)r->tensors.count + 1, sizeof *r->number_of);
	if (e == 0 && !r->number_of)
		no_memory(r), e = r->failed;
	for (uint32_t i = 0; e == 0 && i < r->shards.count; i++) {
		e = open_shard(a, r->shards.keys[i], &shards[i], r->err);
		if (e == 0)
			find_tensors(r, &shards[i], i);
	}
	if (e == 0)
		e = add_tensors(a, r, shards);
	for (uint32_t i = 0; shards && i < r->shards.count; i++)
		arena_free(&shards[i].scratch);
	return e;
}

static int index_open(struct archive *a, struct error *err)
{
	struct reader r = {.scratch = arena_scratch(&a->arena), .err = err};
	struct cursor c;
	int e = 0;

	r.tensors.arena = r.shards.arena = &r.scratch;
	if (a->source.size > INDEX_MAX)
		e = error_set(err, EBADMSG, "an index of %" PRIu64 " bytes, over the limit of %d", a->source.size, INDEX_MAX);
	if (e == 0)
		e = source_load(&a->source, &r.scratch, 0, a->source.size, &c, err);
	if (e == 0)
		e = read_index(&r, (struct slice){c.start, cursor_left(&c)});
	if (e == 0)
		e = open_shards(a, &r);
	if (e == 0)
		e = add_metadata(a, &r);
	arena_free(&r.scratch);
	return e;
}

static int index_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	(void)n;
	return index == TREE_ROOT ? safetensors_put_header(&a->source, 0, a->source.size, ret, err) : 0;
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
