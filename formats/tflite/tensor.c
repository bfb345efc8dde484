/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "formats/tflite/tflite.h"
#include "fs/base/list.h"

enum { RANK_MAX = 64 };

/* By the number that stands in the file. */
static const struct type {
	const char *name;
	enum dtype dtype;
} types[] = {
	{"FLOAT32", DTYPE_FLOAT32},
	{"FLOAT16", DTYPE_FLOAT16},
	{"INT32", DTYPE_INT32},
	{"UINT8", DTYPE_UINT8},
	{"INT64", DTYPE_INT64},
	{"STRING", DTYPE_STRING},
	{"BOOL", DTYPE_BOOL},
	{"INT16", DTYPE_INT16},
	{"COMPLEX64", DTYPE_COMPLEX64},
	{"INT8", DTYPE_INT8},
	{"FLOAT64", DTYPE_FLOAT64},
	{"COMPLEX128", DTYPE_COMPLEX128},
	{"UINT64", DTYPE_UINT64},
	{"RESOURCE", DTYPE_NONE},
	{"VARIANT", DTYPE_NONE},
	{"UINT32", DTYPE_UINT32},
	{"UINT16", DTYPE_UINT16},
	{"INT4", DTYPE_INT4},
	{"BFLOAT16", DTYPE_BFLOAT16},
	{"INT2", DTYPE_INT2},
	{"UINT4", DTYPE_UINT4},
	{"FLOAT8_E4M3FN", DTYPE_FLOAT8_E4M3FN},
	{"FLOAT8_E5M2", DTYPE_FLOAT8_E5M2},
};
enum { TYPES = sizeof types / sizeof *types };

const char *tflite_type_name(int64_t type, char buf[24])
{
	snprintf(buf, 24, "%" PRId64, type);
	return type >= 0 && type < TYPES ? types[type].name : buf;
}

/* --- what it is -------------------------------------------------------------------------- */

static const char *read_shape(struct tflite_tensor *t, uint64_t *shape)
{
	struct flat_vector extents = flat_vector(&t->table, TENSOR_SHAPE, 4);
	if (extents.count > RANK_MAX)
		return "more than 64 dimensions";
	for (uint32_t i = 0; i < extents.count; i++) {
		int64_t extent = flat_element(&extents, i, 0, 4);
		if (extent < 0)
			return "a negative extent";
		shape[i] = (uint64_t)extent;
	}
	t->array.rank = extents.count;
	t->array.shape = shape;
	t->array.unshaped = false;
	return NULL;
}

/* Of a type whose elements are not known: its bytes. */
static void describe_bytes(struct tflite_tensor *t, uint64_t *shape)
{
	shape[0] = t->bytes.len;
	t->array = (struct array){.dtype = DTYPE_UINT8, .type = t->array.type, .rank = 1, .shape = shape};
}

static void describe(struct tflite_tensor *t, uint64_t *shape, char buf[24])
{
	int64_t type = flat_int(&t->table, TENSOR_TYPE, 1, 0);
	enum dtype dtype = type >= 0 && type < TYPES ? types[type].dtype : DTYPE_NONE;
	t->array = (struct array){.dtype = (uint8_t)dtype, .type = tflite_type_name(type, buf), .unshaped = true};
	if (dtype_bits(&t->array) > 8)
		t->array.byteorder = BYTEORDER_LITTLE;
	if (dtype == DTYPE_NONE) {
		describe_bytes(t, shape);
		return;
	}
	const char *fault = read_shape(t, shape);
	t->fault = t->fault ? t->fault : fault;
}

/* --- showing it --------------------------------------------------------------------------- */

static uint32_t show(struct tflite_opening *o, uint32_t parent, struct slice name, struct tflite_tensor *t)
{
	struct tree *tree = &o->archive->tree;
	if (!t->fault && t->array.dtype == DTYPE_STRING)
		return tflite_show_strings(o, parent, name, t);
	if (!t->fault && flat_has(&t->table, TENSOR_SPARSITY))
		return tflite_show_sparse(o, parent, name, t);
	if (!t->fault && tree_array_size(&t->array) != t->bytes.len &&
	    !(t->fault = arena_printf(&o->archive->arena, "%" PRIu64 " bytes, which is not what its shape needs", t->bytes.len)))
		return tflite_no_memory(o);
	if (t->fault)
		return tree_fault(tree, parent, name, t->fault, t->array.dtype ? &t->array : NULL);
	t->array.quant = tflite_quant(o, &t->table, &t->array);
	uint32_t id = tree_range(tree, parent, name, 0, t->bytes.at, t->bytes.len);
	tree_describe(tree, id, tree_array(tree, &t->array));
	return id;
}

/* The directory of a subgraph but the first, made for its first tensor: `*dir` is 0 before. */
static uint32_t parent_of(struct tflite_opening *o, const struct flat_table *graph, uint32_t number, uint32_t *dir)
{
	struct slice name = flat_string(graph, GRAPH_NAME);
	char digits[16];
	if (*dir != 0)
		return *dir;
	snprintf(digits, sizeof digits, "%u", number);
	struct tree_path at = tree_path(&o->archive->tree, TREE_ROOT, name.len ? name : slice_text(digits), o->archive->options->split);
	*dir = tree_dir(&o->archive->tree, at.parent, at.leaf);
	tree_path_end(&o->archive->tree, &at, *dir);
	return *dir;
}

static void show_tensor(struct tflite_opening *o, const struct flat_table *graph, uint32_t number, struct tflite_tensor *t, uint32_t *dir)
{
	uint64_t shape[RANK_MAX];
	char buf[24];
	struct slice name = flat_string(&t->table, TENSOR_NAME);
	enum tflite_found found = tflite_buffer(o->archive, &o->model, (uint32_t)flat_int(&t->table, TENSOR_BUFFER, 4, 0), &t->bytes);
	if (flat_int(&t->table, TENSOR_EXTERNAL, 4, 0) != 0)
		t->fault = "its bytes are in another file, which arrayfs does not read";
	else if (found == TFLITE_OUTSIDE)
		t->fault = "its bytes are not within the file";
	else if (found == TFLITE_NOTHING)
		return;
	if (!tflite_spend(&o->model, name.len))
		return;
	describe(t, shape, buf);
	struct tree_path at = tree_path(&o->archive->tree, parent_of(o, graph, number, dir), name, o->archive->options->split);
	uint32_t id = show(o, at.parent, at.leaf, t);
	tree_path_end(&o->archive->tree, &at, id);
	o->tflite->tensors[o->tflite->ntensors++] = (struct tflite_told){id, t->table.at};
}

static int show_graph(struct tflite_opening *o, const struct flat_table *graph, uint32_t number)
{
	struct flat_vector tensors = flat_vector(graph, GRAPH_TENSORS, 4);
	struct tflite *tflite = o->tflite;
	uint32_t dir = number == 0 ? TREE_ROOT : 0;
	for (uint32_t i = 0; i < tensors.count && !o->model.flat.failed && !o->archive->tree.failed; i++) {
		struct tflite_tensor t = {.table = flat_element_table(&tensors, i)};
		struct tflite_told *grown = list_grow_in(&o->archive->arena, tflite->tensors, tflite->ntensors, sizeof *grown);
		if (!grown)
			return error_no_memory(o->err, "its tensors");
		tflite->tensors = grown;
		show_tensor(o, graph, number, &t, &dir);
	}
	return 0;
}

int tflite_show(struct tflite_opening *o)
{
	struct flat_vector graphs = flat_vector(&o->model.root, MODEL_SUBGRAPHS, 4);
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < graphs.count && !o->model.flat.failed; i++) {
		struct flat_table graph = flat_element_table(&graphs, i);
		r = show_graph(o, &graph, i);
	}
	return r;
}
