/* SPDX-License-Identifier: MIT */
/* The files of a folder that Hugging Face's `datasets` wrote, and what those in JSON say. */
#include "formats/arrow/dataset/huggingface.h"
#include "fs/base/list.h"
#include "fs/base/name.h"

int arrow_hf_no_memory(struct reading *r)
{
	return error_no_memory(r->err, "the names of its files");
}

/* --- files of the folder by their paths ------------------------------------------------ */

/* The text is kept as long as the archive. */
int arrow_hf_want(struct reading *r, struct slice path)
{
	char *text = arena_text(&r->a->arena, path);
	bool fresh;
	if (!text || slice_map_add(&r->wanted, (struct slice){(uint8_t *)text, path.len}, &fresh) == SLICE_MAP_NONE)
		return arrow_hf_no_memory(r);
	for (size_t i = 0; i < path.len; i++)
		if (text[i] == '/' && slice_map_add(&r->folders, (struct slice){(uint8_t *)text, i}, &fresh) == SLICE_MAP_NONE)
			return arrow_hf_no_memory(r);
	return 0;
}

bool arrow_hf_is_arrow(const char *name)
{
	size_t n = strlen(name);
	return n > 6 && strcmp(name + n - 6, ".arrow") == 0;
}

static bool is_digits(struct slice s, size_t at)
{
	for (size_t i = at; i < at + 5; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return true;
}

/* A file of a cache. */
bool arrow_hf_shard(const char *path, struct shard *ret)
{
	enum { ENDING = 6, SHARD = 15 }; /* ".arrow", "-NNNNN-of-NNNNN" */
	struct slice s = slice_text(path);
	*ret = (struct shard){.count = 0};
	if (!arrow_hf_is_arrow(path) || strchr(path, '/'))
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
	if (r->splits.count == 0 || !arrow_hf_shard(path, &shard))
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
int arrow_hf_find(struct reading *r)
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
			return arrow_hf_no_memory(r);
		r->members = grown;
		r->members[r->found.count - 1] = one;
	}
	r->wanted = r->folders = (struct slice_map){.arena = &r->scratch};
	return e;
}

struct member *arrow_hf_found(const struct reading *r, const char *path)
{
	uint32_t number = slice_map_find(&r->found, slice_text(path));
	return number == SLICE_MAP_NONE ? NULL : r->members[number];
}

/* --- what they contain ---------------------------------------------------------------------- */

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

const struct format arrow_hf_json = {.name = "json", .probe = json_probe, .open = json_open};

/* Its text, which stays. */
int arrow_hf_load(struct reading *r, struct member *member, struct slice *ret)
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
		return arrow_hf_no_memory(r);
	names->all = grown;
	names->all[names->count++] = name;
	return 0;
}

/* "_data_files": [{"filename": …}, …] */
int arrow_hf_files(struct reading *r, struct json *j, struct name_list *ret)
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
int arrow_hf_splits(struct reading *r, struct json *j, struct name_list *ret)
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
int arrow_hf_names(struct reading *r, struct slice text, const char *path, struct slice key,
		      arrow_hf_reader *read, bool *ret_there, struct name_list *ret)
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
		ret->count = 0; /* of names given twice, the last counts */
		e = read(r, &j, ret);
	}
	return e < 0 ? e : json_end(&j, r->err, path);
}

