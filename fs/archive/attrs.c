/* SPDX-License-Identifier: MIT */
#include "fs/archive/attrs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/archive/shape.h"

const char *attrs_byteorder(const struct array *array)
{
	return array->byteorder == BYTEORDER_LITTLE ? "little" : array->byteorder == BYTEORDER_BIG ? "big" : NULL;
}

size_t attrs_shape(const struct array *array, char *buf, size_t room)
{
	char number[24];
	size_t n = 0;
#define PUT(text, len) (n < room ? (void)memcpy(buf + n, text, (len) < room - n ? (len) : room - n) : (void)0, n += (len))
	PUT("[", 1);
	for (uint32_t i = 0; i < array->rank; i++) {
		int len = snprintf(number, sizeof number, "%s%" PRIu64, i ? "," : "", array->shape[i]);
		PUT(number, (size_t)len);
	}
	PUT("]", 1);
#undef PUT
	return n;
}

static int each_one(attrs_each *each, void *arg, const char *name, struct slice value, bool json)
{
	struct attr attr = {NULL, slice_text(name), value, json, false};
	return each(arg, &attr);
}

static int each_text(attrs_each *each, void *arg, const char *name, const char *value)
{
	return value ? each_one(each, arg, name, slice_text(value), false) : 0;
}

static int each_shape(const char *name, const struct array *array, attrs_each *each, void *arg)
{
	char few[256];
	size_t n = attrs_shape(array, few, sizeof few);
	if (n <= sizeof few)
		return each_one(each, arg, name, (struct slice){(const uint8_t *)few, n}, true);
	char *many = malloc(n);
	if (!many)
		return -ENOMEM;
	attrs_shape(array, many, n);
	int r = each_one(each, arg, name, (struct slice){(const uint8_t *)many, n}, true);
	free(many);
	return r;
}

/* For an array of blocks, whose last extent counts bytes, the shape in elements. */
static int each_logical_shape(const struct array *array, attrs_each *each, void *arg)
{
	const struct quant_block *block = array->quant ? quant_block(array->quant->blocks) : NULL;
	uint64_t dims[SHAPE_MAX];
	struct array logical = {.rank = array->rank, .shape = dims};
	if (!block || array->rank == 0 || array->rank > SHAPE_MAX)
		return 0;
	memcpy(dims, array->shape, array->rank * sizeof *dims);
	dims[array->rank - 1] = dims[array->rank - 1] / block->bytes * block->elements;
	return each_shape("array.logical_shape", &logical, each, arg);
}

int attrs_shape_later(struct archive *a, const struct node *n, struct text *ret, struct error *err)
{
	char text[24 * (SHAPE_MAX + 1)];
	struct shaped found;
	int r = shape_find(a, n, &found, err);
	if (r == 0)
		text_put(ret, (struct slice){(const uint8_t *)text, attrs_shape(&found.array, text, sizeof text)});
	return r;
}

static int walk_array(const struct node *n, const struct array *array, attrs_each *each, void *arg)
{
	char dtype[DTYPE_NAME_MAX];
	int r = 0;
	if (array->dtype != DTYPE_NONE)
		r = each_text(each, arg, "array.dtype", dtype_name(array, dtype));
	if (r == 0 && !array->unshaped)
		r = each_shape("array.shape", array, each, arg);
	else if (r == 0 && shape_exists(n))
		r = each(arg, &(struct attr){.name = SLICE("array.shape"), .json = true, .later = true});
	if (r == 0 && n->kind != NODE_DIR && shape_exists(n))
		r = each_text(each, arg, "array.order", array->fortran ? "F" : "C");
	if (r == 0)
		r = each_text(each, arg, "array.byteorder", attrs_byteorder(array));
	if (r == 0)
		r = each_text(each, arg, "array.type", array->type);
	if (r == 0)
		r = each_text(each, arg, "array.codec", array->codec);
	if (r == 0)
		r = each_logical_shape(array, each, arg);
	return r;
}

int attrs_walk_as(struct archive *a, uint32_t index, const struct node *n, const struct array *shown, attrs_each *each,
		  void *arg, struct error *err)
{
	int r = 0;
	if (index == TREE_ROOT)
		r = each_text(each, arg, "arrayfs.format", a->format->name);
	if (r == 0 && shown)
		r = walk_array(n, shown, each, arg);
	for (const struct attr *attr = n->attrs; attr && r == 0; attr = attr->next)
		r = each(arg, attr);
	if (r == 0 && a->format->attrs)
		r = a->format->attrs(a, index, n, each, arg, err);
	return r;
}

int attrs_walk(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg,
	       struct error *err)
{
	return attrs_walk_as(a, index, n, n->array, each, arg, err);
}
