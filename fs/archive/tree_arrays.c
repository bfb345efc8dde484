/* SPDX-License-Identifier: MIT */
/* What nodes are described by: arrays, shared where they are equal. */
#include "fs/archive/tree_impl.h"

static bool same_words(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

_Static_assert(sizeof(void *) != 8 || sizeof(struct array) == 48, "a member that same_array() does not compare");

static bool same_array(const struct array *a, const struct array *b)
{
	return a->dtype == b->dtype && a->byteorder == b->byteorder && a->fortran == b->fortran && a->unshaped == b->unshaped &&
	       a->sized == b->sized && a->reference == b->reference && a->precision == b->precision && a->scale == b->scale &&
	       a->width == b->width && a->rank == b->rank &&
	       (a->rank == 0 || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0) &&
	       same_words(a->type, b->type) && same_words(a->codec, b->codec) && quant_same(a->quant, b->quant);
}

/* The first of two neighbours that may hold it. */
static const struct array **slots_of(struct tree *t, const struct array *a)
{
	uint64_t h = a->dtype + 64u * a->width + (a->type ? (uint8_t)a->type[0] : 0u);
	for (uint32_t i = 0; i < a->rank; i++)
		h = (h ^ a->shape[i]) * 0x9e3779b97f4a7c15;
	return &t->arrays[(h * 0x9e3779b97f4a7c15 >> 32) % (TREE_ARRAYS / 2) * 2];
}

const struct array *tree_array(struct tree *t, const struct array *array)
{
	struct made {
		struct array array;
		uint64_t shape[];
	} *made;
	const struct array **slots = slots_of(t, array);
	size_t shape = array->rank * sizeof *made->shape;

	for (unsigned i = 0; i < 2; i++)
		if (slots[i] && same_array(slots[i], array))
			return slots[i];
	made = arena_alloc(t->arena, sizeof *made + shape);
	const char *type = array->type ? arena_text(t->arena, slice_text(array->type)) : NULL;
	const char *codec = array->codec ? arena_text(t->arena, slice_text(array->codec)) : NULL;
	if (!made || (array->type && !type) || (array->codec && !codec)) {
		tree_fail(t, -ENOMEM);
		return NULL;
	}
	made->array = *array;
	made->array.shape = made->shape;
	made->array.type = type;
	made->array.codec = codec;
	if (shape)
		memcpy(made->shape, array->shape, shape);
	slots[1] = slots[0];
	return slots[0] = &made->array;
}

uint64_t tree_array_size(const struct array *array)
{
	uint64_t n, bits = dtype_bits(array);
	if (array->unshaped || bits == 0 || !shape_elements(array->shape, array->rank, &n) ||
	    __builtin_mul_overflow(n, bits, &n) || n / 8 >= INT64_MAX)
		return SIZE_UNKNOWN;
	return n / 8 + (n % 8 != 0);
}
