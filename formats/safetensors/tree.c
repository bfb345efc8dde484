/* SPDX-License-Identifier: MIT */
#include "formats/safetensors/header.h"

bool safetensors_flat(struct slice name, char split)
{
	return !memchr(name.data, '/', name.len) && !(split && memchr(name.data, split, name.len));
}

uint32_t safetensors_add(struct archive *a, const struct safetensors_header *h, uint32_t number, uint32_t hash,
			 uint32_t source)
{
	const struct safetensors_tensor *t = &h->tensors[number];
	struct slice name = h->names[number];
	uint64_t size = t->end - t->begin;
	uint32_t id;
	if (safetensors_flat(name, a->options->split)) {
		id = tree_range_named(&a->tree, TREE_ROOT, name, hash, source, t->begin, size);
		tree_describe(&a->tree, id, t->array);
		return id;
	}
	struct tree_path path = tree_path(&a->tree, TREE_ROOT, name, a->options->split);
	id = tree_range(&a->tree, path.parent, path.leaf, source, t->begin, size);
	tree_describe(&a->tree, id, t->array);
	tree_path_end(&a->tree, &path, id);
	return id;
}

int safetensors_number(struct archive *a, const uint32_t *nodes, const uint32_t *numbers, uint32_t count, struct error *err)
{
	uint32_t *by_node = arena_array(&a->arena, a->tree.made, sizeof *by_node);
	if (!by_node)
		return error_no_memory(err, "the numbers of its tensors");
	for (uint32_t i = 0; i < count; i++)
		by_node[nodes[i]] = numbers ? numbers[i] : i; /* nodes[i] is 0 if the tree has failed */
	a->priv = by_node;
	return 0;
}

uint32_t safetensors_ordinal(const struct archive *a, uint32_t index, const struct node *n)
{
	(void)n;
	return ((const uint32_t *)a->priv)[index];
}
