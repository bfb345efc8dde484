/* SPDX-License-Identifier: MIT */
/*
 * safetensors: named tensors, one after another, preceded by a JSON header.
 *
 *      0  n, the header's length: u64, little-endian
 *      8  header: {"__metadata__": {NAME: TEXT, …},
 *                  NAME: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *    8+n  the tensors' bytes, up to the end of the file; data_offsets count from here
 *
 * Shown: each tensor as a file of its bytes, in the header's order; the metadata as
 * attributes of the root.  Nothing in the format is left out.
 *
 * https://github.com/huggingface/safetensors, README "Format"; refused is what
 * safetensors 0.8 refuses (safetensors/src/tensor.rs) and, beyond that, repeated names.
 */
#include "formats/safetensors/header.h"
#include "formats/shared/json_header.h"

/* How many tensors ahead names are announced to the tree; few are below a subdirectory. */
enum { AHEAD = 16 };

static int add_tensors(struct archive *a, const struct safetensors_header *h, struct arena *scratch, struct error *err)
{
	uint32_t *nodes = arena_array(scratch, h->count + 1, sizeof *nodes), hashes[AHEAD];
	if (!nodes)
		return error_no_memory(err, "its tensors");
	tree_expect(&a->tree, h->count);
	for (uint32_t i = 0; i < h->count && i < AHEAD; i++)
		hashes[i] = tree_expect_name(&a->tree, TREE_ROOT, h->names[i]);
	for (uint32_t i = 0; i < h->count; i++) {
		nodes[i] = safetensors_add(a, h, i, hashes[i % AHEAD], 0);
		if (i + AHEAD < h->count)
			hashes[i % AHEAD] = tree_expect_name(&a->tree, TREE_ROOT, h->names[i + AHEAD]);
	}
	int r = safetensors_number(a, nodes, NULL, h->count, err);
	if (r == 0 && a->tree.gave_way) /* as any two equal names would make one do */
		r = safetensors_check_names(h, scratch, err);
	return r;
}

static int safetensors_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct safetensors_header h;
	int r = safetensors_header_read(&a->source, a->options->split, &a->tree, &scratch, &h, err);

	for (uint32_t i = 0; r == 0 && i < h.metadata_names.count; i++)
		tree_attr_own(&a->tree, TREE_ROOT, h.metadata_names.keys[i], h.metadata[i]);
	if (r == 0)
		r = add_tensors(a, &h, &scratch, err);
	arena_free(&scratch);
	return r;
}

static int safetensors_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	uint8_t bytes[8];
	(void)n;
	int r = index == TREE_ROOT ? source_read(&a->source, 0, bytes, sizeof bytes, err) : 0;
	if (index != TREE_ROOT || r < 0)
		return r;
	struct cursor c = cursor_over((struct slice){bytes, sizeof bytes});
	/* safetensors_open() has checked the length; if it changed since, this gives EIO. */
	return json_header_put(&a->source, sizeof bytes, cursor_u64le(&c), ret, err);
}

const struct format format_safetensors = {
	.name = "safetensors",
	.suffixes = (const char *const[]){".safetensors", NULL},
	.probe = safetensors_probe,
	.open = safetensors_open,
	.details = safetensors_details,
	.ordinal = safetensors_ordinal,
};
