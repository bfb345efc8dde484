/* SPDX-License-Identifier: MIT */
#include "fs/archive/shape.h"

#include <inttypes.h>

/* Maximum nesting of directories that stand for one array. */
enum { DEPTH = 64 };

bool shape_exists(const struct node *n)
{
	const struct array *array = n->array;
	return array && (!array->unshaped || (array->sized && array->rank < SHAPE_MAX && !node_error(n)));
}

static void fill_first(const struct array *array, uint64_t extent, struct shaped *ret)
{
	ret->array = *array;
	ret->array.unshaped = false;
	ret->array.rank++;
	ret->array.shape = ret->dims;
	ret->dims[0] = extent;
	for (uint32_t i = 0; i < array->rank; i++)
		ret->dims[i + 1] = array->shape[i];
}

/* `count` elements, counted as if in one dimension. */
static bool fill_in(const struct array *array, uint64_t count, struct shaped *ret)
{
	uint64_t inner;
	if (!shape_elements(array->shape, array->rank, &inner) || (inner == 0 ? count != 0 : count % inner != 0))
		return false;
	fill_first(array, inner ? count / inner : 0, ret);
	return true;
}

/* Does the number of elements follow from the size of the file? */
static bool has_bytes(const struct node *n)
{
	uint64_t inner;
	return n->kind != NODE_DIR && dtype_bits(n->array) > 0 && (!shape_elements(n->array->shape, n->array->rank, &inner) || inner > 0);
}

bool shape_of_size(const struct array *array, uint64_t size, struct shaped *ret)
{
	uint64_t bits = dtype_bits(array);
	ret->array = *array;
	if (!array->unshaped || !array->sized || array->rank >= SHAPE_MAX)
		return !array->unshaped;
	return bits >= 8 && size % (bits / 8) == 0 && fill_in(array, size / (bits / 8), ret);
}

static int no_shape(struct error *err)
{
	return error_set(err, ENODATA, "its shape is not known");
}

static int find(struct archive *a, const struct node *n, bool decode, unsigned depth, struct shaped *ret, struct error *err);

static struct node *file_called(struct archive *a, const struct node *dir, const char *name)
{
	for (uint32_t i = dir->child; i;) {
		struct node *n = tree_node(&a->tree, i);
		if (n->kind != NODE_DIR && strcmp(n->name, name) == 0)
			return n;
		i = n->next;
	}
	return NULL;
}

static int size_of(struct archive *a, struct node *n, bool decode, uint64_t *ret, struct error *err)
{
	if (!decode && atomic_load_explicit(&n->size, memory_order_acquire) == SIZE_UNKNOWN)
		return no_shape(err);
	return archive_size(a, n, ret, err);
}

/* A struct has as many elements as each of its fields; tries files first, which are cheaper
 * than directories. */
static int find_by_field(struct archive *a, const struct node *dir, bool decode, unsigned depth, struct shaped *ret, struct error *err)
{
	for (unsigned directories = 0; directories < 2; directories++)
		for (uint32_t i = dir->child; i;) {
			const struct node *n = tree_node(&a->tree, i);
			struct shaped field;
			if (n->array && (n->kind == NODE_DIR) == directories && find(a, n, decode, depth, &field, err) == 0 &&
			    field.array.rank > 0 && field.array.shape[0] <= INT64_MAX) {
				uint64_t inner;
				if (!shape_elements(dir->array->shape, dir->array->rank, &inner) || field.array.rank <= dir->array->rank)
					return no_shape(err);
				return fill_in(dir->array, field.array.shape[0] * inner, ret) ? 0 : no_shape(err);
			}
			i = n->next;
		}
	return no_shape(err);
}

/* A dictionary's column has as many elements as there are indices. */
static int find_indices(struct archive *a, const struct node *dir, bool decode, unsigned depth, struct shaped *ret, struct error *err)
{
	const struct node *indices = file_called(a, dir, "indices");
	struct shaped found;
	uint64_t count;
	int r = indices ? find(a, indices, decode, depth, &found, err) : no_shape(err);
	if (r < 0)
		return r;
	return shape_elements(found.array.shape, found.array.rank, &count) && fill_in(dir->array, count, ret) ? 0 : no_shape(err);
}

static int find_in(struct archive *a, const struct node *dir, bool decode, unsigned depth, struct shaped *ret, struct error *err)
{
	uint64_t size;
	if (depth == 0 || !node_filled(dir))
		return no_shape(err);
	if (dir->array->dtype == DTYPE_STRUCT)
		return find_by_field(a, dir, decode, depth - 1, ret, err);
	struct node *offsets = file_called(a, dir, "offsets");
	if (!offsets)
		return find_indices(a, dir, decode, depth - 1, ret, err);
	int r = size_of(a, offsets, decode, &size, err);
	if (r < 0)
		return r;
	return size >= 8 && size % 8 == 0 && fill_in(dir->array, size / 8 - 1, ret) ? 0 : no_shape(err);
}

static int find(struct archive *a, const struct node *n, bool decode, unsigned depth, struct shaped *ret, struct error *err)
{
	uint64_t size;
	if (!shape_exists(n))
		return no_shape(err);
	ret->array = *n->array;
	if (!n->array->unshaped)
		return 0;
	if (a->format && a->format->extent && !has_bytes(n)) {
		int r = a->format->extent(a, n, decode, &size, err);
		if (r == 0)
			fill_first(n->array, size, ret);
		return r;
	}
	if (n->kind == NODE_DIR)
		return find_in(a, n, decode, depth, ret, err);
	int r = size_of(a, (struct node *)(uintptr_t)n, decode, &size, err);
	if (r < 0)
		return r;
	return shape_of_size(n->array, size, ret) ? 0 : no_shape(err);
}

int shape_find(struct archive *a, const struct node *n, struct shaped *ret, struct error *err)
{
	return find(a, n, true, DEPTH, ret, err);
}

void shape_known(struct archive *a, const struct node *n, struct shaped *ret)
{
	if (find(a, n, false, DEPTH, ret, NULL) < 0) {
		ret->array = n->array ? *n->array : (struct array){.unshaped = true};
		ret->array.unshaped = true;
	}
}
