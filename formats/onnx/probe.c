/* SPDX-License-Identifier: MIT */
/* ONNX has no magic: a file is a model if all of it is fields that a model has, from the version on,
 * and one of them is a graph; and a tensor if all of it is one whose elements fill its shape.
 * Fields are stepped over by their lengths. */
#include "formats/onnx/onnx.h"

/* WINDOW: read at most at once; COUNTED: bytes of packed varints that are counted. */
enum { WINDOW = 1 << 14, COUNTED = 1 << 16 };

#define WIRE(number, wire) [number] = 1 + (wire)

static const uint8_t model_wires[] = {
	WIRE(MODEL_IR_VERSION, PROTO_VARINT), WIRE(MODEL_PRODUCER_NAME, PROTO_LEN), WIRE(MODEL_PRODUCER_VERSION, PROTO_LEN),
	WIRE(MODEL_DOMAIN, PROTO_LEN), WIRE(MODEL_VERSION, PROTO_VARINT), WIRE(MODEL_DOC_STRING, PROTO_LEN), WIRE(MODEL_GRAPH, PROTO_LEN),
	WIRE(MODEL_OPSET_IMPORT, PROTO_LEN), WIRE(MODEL_METADATA_PROPS, PROTO_LEN), WIRE(MODEL_TRAINING_INFO, PROTO_LEN),
	WIRE(MODEL_FUNCTIONS, PROTO_LEN), WIRE(MODEL_CONFIGURATION, PROTO_LEN),
};

static const uint8_t graph_wires[] = {
	WIRE(GRAPH_NODE, PROTO_LEN), WIRE(GRAPH_NAME, PROTO_LEN), WIRE(GRAPH_INITIALIZER, PROTO_LEN), WIRE(GRAPH_DOC_STRING, PROTO_LEN),
	WIRE(GRAPH_INPUT, PROTO_LEN), WIRE(GRAPH_OUTPUT, PROTO_LEN), WIRE(GRAPH_VALUE_INFO, PROTO_LEN),
	WIRE(GRAPH_QUANTIZATION, PROTO_LEN), WIRE(GRAPH_SPARSE_INITIALIZER, PROTO_LEN), WIRE(GRAPH_METADATA_PROPS, PROTO_LEN),
};

static bool wire_fits(const uint8_t *wires, size_t count, const struct proto_field *f)
{
	return f->number < count && wires[f->number] == f->wire + 1;
}

/* What is in the head is not read again. */
static struct proto_input input_of(const struct peek *p, uint8_t *window)
{
	struct proto_input in = proto_input(p->source, window, WINDOW, NULL);
	in.len = cursor_left(&p->head);
	memcpy(window, p->bytes, in.len);
	return in;
}

bool onnx_probe_model(const struct peek *p)
{
	uint8_t window[WINDOW];
	struct proto_field f, part;
	bool graph = false;
	if (cursor_left(&p->head) < 2 || p->bytes[0] != (MODEL_IR_VERSION << 3 | PROTO_VARINT))
		return false;
	struct proto_input in = input_of(p, window);
	for (struct proto m = proto_whole(&in), g; proto_next(&m, &f);) {
		if (!wire_fits(model_wires, sizeof model_wires, &f))
			return false;
		if (f.number != MODEL_GRAPH)
			continue;
		graph = true;
		for (g = proto_enter(&m, &f); proto_next(&g, &part);)
			if (!wire_fits(graph_wires, sizeof graph_wires, &part))
				return false;
	}
	return graph && !in.failed;
}

/* Before anything is allocated: does it begin with a field that a tensor has? */
static bool begins_as_tensor(const struct peek *p)
{
	static const uint8_t wires[] = { /* those of repeated numbers are packed or not */
		[TENSOR_DIMS] = 1 << PROTO_VARINT | 1 << PROTO_LEN, [TENSOR_DATA_TYPE] = 1 << PROTO_VARINT,
		[4] = 1 << PROTO_I32 | 1 << PROTO_LEN, [5] = 1 << PROTO_VARINT | 1 << PROTO_LEN, [6] = 1 << PROTO_LEN,
		[7] = 1 << PROTO_VARINT | 1 << PROTO_LEN, [TENSOR_NAME] = 1 << PROTO_LEN, [TENSOR_RAW_DATA] = 1 << PROTO_LEN,
		[10] = 1 << PROTO_I64 | 1 << PROTO_LEN, [11] = 1 << PROTO_VARINT | 1 << PROTO_LEN, [TENSOR_DOC_STRING] = 1 << PROTO_LEN,
		[TENSOR_DATA_LOCATION] = 1 << PROTO_VARINT, [15] = 0,
	};
	size_t n = cursor_left(&p->head);
	uint8_t first = n ? p->bytes[0] : 0;
	if (n > 1 && first == 0x82) /* metadata_props: 16 */
		return p->bytes[1] == 0x01;
	return first < 0x80 && wires[first >> 3] & 1 << (first & 7);
}

static bool is_tensor(const struct peek *p, struct arena *scratch)
{
	uint8_t window[WINDOW];
	struct onnx_reader r = {.scratch = scratch, .in = input_of(p, window)};
	struct onnx_tensor t;
	onnx_tensor_read(&r, proto_whole(&r.in), &t);
	return !r.in.failed && !t.strange && onnx_tensor_exact(&r, &t, COUNTED);
}

bool onnx_probe_tensor(const struct peek *p)
{
	struct arena scratch = {.limit = 1 << 20};
	bool is = begins_as_tensor(p) && is_tensor(p, &scratch);
	arena_free(&scratch);
	return is;
}
