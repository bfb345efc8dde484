/* SPDX-License-Identifier: MIT */
#include "formats/shared/ndarray_impl.h"

#include "formats/shared/strided.h"
#include "fs/archive/column.h"

static int no_memory(struct error *err)
{
	return error_no_memory(err, "its arrays");
}

/* --- structured arrays ------------------------------------------------------- */

struct fields {
	struct archive *a;
	const struct content *bytes; /* of the elements */
	const struct ndarray_records *records;
	bool fortran, objects;
	struct error *err;
};

/* The position of the walk: a directory, its offset in the record, and the sub-arrays around
 * it. */
struct place {
	uint32_t dir;
	uint64_t offset;
	const struct ndarray_level *levels; /* the innermost */
	uint32_t nlevels;
	const uint64_t *shape; /* of the records and those sub-arrays */
	uint32_t rank;
};

/* Moves `at` to the field, with a level for each dimension of its own. */
static int enter(struct fields *f, const struct numpy_field *field, struct place *at)
{
	const struct array *own = &field->type.array;
	uint64_t stride = field->type.size;
	uint64_t *shape = arena_array(&f->a->arena, at->rank + own->rank + 1u, sizeof *shape);
	if (!shape)
		return no_memory(f->err);
	memcpy(shape, at->shape, at->rank * sizeof *shape);
	at->offset += field->offset;
	for (uint32_t i = 0; i < own->rank; i++) {
		struct ndarray_level *level = arena_alloc(&f->a->arena, sizeof *level);
		if (!level)
			return no_memory(f->err);
		stride = own->shape[i] ? stride / own->shape[i] : 0;
		*level = (struct ndarray_level){at->levels, own->shape[i], stride};
		at->levels = level;
		shape[at->rank + i] = own->shape[i];
	}
	at->shape = shape;
	at->rank += own->rank;
	at->nlevels += own->rank;
	return 0;
}

/* Which bytes the field consists of; levels whose slots are adjacent become wider slots. */
static bool place_file(const struct fields *f, const struct place *at, uint64_t width, struct ndarray_field *ret)
{
	*ret = (struct ndarray_field){.lazy = {ndarray_read_field}, .bytes = *f->bytes, .records = f->records, .offset = at->offset, .width = width, .slots = 1,
				 .levels = at->levels, .nlevels = at->nlevels, .to_c_order = f->records->strides && (!f->fortran || at->nlevels > 0)};
	for (; ret->nlevels > 0 && ret->levels->stride == ret->width; ret->nlevels--, ret->levels = ret->levels->outer)
		ret->width *= ret->levels->count;
	for (const struct ndarray_level *l = ret->levels; l; l = l->outer)
		ret->slots *= l->count; /* at most the record's bytes, unless there are none */
	return !__builtin_mul_overflow(ret->slots, ret->width, &ret->count) &&
	       !__builtin_mul_overflow(ret->count, f->records->count, &ret->count);
}

/* Adds the field's file at the path that its name spells. */
static int show_field(struct fields *f, const struct numpy_field *field, const struct place *at, const struct tree_path *path,
		      uint32_t *ret)
{
	struct array array = field->type.array;
	struct tree *t = &f->a->tree;
	array.shape = at->shape;
	array.rank = at->rank;
	array.fortran = f->fortran && at->nlevels == 0;
	array.codec = content_codec(f->bytes);
	if (f->objects) {
		*ret = tree_sound(t, tree_fault(t, path->parent, path->leaf, "its records have Python objects, which are pickled", &array));
		if (*ret)
			tree_edit(t, *ret)->size = SIZE_UNKNOWN; /* of the pickle; nothing is read */
		return 0;
	}
	uint64_t elements;
	struct ndarray_field *file = arena_alloc(&f->a->arena, sizeof *file);
	if (!file)
		return no_memory(f->err);
	if (!shape_elements(field->type.array.shape, field->type.array.rank, &elements) ||
	    !place_file(f, at, elements ? field->type.size / elements : 0, file))
		return error_set(f->err, EBADMSG, "a field of more bytes than 64 bits count");
	*ret = column_array(t, (struct column_at){.parent = path->parent, .name = path->leaf}, &array,
			    (struct column_file){.kind = NODE_LAZY, .lazy = file, .size = file->count});
	return 0;
}

/* Recursion is as deep as records are nested, which whoever reads types limits. */
static int show_fields(struct fields *f, const struct numpy_type *type, const struct place *at)
{
	struct tree *t = &f->a->tree;
	int r = 0;
	for (const struct numpy_field *field = type->fields; field && r == 0; field = field->next) {
		struct tree_path path = tree_path(t, at->dir, field->name, 0);
		struct place in = *at;
		uint32_t id = 0;
		if ((r = enter(f, field, &in)) < 0)
			break;
		if (field->type.array.dtype == DTYPE_STRUCT) {
			struct array array = field->type.array;
			array.shape = in.shape;
			array.rank = in.rank;
			id = in.dir = column_struct(t, (struct column_at){path.parent, path.leaf}, &array);
			r = show_fields(f, &field->type, &in);
		} else {
			r = show_field(f, field, &in, &path, &id);
		}
		tree_path_end(t, &path, id);
	}
	return r;
}

/* Of records in Fortran order. */
static void fortran_strides(const struct array *array, uint64_t *ret)
{
	uint64_t step = 1;
	for (uint32_t i = 0; i < array->rank; step *= array->shape[i++])
		ret[i] = step;
}

static int show_records(struct archive *a, uint32_t parent, struct slice name, const struct content *bytes,
			const struct numpy_type *type, const uint64_t *strides, uint32_t *ret, struct error *err)
{
	const struct array *array = &type->array;
	struct ndarray_records *records = arena_alloc(&a->arena, sizeof *records);
	uint64_t count, *shape = arena_array(&a->arena, 2u * array->rank + 1, sizeof *shape), *steps = NULL;
	if (!records || !shape)
		return no_memory(err);
	if (array->rank)
		memcpy(shape, array->shape, array->rank * sizeof *shape);
	if (strides || array->fortran)
		steps = shape + array->rank;
	if (strides && array->rank)
		memcpy(steps, strides, array->rank * sizeof *steps);
	else if (steps)
		fortran_strides(array, steps);
	if (!shape_elements(array->shape, array->rank, &count))
		return error_set(err, EBADMSG, "a shape of more records than 64 bits count");
	*records = (struct ndarray_records){type->size, count, shape, steps, array->rank};
	*ret = column_struct(&a->tree, (struct column_at){.parent = parent, .name = name}, array);
	struct fields f = {a, bytes, records, array->fortran, type->objects, err};
	struct place at = {.dir = *ret, .shape = shape, .rank = array->rank};
	return show_fields(&f, type, &at);
}

/* --- arrays ------------------------------------------------------------------ */

static int show_gathered(struct archive *a, uint32_t parent, struct slice name, const struct numpy_type *type, const uint64_t *strides,
			 const struct content *elements, uint32_t *ret, struct error *err)
{
	struct array array = type->array;
	struct strided *s = arena_alloc(&a->arena, sizeof *s);
	uint64_t *extents = arena_array(&a->arena, 2u * array.rank + 1, sizeof *extents);
	if (!s || !extents)
		return no_memory(err);
	if (array.rank) {
		memcpy(extents, array.shape, array.rank * sizeof *extents);
		memcpy(extents + array.rank, strides, array.rank * sizeof *extents);
	}
	*s = (struct strided){.lazy = {strided_read}, .from = *elements, .shape = extents, .strides = extents + array.rank, .rank = array.rank,
			      .width = (uint32_t)type->size};
	array.codec = content_codec(elements);
	*ret = tree_lazy(&a->tree, parent, name, s, elements->size);
	tree_describe(&a->tree, *ret, tree_array(&a->tree, &array));
	return 0;
}

int ndarray_show_strided(struct archive *a, uint32_t parent, struct slice name, const struct numpy_type *type, const uint64_t *strides,
			 const struct content *elements, uint32_t *ret, struct error *err)
{
	const struct array *array = &type->array;
	if (array->dtype == DTYPE_STRUCT)
		return show_records(a, parent, name, elements, type, strides, ret, err);
	if (!strides || strided_in_order(array->shape, strides, array->rank) || type->size == 0)
		return content_show(a, parent, name, elements, array, ret, err);
	return show_gathered(a, parent, name, type, strides, elements, ret, err);
}

int ndarray_show(struct archive *a, uint32_t parent, struct slice name, const struct numpy_type *type,
		 const struct content *elements, uint32_t *ret, struct error *err)
{
	return ndarray_show_strided(a, parent, name, type, NULL, elements, ret, err);
}
