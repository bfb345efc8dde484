/* SPDX-License-Identifier: MIT */
/* Schema.fbs, KeyValue; Columnar.html, "Extension Types". */
#include "formats/arrow/meta.h"
#include "fs/base/name.h"
#include "fs/values/json.h"

static bool copy(struct arena *arena, struct slice s, struct slice *ret)
{
	*ret = (struct slice){(const uint8_t *)arena_text(arena, s), s.len};
	return ret->data != NULL;
}

/* What is of an extension type stands aside: the last of each counts. */
int arrow_pairs_read(struct opening *o, const struct flat_vector *pairs, struct field_detail *ret)
{
	struct arena *arena = &o->archive->arena;
	ret->pairs = arena_array(arena, pairs->count, sizeof *ret->pairs);
	if (!ret->pairs)
		return error_no_memory(o->err, "the schema");
	for (uint32_t i = 0; i < pairs->count && !pairs->of->failed; i++) {
		struct flat_table table = flat_element_table(pairs, i);
		struct slice key = flat_string(&table, 0);
		struct pair pair;
		if (!copy(arena, key, &pair.key) || !copy(arena, flat_string(&table, 1), &pair.value))
			return error_no_memory(o->err, "the schema");
		if (slice_equal(pair.key, SLICE("ARROW:extension:name")))
			ret->extension = pair.value;
		else if (slice_equal(pair.key, SLICE("ARROW:extension:metadata")))
			ret->metadata = pair.value;
		else
			ret->pairs[ret->npairs++] = pair;
	}
	return flat_check(pairs->of, o->err, "the schema");
}

/* --- arrow.fixed_shape_tensor ------------------------------------------------------------------- */

enum { RANK_MAX = 32 };

struct tensor {
	uint64_t shape[RANK_MAX];
	uint32_t rank;
	struct slice permutation; /* as it stands */
};

static bool read_tensor(struct slice text, struct arena *scratch, struct tensor *ret)
{
	struct json j = json_over(text, scratch);
	struct slice name;
	*ret = (struct tensor){.rank = 0};
	if (!utf8_valid(text) || !json_object(&j))
		return false;
	while (json_member(&j, &name)) {
		if (slice_equal(name, SLICE("shape")) && json_array(&j))
			while (json_element(&j)) {
				uint64_t extent = json_u64(&j);
				if (ret->rank == RANK_MAX)
					return false;
				ret->shape[ret->rank++] = extent;
			}
		else if (slice_equal(name, SLICE("permutation")))
			ret->permutation = json_skip(&j);
		else
			json_skip(&j);
	}
	return json_end(&j, NULL, "") == 0;
}

int arrow_extension_read(struct opening *o, const struct field *fields, uint32_t i, struct field_detail *detail)
{
	struct tensor tensor;
	uint64_t product, *shape;
	if (fields[i].layout != LAYOUT_FIXED_LIST || !slice_equal(detail->extension, SLICE("arrow.fixed_shape_tensor")) ||
	    !read_tensor(detail->metadata, &o->scratch, &tensor) || tensor.rank == 0 ||
	    !shape_elements(tensor.shape, tensor.rank, &product) || product != fields[i].per)
		return 0;
	shape = arena_array(&o->archive->arena, tensor.rank, sizeof *shape);
	detail->permutation = tensor.permutation.len ? arena_text(&o->archive->arena, tensor.permutation) : NULL;
	if (!shape || (tensor.permutation.len && !detail->permutation))
		return error_no_memory(o->err, "the schema");
	memcpy(shape, tensor.shape, tensor.rank * sizeof *shape);
	detail->shape = shape;
	detail->rank = tensor.rank;
	return 0;
}
