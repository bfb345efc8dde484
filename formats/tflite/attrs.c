/* SPDX-License-Identifier: MIT */
/* What a tensor's quantization and sparsity say, and the model itself. */
#include <inttypes.h>

#include "formats/tflite/tflite.h"

enum { TEXT_MAX = 16 << 20 }; /* of one attribute; a longer one is not told */

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

/* The lists of a tensor, as attributes: all are of 4-byte numbers but zero points. */
enum list_kind { LIST_FLOATS, LIST_INTS, LIST_LONGS };
static const struct list {
	const char *name;
	uint8_t of, field, kind;
} lists[] = {
	{ATTR_OWN "scale", TENSOR_QUANTIZATION, QUANTIZATION_SCALE, LIST_FLOATS},
	{ATTR_OWN "zero_point", TENSOR_QUANTIZATION, QUANTIZATION_ZERO, LIST_LONGS},
	{ATTR_OWN "min", TENSOR_QUANTIZATION, QUANTIZATION_MIN, LIST_FLOATS},
	{ATTR_OWN "max", TENSOR_QUANTIZATION, QUANTIZATION_MAX, LIST_FLOATS},
	{ATTR_OWN "traversal_order", TENSOR_SPARSITY, SPARSITY_ORDER, LIST_INTS},
	{ATTR_OWN "block_map", TENSOR_SPARSITY, SPARSITY_BLOCKS, LIST_INTS},
};

/* The text of one list, with the mapping entered only meanwhile: `each` may do anything. */
static int put_list(struct archive *a, uint32_t table, const struct list *l, struct text *ret, struct error *err)
{
	struct tflite_model m;
	int r = tflite_enter(a, &m, err);
	if (r < 0)
		return r;
	struct flat_table t = flat_at(&m.flat, table), of = flat_child(&t, l->of);
	if (flat_vector(&of, l->field, l->kind == LIST_LONGS ? 8 : 4).count == 0)
		return tflite_leave(a, &m, 0, err);
	if (l->kind == LIST_FLOATS)
		tflite_put_floats(&m, &of, l->field, ret);
	else
		tflite_put_ints(&m, &of, l->field, l->kind == LIST_LONGS ? 8 : 4, ret);
	return tflite_leave(a, &m, 0, err);
}

static int tell(struct text *t, const char *name, attrs_each *each, void *arg)
{
	struct attr attr = {.name = slice_text(name), .value = text_slice(t), .json = true};
	int r = t->failed ? (t->failed == -E2BIG ? 0 : t->failed) : t->len ? each(arg, &attr) : 0;
	text_free(t);
	return r;
}

static int tell_axis(struct archive *a, uint32_t table, attrs_each *each, void *arg, struct error *err)
{
	struct text text = {0};
	struct tflite_model m;
	int r = tflite_enter(a, &m, err);
	if (r < 0)
		return r;
	struct flat_table t = flat_at(&m.flat, table), of = flat_child(&t, TENSOR_QUANTIZATION);
	if (flat_vector(&of, QUANTIZATION_SCALE, 4).count > 0)
		text_print(&text, "%" PRId64, flat_int(&of, QUANTIZATION_AXIS, 4, 0));
	if ((r = tflite_leave(a, &m, 0, err)) == 0)
		return tell(&text, ATTR_OWN "quantized_dimension", each, arg);
	text_free(&text);
	return r;
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

int tflite_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	const struct tflite_told *told = find(a->priv, index);
	int r = 0;
	(void)n;
	for (size_t i = 0; told && r == 0 && i < sizeof lists / sizeof *lists; i++) {
		struct text text = {.limit = TEXT_MAX};
		r = put_list(a, told->table, &lists[i], &text, err);
		if (r == 0)
			r = tell(&text, lists[i].name, each, arg);
		else
			text_free(&text);
		if (r == 0 && i == 1)
			r = tell_axis(a, told->table, each, arg, err);
	}
	return r;
}
