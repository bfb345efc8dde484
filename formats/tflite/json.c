/* SPDX-License-Identifier: MIT */
/* For users: what the model computes, and all of its tensors, with bytes or without. */
#include <inttypes.h>

#include "formats/tflite/operators.h"
#include "formats/tflite/tflite.h"

enum { OPERATORS = sizeof tflite_operators / sizeof *tflite_operators, CUSTOM = 32, BLOCKWISE = 2 };

static void put_string(struct tflite_model *m, struct slice s, struct text *t)
{
	text_json(t, tflite_spend(m, s.len) ? s : (struct slice){NULL, 0});
}

static void put_name(struct tflite_model *m, const char *key, const struct flat_table *of, unsigned field, struct text *t)
{
	text_print(t, "\"%s\":", key);
	put_string(m, flat_string(of, field), t);
}

static bool goes_on(const struct tflite_model *m, const struct text *t)
{
	return !m->flat.failed && !t->failed;
}

static struct flat_vector graphs_of(const struct tflite_model *m)
{
	return flat_vector(&m->root, MODEL_SUBGRAPHS, 4);
}

/* --- tensors --------------------------------------------------------------------------------- */

/* Where the scales of blocks are: tensors of the same subgraph, by their numbers. */
static void put_quantization(const struct flat_table *quantization, struct text *t)
{
	static const char *const kinds[] = {"none", "custom", "blockwise", "multi-axis"};
	struct flat_table of;
	uint8_t kind = flat_union(quantization, QUANTIZATION_DETAILS, &of);
	if (kind == 0)
		return;
	text_print(t, ",\"quantization\":{\"kind\":\"%s\"", kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "unknown");
	if (kind == BLOCKWISE)
		text_print(t, ",\"scales\":%" PRId64 ",\"zero_points\":%" PRId64 ",\"block_size\":%" PRId64, flat_int(&of, 0, 4, 0),
			   flat_int(&of, 1, 4, 0), flat_int(&of, 2, 4, 0));
	text_add(t, "}");
}

static void put_tensor(struct tflite_model *m, const struct flat_table *tensor, struct text *t)
{
	char buf[24];
	text_add(t, "{");
	put_name(m, "name", tensor, TENSOR_NAME, t);
	text_print(t, ",\"type\":\"%s\",\"shape\":", tflite_type_name(flat_int(tensor, TENSOR_TYPE, 1, 0), buf));
	tflite_put_ints(m, tensor, TENSOR_SHAPE, 4, t);
	if (flat_vector(tensor, TENSOR_SIGNATURE, 4).count) {
		text_add(t, ",\"shape_signature\":");
		tflite_put_ints(m, tensor, TENSOR_SIGNATURE, 4, t);
	}
	text_print(t, ",\"buffer\":%" PRId64, flat_int(tensor, TENSOR_BUFFER, 4, 0) & UINT32_MAX);
	struct flat_table quantization = flat_child(tensor, TENSOR_QUANTIZATION);
	put_quantization(&quantization, t);
	text_add(t, "}");
}

static void put_tensors(struct tflite_model *m, const struct flat_table *graph, struct text *t)
{
	struct flat_vector tensors = flat_vector(graph, GRAPH_TENSORS, 4);
	text_add(t, ",\"tensors\":[");
	for (uint32_t i = 0; i < tensors.count && goes_on(m, t); i++) {
		struct flat_table tensor = flat_element_table(&tensors, i);
		text_add(t, i ? "," : "");
		put_tensor(m, &tensor, t);
	}
	text_add(t, "]");
}

/* --- operators -------------------------------------------------------------------------------- */

static void put_operator(struct tflite_model *m, const struct flat_vector *codes, uint32_t code, struct text *t)
{
	struct flat_table of = code < codes->count ? flat_element_table(codes, code) : (struct flat_table){.of = codes->of};
	int64_t old = flat_int(&of, 0, 1, 0), number = flat_int(&of, 3, 4, 0);
	number = number > old ? number : old; /* the older field has one byte */
	if (number == CUSTOM && flat_string(&of, 1).len)
		put_string(m, flat_string(&of, 1), t);
	else if (number >= 0 && number < OPERATORS)
		text_print(t, "\"%s\"", tflite_operators[number]);
	else
		text_print(t, "\"%" PRId64 "\"", number);
}

/* How often each operator code is used, in the order of the codes; those with the same name are
 * listed once for each of their versions. */
static int put_operators(struct tflite_model *m, const struct flat_table *graph, struct arena *scratch, struct text *t)
{
	struct flat_vector codes = flat_vector(&m->root, MODEL_CODES, 4), operators = flat_vector(graph, GRAPH_OPERATORS, 4);
	uint32_t *counts = arena_array(scratch, codes.count, sizeof *counts);
	bool more = false;
	if (!counts)
		return -ENOMEM;
	for (uint32_t i = 0; i < operators.count && goes_on(m, t); i++) {
		struct flat_table one = flat_element_table(&operators, i);
		uint32_t code = (uint32_t)flat_int(&one, 0, 4, 0);
		if (code < codes.count)
			counts[code]++;
	}
	text_add(t, ",\"operators\":[");
	for (uint32_t i = 0; i < codes.count && goes_on(m, t); i++)
		if (counts[i]) {
			text_add(t, more ? ",{\"name\":" : "{\"name\":");
			put_operator(m, &codes, i, t);
			text_print(t, ",\"count\":%u}", counts[i]);
			more = true;
		}
	text_add(t, "]");
	return 0;
}

static int put_graphs(struct tflite_model *m, struct arena *kept, struct text *t)
{
	struct flat_vector graphs = graphs_of(m);
	int r = 0;
	text_add(t, ",\"subgraphs\":[");
	for (uint32_t i = 0; r == 0 && i < graphs.count && goes_on(m, t); i++) {
		struct arena scratch = arena_apart(kept);
		struct flat_table graph = flat_element_table(&graphs, i);
		text_add(t, i ? ",{" : "{");
		put_name(m, "name", &graph, GRAPH_NAME, t);
		text_add(t, ",\"inputs\":");
		tflite_put_ints(m, &graph, GRAPH_INPUTS, 4, t);
		text_add(t, ",\"outputs\":");
		tflite_put_ints(m, &graph, GRAPH_OUTPUTS, 4, t);
		put_tensors(m, &graph, t);
		r = put_operators(m, &graph, &scratch, t);
		text_add(t, "}");
		arena_free(&scratch);
	}
	text_add(t, "]");
	return r;
}

/* --- signatures -------------------------------------------------------------------------------- */

/* {"name": tensor …} */
static void put_map(struct tflite_model *m, const struct flat_table *signature, unsigned field, const char *key, struct text *t)
{
	struct flat_vector map = flat_vector(signature, field, 4);
	text_print(t, ",\"%s\":[", key);
	for (uint32_t i = 0; i < map.count && goes_on(m, t); i++) {
		struct flat_table entry = flat_element_table(&map, i);
		text_add(t, i ? ",{" : "{");
		put_name(m, "name", &entry, 0, t);
		text_print(t, ",\"tensor\":%" PRId64 "}", flat_int(&entry, 1, 4, 0) & UINT32_MAX);
	}
	text_add(t, "]");
}

static void put_signatures(struct tflite_model *m, struct text *t)
{
	struct flat_vector signatures = flat_vector(&m->root, MODEL_SIGNATURES, 4);
	text_add(t, ",\"signatures\":[");
	for (uint32_t i = 0; i < signatures.count && goes_on(m, t); i++) {
		struct flat_table signature = flat_element_table(&signatures, i);
		text_add(t, i ? ",{" : "{");
		put_name(m, "key", &signature, 2, t);
		text_print(t, ",\"subgraph\":%" PRId64, flat_int(&signature, 4, 4, 0) & UINT32_MAX);
		put_map(m, &signature, 0, "inputs", t);
		put_map(m, &signature, 1, "outputs", t);
		text_add(t, "}");
	}
	text_add(t, "]");
}

/* The text may be written out meanwhile, so it is kept until the mapping is left. */
int tflite_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	struct text text = {.limit = ret->limit};
	struct tflite_model m;
	int r = index == TREE_ROOT ? tflite_enter(a, &m, err) : -ENODATA;
	(void)n;
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	put_signatures(&m, &text);
	r = put_graphs(&m, &a->arena, &text);
	r = tflite_leave(a, &m, r, err);
	if (r == 0 && text.failed)
		r = text.failed;
	if (r == 0)
		text_put(ret, text_slice(&text));
	text_free(&text);
	return r;
}
