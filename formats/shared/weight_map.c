/* SPDX-License-Identifier: MIT */
#include "formats/shared/weight_map.h"

#include <inttypes.h>
#include <stdio.h>

#include "formats/shared/json_header.h"
#include "fs/base/list.h"
#include "fs/base/name.h"
#include "fs/values/json.h"

/* INDEX_MAX: the limit of a safetensors header, too. */
enum { INDEX_MAX = 100000000, SHOWN = 100 };

static int cut(struct slice s)
{
	return s.len < SHOWN ? (int)s.len : SHOWN;
}

static int no_memory(struct error *err)
{
	return error_no_memory(err, "an index of so many tensors");
}

/* --- probing ------------------------------------------------------------ */

static bool ends_in(struct slice path, const char *const *ends)
{
	for (; *ends; ends++) {
		struct slice end = slice_text(*ends);
		if (path.len > end.len && memcmp(path.data + path.len - end.len, end.data, end.len) == 0)
			return true;
	}
	return false;
}

bool weight_map_probe(const struct peek *p, const char *const *ends)
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
		struct slice path = json_member(&j, &name) ? json_string(&j) : name;
		return !j.failed && ends_in(path, ends);
	}
	return false;
}

/* --- reading the index ------------------------------------------------- */

bool weight_map_path_fine(struct slice path)
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
static int read_entry(struct weight_map *m, struct slice tensor, struct slice path, struct error *err)
{
	bool fresh;
	uint32_t id = slice_map_add(&m->tensors, tensor, &fresh);
	if (id == SLICE_MAP_NONE)
		return no_memory(err);
	if (!fresh) /* otherwise the later one would silently replace the earlier */
		return error_set(err, EBADMSG, "tensor %.*s appears twice in the index", cut(tensor), tensor.data);
	uint32_t *more = list_grow_in(m->scratch, m->shard_of, id, sizeof *more);
	if (!more)
		return no_memory(err);
	m->shard_of = more;
	m->shard_of[id] = slice_map_add(&m->shards, path, &fresh);
	if (m->shard_of[id] == SLICE_MAP_NONE)
		return no_memory(err);
	if (fresh && !weight_map_path_fine(path))
		return error_set(err, EBADMSG, "shard %.*s is not a path below the index's folder", cut(path), path.data);
	return 0;
}

static int read_entries(struct weight_map *m, struct json *j, struct error *err)
{
	struct slice name;
	int r = 0;
	json_object(j);
	while (r == 0 && json_member(j, &name)) {
		struct slice path = json_string(j);
		if (!j->failed)
			r = read_entry(m, name, path, err);
	}
	return r;
}

static int read_index(struct weight_map *m, struct slice text, struct error *err)
{
	struct json j = json_over(text, m->scratch);
	struct slice name;
	bool seen = false;
	int r = 0;
	if (!utf8_valid(text))
		return error_set(err, EBADMSG, "the index is not UTF-8");
	json_object(&j);
	while (r == 0 && json_member(&j, &name)) {
		if (slice_equal(name, SLICE("weight_map"))) {
			if (seen)
				json_fail(&j, "weight_map is repeated");
			seen = true;
			r = read_entries(m, &j, err);
		} else if (slice_equal(name, SLICE("metadata"))) {
			if (m->has_metadata)
				json_fail(&j, "metadata is repeated");
			m->has_metadata = true;
			m->metadata = json_skip(&j);
		} else {
			json_skip(&j);
		}
	}
	r = r < 0 ? r : json_end(&j, err, "the index");
	return r < 0 || seen ? r : error_set(err, EBADMSG, "the index has no weight_map");
}

/* The archive's own file. */
static int read_map(struct archive *a, struct weight_map *map, struct error *err)
{
	struct cursor c;
	map->tensors.arena = map->shards.arena = map->scratch;
	if (a->source.size > INDEX_MAX)
		return error_set(err, EBADMSG, "an index of %" PRIu64 " bytes, over the limit of %d", a->source.size, INDEX_MAX);
	int r = source_load(&a->source, map->scratch, 0, a->source.size, &c, err);
	if (r == 0)
		r = read_index(map, (struct slice){c.start, cursor_left(&c)}, err);
	if (r == 0 && !(map->number_of = arena_array(map->scratch, (size_t)map->tensors.count + 1, sizeof *map->number_of)))
		r = no_memory(err);
	return r;
}

/* --- the shards -------------------------------------------------------- */

/* Whatever is wrong with a shard, it is the index that is reported as corrupt. */
static int fault(const struct weight_map *map, uint32_t shard, int error, struct error *err)
{
	struct slice path = map->shards.keys[shard];
	char name[128];
	snprintf(name, sizeof name, "shard %.*s", cut(path), path.data);
	return error_prefix(err, error_passes(error) ? error : -EBADMSG, name);
}

uint32_t weight_map_find(struct weight_map *map, uint32_t shard, struct slice name, uint32_t number)
{
	uint32_t tensor = slice_map_find(&map->tensors, name);
	if (tensor == SLICE_MAP_NONE || map->shard_of[tensor] != shard)
		return SLICE_MAP_NONE;
	map->number_of[tensor] = number + 1;
	return tensor;
}

static int check_found(const struct weight_map *map, struct error *err)
{
	for (uint32_t i = 0; i < map->tensors.count; i++) {
		struct slice name = map->tensors.keys[i], path = map->shards.keys[map->shard_of[i]];
		if (map->number_of[i] == 0)
			return error_set(err, EBADMSG, "tensor %.*s is not in shard %.*s", cut(name), name.data, cut(path), path.data);
	}
	return 0;
}

/* --- the metadata ------------------------------------------------------ */

static int add_attrs(struct archive *a, const struct weight_map *map, struct error *err)
{
	struct slice_map seen = {.arena = map->scratch};
	struct json j = json_over(map->metadata, map->scratch);
	struct slice name;
	bool fresh = true;
	if (!map->has_metadata || json_peek(&j) != JSON_OBJECT)
		return 0;
	json_object(&j);
	while (json_member(&j, &name)) {
		struct slice value = json_peek(&j) == JSON_STRING ? json_string(&j) : json_skip(&j);
		if (slice_map_add(&seen, name, &fresh) == SLICE_MAP_NONE || j.failed)
			return error_no_memory(err, "the index's metadata");
		if (!fresh)
			return error_set(err, EBADMSG, "metadata %.*s appears twice in the index", cut(name), name.data);
		tree_attr_own(&a->tree, TREE_ROOT, name, value);
	}
	return 0;
}

int weight_map_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	(void)n;
	return index == TREE_ROOT ? json_header_put(&a->source, 0, a->source.size, ret, err) : 0;
}

/* --- the archive ------------------------------------------------------- */

struct shards {
	struct arena *scratch; /* of each */
	uint8_t *bytes;        /* what the format keeps of them */
};

static int open_shards(struct archive *a, const struct weight_map_use *use, struct weight_map *map, const struct shards *s,
		       struct error *err)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < map->shards.count; i++) {
		uint32_t source;
		s->scratch[i] = arena_scratch(&a->arena);
		r = archive_sibling(a, map->shards.keys[i], REACH_HUB, &source, err);
		if (r == 0)
			r = use->open(a, map, i, source, &s->scratch[i], s->bytes + i * use->shard, err);
		if (r < 0)
			r = fault(map, i, r, err);
	}
	return r;
}

static int show_shards(struct archive *a, const struct weight_map_use *use, struct weight_map *map, struct error *err)
{
	uint32_t count = map->shards.count;
	struct shards s = {arena_array(map->scratch, count, sizeof *s.scratch), arena_array(map->scratch, count, use->shard)};
	if (!s.scratch || !s.bytes)
		return error_set(err, ENOMEM, "no memory for %" PRIu32 " shards", count);
	int r = open_shards(a, use, map, &s, err);
	if (r == 0)
		r = check_found(map, err);
	if (r == 0)
		r = use->add(a, map, s.bytes, err);
	for (uint32_t i = 0; i < count; i++)
		arena_free(&s.scratch[i]);
	return r;
}

int weight_map_show(struct archive *a, const struct weight_map_use *use, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct weight_map map = {.scratch = &scratch};
	int r = read_map(a, &map, err);
	if (r == 0)
		r = show_shards(a, use, &map, err);
	if (r == 0)
		r = add_attrs(a, &map, err);
	arena_free(&scratch);
	return r;
}
