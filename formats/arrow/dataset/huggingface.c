/* SPDX-License-Identifier: MIT */
/*
 * Folders that Hugging Face's `datasets` wrote, which tell themselves which of their files
 * count:
 *
 *   save_to_disk             state.json         {"_data_files": [{"filename": …}, …], …}
 *                            dataset_info.json  {"features": …, …}
 *     of a DatasetDict       dataset_dict.json  {"splits": ["train", …]}; below each, these two
 *   load_dataset's cache     dataset_info.json  {"splits": {"train": …, …}, …}
 *                            NAME-SPLIT.arrow, or NAME-SPLIT-00000-of-00002.arrow and so on
 */
#include <stdio.h>

#include "formats/arrow/dataset/dataset.h"
#include "formats/shared/json.h"
#include "fs/base/list.h"
#include "fs/base/name.h"

struct name_list {
	struct slice *all;
	uint32_t count;
};

struct reading {
	struct archive *a;
	struct arena scratch;
	struct slice_map wanted;  /* paths of files */
	struct slice_map folders; /* on the way to these */
	struct name_list splits;      /* of a cache: files of these are wanted */
	struct slice_map found;   /* paths of members, */
	struct member **members;  /* and these */
	uint32_t seen;            /* members of the archive that are in it */
	const struct member *first;
	struct error *err;
};

static int no_memory(struct reading *r)
{
	return error_no_memory(r->err, "the names of its files");
}

/* --- which folders ------------------------------------------------------------------ */

static bool is_state(const char *name)
{
	return strcmp(name, "state.json") == 0 || strcmp(name, "dataset_dict.json") == 0;
}

static bool is_info(const char *name)
{
	return strcmp(name, "dataset_info.json") == 0;
}

static bool is_arrow(const char *name)
{
	size_t n = strlen(name);
	return n > 6 && strcmp(name + n - 6, ".arrow") == 0;
}

bool arrow_huggingface(const struct members *m)
{
	return members_any(m, is_state) || (members_any(m, is_info) && members_any(m, is_arrow));
}

/* --- files of the folder by their paths ------------------------------------------------ */

/* The text is kept as long as the archive. */
static int want(struct reading *r, struct slice path)
{
	char *text = arena_text(&r->a->arena, path);
	bool fresh;
	if (!text || slice_map_add(&r->wanted, (struct slice){(uint8_t *)text, path.len}, &fresh) == SLICE_MAP_NONE)
		return no_memory(r);
	for (size_t i = 0; i < path.len; i++)
		if (text[i] == '/' && slice_map_add(&r->folders, (struct slice){(uint8_t *)text, i}, &fresh) == SLICE_MAP_NONE)
			return no_memory(r);
	return 0;
}

static bool is_digits(struct slice s, size_t at)
{
	for (size_t i = at; i < at + 5; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return true;
}

/* A file of a cache: NAME-SPLIT[-NNNNN-of-NNNNN].arrow. */
struct shard {
	struct slice name, split;
	uint32_t number, count; /* count 0: not one of several */
};

static bool parse_shard(const char *path, struct shard *ret)
{
	enum { ENDING = 6, SHARD = 15 }; /* ".arrow", "-NNNNN-of-NNNNN" */
	struct slice s = slice_text(path);
	*ret = (struct shard){.count = 0};
	if (!is_arrow(path) || strchr(path, '/'))
		return false;
	s.len -= ENDING;
	size_t at = s.len > SHARD ? s.len - SHARD : 0;
	if (at && s.data[at] == '-' && is_digits(s, at + 1) && memcmp(s.data + at + 6, "-of-", 4) == 0 && is_digits(s, at + 10)) {
		for (size_t i = 1; i <= 5; i++) {
			ret->number = ret->number * 10 + s.data[at + i] - '0';
			ret->count = ret->count * 10 + s.data[at + 9 + i] - '0';
		}
		s.len = at;
		if (ret->count == 0)
			return false;
	}
	const uint8_t *dash = memrchr(s.data, '-', s.len);
	if (!dash)
		return false;
	ret->name = (struct slice){s.data, (size_t)(dash - s.data)};
	ret->split = (struct slice){dash + 1, s.len - ret->name.len - 1};
	return true;
}

static bool is_wanted(const struct reading *r, const char *path)
{
	struct shard shard;
	if (slice_map_find(&r->wanted, slice_text(path)) != SLICE_MAP_NONE)
		return true;
	if (r->splits.count == 0 || !parse_shard(path, &shard))
		return false;
	for (uint32_t i = 0; i < r->splits.count; i++)
		if (slice_equal(r->splits.all[i], shard.split))
			return true;
	return false;
}

static int choose(void *arg, const char *path, const char *name, mode_t type, struct error *err)
{
	const struct reading *r = arg;
	(void)name, (void)err;
	if (S_ISDIR(type))
		return slice_map_find(&r->folders, slice_text(path)) != SLICE_MAP_NONE ? MEMBER_MAYBE : MEMBER_NO;
	return is_wanted(r, path) ? MEMBER_SURE : MEMBER_NO;
}

/* All that are wanted and are there. */
static int find(struct reading *r)
{
	struct members *m = &r->a->members;
	int e = members_find(m, &r->a->arena, choose, r, r->err);
	for (; e == 0 && r->seen < atomic_load(&m->count); r->seen++) {
		struct member *one = members_at(m, r->seen), **grown;
		bool fresh;
		if (slice_map_find(&r->found, slice_text(one->path)) != SLICE_MAP_NONE)
			continue;
		grown = list_grow_in(&r->scratch, r->members, r->found.count, sizeof *grown);
		if (!grown || slice_map_add(&r->found, slice_text(one->path), &fresh) == SLICE_MAP_NONE)
			return no_memory(r);
		r->members = grown;
		r->members[r->found.count - 1] = one;
	}
	r->wanted = r->folders = (struct slice_map){.arena = &r->scratch};
	return e;
}

static struct member *found(const struct reading *r, const char *path)
{
	uint32_t number = slice_map_find(&r->found, slice_text(path));
	return number == SLICE_MAP_NONE ? NULL : r->members[number];
}

/* --- what they tell ---------------------------------------------------------------------- */

static bool json_probe(const struct peek *p)
{
	struct cursor c = p->head;
	while (cursor_match(&c, " ", 1) || cursor_match(&c, "\n", 1) || cursor_match(&c, "\r", 1) || cursor_match(&c, "\t", 1))
		;
	return cursor_match(&c, "{", 1);
}

static int json_open(struct archive *a, struct error *err)
{
	(void)a, (void)err;
	return 0;
}

static const struct format json_part = {.name = "json", .probe = json_probe, .open = json_open};

/* Its text, which stays. */
static int load(struct reading *r, struct member *member, struct slice *ret)
{
	struct error own = {""};
	struct archive *opened;
	struct cursor c;
	int e = part_hold(member, &opened, &own);
	if (e == 0) {
		e = source_load(&opened->source, &r->a->arena, 0, opened->source.size, &c, &own);
		if (e == 0 && !utf8_valid((struct slice){c.pos, cursor_left(&c)}))
			e = error_set(&own, EBADMSG, "it is not UTF-8");
		if (e == 0)
			archive_bring(r->a, member, &opened->source.st);
		if (e == 0)
			*ret = (struct slice){c.pos, cursor_left(&c)};
		member_release(member);
	} else if (!own.text[0]) {
		error_set(&own, EBADMSG, "it is no JSON object");
	}
	if (e < 0) {
		error_prefix(&own, e, member->path);
		error_set(r->err, e == -ENOTSUP ? EBADMSG : -e, "%s", own.text);
	}
	return e;
}

static int add_name(struct reading *r, struct name_list *names, struct slice name)
{
	struct slice *grown = list_grow_in(&r->scratch, names->all, names->count, sizeof *grown);
	if (!grown)
		return no_memory(r);
	names->all = grown;
	names->all[names->count++] = name;
	return 0;
}

/* "_data_files": [{"filename": …}, …] */
static int read_files(struct reading *r, struct json *j, struct name_list *ret)
{
	struct slice key;
	int e = 0;
	json_array(j);
	while (json_element(j) && e == 0) {
		struct slice name = {NULL, 0};
		json_object(j);
		while (json_member(j, &key))
			if (slice_equal(key, SLICE("filename")))
				name = json_string(j);
			else
				json_skip(j);
		if (!j->failed && !name.len)
			json_fail(j, "a file without a name");
		e = add_name(r, ret, name);
	}
	return e;
}

/* "splits": ["train", …], or {"train": …, …} */
static int read_splits(struct reading *r, struct json *j, struct name_list *ret)
{
	struct slice name;
	int e = 0;
	if (json_peek(j) == JSON_OBJECT) {
		json_object(j);
		while (e == 0 && json_member(j, &name)) {
			json_skip(j);
			e = add_name(r, ret, name);
		}
	} else if (json_peek(j) == JSON_NULL) {
		json_null(j);
	} else {
		json_array(j);
		while (e == 0 && json_element(j))
			e = add_name(r, ret, json_string(j));
	}
	return e;
}

/* The names under `key`, by one of the two. */
static int read_names(struct reading *r, struct slice text, const char *path, struct slice key,
		      int (*read)(struct reading *r, struct json *j, struct name_list *ret), bool *ret_there, struct name_list *ret)
{
	struct json j = json_over(text, &r->scratch);
	struct slice name;
	int e = 0;
	*ret_there = false;
	json_object(&j);
	while (e == 0 && json_member(&j, &name)) {
		if (!slice_equal(name, key)) {
			json_skip(&j);
			continue;
		}
		*ret_there = true;
		ret->count = 0; /* of names told twice, the last counts */
		e = read(r, &j, ret);
	}
	return e < 0 ? e : json_end(&j, r->err, path);
}

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
	return path ? want(r, slice_text(path)) : no_memory(r);
}

/* Of the table's directory, the text of its dataset_info.json. */
static int add_info(struct reading *r, struct slice folder, uint32_t dir)
{
	char *path = join(r, folder, SLICE("dataset_info.json"));
	struct member *info = path ? found(r, path) : NULL;
	struct slice text;
	int e = path ? 0 : no_memory(r);
	if (info && (e = load(r, info, &text)) == 0)
		tree_attr(&r->a->tree, dir, SLICE("attr.dataset_info"), text);
	return e;
}

static int add_files(struct reading *r, const struct name_list *names, struct slice folder, const char *state, struct table_files *files)
{
	for (uint32_t i = 0; i < names->count; i++) {
		char *path = join(r, folder, names->all[i]);
		struct member *member = path ? found(r, path) : NULL;
		if (!path)
			return no_memory(r);
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
	struct member *state = path ? found(r, path) : NULL;
	if (!state)
		return path ? error_set(r->err, ENOENT, "%s is not there", path) : no_memory(r);
	int e = load(r, state, &text);
	if (e == 0)
		e = read_names(r, text, path, SLICE("_data_files"), read_files, &there, &names);
	if (e == 0 && !there)
		e = error_set(r->err, EBADMSG, "%s does not name its files; -o dataset=files takes all as they lie", path);
	for (uint32_t i = 0; i < names.count && e == 0; i++)
		e = is_within(names.all[i]) ? want_below(r, folder, names.all[i])
					    : refuse(r, path, names.all[i], ENOTSUP, "is not a path within its folder");
	if (e == 0 && names.count > 0)
		e = find(r);
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
			return no_memory(r);
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
	int e = load(r, dict, &text);
	if (e == 0)
		e = read_names(r, text, dict->path, SLICE("splits"), read_splits, &there, &splits);
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
		e = find(r);
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
		if (!parse_shard(member->path, &shard) || !slice_equal(shard.split, split))
			continue;
		if (files->count == 0)
			count = shard.count;
		parse_shard(files->count ? files->all[0]->path : member->path, &first);
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
	int e = load(r, info, &text);
	if (e == 0)
		e = read_names(r, text, info->path, SLICE("splits"), read_splits, &there, &splits);
	if (e == 0 && splits.count == 0)
		e = error_set(r->err, EBADMSG, "%s names no splits, and there is no state.json; -o dataset=files takes all files as they lie",
			      info->path);
	if (e == 0)
		e = check_splits(r, &splits, info->path);
	r->splits = splits;
	if (e == 0)
		e = find(r);
	for (uint32_t i = 0; i < splits.count && e == 0; i++) {
		struct table_files *files = table_files(r->a, &table_arrow, r->found.count, r->err);
		uint32_t dir = tree_branch(&r->a->tree, TREE_ROOT, splits.all[i]);
		e = files ? take_shards(r, splits.all[i], files) : -ENOMEM;
		tree_attr(&r->a->tree, dir, SLICE("attr.dataset_info"), text);
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
		e = want(r, names[i]);
	if (e == 0)
		e = find(r);
	if (e < 0)
		return e;
	if (found(r, "state.json"))
		return show_saved(r, SLICE(""), TREE_ROOT);
	struct member *dict = found(r, "dataset_dict.json"), *info = found(r, "dataset_info.json");
	if (dict)
		return show_dict(r, dict);
	return info ? show_cached(r, info) : error_set(r->err, EIO, "its JSON files are gone");
}

int arrow_huggingface_open(struct archive *a, struct error *err)
{
	static const struct format *const parts[] = {&arrow_file, &json_part, NULL};
	struct reading r = {.a = a, .scratch = arena_scratch(&a->arena), .err = err};
	r.wanted.arena = r.folders.arena = r.found.arena = &r.scratch;
	parts_of(a, parts);
	int e = show(&r);
	arena_free(&r.scratch);
	return e;
}
