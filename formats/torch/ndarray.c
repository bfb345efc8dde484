/* SPDX-License-Identifier: MIT */
#include "formats/torch/ndarray.h"

#include <inttypes.h>

#include "formats/torch/storage.h"

/* --- what it is ---------------------------------------------------------------------------- */

size_t torch_first_bytes(const struct torch_file *f, uint32_t node, void *ret, size_t most)
{
	const struct pickle_node *n = torch_node(f, node);
	struct content bytes;
	struct arena none = {0};
	struct slice text;
	if (n->kind != PICKLE_TEXT && n->kind != PICKLE_STR)
		return 0;
	size_t len = pickle_size(n) < most ? (size_t)pickle_size(n) : most;
	if (pickle_text(&f->pickle, n, &none, pickle_size(n), &text, NULL) == 0) /* it is at hand */
		memcpy(ret, text.data, len);
	else if (!pickle_bytes(&f->pickle, n, &bytes) || content_read(f->a, &bytes, 0, len, ret, NULL, NULL) < 0)
		return 0;
	return len;
}

static uint32_t item(const struct torch_file *f, uint32_t tuple, uint32_t i)
{
	const struct pickle_node *n = torch_node(f, tuple);
	return n->kind == PICKLE_TUPLE && i < n->count ? pickle_item(n, i) : 0;
}

bool torch_nd_parts(const struct torch_file *f, uint32_t node, struct torch_nd_parts *ret)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	*ret = (struct torch_nd_parts){0};
	switch (c.known) {
	case TORCH_ND_RECONSTRUCT: /* the version comes first, unless numpy is older than any that is in use */
		*ret = (struct torch_nd_parts){item(f, c.state, 1), item(f, c.state, 2), item(f, c.state, 4), item(f, c.state, 3)};
		return ret->bytes && torch_node(f, c.state)->count == 5;
	case TORCH_ND_FROM_BUFFER:
		*ret = (struct torch_nd_parts){item(f, c.args, 2), item(f, c.args, 1), item(f, c.args, 0), item(f, c.args, 3), item(f, c.args, 4)};
		return ret->shape;
	case TORCH_ND_SCALAR:
		*ret = (struct torch_nd_parts){.dtype = item(f, c.args, 0), .bytes = item(f, c.args, 1)};
		return ret->bytes;
	default:
		break;
	}
	if (!torch_find_wrapped(f, node))
		return false;
	ret->shape = torch_entry(f, c.state, "shape");
	ret->dtype = torch_entry(f, c.state, "dtype");
	ret->order = torch_entry(f, c.state, "order");
	return ret->shape && ret->dtype;
}

/* A pickled array's list of objects, which joblib's may be a pickle of. */
static uint32_t list_of(const struct torch_file *f, uint32_t node)
{
	const struct torch_wrapped *w = torch_find_wrapped(f, node);
	struct torch_nd_parts parts;
	if (w && w->list && !torch_find_wrapped(f, w->list))
		return list_of(f, w->list);
	return torch_nd_parts(f, node, &parts) && torch_node(f, parts.bytes)->kind == PICKLE_LIST ? parts.bytes : 0;
}

enum torch_nd torch_nd(const struct torch_file *f, uint32_t node, uint32_t *items)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	struct torch_nd_parts parts;
	*items = 0;
	if (c.known >= TORCH_TENSOR && c.known <= TORCH_META) /* the most frequent */
		return TORCH_ND_NONE;
	*items = list_of(f, node);
	if (*items)
		return TORCH_ND_OBJECTS;
	if (!torch_nd_parts(f, node, &parts))
		return TORCH_ND_NONE;
	if (c.known != TORCH_ND_SCALAR)
		return TORCH_ND_FILE;
	return torch_is_plain_type(f, parts.dtype) ? TORCH_ND_VALUE : TORCH_ND_FILE;
}

/* --- reading it ------------------------------------------------------------------------------ */

int torch_numpy_shape(const struct torch_file *f, uint32_t node, struct arena *arena, struct array *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	uint32_t rank = n->kind == PICKLE_TUPLE || n->kind == PICKLE_LIST ? n->count : 1, at = 0, extent = node;
	uint64_t *shape = rank <= NUMPY_RANK_MAX ? arena_array(arena, rank + 1u, sizeof *shape) : NULL;
	struct pickle_walk w = pickle_items(n);
	if (rank > NUMPY_RANK_MAX)
		return error_set(err, EBADMSG, "an array of %" PRIu32 " dimensions; at most 64 are known", rank);
	if (!shape)
		return error_no_memory(err, "its shape");
	for (; at < rank; at++) {
		if (n->kind == PICKLE_TUPLE || n->kind == PICKLE_LIST)
			(void)pickle_next(&w, &extent);
		if (!torch_count(f, extent, &shape[at]))
			return error_set(err, EBADMSG, "a shape that is not of numbers from 0 on");
	}
	ret->rank = rank;
	ret->shape = shape;
	return 0;
}

static bool is_fortran(const struct torch_file *f, uint32_t order)
{
	const struct pickle_node *n = torch_node(f, order);
	uint8_t letters[4];
	if (n->kind == PICKLE_BOOL || n->kind == PICKLE_INT)
		return n->number;
	return torch_first_bytes(f, order, letters, sizeof letters) && letters[0] == 'F';
}

/* Moves the shape from where the elements lie, in C order, to what is shown; *ret: the strides, in
 * elements, or NULL: it stays. */
static int transpose(const struct torch_file *f, const struct torch_nd_parts *parts, struct arena *arena, struct array *shape,
		     uint64_t **ret, struct error *err)
{
	uint64_t steps[NUMPY_RANK_MAX], *shown, *strides, axis, step = 1, seen = 0;
	struct array axes;
	uint8_t letters[4];
	*ret = NULL;
	if (!parts->axes || !torch_first_bytes(f, parts->order, letters, sizeof letters) || letters[0] != 'K' || torch_node(f, parts->axes)->kind == PICKLE_NONE)
		return 0;
	int r = torch_numpy_shape(f, parts->axes, arena, &axes, err);
	if (r < 0)
		return r;
	if (!(shown = arena_array(arena, shape->rank + 1u, sizeof *shown)) || !(strides = arena_array(arena, shape->rank + 1u, sizeof *strides)))
		return error_no_memory(err, "its shape");
	for (uint32_t i = shape->rank; i-- > 0; step *= shape->shape[i])
		steps[i] = step;
	for (uint32_t i = 0; axes.rank == shape->rank && i < axes.rank; i++) {
		if ((axis = axes.shape[i]) >= shape->rank || seen >> axis & 1)
			break;
		seen |= UINT64_C(1) << axis;
		shown[i] = shape->shape[axis];
		strides[i] = steps[axis];
	}
	if (axes.rank != shape->rank || seen != (shape->rank == 64 ? UINT64_MAX : (UINT64_C(1) << shape->rank) - 1))
		return error_set(err, EBADMSG, "an order of its dimensions that is not one");
	shape->shape = shown;
	*ret = strides;
	return 0;
}

int torch_nd_read(const struct torch_file *f, uint32_t node, struct arena *arena, struct numpy_type *type, uint64_t *size,
		  uint64_t **strides, struct error *err)
{
	struct torch_nd_parts parts;
	struct array shape = {0};
	bool there = torch_nd_parts(f, node, &parts);
	if (!there)
		return error_set(err, EBADMSG, "an array that is not described as one");
	int r = torch_numpy_type(f, parts.dtype, arena, type, err);
	type->array.unshaped = true; /* until that is known */
	if (r == 0 && parts.shape)
		r = torch_numpy_shape(f, parts.shape, arena, &shape, err);
	if (r == 0)
		r = transpose(f, &parts, arena, &shape, strides, err);
	if (r == 0 && type->array.rank)
		r = error_set(err, EBADMSG, "an array of sub-arrays");
	if (r < 0)
		return r;
	type->array.unshaped = false;
	type->array.shape = shape.shape;
	type->array.rank = shape.rank;
	type->array.fortran = shape.rank > 1 && is_fortran(f, parts.order);
	if (type->objects)
		return error_set(err, EBADMSG, "an array of Python objects without a list of them");
	if (!shape_elements(shape.shape, shape.rank, size) || __builtin_mul_overflow(*size, type->size, size) || *size > INT64_MAX)
		return error_set(err, EBADMSG, "an array of 2^63 bytes or more");
	return 0;
}

/* --- showing it ---------------------------------------------------------------------------------- */

static int find_bytes(const struct torch_file *f, uint32_t node, uint64_t size, struct content *ret, struct error *err)
{
	struct torch_nd_parts parts;
	const struct torch_wrapped *w = torch_find_wrapped(f, node);
	if (w && !range_within(w->at, size, f->data.size))
		return error_set(err, EBADMSG, "an array of %" PRIu64 " bytes, which lies outside the file", size);
	if (w) {
		*ret = content_part(&f->data, w->at, size);
		return 0;
	}
	(void)torch_nd_parts(f, node, &parts);
	int r = torch_bytes(f, parts.bytes, size, ret, err);
	if (r == 0 && ret->size != size)
		r = error_set(err, EBADMSG, "an array of %" PRIu64 " bytes, of which there are %" PRIu64, size, ret->size);
	return r;
}

static int show_fault(const struct torch_file *f, uint32_t parent, struct slice name, const struct array *array, const char *why,
		      uint32_t *ret, struct error *err)
{
	const char *sentence = arena_text(&f->a->arena, slice_text(why));
	if (!sentence)
		return error_no_memory(err, "its arrays");
	*ret = tree_fault(&f->a->tree, parent, name, sentence, array->dtype && array->dtype != DTYPE_STRUCT ? array : NULL);
	return 0;
}

int torch_add_nd(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err)
{
	struct arena scratch = arena_scratch(&f->a->arena);
	struct numpy_type type;
	struct content bytes;
	struct error why = {0};
	uint64_t size, *strides;
	int r = torch_nd_read(f, node, &scratch, &type, &size, &strides, &why);
	if (r == 0)
		r = find_bytes(f, node, size, &bytes, &why);
	if (r == 0)
		r = ndarray_show_strided(f->a, parent, name, &type, strides, &bytes, ret, &why);
	else if (!error_passes(r))
		r = show_fault(f, parent, name, &type.array, why.text, ret, &why);
	arena_free(&scratch);
	return r < 0 ? error_set(err, -r, "%s", why.text) : 0;
}
