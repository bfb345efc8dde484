/* SPDX-License-Identifier: MIT */
/* A checkpoint's storage_data: in which files slices lie, and where. */
#include <inttypes.h>

#include "formats/shared/weight_map.h"
#include "formats/torch/dcp_reader.h"
#include "formats/torch/storage.h"
#include "fs/base/list.h"

enum { NAME_BYTES_MAX = 1 << 20 };

int dcp_no_memory(struct dcp_reader *r)
{
	return error_no_memory(r->err, "all that the metadata hold");
}

/* --- objects ------------------------------------------------------------------------------------- */

/* Which word a key is.  Of a large pickle not all text is in memory: it is looked at once. */
static enum dcp_word word_of(const struct dcp_reader *r, uint32_t node)
{
	static const struct {
		uint16_t word;
		const char *name;
	} words[] = {
#define DCP_WORD(id, name) {id, name},
		DCP_WORDS(DCP_WORD)
#undef DCP_WORD
	};
	struct pickle_node *n = pickle_node(&r->f.pickle, node);
	if (n->kind != PICKLE_TEXT && n->kind != PICKLE_STR)
		return DCP_OTHER;
	for (size_t i = 0; n->known == DCP_UNREAD && i < sizeof words / sizeof *words; i++)
		if (torch_is_text(&r->f, node, words[i].name))
			n->known = words[i].word;
	if (n->known == DCP_UNREAD)
		n->known = DCP_OTHER;
	return n->known;
}

uint32_t dcp_field(const struct dcp_reader *r, uint32_t node, enum dcp_word word)
{
	const struct pickle_node *n = node ? torch_node(&r->f, node) : NULL;
	uint32_t state = n && n->kind == PICKLE_CALL ? n->call->state : 0, key, value, found = 0;
	n = state ? torch_node(&r->f, state) : NULL;
	if (!n || n->kind != PICKLE_DICT)
		return 0;
	struct pickle_walk w = pickle_items(n);
	while (pickle_next(&w, &key) && pickle_next(&w, &value))
		if (word_of(r, key) == word)
			found = value;
	return found;
}

static bool is_none(const struct dcp_reader *r, uint32_t node)
{
	return node == 0 || torch_node(&r->f, node)->kind == PICKLE_NONE;
}

int dcp_text(struct dcp_reader *r, uint32_t node, struct arena *arena, struct slice *ret, bool *ret_is)
{
	const struct pickle_node *n = node ? torch_node(&r->f, node) : NULL;
	struct slice s;
	*ret_is = n && (n->kind == PICKLE_TEXT || n->kind == PICKLE_STR);
	if (!*ret_is)
		return 0;
	int e = pickle_text(&r->f.pickle, n, &r->scratch, NAME_BYTES_MAX, &s, r->err);
	if (e < 0)
		return e;
	char *kept = arena_text(arena, s);
	*ret = (struct slice){(const uint8_t *)kept, s.len};
	return kept ? 0 : dcp_no_memory(r);
}

const char *dcp_sentence(struct dcp_reader *r, const struct error *why)
{
	const char *s = arena_text(&r->d->a->arena, slice_text(why->text));
	return s ? s : "no memory for the reason";
}

/* --- storage_data: where slices lie --------------------------------------------------------------- */

/* What a slice is found by: the name and where the chunk begins; `rank` is UINT32_MAX for none. */
static int key_of(struct dcp_reader *r, struct slice name, const uint64_t *offsets, uint32_t rank, struct slice *ret)
{
	size_t numbers = rank == UINT32_MAX ? 0 : rank * sizeof *offsets;
	uint8_t *key = arena_alloc(&r->scratch, sizeof rank + numbers + name.len);
	if (!key)
		return dcp_no_memory(r);
	memcpy(key, &rank, sizeof rank);
	if (numbers)
		memcpy(key + sizeof rank, offsets, numbers);
	if (name.len)
		memcpy(key + sizeof rank + numbers, name.data, name.len);
	*ret = (struct slice){key, sizeof rank + numbers + name.len};
	return 0;
}

static int file_of(struct dcp_reader *r, struct slice path, uint32_t *ret)
{
	struct dcp *d = r->d;
	bool fresh;
	*ret = slice_map_add(&r->paths, path, &fresh);
	if (*ret == SLICE_MAP_NONE)
		return dcp_no_memory(r);
	if (!fresh)
		return 0;
	struct dcp_file *grown = list_grow_in(&d->a->arena, d->files, d->nfiles, sizeof *grown);
	char *kept = arena_text(&d->a->arena, path);
	if (!grown || !kept)
		return dcp_no_memory(r);
	d->files = grown;
	d->files[d->nfiles++] = (struct dcp_file){.path = {(const uint8_t *)kept, path.len}};
	return 0;
}

/* Bytes that were compressed, say, on the way into the file. */
static const char *transformed(struct dcp_reader *r, uint32_t descriptors)
{
	const struct pickle_node *n = is_none(r, descriptors) ? NULL : torch_node(&r->f, descriptors);
	struct slice word = SLICE("in an unknown way");
	bool is = false;
	if (!n || ((n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE) && n->count == 0))
		return NULL;
	if (n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE)
		dcp_text(r, pickle_item(n, 0), &r->scratch, &word, &is);
	const char *s = arena_printf(&r->d->a->arena, "transformed (%.*s), which arrayfs does not read", word.len < 60 ? (int)word.len : 60,
				     (const char *)word.data);
	return s ? s : "transformed, which arrayfs does not read";
}

/* What is no _StorageInfo is no slice, and missed by whoever needs it. */
static int read_place(struct dcp_reader *r, uint32_t info, struct dcp_slice *ret, bool *ret_is)
{
	struct slice path;
	int e = dcp_text(r, dcp_field(r, info, DCP_RELATIVE_PATH), &r->scratch, &path, ret_is);
	if (e < 0 || !*ret_is)
		return e;
	*ret_is = torch_count(&r->f, dcp_field(r, info, DCP_OFFSET), &ret->offset) && torch_count(&r->f, dcp_field(r, info, DCP_LENGTH), &ret->length);
	ret->fault = transformed(r, dcp_field(r, info, DCP_TRANSFORM_DESCRIPTORS));
	return *ret_is ? file_of(r, path, &ret->file) : 0;
}

static int read_key(struct dcp_reader *r, uint32_t index, struct slice *ret, bool *ret_is)
{
	struct error why = {0};
	struct slice name;
	uint64_t *offsets = NULL;
	uint32_t rank = UINT32_MAX, offset = dcp_field(r, index, DCP_OFFSET);
	int e = dcp_text(r, dcp_field(r, index, DCP_FQN), &r->scratch, &name, ret_is);
	if (e < 0 || !*ret_is)
		return e;
	if (!is_none(r, offset) && (e = torch_extents(&r->f, offset, "offset", &r->scratch, &offsets, &rank, &why)) < 0) {
		*ret_is = false;
		return error_passes(e) ? error_set(r->err, -e, "%s", why.text) : 0;
	}
	return key_of(r, name, offsets, rank, ret);
}

/* Of two equal keys the last counts, as in Python's dictionaries. */
static int read_slice(struct dcp_reader *r, uint32_t index, uint32_t info)
{
	struct dcp_slice slice = {0};
	struct slice key;
	bool is, fresh;
	int e = read_key(r, index, &key, &is);
	if (e == 0 && is)
		e = read_place(r, info, &slice, &is);
	if (e < 0 || !is)
		return e;
	uint32_t number = slice_map_add(&r->slices, key, &fresh);
	if (number == SLICE_MAP_NONE)
		return dcp_no_memory(r);
	r->places[number] = slice;
	return 0;
}

static int open_files(struct dcp_reader *r)
{
	struct dcp *d = r->d;
	for (uint32_t i = 0; i < d->nfiles; i++) {
		struct dcp_file *file = &d->files[i];
		struct error why = {0};
		int e = weight_map_path_fine(file->path)
				? archive_sibling(d->a, file->path, REACH_HUB, &file->source, &why)
				: error_set(&why, EBADMSG, "not a path below the checkpoint's folder");
		if (error_passes(e))
			return error_set(r->err, -e, "%s", why.text);
		if (e < 0) {
			struct error whole = {0};
			error_set(&whole, EIO, "its file %.*s: %s", file->path.len < 100 ? (int)file->path.len : 100,
				  (const char *)file->path.data, why.text);
			file->fault = dcp_sentence(r, &whole);
		}
	}
	return 0;
}

int dcp_read_slices(struct dcp_reader *r)
{
	uint32_t data = dcp_field(r, r->f.pickle.root, DCP_STORAGE_DATA), index, info;
	if (is_none(r, data))
		return 0;
	const struct pickle_node *n = torch_node(&r->f, data);
	if (n->kind != PICKLE_DICT)
		return error_set(r->err, EBADMSG, "its storage_data is no dictionary");
	if (!(r->places = arena_array(&r->d->a->arena, n->count / 2 + 1u, sizeof *r->places)))
		return dcp_no_memory(r);
	struct pickle_walk w = pickle_items(n);
	int e = 0;
	while (e == 0 && pickle_next(&w, &index) && pickle_next(&w, &info))
		e = read_slice(r, index, info);
	return e == 0 ? open_files(r) : e;
}

int dcp_find_slice(struct dcp_reader *r, struct slice name, const uint64_t *offsets, uint32_t rank, struct dcp_slice **ret)
{
	struct slice key;
	int e = key_of(r, name, offsets, rank, &key);
	uint32_t number = e == 0 ? slice_map_find(&r->slices, key) : SLICE_MAP_NONE;
	*ret = number == SLICE_MAP_NONE ? NULL : &r->places[number];
	return e;
}
