/* SPDX-License-Identifier: MIT */
/* Finds all that a model holds: in its graph, in the attributes of nodes, in the graphs within these,
 * in functions and in what it is trained by. */
#include <stdio.h>

#include "formats/onnx/onnx.h"
#include "fs/base/list.h"

/* As many graphs within another as PROTO_DEPTH allows, each in an attribute of a node. */
enum { SUBGRAPHS = 32 };

struct spans {
	struct proto_part *items;
	uint32_t count;
};

static void add_span(struct onnx_reader *r, struct spans *s, const struct proto_field *f)
{
	struct proto_part *grown = list_grow_in(r->scratch, s->items, s->count, sizeof *grown);
	if (!grown) {
		r->in.failed = error_no_memory(r->err, "a list of messages");
		return;
	}
	s->items = grown;
	s->items[s->count++] = (struct proto_part){.at = f->at, .len = f->len};
}

static struct proto enter_span(const struct proto *m, const struct proto_part *span)
{
	return proto_enter_parts(m, span);
}

static void show_graph(struct onnx_reader *r, struct onnx_place *in, struct proto m, unsigned depth);

/* --- attributes ---------------------------------------------------------------------------------- */

enum { LISTS = 3, TYPE_LAST = 14 };
static const struct {
	uint32_t number;
	uint8_t wire, dtype, type; /* type: of AttributeProto.AttributeType */
	const char *name;
} lists[LISTS] = {
	{ATTRIBUTE_FLOATS, PROTO_I32, DTYPE_FLOAT32, 6, "FLOATS"},
	{ATTRIBUTE_INTS, PROTO_VARINT, DTYPE_INT64, 7, "INTS"},
	{ATTRIBUTE_STRINGS, PROTO_LEN, DTYPE_STRING, 8, "STRINGS"},
};

struct attribute {
	const struct proto_part *parts;
	struct slice name;
	uint64_t type;
	struct proto_field f, i, s; /* number 0: absent */
	struct proto_parts t, g, sparse;
	struct spans tensors, graphs, sparses;
	struct onnx_data data[LISTS];
	uint64_t counts[LISTS];
};

static void read_list(struct onnx_reader *r, struct attribute *a, unsigned i, const struct proto_field *f)
{
	struct onnx_data *d = &a->data[i];
	uint64_t at = f->at;
	onnx_data_read(d, f, lists[i].wire);
	if (f->wire == lists[i].wire)
		a->counts[i]++;
	else if (lists[i].wire == PROTO_VARINT)
		a->counts[i] += proto_skip_varints(&r->in, &at, f->at + f->len, UINT64_MAX);
	else if (f->len % 4)
		proto_fail(&r->in, f->at, "a number that is cut short");
	else
		a->counts[i] += f->len / 4;
}

static void read_messages(struct onnx_reader *r, struct attribute *a, const struct proto_field *f)
{
	switch (f->number) {
	case ATTRIBUTE_T:
		proto_add_part(&r->in, &a->t, f, r->scratch);
		break;
	case ATTRIBUTE_G:
		proto_add_part(&r->in, &a->g, f, r->scratch);
		break;
	case ATTRIBUTE_SPARSE:
		proto_add_part(&r->in, &a->sparse, f, r->scratch);
		break;
	case ATTRIBUTE_TENSORS:
		add_span(r, &a->tensors, f);
		break;
	case ATTRIBUTE_GRAPHS:
		add_span(r, &a->graphs, f);
		break;
	case ATTRIBUTE_SPARSES:
		add_span(r, &a->sparses, f);
		break;
	default:
		break;
	}
}

static void read_attribute(struct onnx_reader *r, struct proto m, struct attribute *a)
{
	struct proto_field f;
	while (proto_next(&m, &f)) {
		unsigned list = f.number - ATTRIBUTE_FLOATS;
		if (list < LISTS && (f.wire == lists[list].wire || f.wire == PROTO_LEN))
			read_list(r, a, list, &f);
		else if (f.number == ATTRIBUTE_NAME && f.wire == PROTO_LEN)
			a->name = proto_text(&r->in, &f, r->scratch);
		else if (f.number == ATTRIBUTE_F && f.wire == PROTO_I32)
			a->f = f;
		else if (f.number == ATTRIBUTE_I && f.wire == PROTO_VARINT)
			a->i = f;
		else if (f.number == ATTRIBUTE_S && f.wire == PROTO_LEN)
			a->s = f;
		else if (f.number == ATTRIBUTE_TYPE && f.wire == PROTO_VARINT)
			a->type = f.value <= TYPE_LAST ? f.value : a->type; /* others are none of the enum's */
		else if (f.wire == PROTO_LEN)
			read_messages(r, a, &f);
	}
}

static void show_tensor(struct onnx_reader *r, struct onnx_place *in, struct slice name, struct proto m, const struct proto_part *parts)
{
	struct onnx_tensor t;
	onnx_tensor_read(r, m, &t);
	t.parts = parts;
	if (!r->in.failed)
		onnx_show_tensor(r, in, name, &t);
}

static void show_list(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct attribute *a, unsigned i)
{
	struct onnx_list_of list = {.parts = a->parts, .data = &a->data[i], .count = a->counts[i], .number = lists[i].number,
				    .wire = lists[i].wire, .dtype = lists[i].dtype, .type = lists[i].name};
	if (!r->in.failed)
		onnx_show_list(r, in, name, &list);
}

/* The numbers 0, 1 … as names. */
static struct slice number_name(uint32_t i, char buf[16])
{
	int n = snprintf(buf, 16, "%u", i);
	return (struct slice){(const uint8_t *)buf, (size_t)n};
}

/* Lists of tensors, sparse tensors and graphs: below the attribute's name by their numbers. */
static void show_many(struct onnx_reader *r, struct onnx_place *in, const struct attribute *a, const struct proto *m, unsigned depth)
{
	struct onnx_place list = {.up = in, .name = a->name};
	char buf[16];
	for (uint32_t i = 0; i < a->tensors.count && !r->in.failed; i++)
		show_tensor(r, &list, number_name(i, buf), enter_span(m, &a->tensors.items[i]), &a->tensors.items[i]);
	for (uint32_t i = 0; i < a->sparses.count && !r->in.failed; i++) {
		struct slice name = number_name(i, buf);
		onnx_show_sparse(r, &list, &name, enter_span(m, &a->sparses.items[i]));
	}
	for (uint32_t i = 0; i < a->graphs.count && !r->in.failed; i++) {
		struct onnx_place graph = {.up = &list, .name = number_name(i, buf)};
		show_graph(r, &graph, enter_span(m, &a->graphs.items[i]), depth + 1);
	}
}

/* `in`: the directory that is called as the node's output. */
static void show_attribute(struct onnx_reader *r, struct onnx_place *in, const struct attribute *a, const struct proto *m, bool arrays,
			   unsigned depth)
{
	if (a->t.first)
		show_tensor(r, in, a->name, proto_enter_parts(m, a->t.first), a->t.first);
	if (a->sparse.first)
		onnx_show_sparse(r, in, &a->name, proto_enter_parts(m, a->sparse.first));
	for (unsigned i = 0; arrays && i < LISTS; i++)
		if (a->counts[i] || a->type == lists[i].type)
			show_list(r, in, a->name, a, i);
	if (a->tensors.count || a->sparses.count || a->graphs.count)
		show_many(r, in, a, m, depth);
	if (a->g.first) {
		struct onnx_place graph = {.up = in, .name = a->name};
		show_graph(r, &graph, proto_enter_parts(m, a->g.first), depth + 1);
	}
}

/* --- nodes ---------------------------------------------------------------------------------------- */

struct node_head {
	struct slice output;   /* the first that has a name */
	bool constant, arrays; /* arrays: its lists are arrays */
	bool shown;            /* something in its attributes may be */
};

/* Is there a tensor or a graph in the attribute?  In most there is none. */
static bool holds_more(struct proto m)
{
	struct proto_field f;
	bool more = false;
	while (proto_next(&m, &f))
		more |= f.wire == PROTO_LEN &&
			(f.number == ATTRIBUTE_T || f.number == ATTRIBUTE_G || f.number == ATTRIBUTE_TENSORS || f.number == ATTRIBUTE_GRAPHS ||
			 f.number == ATTRIBUTE_SPARSE || f.number == ATTRIBUTE_SPARSES);
	return more;
}

/* A Constant's value is called as what it is the value of. */
static bool show_constant(struct onnx_reader *r, struct onnx_place *in, const struct node_head *node, const struct attribute *a,
			  const struct proto *m)
{
	const struct slice *name = &node->output;
	if (slice_equal(a->name, SLICE("value")) && a->t.first)
		show_tensor(r, in, *name, proto_enter_parts(m, a->t.first), a->t.first);
	else if (slice_equal(a->name, SLICE("sparse_value")) && a->sparse.first)
		onnx_show_sparse(r, in, name, proto_enter_parts(m, a->sparse.first));
	else if (slice_equal(a->name, SLICE("value_float")) && a->f.number)
		onnx_show_number(r, in, *name, DTYPE_FLOAT32, "FLOAT", a->f.value);
	else if (slice_equal(a->name, SLICE("value_int")) && a->i.number)
		onnx_show_number(r, in, *name, DTYPE_INT64, "INT", a->i.value);
	else if (slice_equal(a->name, SLICE("value_string")) && a->s.number)
		onnx_show_string(r, in, *name, &a->s);
	else if (slice_equal(a->name, SLICE("value_floats")) && (a->counts[0] || a->type == lists[0].type))
		show_list(r, in, *name, a, 0);
	else if (slice_equal(a->name, SLICE("value_ints")) && (a->counts[1] || a->type == lists[1].type))
		show_list(r, in, *name, a, 1);
	else if (slice_equal(a->name, SLICE("value_strings")) && (a->counts[2] || a->type == lists[2].type))
		show_list(r, in, *name, a, 2);
	else
		return false;
	return true;
}

/* A node's attributes come before its domain, so it is walked twice. */
static void read_head(struct onnx_reader *r, struct proto m, struct node_head *node)
{
	struct proto_field f, op = {0}, domain = {0}, name = {0}, output = {0};
	bool attributes = false;
	while (proto_next(&m, &f)) {
		if (f.wire != PROTO_LEN)
			continue;
		if (f.number == NODE_OUTPUT && output.len == 0)
			output = f;
		else if (f.number == NODE_NAME)
			name = f;
		else if (f.number == NODE_OP_TYPE)
			op = f;
		else if (f.number == NODE_DOMAIN)
			domain = f;
		else if (f.number == NODE_ATTRIBUTE)
			attributes = true;
		if (f.number == NODE_ATTRIBUTE && !node->shown)
			node->shown = holds_more(proto_enter(&m, &f));
	}
	if (!attributes || r->in.failed)
		return;
	bool usual = domain.len == 0 || proto_equal(&r->in, &domain, SLICE("ai.onnx"));
	node->constant = usual && proto_equal(&r->in, &op, SLICE("Constant"));
	node->arrays = (usual && proto_equal(&r->in, &op, SLICE("TfIdfVectorizer"))) ||
		       proto_equal(&r->in, &domain, SLICE("ai.onnx.ml"));
	node->shown |= node->constant || node->arrays;
	if (!node->shown)
		return;
	output = output.len ? output : name;
	node->output = output.len ? proto_text(&r->in, &output, r->scratch) : SLICE("_");
}

static void show_node(struct onnx_reader *r, struct onnx_place *in, struct proto m, unsigned depth)
{
	struct node_head node = {0};
	struct proto_field f;
	read_head(r, m, &node);
	struct onnx_place below = {.up = in, .name = node.output};
	while (node.shown && proto_next(&m, &f)) {
		if (f.number != NODE_ATTRIBUTE || f.wire != PROTO_LEN)
			continue;
		struct proto_part where = {.at = f.at, .len = f.len};
		struct attribute a = {.parts = &where, .name = SLICE("_")};
		struct proto attribute = proto_enter(&m, &f);
		read_attribute(r, attribute, &a);
		if (!r->in.failed && !(node.constant && show_constant(r, in, &node, &a, &attribute)))
			show_attribute(r, &below, &a, &attribute, node.arrays, depth);
	}
}

/* --- graphs ----------------------------------------------------------------------------------------- */

/* How many initializers ahead names are announced to the tree. */
enum { AHEAD = 16 };

struct ahead {
	struct onnx_tensor t;
	uint64_t *dims; /* its own room for a shape */
	uint32_t room;
};

static void read_initializer(struct onnx_reader *r, const struct proto *m, const struct proto_part *span, uint32_t dir, struct ahead *to)
{
	r->dims = to->dims;
	r->dims_room = to->room;
	onnx_tensor_read(r, enter_span(m, span), &to->t);
	to->t.parts = span;
	to->dims = r->dims;
	to->room = r->dims_room;
	if (dir && !r->in.failed)
		tree_expect_name(&r->a->tree, dir, to->t.name);
}

static void show_initializers(struct onnx_reader *r, struct onnx_place *in, const struct proto *m, const struct spans *dense)
{
	uint32_t n = dense->count < AHEAD ? dense->count : AHEAD, dir = onnx_place_dir(r, in);
	struct ahead *ring = arena_array(r->scratch, n, sizeof *ring);
	if (!ring)
		r->in.failed = error_no_memory(r->err, "initializers");
	if (n == AHEAD)
		tree_expect(&r->a->tree, dense->count);
	for (uint32_t i = 0; i < n && !r->in.failed; i++)
		read_initializer(r, m, &dense->items[i], dir, &ring[i]);
	for (uint32_t i = 0; i < dense->count && !r->in.failed; i++) {
		struct ahead *one = &ring[i % n];
		onnx_show_tensor(r, in, one->t.name, &one->t);
		if (i + n < dense->count && !r->in.failed)
			read_initializer(r, m, &dense->items[i + n], dir, one);
	}
	r->dims = NULL; /* what comes has its own */
	r->dims_room = 0;
}

static void show_graph(struct onnx_reader *r, struct onnx_place *in, struct proto m, unsigned depth)
{
	struct spans nodes = {0}, dense = {0}, sparse = {0};
	struct proto_field f;
	if (depth > SUBGRAPHS) {
		proto_fail(&r->in, m.at, "graphs more than 32 deep within others");
		return;
	}
	for (struct proto walk = m; proto_next(&walk, &f);) {
		if (f.wire != PROTO_LEN)
			continue;
		if (f.number == GRAPH_NODE)
			add_span(r, &nodes, &f);
		else if (f.number == GRAPH_INITIALIZER)
			add_span(r, &dense, &f);
		else if (f.number == GRAPH_SPARSE_INITIALIZER)
			add_span(r, &sparse, &f);
	}
	if (dense.count && !r->in.failed)
		show_initializers(r, in, &m, &dense);
	for (uint32_t i = 0; i < sparse.count && !r->in.failed; i++)
		onnx_show_sparse(r, in, NULL, enter_span(&m, &sparse.items[i]));
	for (uint32_t i = 0; i < nodes.count && !r->in.failed; i++)
		show_node(r, in, enter_span(&m, &nodes.items[i]), depth);
}

/* --- functions ------------------------------------------------------------------------------------------ */

/* DOMAIN::NAME, or DOMAIN::NAME:OVERLOAD. */
static struct slice function_name(struct onnx_reader *r, struct proto m)
{
	struct slice domain = {0}, name = {0}, overload = {0};
	struct proto_field f;
	while (proto_next(&m, &f)) {
		struct slice *of = f.number == FUNCTION_NAME ? &name : f.number == FUNCTION_DOMAIN ? &domain
				   : f.number == FUNCTION_OVERLOAD ? &overload : NULL;
		if (of && f.wire == PROTO_LEN)
			*of = proto_text(&r->in, &f, r->scratch);
	}
	size_t len = domain.len + 2 + name.len + (overload.len ? 1 + overload.len : 0);
	uint8_t *whole = arena_alloc(r->scratch, len), *to = whole;
	if (!whole) {
		r->in.failed = error_no_memory(r->err, "a function's name");
		return (struct slice){0};
	}
	to = domain.len ? mempcpy(to, domain.data, domain.len) : to;
	to = mempcpy(to, "::", 2);
	to = name.len ? mempcpy(to, name.data, name.len) : to;
	if (overload.len) {
		*to++ = ':';
		memcpy(to, overload.data, overload.len);
	}
	return (struct slice){whole, len};
}

/* Its nodes, and the values that its attributes have where none is given. */
static void show_function(struct onnx_reader *r, struct onnx_place *in, struct proto m)
{
	struct onnx_place below = {.up = in, .name = function_name(r, m)};
	struct proto_field f;
	while (proto_next(&m, &f)) {
		if (f.wire == PROTO_LEN && f.number == FUNCTION_NODE) {
			show_node(r, &below, proto_enter(&m, &f), 0);
		} else if (f.wire == PROTO_LEN && f.number == FUNCTION_ATTRIBUTE) {
			struct proto_part where = {.at = f.at, .len = f.len};
			struct attribute a = {.parts = &where, .name = SLICE("_")};
			struct proto attribute = proto_enter(&m, &f);
			read_attribute(r, attribute, &a);
			if (!r->in.failed)
				show_attribute(r, &below, &a, &attribute, false, 0);
		}
	}
}

static void show_training(struct onnx_reader *r, struct onnx_place *in, struct proto m)
{
	struct onnx_place initialization = {.up = in, .name = SLICE("initialization")}, algorithm = {.up = in, .name = SLICE("algorithm")};
	struct proto_parts parts[2] = {{0}};
	struct proto_field f;
	for (struct proto walk = m; proto_next(&walk, &f);)
		if (f.wire == PROTO_LEN && (f.number == TRAINING_INITIALIZATION || f.number == TRAINING_ALGORITHM))
			proto_add_part(&r->in, &parts[f.number - TRAINING_INITIALIZATION], &f, r->scratch);
	show_graph(r, &initialization, proto_enter_parts(&m, parts[0].first), 0);
	show_graph(r, &algorithm, proto_enter_parts(&m, parts[1].first), 0);
}

/* --- the model -------------------------------------------------------------------------------------------- */

int onnx_show_model(struct onnx_reader *r)
{
	struct onnx_place root = {.dir = TREE_ROOT}, functions = {.up = &root, .name = SLICE("functions")},
			  trainings = {.up = &root, .name = SLICE("training_info")};
	struct proto m = proto_whole(&r->in);
	struct proto_parts graph = {0};
	struct spans function = {0}, training = {0};
	struct proto_field f;
	char buf[16];
	for (struct proto walk = m; proto_next(&walk, &f);) {
		if (f.wire == PROTO_LEN && f.number == MODEL_GRAPH)
			proto_add_part(&r->in, &graph, &f, r->scratch);
		else if (f.wire == PROTO_LEN && f.number == MODEL_FUNCTIONS)
			add_span(r, &function, &f);
		else if (f.wire == PROTO_LEN && f.number == MODEL_TRAINING_INFO)
			add_span(r, &training, &f);
	}
	if (!r->in.failed && !graph.first)
		return error_set(r->err, EBADMSG, "no ONNX model: it has no graph");
	show_graph(r, &root, proto_enter_parts(&m, graph.first), 0);
	for (uint32_t i = 0; i < function.count && !r->in.failed; i++)
		show_function(r, &functions, enter_span(&m, &function.items[i]));
	for (uint32_t i = 0; i < training.count && !r->in.failed; i++) {
		struct onnx_place one = {.up = &trainings, .name = number_name(i, buf)};
		show_training(r, &one, enter_span(&m, &training.items[i]));
	}
	r->a->priv = r->a;
	return proto_check(&r->in, "an ONNX model");
}
