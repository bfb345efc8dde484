/* SPDX-License-Identifier: MIT */
/* What a tensor's quantization and sparsity say, and the model itself. */
#include <inttypes.h>

#include "formats/tflite/tflite.h"

enum { TEXT_MAX = 16 << 20 }; /* of one attribute; a longer one is left out */

void tflite_put_ints(struct tflite_model *m, const struct flat_table *t, unsigned field, unsigned bytes, struct text *ret)
{
	struct flat_vector v = flat_vector(t, field, bytes);
	text_add(ret, "[");
	for (uint32_t i = 0; i < v.count && tflite_spend(m, bytes) && !ret->failed; i++)
		text_print(ret, "%s%" PRId64, i ? "," : "", flat_element(&v, i, 0, bytes));
	text_add(ret, "]");
}

void tflite_put_floats(struct tflite_model *m, const struct flat_table *t, unsigned field, struct text *ret)
{
	struct flat_vector v = flat_vector(t, field, 4);
	text_add(ret, "[");
	for (uint32_t i = 0; i < v.count && tflite_spend(m, 4) && !ret->failed; i++) {
		uint32_t bits = (uint32_t)flat_element(&v, i, 0, 4);
		float f;
		memcpy(&f, &bits, sizeof f);
		text_add(ret, i ? "," : "");
		text_float(ret, f);
	}
	text_add(ret, "]");
}

/* A tensor's attributes: lists of 4-byte numbers, except zero points, and an axis. */
enum told_kind { TOLD_FLOATS, TOLD_INTS, TOLD_LONGS, TOLD_AXIS };
static const struct told {
	const char *name;
	uint8_t of, field, kind;
} tolds[] = {
	{ATTR_OWN "scale", TENSOR_QUANTIZATION, QUANTIZATION_SCALE, TOLD_FLOATS},
	{ATTR_OWN "zero_point", TENSOR_QUANTIZATION, QUANTIZATION_ZERO, TOLD_LONGS},
	{ATTR_OWN "quantized_dimension", TENSOR_QUANTIZATION, QUANTIZATION_AXIS, TOLD_AXIS},
	{ATTR_OWN "min", TENSOR_QUANTIZATION, QUANTIZATION_MIN, TOLD_FLOATS},
	{ATTR_OWN "max", TENSOR_QUANTIZATION, QUANTIZATION_MAX, TOLD_FLOATS},
	{ATTR_OWN "traversal_order", TENSOR_SPARSITY, SPARSITY_ORDER, TOLD_INTS},
	{ATTR_OWN "block_map", TENSOR_SPARSITY, SPARSITY_BLOCKS, TOLD_INTS},
};
enum { TOLDS = sizeof tolds / sizeof *tolds };

/* The text of one; none where the model has none. */
static void put(struct tflite_model *m, const struct flat_table *tensor, const struct told *l, struct text *ret)
{
	struct flat_table of = flat_child(tensor, l->of);
	unsigned field = l->kind == TOLD_AXIS ? QUANTIZATION_SCALE : l->field, bytes = l->kind == TOLD_LONGS ? 8 : 4;
	if (flat_vector(&of, field, bytes).count == 0)
		return;
	if (l->kind == TOLD_AXIS)
		text_print(ret, "%" PRId64, flat_int(&of, QUANTIZATION_AXIS, 4, 0));
	else if (l->kind == TOLD_FLOATS)
		tflite_put_floats(m, &of, l->field, ret);
	else
		tflite_put_ints(m, &of, l->field, bytes, ret);
}

static int tell(const struct text *t, const char *name, attrs_each *each, void *arg)
{
	struct attr attr = {.name = slice_text(name), .value = text_slice(t), .json = true};
	if (t->failed)
		return t->failed == -E2BIG ? 0 : t->failed;
	return t->len ? each(arg, &attr) : 0;
}

static const struct tflite_told *find(const struct tflite *f, uint32_t node)
{
	uint32_t from = 0, end = f->ntensors;
	while (from < end) {
		uint32_t middle = from + (end - from) / 2;
		if (f->tensors[middle].node < node)
			from = middle + 1;
		else
			end = middle;
	}
	return from < f->ntensors && f->tensors[from].node == node ? &f->tensors[from] : NULL;
}

/* `each` may do anything, so it is called when the mapping was left. */
int tflite_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	const struct tflite_told *told = find(a->priv, index);
	struct text texts[TOLDS] = {{0}};
	struct tflite_model m;
	(void)n;
	int r = told ? tflite_enter(a, &m, err) : 0;
	if (!told || r < 0)
		return r;
	struct flat_table tensor = flat_at(&m.flat, told->table);
	for (size_t i = 0; i < TOLDS; i++) {
		texts[i].limit = TEXT_MAX;
		put(&m, &tensor, &tolds[i], &texts[i]);
	}
	r = tflite_leave(a, &m, 0, err);
	for (size_t i = 0; i < TOLDS; i++) {
		if (r == 0)
			r = tell(&texts[i], tolds[i].name, each, arg);
		text_free(&texts[i]);
	}
	return r;
}
