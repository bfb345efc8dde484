/* SPDX-License-Identifier: MIT */
/* The metadata: keys, and where their values are. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/gguf/gguf.h"
#include "formats/shared/slice_map.h"
#include "fs/archive/column.h"
#include "fs/base/list.h"

enum {
	DEPTH = 16,                  /* of arrays in arrays */
	HOPS = 1 << 27,              /* strings and arrays in arrays: these are passed over in a second */
	PAIR_LEAST = 8 + 1 + 4 + 1,  /* bytes: the length, a key, a type, a value */
	ALIGNMENT = 32,              /* where nothing is said */
};

/* --- values ------------------------------------------------------------------ */

static void skip_array(struct gguf_reader *r, uint32_t element, uint64_t count, unsigned depth);

/* The type and the number of the elements that follow. */
static uint64_t array_begins(struct gguf_reader *r, uint32_t *ret_element)
{
	uint32_t element = (uint32_t)gguf_number(r, 4);
	uint64_t count = gguf_number(r, 8);
	if (!r->failed && element >= GGUF_TYPES)
		gguf_fail(r, EBADMSG, "an array of type %" PRIu32 ", which is not known", element);
	if (r->failed)
		return 0;
	unsigned least = element == GGUF_STRING ? 8 : element == GGUF_ARRAY ? 12 : gguf_value_types[element].width;
	if (count > gguf_left(r) / least)
		gguf_fail(r, EBADMSG, "an array of %" PRIu64 " values, for which %" PRIu64 " bytes are left", count, gguf_left(r));
	if (least > gguf_value_types[element].width && (r->hops += count) > HOPS)
		gguf_fail(r, ENOTSUP, "strings in arrays: more than %d", HOPS);
	*ret_element = element;
	return r->failed ? 0 : count;
}

static void skip_inner(struct gguf_reader *r, unsigned depth)
{
	uint32_t element = GGUF_UINT8;
	uint64_t count = array_begins(r, &element);
	skip_array(r, element, count, depth);
}

static void skip_array(struct gguf_reader *r, uint32_t element, uint64_t count, unsigned depth)
{
	if (depth > DEPTH)
		gguf_fail(r, EBADMSG, "arrays nested more than %d deep", DEPTH);
	if (element != GGUF_STRING && element != GGUF_ARRAY)
		gguf_skip(r, count * gguf_value_types[element].width);
	else
		for (uint64_t i = 0; i < count && !r->failed; i++)
			element == GGUF_STRING ? gguf_skip(r, gguf_number(r, 8)) : skip_inner(r, depth + 1);
}

static void read_value(struct gguf_reader *r, struct arena *keep, struct gguf_pair *p)
{
	p->type = (uint32_t)gguf_number(r, 4);
	if (!r->failed && p->type >= GGUF_TYPES)
		gguf_fail(r, EBADMSG, "a value of type %" PRIu32 ", which is not known", p->type);
	if (r->failed)
		return;
	if (p->type == GGUF_STRING) {
		p->count = gguf_number(r, 8);
		p->at = gguf_at(r);
		gguf_skip(r, p->count);
	} else if (p->type == GGUF_ARRAY) {
		p->count = array_begins(r, &p->element);
		p->at = gguf_at(r);
		if (p->element == GGUF_STRING && !r->failed)
			p->strings = gguf_strings_read(r, keep, p->count);
		else
			skip_array(r, p->element, p->count, 1);
	} else {
		p->number = gguf_number(r, gguf_value_types[p->type].width);
	}
}

/* --- pairs ------------------------------------------------------------------- */

static void read_pair(struct gguf_reader *r, struct arena *keep, uint64_t number, struct gguf_pair *p)
{
	uint64_t len = gguf_number(r, 8);
	if (!r->failed && len == 0)
		gguf_fail(r, EBADMSG, "the key of pair %" PRIu64 " of the metadata is empty", number);
	if (r->failed)
		return;
	p->key = gguf_text(r, len, keep);
	if (r->failed)
		return;
	read_value(r, keep, p);
	if (r->failed) {
		char name[GGUF_SHOWN + 16];
		snprintf(name, sizeof name, "metadata %.*s", gguf_cut(p->key), (const char *)p->key.data);
		error_prefix(r->err, r->failed, name);
	}
}

/* What the reference library calls the version counts as a key, too. */
static int check_keys(struct gguf_reader *r, struct arena *scratch, const struct gguf_header *h)
{
	struct slice *keys = arena_array(scratch, h->pair_count + 1, sizeof *keys);
	uint32_t repeated = SLICE_MAP_NONE;
	if (!keys)
		return gguf_no_memory(r);
	for (uint64_t i = 0; i < h->pair_count; i++)
		keys[i + 1] = h->pairs[i].key;
	keys[0] = SLICE("GGUF.version");
	if (!slice_map_repeated(keys, (uint32_t)h->pair_count + 1, scratch, &repeated))
		return gguf_no_memory(r);
	return repeated == SLICE_MAP_NONE ? 0 : gguf_fail(r, EBADMSG, "metadata %.*s appears twice", gguf_cut(keys[repeated]),
							  (const char *)keys[repeated].data);
}

static const struct gguf_pair *find(const struct gguf_header *h, const char *key)
{
	for (uint64_t i = 0; i < h->pair_count; i++)
		if (slice_equal(h->pairs[i].key, slice_text(key)))
			return &h->pairs[i];
	return NULL;
}

bool gguf_integer(const struct gguf_header *h, const char *key, int64_t *ret)
{
	const struct gguf_pair *p = find(h, key);
	const struct gguf_value_type *type = p ? &gguf_value_types[p->type] : NULL;
	enum dtype_kind kind = type ? dtype_kind(type->dtype) : KIND_NONE;
	if (kind != KIND_SIGNED && kind != KIND_UNSIGNED)
		return false;
	unsigned spare = kind == KIND_SIGNED ? 64 - 8u * type->width : 0;
	*ret = (int64_t)(p->number << spare) >> spare;
	return true;
}

static int read_alignment(struct gguf_reader *r, struct gguf_header *h)
{
	const struct gguf_pair *p = find(h, "general.alignment");
	h->alignment = p ? p->number : ALIGNMENT;
	if (p && p->type != GGUF_UINT32)
		return gguf_fail(r, EBADMSG, "general.alignment is of type %s, not UINT32", gguf_value_types[p->type].name);
	if (h->alignment == 0 || (h->alignment & (h->alignment - 1)))
		return gguf_fail(r, EBADMSG, "an alignment of %" PRIu64 ", which is not a power of two", h->alignment);
	return 0;
}

int gguf_read_metadata(struct gguf_reader *r, struct arena *keep, struct arena *scratch, struct gguf_header *h)
{
	if (h->pair_count > gguf_left(r) / PAIR_LEAST)
		gguf_fail(r, EBADMSG, "%" PRIu64 " pairs of metadata in a file of %" PRIu64 " bytes", h->pair_count, r->source->size);
	for (uint64_t i = 0; i < h->pair_count && !r->failed; i++) {
		struct gguf_pair *grown = list_grow_in(keep, h->pairs, (size_t)i, sizeof *grown);
		if (!grown)
			return gguf_no_memory(r);
		h->pairs = grown;
		read_pair(r, keep, i, &h->pairs[i]);
	}
	if (!r->failed && check_keys(r, scratch, h) == 0)
		read_alignment(r, h);
	return r->failed;
}

/* --- shown ------------------------------------------------------------------- */

static void add_numbers(struct tree *t, struct tree_path path, const struct gguf_pair *p, bool big)
{
	const struct gguf_value_type *type = &gguf_value_types[p->element];
	struct array array = {.dtype = type->dtype, .type = type->name, .rank = 1, .shape = &p->count};
	uint64_t size = p->count * type->width;
	if (type->width > 1)
		array.byteorder = big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	uint32_t id = tree_range(t, path.parent, path.leaf, 0, size ? p->at : 0, size);
	tree_describe(t, id, tree_array(t, &array));
	tree_aside(t, id);
	tree_path_end(t, &path, id);
}

void gguf_add_metadata(struct archive *a, const struct gguf_header *h)
{
	uint32_t dir = 0;
	for (uint64_t i = 0; i < h->pair_count; i++) {
		const struct gguf_pair *p = &h->pairs[i];
		if (p->type != GGUF_ARRAY || p->element == GGUF_ARRAY)
			continue;
		dir = dir ? dir : tree_dir(&a->tree, TREE_ROOT, SLICE("metadata"));
		struct tree_path path = tree_path(&a->tree, dir, p->key, a->options->split);
		if (p->strings)
			gguf_strings_add(&a->tree, path, p->strings);
		else
			add_numbers(&a->tree, path, p, h->big);
	}
}
