/* SPDX-License-Identifier: MIT */
/* What is said of a model: its attributes, and for the JSON view its inputs, outputs and operators.
 * All is read when it is asked for. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/onnx/onnx.h"
#include "fs/base/list.h"

/* TypeProto, and what it is made of. */
enum {
	VALUE_NAME = 1, VALUE_TYPE = 2,
	TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5, TYPE_OPAQUE = 7, TYPE_SPARSE = 8, TYPE_OPTIONAL = 9,
	ELEMENT = 1, SHAPE = 2, MAP_VALUE = 2,
	DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2,
	ANNOTATION_TENSOR = 1, ANNOTATION_PARAMETERS = 2,
};

struct model {
	struct proto_input in;
	struct arena scratch;
	struct proto_parts graph;
	struct proto_field one[MODEL_OPSET_IMPORT]; /* by its number; 0: absent */
	struct proto_field graph_name;
};

static void read_model(struct model *d)
{
	struct proto_field f;
	struct proto m = proto_whole(&d->in);
	for (struct proto walk = m; proto_next(&walk, &f);) {
		bool number = f.number == MODEL_IR_VERSION || f.number == MODEL_VERSION;
		if (f.number == MODEL_GRAPH && f.wire == PROTO_LEN)
			proto_add_part(&d->in, &d->graph, &f, &d->scratch);
		else if (f.number < MODEL_OPSET_IMPORT && f.wire == (number ? PROTO_VARINT : PROTO_LEN))
			d->one[f.number] = f;
	}
	for (struct proto g = proto_enter_parts(&m, d->graph.first); proto_next(&g, &f);)
		if (f.number == GRAPH_NAME && f.wire == PROTO_LEN)
			d->graph_name = f;
}

static int open_model(struct archive *a, struct model *d, struct error *err)
{
	*d = (struct model){.scratch = arena_apart(&a->arena)};
	size_t room = proto_room(&a->source);
	uint8_t *window = arena_alloc(&d->scratch, room);
	d->in = proto_input(&a->source, window, room, err);
	return window ? 0 : error_no_memory(err, "what is said of a model");
}

/* A string of the file as a JSON string. */
static void put_string(struct model *d, struct text *t, const struct proto_field *f)
{
	struct arena scratch = arena_scratch(&d->scratch);
	text_json(t, proto_text(&d->in, f, &scratch));
	arena_free(&scratch);
}

/* --- attributes -------------------------------------------------------------------------------- */

struct walk {
	struct model *d;
	attrs_each *each;
	void *arg;
	int stopped; /* what each() returned */
};

static void emit(struct walk *w, const char *name, struct slice value, bool json)
{
	if (!w->stopped && !w->d->in.failed)
		w->stopped = w->each(w->arg, &(struct attr){.name = slice_text(name), .value = value, .json = json});
}

static void emit_text(struct walk *w, const char *name, const struct proto_field *f)
{
	struct arena scratch = arena_scratch(&w->d->scratch);
	if (f->number)
		emit(w, name, proto_text(&w->d->in, f, &scratch), false);
	arena_free(&scratch);
}

static void emit_number(struct walk *w, const char *name, const struct proto_field *f)
{
	char buf[24];
	int n = snprintf(buf, sizeof buf, "%" PRId64, (int64_t)f->value);
	if (f->number)
		emit(w, name, (struct slice){(uint8_t *)buf, (size_t)n}, true);
}

/* {"DOMAIN": VERSION, …}; of a domain that is repeated the last counts, as a JSON reader has it. */
static void put_opsets(struct model *d, struct text *t)
{
	struct proto_field f, part;
	bool more = false;
	text_add(t, "{");
	for (struct proto m = proto_whole(&d->in); proto_next(&m, &f);) {
		struct proto_field domain = {.wire = PROTO_LEN}, version = {0};
		if (f.number != MODEL_OPSET_IMPORT || f.wire != PROTO_LEN)
			continue;
		for (struct proto opset = proto_enter(&m, &f); proto_next(&opset, &part);) {
			if (part.number == OPSET_DOMAIN && part.wire == PROTO_LEN)
				domain = part;
			else if (part.number == OPSET_VERSION && part.wire == PROTO_VARINT)
				version = part;
		}
		text_add(t, more ? "," : "");
		put_string(d, t, &domain);
		text_print(t, ":%" PRId64, (int64_t)version.value);
		more = true;
	}
	text_add(t, "}");
}

static void emit_opsets(struct walk *w)
{
	struct text t = {0};
	put_opsets(w->d, &t);
	if (!t.failed)
		emit(w, ATTR_OWN "onnx.opset_import", text_slice(&t), true);
	else if (!w->stopped)
		w->stopped = t.failed;
	text_free(&t);
}

/* Of a key that is repeated the last counts. */
static void emit_metadata(struct walk *w)
{
	struct model *d = w->d;
	struct slice_map keys = {.arena = &d->scratch};
	struct proto_field f, *values = NULL;
	bool fresh;
	for (struct proto m = proto_whole(&d->in); proto_next(&m, &f) && !w->stopped;) {
		if (f.number != MODEL_METADATA_PROPS || f.wire != PROTO_LEN)
			continue;
		struct onnx_pair pair = onnx_pair_read(&m, &f);
		const struct slice own = SLICE(ATTR_OWN);
		uint8_t *key = pair.key.len < SIZE_MAX / 2 ? arena_alloc(&d->scratch, own.len + (size_t)pair.key.len + 1) : NULL;
		if (!key || !proto_copy(&d->in, pair.key.at, (size_t)pair.key.len, (uint8_t *)memcpy(key, own.data, own.len) + own.len)) {
			w->stopped = d->in.failed ? d->in.failed : -ENOMEM;
			return;
		}
		uint32_t number = slice_map_add(&keys, (struct slice){key, own.len + (size_t)pair.key.len}, &fresh);
		struct proto_field *grown = number == SLICE_MAP_NONE ? NULL : fresh ? list_grow_in(&d->scratch, values, number, sizeof *grown) : values;
		if (!grown) {
			w->stopped = -ENOMEM;
			return;
		}
		values = grown;
		values[number] = pair.value;
		values[number].number = ENTRY_VALUE;
	}
	for (uint32_t i = 0; i < keys.count && !w->stopped; i++) {
		struct arena scratch = arena_scratch(&d->scratch);
		if (w->stopped == 0 && !d->in.failed)
			w->stopped = w->each(w->arg, &(struct attr){.name = keys.keys[i], .value = proto_text(&d->in, &values[i], &scratch)});
		arena_free(&scratch);
	}
}

void onnx_overview(struct archive *a, struct overview *ret)
{
	struct model d;
	struct error err = {0};
	if (a->priv && open_model(a, &d, &err) == 0) {
		read_model(&d);
		ret->versioned = "IR version";
		snprintf(ret->version, sizeof ret->version, "%" PRId64, (int64_t)d.one[MODEL_IR_VERSION].value);
		text_put(&ret->writer, proto_text(&d.in, &d.one[MODEL_PRODUCER_NAME], &d.scratch));
		struct slice version = proto_text(&d.in, &d.one[MODEL_PRODUCER_VERSION], &d.scratch);
		text_add(&ret->writer, version.len ? " " : "");
		text_put(&ret->writer, version);
	}
	if (a->priv)
		arena_free(&d.scratch);
}

int onnx_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	struct model d;
	struct walk w = {.d = &d, .each = each, .arg = arg};
	(void)n;
	if (index != TREE_ROOT || !a->priv)
		return 0;
	int r = open_model(a, &d, err);
	if (r == 0) {
		read_model(&d);
		emit_number(&w, ATTR_OWN "onnx.ir_version", &d.one[MODEL_IR_VERSION]);
		emit_opsets(&w);
		emit_text(&w, ATTR_OWN "onnx.producer_name", &d.one[MODEL_PRODUCER_NAME]);
		emit_text(&w, ATTR_OWN "onnx.producer_version", &d.one[MODEL_PRODUCER_VERSION]);
		emit_text(&w, ATTR_OWN "onnx.domain", &d.one[MODEL_DOMAIN]);
		emit_number(&w, ATTR_OWN "onnx.model_version", &d.one[MODEL_VERSION]);
		emit_text(&w, ATTR_OWN "onnx.graph", &d.graph_name);
		emit_text(&w, ATTR_OWN "onnx.doc_string", &d.one[MODEL_DOC_STRING]);
		if (!w.stopped)
			emit_metadata(&w);
		r = w.stopped ? w.stopped : proto_check(&d.in, "an ONNX model");
	}
	arena_free(&d.scratch);
	return r;
}

/* --- inputs and outputs ------------------------------------------------------------------------------ */

/* The last field of that number that is a message or string; its number is 0 if there is none. */
static struct proto_field find(struct proto m, uint32_t number, enum proto_wire wire)
{
	struct proto_field f, found = {.wire = (uint8_t)wire};
	while (proto_next(&m, &f))
		if (f.number == number && f.wire == wire)
			found = f;
	return found;
}

static void put_element(struct text *t, int64_t number)
{
	const char *name = onnx_type_name(number);
	if (name)
		text_add(t, name);
	else
		text_print(t, "%" PRId64, number);
}

/* A type in words: FLOAT, sequence(FLOAT), map(INT64,FLOAT) …; *shape: where a tensor's is. */
static void put_type(struct text *t, struct proto m, struct proto *shape, bool *shaped)
{
	static const char *const words[] = {[TYPE_SEQUENCE] = "sequence", [TYPE_MAP] = "map", [TYPE_SPARSE] = "sparse", [TYPE_OPTIONAL] = "optional"};
	struct proto_field f, kind = {0};
	for (struct proto walk = m; proto_next(&walk, &f);)
		if (f.wire == PROTO_LEN && (f.number == TYPE_TENSOR || f.number == TYPE_OPAQUE || (f.number <= TYPE_OPTIONAL && words[f.number])))
			kind = f;
	struct proto of = kind.number ? proto_enter(&m, &kind) : m;
	bool tensor = kind.number == TYPE_TENSOR || kind.number == TYPE_SPARSE;
	if (kind.number == 0 || kind.number == TYPE_OPAQUE) {
		text_add(t, kind.number ? "opaque" : "UNDEFINED");
		return;
	}
	if (tensor && shaped) {
		f = find(of, SHAPE, PROTO_LEN);
		*shaped = f.number;
		*shape = *shaped ? proto_enter(&of, &f) : of;
	}
	text_print(t, "%s%s", kind.number == TYPE_TENSOR ? "" : words[kind.number], kind.number == TYPE_TENSOR ? "" : "(");
	if (tensor || kind.number == TYPE_MAP)
		put_element(t, (int64_t)find(of, ELEMENT, PROTO_VARINT).value);
	if (kind.number == TYPE_MAP)
		text_add(t, ",");
	if (!tensor) {
		f = find(of, kind.number == TYPE_MAP ? MAP_VALUE : ELEMENT, PROTO_LEN);
		if (f.number)
			put_type(t, proto_enter(&of, &f), NULL, NULL);
	}
	text_add(t, kind.number == TYPE_TENSOR ? "" : ")");
}

/* Extents, symbols as strings; null where neither is given. */
static void put_shape(struct model *d, struct text *t, struct proto m)
{
	struct proto_field f, part;
	bool more = false;
	text_add(t, ",\"shape\":[");
	while (proto_next(&m, &f)) {
		struct proto_field extent = {0};
		if (f.number != DIM || f.wire != PROTO_LEN)
			continue;
		for (struct proto dim = proto_enter(&m, &f); proto_next(&dim, &part);)
			if ((part.number == DIM_VALUE && part.wire == PROTO_VARINT) || (part.number == DIM_PARAM && part.wire == PROTO_LEN))
				extent = part;
		text_add(t, more ? "," : "");
		more = true;
		if (extent.number == DIM_PARAM)
			put_string(d, t, &extent);
		else if (extent.number)
			text_print(t, "%" PRId64, (int64_t)extent.value);
		else
			text_add(t, "null");
	}
	text_add(t, "]");
}

static void put_value(struct model *d, struct text *t, struct proto m)
{
	struct proto_field name = find(m, VALUE_NAME, PROTO_LEN), type = find(m, VALUE_TYPE, PROTO_LEN);
	struct proto shape = {0};
	bool shaped = false;
	text_add(t, "{\"name\":");
	put_string(d, t, &name);
	if (type.number) {
		text_add(t, ",\"type\":\"");
		put_type(t, proto_enter(&m, &type), &shape, &shaped);
		text_add(t, "\"");
	}
	if (shaped)
		put_shape(d, t, shape);
	text_add(t, "}");
}

/* --- the JSON view ------------------------------------------------------------------------------------ */

static void put_annotation(struct model *d, struct text *t, struct proto m)
{
	struct proto_field name = find(m, ANNOTATION_TENSOR, PROTO_LEN), f;
	bool more = false;
	text_add(t, "{\"tensor_name\":");
	put_string(d, t, &name);
	text_add(t, ",\"quant_parameter_tensor_names\":{");
	while (proto_next(&m, &f)) {
		if (f.number != ANNOTATION_PARAMETERS || f.wire != PROTO_LEN)
			continue;
		struct onnx_pair pair = onnx_pair_read(&m, &f);
		text_add(t, more ? "," : "");
		put_string(d, t, &pair.key);
		text_add(t, ":");
		put_string(d, t, &pair.value);
		more = true;
	}
	text_add(t, "}}");
}

static void put_all(struct model *d, struct text *t, struct proto m, const char *name, uint32_t number,
		    void (*put)(struct model *d, struct text *t, struct proto m))
{
	struct proto_field f;
	bool more = false;
	text_print(t, ",\"%s\":[", name);
	while (proto_next(&m, &f) && !t->failed) {
		if (f.number != number || f.wire != PROTO_LEN)
			continue;
		text_add(t, more ? "," : "");
		put(d, t, proto_enter(&m, &f));
		more = true;
	}
	text_add(t, "]");
}

/* OP or, of another domain than ONNX's own, DOMAIN::OP. */
static struct slice operator_name(struct model *d, struct proto node)
{
	struct proto_field op = find(node, NODE_OP_TYPE, PROTO_LEN), domain = find(node, NODE_DOMAIN, PROTO_LEN);
	if (domain.len == 0 || proto_equal(&d->in, &domain, SLICE("ai.onnx")))
		return proto_text(&d->in, &op, &d->scratch);
	uint8_t *name = domain.len < INT32_MAX && op.len < INT32_MAX ? arena_alloc(&d->scratch, (size_t)(domain.len + 2 + op.len)) : NULL;
	if (!name) {
		d->in.failed = d->in.failed ? d->in.failed : -ENOMEM;
		return (struct slice){0};
	}
	memcpy(name + domain.len, "::", 2);
	if (!proto_copy(&d->in, domain.at, (size_t)domain.len, name) || !proto_copy(&d->in, op.at, (size_t)op.len, name + domain.len + 2))
		return (struct slice){0};
	return (struct slice){name, (size_t)(domain.len + 2 + op.len)};
}

static void put_operators(struct model *d, struct text *t, struct proto m)
{
	struct slice_map names = {.arena = &d->scratch};
	struct proto_field f;
	uint64_t *counts = NULL;
	bool fresh;
	while (proto_next(&m, &f)) {
		if (f.number != GRAPH_NODE || f.wire != PROTO_LEN)
			continue;
		uint32_t id = slice_map_add(&names, operator_name(d, proto_enter(&m, &f)), &fresh);
		uint64_t *grown = id == SLICE_MAP_NONE ? NULL : fresh ? list_grow_in(&d->scratch, counts, id, sizeof *grown) : counts;
		if (!grown) {
			d->in.failed = d->in.failed ? d->in.failed : -ENOMEM;
			return;
		}
		counts = grown;
		counts[id] = fresh ? 1 : counts[id] + 1;
	}
	text_add(t, ",\"operators\":{");
	for (uint32_t i = 0; i < names.count; i++) {
		text_add(t, i ? "," : "");
		text_json(t, names.keys[i]);
		text_print(t, ":%" PRIu64, counts[i]);
	}
	text_add(t, "}");
}

static int put_details(struct model *d, struct text *t)
{
	struct proto m = proto_whole(&d->in);
	read_model(d);
	struct proto graph = proto_enter_parts(&m, d->graph.first);
	put_all(d, t, graph, "inputs", GRAPH_INPUT, put_value);
	put_all(d, t, graph, "outputs", GRAPH_OUTPUT, put_value);
	text_add(t, ",\"opsets\":");
	put_opsets(d, t);
	put_operators(d, t, graph);
	put_all(d, t, graph, "quantization_annotation", GRAPH_QUANTIZATION, put_annotation);
	return proto_check(&d->in, "an ONNX model");
}

int onnx_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	struct model d;
	struct text t = {.limit = a->arena.limit};
	(void)n;
	if (index != TREE_ROOT || !a->priv)
		return 0;
	int r = open_model(a, &d, err);
	if (r == 0)
		r = put_details(&d, &t);
	if (r == 0 && t.failed)
		r = error_set(err, -t.failed, "what is said of the model is too long");
	if (r == 0) /* all of it or nothing: what is begun is to be ended */
		text_put(ret, text_slice(&t));
	text_free(&t);
	arena_free(&d.scratch);
	return r;
}
