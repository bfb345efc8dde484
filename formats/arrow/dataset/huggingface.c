/* SPDX-License-Identifier: MIT */
/*
 * Folders that Hugging Face's `datasets` wrote, which themselves say which of their files
 * count:
 *
 *   save_to_disk             state.json         {"_data_files": [{"filename": …}, …], …}
 *                            dataset_info.json  {"features": …, …}
 *     of a DatasetDict       dataset_dict.json  {"splits": ["train", …]}; below each, these two
 *   load_dataset's cache     dataset_info.json  {"splits": {"train": …, …}, …}
 *                            NAME-SPLIT.arrow, or NAME-SPLIT-00000-of-00002.arrow and so on
 */
#include "formats/arrow/dataset/huggingface.h"

/* --- which folders ------------------------------------------------------------------ */

static bool is_state(const char *name)
{
	return strcmp(name, "state.json") == 0;
}

static bool is_dict(const char *name)
{
	return strcmp(name, "dataset_dict.json") == 0;
}

static bool is_info(const char *name)
{
	return strcmp(name, "dataset_info.json") == 0;
}

/* Other programs have a state.json, too. */
bool arrow_huggingface(const struct members *m)
{
	bool state = members_any(m, is_state), info = members_any(m, is_info), arrow = members_any(m, arrow_hf_is_arrow);
	return members_any(m, is_dict) || state + info + arrow >= 2;
}

/* --- names ---------------------------------------------------------------------------------- */

/* Is it a path that leads nowhere else? */
static bool is_within(struct slice path)
{
	size_t begin = 0;
	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.data[i] == '\0')
			return false;
		if (i < path.len && path.data[i] != '/')
			continue;
		struct slice one = {path.data + begin, i - begin};
		if (one.len == 0 || slice_equal(one, SLICE(".")) || slice_equal(one, SLICE("..")))
			return false;
		begin = i + 1;
	}
	return true;
}

static int refuse(struct reading *r, const char *path, struct slice name, int code, const char *why)
{
	return error_set(r->err, code, "%s names %.*s, which %s", path, (int)(name.len < 120 ? name.len : 120), (const char *)name.data, why);
}

/* --- one table ---------------------------------------------------------------------------- */

static char *join(struct reading *r, struct slice folder, struct slice name)
{
	return arena_printf(&r->scratch, "%.*s%s%.*s", (int)folder.len, (const char *)folder.data, folder.len ? "/" : "", (int)name.len,
			    (const char *)name.data);
}

static int want_below(struct reading *r, struct slice folder, struct slice name)
{
	char *path = join(r, folder, name);
	return path ? arrow_hf_want(r, slice_text(path)) : arrow_hf_no_memory(r);
}

/* Of the table's directory, the text of its dataset_info.json. */
static int add_info(struct reading *r, struct slice folder, uint32_t dir)
{
	char *path = join(r, folder, SLICE("dataset_info.json"));
	struct member *info = path ? arrow_hf_found(r, path) : NULL;
	struct slice text;
	if (!path)
		return arrow_hf_no_memory(r);
	int e = info ? arrow_hf_load(r, info, &text) : 0;
	if (info && e == 0)
		tree_attr(&r->a->tree, dir, SLICE(ATTR_OWN "dataset_info"), text);
	return e;
}

static int add_files(struct reading *r, const struct name_list *names, struct slice folder, const char *state, struct table_files *files)
{
	for (uint32_t i = 0; i < names->count; i++) {
		char *path = join(r, folder, names->all[i]);
		struct member *member = path ? arrow_hf_found(r, path) : NULL;
		if (!path)
			return arrow_hf_no_memory(r);
		if (!member)
			return refuse(r, state, names->all[i], ENOENT, "is not there");
		files->all[files->count++] = member;
	}
	return 0;
}

/* A folder with a state.json. */
static int show_saved(struct reading *r, struct slice folder, uint32_t dir)
{
	struct name_list names = {NULL, 0};
	struct slice text;
	bool there = false;
	char *path = join(r, folder, SLICE("state.json"));
	struct member *state = path ? arrow_hf_found(r, path) : NULL;
	if (!state)
		return path ? error_set(r->err, ENOENT, "%s is not there", path) : arrow_hf_no_memory(r);
	int e = arrow_hf_load(r, state, &text);
	if (e == 0)
		e = arrow_hf_names(r, text, path, SLICE("_data_files"), arrow_hf_files, &there, &names);
	if (e == 0 && !there)
		e = error_set(r->err, EBADMSG, "%s does not name its files; -o dataset=files takes all as they lie", path);
	for (uint32_t i = 0; i < names.count && e == 0; i++)
		e = is_within(names.all[i]) ? want_below(r, folder, names.all[i])
					    : refuse(r, path, names.all[i], ENOTSUP, "is not a path within its folder");
	if (e == 0 && names.count > 0)
		e = arrow_hf_find(r);
	struct table_files *files = e == 0 ? table_files(r->a, &table_arrow, names.count, r->err) : NULL;
	if (e == 0)
		e = files ? add_files(r, &names, folder, path, files) : -ENOMEM;
	if (e == 0)
		e = add_info(r, folder, dir);
	return e < 0 ? e : arrow_table_open(r->a, files, dir, &r->first, r->err);
}

/* --- several -------------------------------------------------------------------------------- */

/* One component, of which there is only one. */
static int check_splits(struct reading *r, const struct name_list *splits, const char *path)
{
	struct slice_map met = {.arena = &r->scratch};
	bool fresh;
	for (uint32_t i = 0; i < splits->count; i++) {
		struct slice name = splits->all[i];
		if (!is_within(name) || memchr(name.data, '/', name.len))
			return refuse(r, path, name, ENOTSUP, "is no name of a folder in it");
		if (slice_map_add(&met, name, &fresh) == SLICE_MAP_NONE)
			return arrow_hf_no_memory(r);
		if (!fresh)
			return refuse(r, path, name, ENOTSUP, "it has named before");
	}
	return 0;
}

static int show_dict(struct reading *r, struct member *dict)
{
	struct name_list splits = {NULL, 0};
	struct slice text;
	bool there = false;
	int e = arrow_hf_load(r, dict, &text);
	if (e == 0)
		e = arrow_hf_names(r, text, dict->path, SLICE("splits"), arrow_hf_splits, &there, &splits);
	if (e == 0 && !there)
		e = error_set(r->err, EBADMSG, "%s does not name its splits", dict->path);
	if (e == 0)
		e = check_splits(r, &splits, dict->path);
	for (uint32_t i = 0; i < splits.count && e == 0; i++) {
		e = want_below(r, splits.all[i], SLICE("state.json"));
		if (e == 0)
			e = want_below(r, splits.all[i], SLICE("dataset_info.json"));
	}
	if (e == 0)
		e = arrow_hf_find(r);
	for (uint32_t i = 0; i < splits.count && e == 0; i++)
		e = show_saved(r, splits.all[i], tree_branch(&r->a->tree, TREE_ROOT, splits.all[i]));
	return e;
}

/* The files of a split: one, or all of several, in the order of their numbers, which is that of their
 * paths. */
static int take_shards(struct reading *r, struct slice split, struct table_files *files)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < r->found.count; i++) {
		struct member *member = r->members[i];
		struct shard shard, first;
		if (!arrow_hf_shard(member->path, &shard) || !slice_equal(shard.split, split))
			continue;
		if (files->count == 0)
			count = shard.count;
		arrow_hf_shard(files->count ? files->all[0]->path : member->path, &first);
		if (shard.count != count || shard.number != files->count || !slice_equal(shard.name, first.name) || (files->count && !count))
			return error_set(r->err, ENOTSUP, "%s does not go with %s: some file is missing, or one too many", member->path,
					 files->count ? files->all[files->count - 1]->path : "the rest of its split");
		files->all[files->count++] = member;
	}
	if (files->count == 0)
		return refuse(r, "dataset_info.json", split, ENOENT, "has no file here");
	if (count && files->count != count)
		return error_set(r->err, ENOENT, "%s is the last of %u files, of which there are %u", files->all[files->count - 1]->path,
				 count, files->count);
	return 0;
}

static int show_cached(struct reading *r, struct member *info)
{
	struct name_list splits = {NULL, 0};
	struct slice text;
	bool there = false;
	int e = arrow_hf_load(r, info, &text);
	if (e == 0)
		e = arrow_hf_names(r, text, info->path, SLICE("splits"), arrow_hf_splits, &there, &splits);
	if (e == 0 && splits.count == 0)
		e = error_set(r->err, EBADMSG, "%s names no splits, and there is no state.json; -o dataset=files takes all files as they lie",
			      info->path);
	if (e == 0)
		e = check_splits(r, &splits, info->path);
	r->splits = splits;
	if (e == 0)
		e = arrow_hf_find(r);
	for (uint32_t i = 0; i < splits.count && e == 0; i++) {
		struct table_files *files = table_files(r->a, &table_arrow, r->found.count, r->err);
		uint32_t dir = tree_branch(&r->a->tree, TREE_ROOT, splits.all[i]);
		e = files ? take_shards(r, splits.all[i], files) : -ENOMEM;
		tree_attr(&r->a->tree, dir, SLICE(ATTR_OWN "dataset_info"), text);
		if (e == 0)
			e = arrow_table_open(r->a, files, dir, &r->first, r->err);
	}
	return e;
}

/* As load_from_disk has it: a single table before a dict of several. */
static int show(struct reading *r)
{
	static const struct slice names[] = {
		{(const uint8_t *)"state.json", 10}, {(const uint8_t *)"dataset_dict.json", 17}, {(const uint8_t *)"dataset_info.json", 17},
	};
	int e = 0;
	for (unsigned i = 0; i < 3 && e == 0; i++)
		e = arrow_hf_want(r, names[i]);
	if (e == 0)
		e = arrow_hf_find(r);
	if (e < 0)
		return e;
	if (arrow_hf_found(r, "state.json"))
		return show_saved(r, SLICE(""), TREE_ROOT);
	struct member *dict = arrow_hf_found(r, "dataset_dict.json"), *info = arrow_hf_found(r, "dataset_info.json");
	if (dict)
		return show_dict(r, dict);
	return info ? show_cached(r, info) : error_set(r->err, EIO, "its JSON files are gone");
}

int arrow_huggingface_open(struct archive *a, struct error *err)
{
	static const struct format *const parts[] = {&arrow_file, &arrow_hf_json, NULL};
	struct reading r = {.a = a, .scratch = arena_scratch(&a->arena), .err = err};
	r.wanted.arena = r.folders.arena = r.found.arena = &r.scratch;
	parts_of(a, parts);
	int e = show(&r);
	arena_free(&r.scratch);
	return e;
}
