/* SPDX-License-Identifier: MIT */
#include "fs/archive/column.h"

static uint32_t add_file(struct tree *t, struct column_at at, struct column_file file)
{
	switch (file.kind) {
	case NODE_RANGE:
		return tree_range(t, at.parent, at.name, file.source, file.offset, file.size);
	case NODE_BYTES:
		return tree_bytes(t, at.parent, at.name, file.bytes, (size_t)file.size);
	case NODE_HARD:
		return tree_hard(t, at.parent, at.name, file.twin);
	default:
		return tree_lazy(t, at.parent, at.name, file.lazy, file.size);
	}
}

uint32_t column_array(struct tree *t, struct column_at at, const struct array *array, struct column_file file)
{
	if (file.size == SIZE_UNKNOWN)
		file.size = tree_array_size(array);
	uint32_t id = add_file(t, at, file);
	if (file.kind == NODE_HARD)
		return id;
	tree_describe(t, id, tree_array(t, array));
	tree_error(t, id, file.fault);
	return id;
}

uint32_t column_struct(struct tree *t, struct column_at at, const struct array *array)
{
	uint32_t id = at.merges ? tree_dir(t, at.parent, at.name) : tree_branch(t, at.parent, at.name);
	tree_describe(t, id, tree_array(t, array));
	return id;
}

struct column column_list(struct tree *t, struct column_at at, const struct array *array, uint64_t count, struct column_file offsets)
{
	struct column c = {.dir = column_struct(t, at, array)};
	uint64_t entries = count == COLUMN_UNKNOWN ? COLUMN_UNKNOWN : count + 1;
	struct array as = column_of((struct array){.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE}, &entries);
	if (offsets.kind)
		c.index = column_array(t, (struct column_at){.parent = c.dir, .name = SLICE("offsets")}, &as, offsets);
	c.rest = (struct column_at){.parent = c.dir, .name = SLICE("values")};
	return c;
}

struct column column_map(struct tree *t, struct column_at at, const struct array *array, uint64_t count, struct column_file offsets,
			 uint64_t pairs)
{
	struct column c = column_list(t, at, array, count, offsets);
	struct array pair = column_of((struct array){.dtype = DTYPE_STRUCT}, &pairs);
	c.rest = (struct column_at){.parent = column_struct(t, c.rest, &pair), .name = SLICE("key")};
	return c;
}

struct column_at column_map_value(const struct column *map)
{
	return (struct column_at){.parent = map->rest.parent, .name = SLICE("value")};
}

struct column column_dictionary(struct tree *t, struct column_at at, const struct array *array, const struct array *indices,
				struct column_file file)
{
	struct column c = {.dir = column_struct(t, at, array)};
	c.index = column_array(t, (struct column_at){.parent = c.dir, .name = SLICE("indices")}, indices, file);
	c.rest = (struct column_at){.parent = c.dir, .name = SLICE("dictionary")};
	return c;
}

uint32_t column_validity(struct tree *t, uint32_t id, uint64_t count, struct column_file file)
{
	struct array array = column_of((struct array){.dtype = DTYPE_BOOL}, &count);
	uint64_t size = file.size == SIZE_UNKNOWN ? tree_array_size(&array) : file.size;
	uint32_t beside = tree_companion(t, id, ".validity", file.lazy, size);
	tree_describe(t, beside, tree_array(t, &array));
	tree_error(t, beside, file.fault);
	return beside;
}

/* Also where it is a directory on the way that is called so. */
unsigned column_round(struct slice name)
{
	static const char suffix[] = ".validity";
	size_t n = sizeof suffix - 1;
	for (size_t end = n + 1; end <= name.len; end++)
		if ((end == name.len || name.data[end] == '/') && name.data[end - n - 1] != '/' &&
		    memcmp(name.data + end - n, suffix, n) == 0)
			return 1;
	return 0;
}

bool column_is_structure(const struct tree *t, const struct node *n)
{
	static const struct {
		uint8_t of;
		const char *name;
	} kinds[] = {
		{DTYPE_LIST, "offsets"}, {DTYPE_MAP, "offsets"}, {DTYPE_UNION, "offsets"}, {DTYPE_UNION, "types"},
		{DTYPE_DICTIONARY, "indices"}, {DTYPE_RUN_END, "run_ends"},
	};
	const struct node *up = tree_node(t, n->parent);
	enum dtype of = up && up->array ? up->array->dtype : DTYPE_NONE;
	bool found = of == DTYPE_STRING || of == DTYPE_BYTES;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		found |= of == kinds[i].of && strcmp(n->name, kinds[i].name) == 0;
	return found;
}
