/* SPDX-License-Identifier: MIT */
#include "formats/tflite/tflite.h"

static float scale_at(const struct flat_vector *v, uint32_t i)
{
	uint32_t bits = (uint32_t)flat_element(v, i, 0, 4);
	float f;
	memcpy(&f, &bits, sizeof f);
	return f;
}

static bool any(const struct flat_vector *zeros)
{
	for (uint32_t i = 0; i < zeros->count; i++)
		if (flat_element(zeros, i, 0, 8) != 0)
			return true;
	return false;
}

static bool is_integer(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	return kind == KIND_SIGNED || kind == KIND_UNSIGNED;
}

const struct quant *tflite_quant(struct tflite_opening *o, const struct flat_table *tensor, const struct array *array)
{
	struct arena *arena = &o->archive->arena;
	struct flat_table q = flat_child(tensor, TENSOR_QUANTIZATION);
	struct flat_vector scales = flat_vector(&q, QUANTIZATION_SCALE, 4), zeros = flat_vector(&q, QUANTIZATION_ZERO, 8);
	int64_t axis = flat_int(&q, QUANTIZATION_AXIS, 4, 0);
	uint32_t count = scales.count;
	bool each = axis >= 0 && axis < array->rank && array->shape[axis] == count;
	if (count == 0 || !is_integer(array) || array->unshaped || flat_int(&q, QUANTIZATION_DETAILS, 1, 0) != 0 || (count > 1 && !each) ||
	    (zeros.count > 1 && zeros.count != count) || !tflite_spend(&o->model, count * 4ull + zeros.count * 8ull))
		return NULL;
	struct quant *quant = arena_alloc(arena, sizeof *quant);
	float *scale = arena_array(arena, count, sizeof *scale);
	int64_t *zero = any(&zeros) ? arena_array(arena, count, sizeof *zero) : NULL;
	if (!quant || !scale || (!zero && any(&zeros))) {
		tflite_no_memory(o);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		scale[i] = scale_at(&scales, i);
		if (zero)
			zero[i] = flat_element(&zeros, zeros.count == 1 ? 0 : i, 0, 8);
	}
	*quant = (struct quant){.axis = count > 1 ? (uint32_t)axis : 0, .count = count, .scales = scale, .zero_points = zero};
	return quant;
}
