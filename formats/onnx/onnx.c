/* SPDX-License-Identifier: MIT */
/*
 * ONNX: a neural network, or another model, as one message of Protocol Buffers; or one tensor
 * as such a message (a TensorProto, by custom `.pb`).
 *
 *	ModelProto   ir_version, …, graph, opset_import, metadata_props, training_info, functions
 *	  GraphProto   node, initializer: TensorProto, sparse_initializer: SparseTensorProto, …
 *	    NodeProto    input, output, op_type, domain, attribute: AttributeProto, …
 *	      Attribute    name, t: TensorProto, g: GraphProto, floats, ints, strings, …
 *	  TensorProto  dims, data_type, name, and the elements in one of these places:
 *	                 raw_data: bytes as they are shown
 *	                 float_data, double_data: little-endian, packed or not
 *	                 int32_data, int64_data, uint64_data: varints, one an element (or a byte)
 *	                 string_data
 *	                 another file, at an offset (external_data)
 *
 * Shown: the graph's initializers at the root, by their names; the value of a Constant as an
 * initializer would be, by the name of its output; any other tensor in an attribute as
 * OUTPUT/ATTRIBUTE, what graphs within hold below that; functions/DOMAIN::NAME/ and
 * training_info/N/ likewise.  Attributes that are no tensors are shown only where they are the
 * model itself: lists of the operators of ai.onnx.ml and of TfIdfVectorizer.
 *
 * github.com/onnx/onnx, onnx/onnx.proto (IR version 14), docs/IR.md, docs/ExternalData.md.
 */
#include "formats/onnx/onnx.h"

static int open_with(struct archive *a, struct arena *scratch, int (*show)(struct onnx_reader *r), struct error *err)
{
	size_t room = proto_room(&a->source);
	uint8_t *window = arena_alloc(scratch, room);
	if (!window)
		return error_no_memory(err, "reading it");
	struct onnx_reader r = {.a = a, .scratch = scratch, .err = err, .in = proto_input(&a->source, window, room, err),
				.locations.arena = scratch};
	return show(&r);
}

/* A lone tensor: `data`, whatever it is called. */
static int show_tensor(struct onnx_reader *r)
{
	struct onnx_place root = {.dir = TREE_ROOT};
	struct proto_part *all = arena_alloc(r->scratch, sizeof *all);
	struct onnx_tensor t;
	if (!all)
		return error_no_memory(r->err, "a tensor");
	all->len = r->a->source.size;
	onnx_tensor_read(r, proto_of_parts(&r->in, all), &t);
	t.parts = all;
	if (!r->in.failed)
		onnx_show_tensor(r, &root, SLICE("data"), &t);
	struct node *data = r->in.failed ? NULL : tree_edit(&r->a->tree, TREE_ROOT);
	if (data && data->child && t.name.len)
		tree_attr(&r->a->tree, data->child, SLICE("arrayfs.name"), t.name);
	return proto_check(&r->in, "a tensor");
}

static int onnx_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct peek p;
	int r = peek(&p, &a->source, err);
	if (r == 0)
		r = open_with(a, &scratch, onnx_probe_tensor(&p) ? show_tensor : onnx_show_model, err);
	arena_free(&scratch);
	return r;
}

static bool onnx_probe(const struct peek *p)
{
	return onnx_probe_model(p) || onnx_probe_tensor(p);
}

const struct format format_onnx = {
	.name = "onnx",
	.suffixes = (const char *const[]){".onnx", NULL},
	.probe = onnx_probe,
	.open = onnx_open,
	.read = lazy_read,
	.attrs = onnx_attrs,
	.details = onnx_details,
	.overview = onnx_overview,
};
