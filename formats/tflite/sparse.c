/* SPDX-License-Identifier: MIT */
/*
 * A sparse tensor: its values, and of each dimension that is compressed where its rows begin
 * (segments) and which columns they have (indices).  Dimensions in the order in which they are
 * traversed; those after the tensor's own belong to its blocks.
 */
#include <stdio.h>

#include "formats/tflite/tflite.h"
#include "fs/archive/column.h"

enum { DIMENSION_FORMAT, DIMENSION_SIZE, DIMENSION_SEGMENTS, DIMENSION_INDICES = 4 };
enum { DENSE, COMPRESSED };

/* A vector of integers of one of three widths; nothing where it is of another kind. */
static struct flat_vector integers(const struct flat_table *dimension, unsigned field, enum dtype *ret)
{
	static const uint8_t widths[] = {0, 4, 2, 1};
	static const uint8_t types[] = {DTYPE_NONE, DTYPE_INT32, DTYPE_UINT16, DTYPE_UINT8};
	struct flat_table vector;
	uint8_t type = flat_union(dimension, field, &vector);
	if (type == 0 || type >= sizeof widths)
		return (struct flat_vector){.of = dimension->of, .each = 1};
	*ret = types[type];
	return flat_vector(&vector, 0, widths[type]);
}

static void show_integers(struct tflite_opening *o, uint32_t dir, const char *name, const struct flat_vector *v, enum dtype dtype)
{
	uint64_t count = v->count;
	struct array array = column_of((struct array){.dtype = (uint8_t)dtype, .byteorder = v->each > 1 ? BYTEORDER_LITTLE : BYTEORDER_NONE}, &count);
	if (dtype != DTYPE_NONE)
		column_array(&o->archive->tree, (struct column_at){dir, slice_text(name), false}, &array,
			     (struct column_file){.kind = NODE_RANGE, .offset = v->at, .size = count * v->each});
}

/* Shows a dimension.  `*rows` of it become as many as all of them have columns; false if that does not add up. */
static bool show_dimension(struct tflite_opening *o, uint32_t dir, uint32_t number, const struct flat_table *dimension, uint64_t *rows)
{
	struct tree *t = &o->archive->tree;
	int64_t format = flat_int(dimension, DIMENSION_FORMAT, 1, 0), size = flat_int(dimension, DIMENSION_SIZE, 4, 0);
	if (format == DENSE)
		return size >= 0 && !__builtin_mul_overflow(*rows, (uint64_t)size, rows);
	enum dtype segment = DTYPE_NONE, index = DTYPE_NONE;
	struct flat_vector segments = integers(dimension, DIMENSION_SEGMENTS, &segment), indices = integers(dimension, DIMENSION_INDICES, &index);
	char name[24];
	snprintf(name, sizeof name, "dim_%u", number);
	uint32_t below = tree_branch(t, dir, slice_text(name));
	show_integers(o, below, "segments", &segments, segment);
	show_integers(o, below, "indices", &indices, index);
	bool adds_up = format == COMPRESSED && segments.count > 0 && segments.count - 1 == *rows &&
		       (uint64_t)flat_element(&segments, segments.count - 1, 0, segments.each) % (1ull << 8 * segments.each) == indices.count;
	*rows = indices.count;
	return adds_up;
}

uint32_t tflite_show_sparse(struct tflite_opening *o, uint32_t parent, struct slice name, const struct tflite_tensor *t)
{
	struct tree *tree = &o->archive->tree;
	struct flat_table sparsity = flat_child(&t->table, TENSOR_SPARSITY);
	struct flat_vector dimensions = flat_vector(&sparsity, SPARSITY_DIMENSIONS, 4);
	struct array whole = t->array, values = t->array;
	uint64_t rows = 1, bits = dtype_bits(&t->array), count = bits ? t->bytes.len * 8 / bits : 0;
	bool adds_up = dimensions.count >= t->array.rank;
	whole.dtype = DTYPE_SPARSE;
	whole.byteorder = BYTEORDER_NONE;
	uint32_t dir = column_struct(tree, (struct column_at){parent, name, false}, &whole);
	for (uint32_t i = 0; i < dimensions.count && !o->model.flat.failed; i++) {
		struct flat_table dimension = flat_element_table(&dimensions, i);
		adds_up &= show_dimension(o, dir, i, &dimension, &rows);
	}
	values = column_of(values, adds_up ? &rows : &count);
	struct array no_axis = {.dtype = values.dtype}; /* the values are not along one */
	values.quant = tflite_quant(o, &t->table, &no_axis);
	struct column_at at = {dir, SLICE("values"), false};
	if (adds_up && tree_array_size(&values) == t->bytes.len)
		column_array(tree, at, &values, (struct column_file){.kind = NODE_RANGE, .offset = t->bytes.at, .size = t->bytes.len});
	else
		tree_fault(tree, dir, at.name, "its values are not as many as its dimensions tell", &values);
	return dir;
}
