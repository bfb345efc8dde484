/* SPDX-License-Identifier: MIT */
/* The tensors' descriptions. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/gguf/gguf.h"
#include "formats/shared/slice_map.h"
#include "fs/base/list.h"

enum {
	DIMENSIONS = 4,                /* GGML_MAX_DIMS */
	TENSOR_LEAST = 8 + 4 + 4 + 8,  /* bytes: the name's length, the number of dimensions, type, offset */
	AHEAD = 16,                    /* so many tensors ahead names are announced to the tree */
};

static bool is_flat(struct slice name, char split)
{
	return !memchr(name.data, '/', name.len) && !(split && memchr(name.data, split, name.len));
}

/* Sets the size, and of blocks the last extent in bytes. */
static int measure(struct gguf_reader *r, struct gguf_tensor *t, struct array *array, uint64_t *shape)
{
	const struct quant_block *block = array->quant ? quant_block(array->quant->blocks) : NULL;
	uint64_t row = array->rank ? shape[array->rank - 1] : 1, unit = block ? block->bytes : dtype_bits(array) / 8;
	if (block && row % block->elements)
		return gguf_fail(r, EBADMSG, "tensor %.*s: a row of %" PRIu64 " elements is not whole blocks of %" PRIu32, gguf_cut(t->name),
				 (const char *)t->name.data, row, block->elements);
	if (block) {
		shape[array->rank - 1] = row / block->elements * unit; /* less than row * 2, which is below 2^64 */
		unit = 1;
	}
	if (!shape_elements(shape, array->rank, &t->size) || __builtin_mul_overflow(t->size, unit, &t->size) || t->size > INT64_MAX)
		return gguf_fail(r, EBADMSG, "tensor %.*s: its shape overflows", gguf_cut(t->name), (const char *)t->name.data);
	return 0;
}

/* Dimensions are stored from the innermost on. */
static int read_shape(struct gguf_reader *r, struct gguf_tensor *t, uint64_t shape[DIMENSIONS], uint32_t *ret_rank)
{
	uint32_t rank = (uint32_t)gguf_number(r, 4);
	if (!r->failed && rank > DIMENSIONS)
		gguf_fail(r, EBADMSG, "tensor %.*s: %" PRIu32 " dimensions, more than %d", gguf_cut(t->name), (const char *)t->name.data,
			  rank, DIMENSIONS);
	for (uint32_t i = rank; i-- > 0 && !r->failed;) {
		shape[i] = gguf_number(r, 8);
		if (shape[i] > INT64_MAX)
			gguf_fail(r, EBADMSG, "tensor %.*s: its shape overflows", gguf_cut(t->name), (const char *)t->name.data);
	}
	*ret_rank = r->failed ? 0 : rank;
	return r->failed;
}

static int read_tensor(struct gguf_reader *r, struct archive *a, struct arena *scratch, struct gguf_tensor *t)
{
	uint64_t shape[DIMENSIONS], len = gguf_number(r, 8);
	struct array array = {0};
	uint32_t rank;
	char number[24];

	if (len <= GGUF_TOGETHER && gguf_have(r, (size_t)len)) {
		struct slice name = {r->c.pos, (size_t)len};
		char *kept = arena_text(is_flat(name, a->options->split) ? &a->arena : scratch, name);
		gguf_skip(r, len);
		t->name = (struct slice){(const uint8_t *)kept, (size_t)len};
		if (!kept)
			return gguf_no_memory(r);
	} else if (!r->failed) {
		t->name = gguf_text(r, len, &a->arena);
	}
	if (r->failed || read_shape(r, t, shape, &rank) < 0)
		return r->failed;
	uint32_t type = (uint32_t)gguf_number(r, 4);
	t->offset = gguf_number(r, 8);
	t->known = gguf_tensor_type(type, r->big, &array);
	if (!t->known) {
		snprintf(number, sizeof number, "%" PRIu32, type);
		array = (struct array){.type = number};
	}
	array.rank = rank;
	array.shape = shape;
	if (dtype_bits(&array) > 8)
		array.byteorder = r->big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	if (r->failed || (t->known && measure(r, t, &array, shape) < 0))
		return r->failed;
	t->array = tree_array(&a->tree, &array);
	return t->array ? 0 : gguf_no_memory(r);
}

/* Once it is known where the data begin. */
static int place(struct gguf_reader *r, const struct gguf_header *h, struct gguf_tensor *t)
{
	uint64_t size = r->source->size;
	int cut = gguf_cut(t->name);
	const char *name = (const char *)t->name.data;
	if (t->offset % h->alignment)
		return gguf_fail(r, EBADMSG, "tensor %.*s: at %" PRIu64 ", off the alignment of %" PRIu64, cut, name, t->offset,
				 h->alignment);
	if (t->size == 0)
		return 0;
	if (h->data > size || !range_within(t->offset, t->size, size - h->data))
		return gguf_fail(r, EBADMSG, "tensor %.*s: %" PRIu64 " bytes at %" PRIu64 " in a file with room for %" PRIu64 ERROR_CUT, cut, name,
				 t->size, t->offset, h->data > size ? 0 : size - h->data);
	t->offset += h->data;
	return 0;
}

int gguf_read_tensors(struct gguf_reader *r, struct archive *a, struct arena *scratch, struct gguf_header *h)
{
	if (!r->failed && h->tensor_count > gguf_left(r) / TENSOR_LEAST)
		gguf_fail(r, EBADMSG, "%" PRIu64 " tensors in a file of %" PRIu64 " bytes", h->tensor_count, r->source->size);
	for (uint64_t i = 0; i < h->tensor_count && !r->failed; i++) {
		struct gguf_tensor *grown = list_grow_in(scratch, h->tensors, (size_t)i, sizeof *grown);
		if (!grown)
			return gguf_no_memory(r);
		h->tensors = grown;
		read_tensor(r, a, scratch, &h->tensors[i]);
	}
	uint64_t end = gguf_at(r);
	h->data = end + (-end & (h->alignment - 1)); /* end is below 2^63, the alignment below 2^32 */
	for (uint64_t i = 0; i < h->tensor_count && !r->failed; i++)
		place(r, h, &h->tensors[i]);
	return r->failed;
}

int gguf_check_names(const struct gguf_header *h, struct arena *scratch, struct error *err)
{
	struct slice *names = arena_array(scratch, (size_t)h->tensor_count + 1, sizeof *names);
	uint32_t repeated = SLICE_MAP_NONE;
	for (uint64_t i = 0; names && i < h->tensor_count; i++)
		names[i] = h->tensors[i].name;
	if (!names || !slice_map_repeated(names, (uint32_t)h->tensor_count, scratch, &repeated))
		return error_no_memory(err, "all that the header holds");
	return repeated == SLICE_MAP_NONE ? 0 : error_set(err, EBADMSG, "tensor %.*s appears twice", gguf_cut(names[repeated]),
							  (const char *)names[repeated].data);
}

/* --- shown ------------------------------------------------------------------- */

static uint32_t add_file(struct archive *a, const struct gguf_tensor *t, uint32_t parent, struct slice name, uint32_t source)
{
	char why[64];
	if (t->known)
		return tree_range(&a->tree, parent, name, source, t->size ? t->offset : 0, t->size);
	snprintf(why, sizeof why, "type %s of tensors is not known", t->array->type);
	return tree_sound(&a->tree, tree_fault(&a->tree, parent, name, why, NULL));
}

static void add_tensor(struct archive *a, const struct gguf_tensor *t, uint32_t hash, uint32_t source)
{
	struct tree *tree = &a->tree;
	if (t->known && is_flat(t->name, a->options->split)) {
		uint32_t id = tree_range_named(tree, TREE_ROOT, t->name, hash, source, t->size ? t->offset : 0, t->size);
		tree_describe(tree, id, t->array);
		return;
	}
	struct tree_path path = tree_path(tree, TREE_ROOT, t->name, a->options->split);
	uint32_t id = add_file(a, t, path.parent, path.leaf, source);
	tree_describe(tree, id, t->array);
	tree_path_end(tree, &path, id);
}

void gguf_add_tensors(struct archive *a, const struct gguf_header *h, uint32_t source)
{
	uint32_t hashes[AHEAD], count = (uint32_t)h->tensor_count;
	tree_expect(&a->tree, count);
	for (uint32_t i = 0; i < count && i < AHEAD; i++)
		hashes[i] = tree_expect_name(&a->tree, TREE_ROOT, h->tensors[i].name);
	for (uint32_t i = 0; i < count; i++) {
		add_tensor(a, &h->tensors[i], hashes[i % AHEAD], source);
		if (i + AHEAD < count)
			hashes[i % AHEAD] = tree_expect_name(&a->tree, TREE_ROOT, h->tensors[i + AHEAD].name);
	}
}
