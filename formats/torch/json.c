/* SPDX-License-Identifier: MIT */
/* Plain values as text: attributes, and what the JSON view shows of objects. */
#include "formats/torch/show.h"

enum {
	DEPTH_MAX = 1000,
	TEXT_MAX = 64 << 20,  /* bytes of one str */
	VALUE_MAX = 64 << 20, /* and of one value */
};

static void put_json(const struct torch_file *f, uint32_t node, unsigned depth, struct text *ret);

static bool is_text(const struct pickle_node *n)
{
	return n->kind == PICKLE_TEXT || n->kind == PICKLE_STR;
}

/* `put` decides whether it is quoted. */
static void put_text(const struct torch_file *f, const struct pickle_node *n, void (*put)(struct text *t, struct slice s), struct text *ret)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice s;
	int r = pickle_text(&f->pickle, n, &scratch, TEXT_MAX, &s, NULL);
	if (r == 0)
		put(ret, s);
	else
		ret->failed = ret->failed ? ret->failed : r;
	arena_free(&scratch);
}

/* ('cuda', 0) is cuda:0. */
static void put_device(const struct torch_file *f, const struct torch_called *c, struct text *ret)
{
	uint32_t name = torch_arg(f, c, 0), number = torch_arg(f, c, 1);
	if (name && is_text(torch_node(f, name)))
		put_text(f, torch_node(f, name), text_put, ret);
	if (number && torch_node(f, number)->kind == PICKLE_INT)
		text_print(ret, ":%lld", (long long)torch_node(f, number)->number);
}

/* dtype('i4', False, True) with the state (3, '<', …) is <i4. */
static bool put_numpy_type(const struct torch_file *f, const struct torch_called *c, struct text *ret)
{
	uint32_t code = torch_arg(f, c, 0);
	const struct pickle_node *state = torch_node(f, c->state);
	if (!code || !is_text(torch_node(f, code)))
		return false;
	if (c->state && state->kind == PICKLE_TUPLE && state->count > 1 && is_text(torch_node(f, pickle_item(state, 1))))
		put_text(f, torch_node(f, pickle_item(state, 1)), text_put, ret);
	put_text(f, torch_node(f, code), text_put, ret);
	return true;
}

/* What is shown by its name: a type, a device, a layout, a class. */
static bool put_word(const struct torch_file *f, const struct pickle_node *n, uint32_t node, struct text *ret)
{
	struct torch_called c = torch_called(f, n);
	char layout[64];
	if (n->kind == PICKLE_GLOBAL && torch_dtype(n->known))
		text_add(ret, torch_dtype(n->known)->name);
	else if (n->kind == PICKLE_GLOBAL)
		torch_put_global(f, n, ret);
	else if (c.known == TORCH_DEVICE)
		put_device(f, &c, ret);
	else if (c.known == TORCH_LAYOUT)
		torch_layout(f, node, layout), text_add(ret, layout);
	else
		return c.known == TORCH_ND_DTYPE && put_numpy_type(f, &c, ret);
	return true;
}

static void put_name(const struct torch_file *f, const struct torch_child *child, struct text *ret)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct slice name;
	if (torch_child_name(f, child, &scratch, &name, NULL) == 0)
		text_json(ret, name);
	else
		text_add(ret, "\"?\"");
	text_add(ret, ":");
	arena_free(&scratch);
}

static bool has_names(const struct torch_children *c)
{
	return c->count && (c->parts[0].kind == PART_PAIRS || c->parts[0].kind == PART_LISTED_PAIRS);
}

static bool is_dictionary(const struct torch_file *f, uint32_t node)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	return torch_node(f, node)->kind == PICKLE_DICT || c.known == TORCH_ORDERED_DICT || c.known == TORCH_DEFAULT_DICT;
}

static void put_container(const struct torch_file *f, uint32_t node, unsigned depth, struct text *ret)
{
	struct torch_children children = torch_children(f, node);
	struct torch_child child;
	bool names = has_names(&children) || is_dictionary(f, node), behind = false;
	text_add(ret, names ? "{" : "[");
	for (; !ret->failed && torch_next(&children, &child); behind = true) {
		text_add(ret, behind ? "," : "");
		if (names)
			put_name(f, &child, ret);
		put_json(f, child.node, depth + 1, ret);
	}
	text_add(ret, names ? "}" : "]");
}

/* {"class": "argparse.Namespace", "lr": 0.1, …} */
static void put_object(const struct torch_file *f, uint32_t node, unsigned depth, struct text *ret)
{
	const struct pickle_node *n = torch_node(f, node);
	struct torch_children children = torch_children(f, node);
	struct torch_child child;
	struct text class = {.limit = 1 << 16};
	if (n->kind == PICKLE_CALL && torch_node(f, n->call->callable)->kind == PICKLE_GLOBAL)
		torch_put_global(f, torch_node(f, n->call->callable), &class);
	text_add(ret, "{\"class\":");
	text_json(ret, text_slice(&class));
	text_free(&class);
	while (!ret->failed && torch_next(&children, &child)) {
		text_add(ret, ",");
		put_name(f, &child, ret);
		put_json(f, child.node, depth + 1, ret);
	}
	text_add(ret, "}");
}

/* [real, imaginary] */
static bool put_complex(const struct torch_file *f, const struct torch_called *c, struct text *ret)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t part = torch_arg(f, c, i);
		if (!part || torch_node(f, part)->kind != PICKLE_FLOAT)
			return false;
		text_add(ret, i ? "," : "[");
		text_double(ret, torch_node(f, part)->real);
	}
	text_add(ret, "]");
	return true;
}

static void put_plain(const struct torch_file *f, uint32_t node, struct text *ret)
{
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called c = torch_called(f, n);
	struct text word = {.limit = 1 << 16};
	uint32_t items;
	switch (n->kind) {
	case PICKLE_NONE:
		text_add(ret, "null");
		return;
	case PICKLE_BOOL:
		text_add(ret, n->number ? "true" : "false");
		return;
	case PICKLE_INT:
	case PICKLE_LONG:
		if (pickle_decimal(&f->pickle, n, ret, NULL) < 0)
			text_add(ret, "null");
		return;
	case PICKLE_FLOAT:
		text_double(ret, n->real);
		return;
	case PICKLE_TEXT:
	case PICKLE_STR:
		put_text(f, n, text_json, ret);
		return;
	default:
		break;
	}
	if (c.known == TORCH_COMPLEX && put_complex(f, &c, ret))
		return;
	if (torch_nd(f, node, &items) == TORCH_ND_VALUE) {
		if (torch_put_nd(f, node, true, ret, NULL) < 0)
			text_add(ret, "null");
		return;
	}
	if (put_word(f, n, node, &word))
		text_json(ret, text_slice(&word));
	else
		text_add(ret, "null");
	text_free(&word);
}

/* As deep as containers may be; one that holds itself ends there. */
static void put_json(const struct torch_file *f, uint32_t node, unsigned depth, struct text *ret)
{
	enum torch_meaning meaning = torch_meaning(f, &node);
	if (depth > DEPTH_MAX)
		text_add(ret, "null");
	else if (meaning == TORCH_PLAIN)
		put_plain(f, node, ret);
	else if (meaning == TORCH_CONTAINER)
		put_container(f, node, depth, ret);
	else if (meaning == TORCH_ARRAY || meaning == TORCH_PARTS)
		text_add(ret, "\"(array)\""); /* within an object; those of directories are files */
	else
		put_object(f, node, depth, ret);
}

int torch_put_value(const struct torch_file *f, uint32_t node, struct text *ret, bool *ret_json, struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	enum torch_meaning meaning = torch_meaning(f, &node);
	n = torch_node(f, node);
	*ret_json = false;
	if (meaning == TORCH_PLAIN && is_text(n))
		put_text(f, n, text_put, ret);
	else if (meaning == TORCH_PLAIN && torch_nd_is_string(f, node))
		return torch_put_nd(f, node, false, ret, err);
	else if (meaning != TORCH_PLAIN || !put_word(f, n, node, ret))
		*ret_json = true, put_json(f, node, 0, ret);
	return ret->failed ? error_set(err, -ret->failed, "no memory for a value") : 0;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

struct telling {
	attrs_each *each;
	void *arg;
};

static int tell(const struct torch_file *f, struct arena *scratch, const struct telling *t, struct slice name, uint32_t node, struct error *err)
{
	struct text value = {.limit = VALUE_MAX};
	struct attr attr = {0};
	const char *whole = arena_printf(scratch, ATTR_OWN "%.*s", (int)name.len, (const char *)name.data);
	if (!whole)
		return error_no_memory(err, "attributes");
	attr.name = slice_text(whole);
	int r = torch_put_value(f, node, &value, &attr.json, NULL);
	attr.value = text_slice(&value);
	r = r < 0 ? 0 : t->each(t->arg, &attr);
	text_free(&value);
	return r;
}

/* Objects, and classes, are shown by the JSON view alone. */
static bool is_value(const struct torch_file *f, const struct torch_visited *at)
{
	const struct pickle_node *n = torch_node(f, at->node);
	if (at->meaning == TORCH_PLAIN)
		return n->kind != PICKLE_GLOBAL || torch_dtype(n->known);
	return at->meaning == TORCH_CONTAINER && !torch_shown(f, at);
}

static int tell_one(struct torch_visit *v, const struct torch_visited *at)
{
	bool none = v->in_module && torch_node(v->f, at->node)->kind == PICKLE_NONE; /* as state_dict() has it */
	return is_value(v->f, at) && !none ? tell(v->f, v->scratch, v->arg, at->name, at->node, v->err) : 0;
}

int torch_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	const struct torch_file *f = a->priv;
	const struct torch_dir *d = n->kind == NODE_DIR ? torch_dir(a, index) : NULL;
	struct torch_visited at = {.node = d ? d->node : f->pickle.root};
	struct telling t = {each, arg};
	if (!at.node || (!d && index != TREE_ROOT))
		return 0;
	struct arena scratch = arena_apart(&a->arena);
	struct torch_visit v = {.f = f, .scratch = &scratch, .each = tell_one, .arg = &t, .err = err};
	int r = 0;
	at.meaning = torch_meaning(f, &at.node);
	if (torch_shown(f, &at) && d)
		r = torch_visit(&v, at.node);
	else if (!torch_shown(f, &at) && is_value(f, &at))
		r = tell(f, &scratch, &t, SLICE("data"), at.node, err);
	arena_free(&scratch);
	return r;
}

/* --- the JSON view --------------------------------------------------------------------------------------- */

/* v->dir counts those that were reported. */
static int detail(struct torch_visit *v, struct slice name, uint32_t node)
{
	struct text *ret = v->arg;
	text_add(ret, v->dir++ ? "," : ",\"objects\":{");
	text_json(ret, name);
	text_add(ret, ":");
	put_json(v->f, node, 0, ret);
	return ret->failed;
}

static int detail_one(struct torch_visit *v, const struct torch_visited *at)
{
	return torch_shown(v->f, at) || is_value(v->f, at) ? 0 : detail(v, at->name, at->node);
}

int torch_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	const struct torch_file *f = a->priv;
	const struct torch_dir *d = n->kind == NODE_DIR ? torch_dir(a, index) : NULL;
	if (!d)
		return 0;
	struct arena scratch = arena_apart(&a->arena);
	struct torch_visit v = {.f = f, .scratch = &scratch, .each = detail_one, .arg = ret, .err = err};
	struct torch_called c = torch_called(f, torch_node(f, d->node));
	uint32_t metadata = c.known == TORCH_ORDERED_DICT ? torch_entry(f, c.state, "_metadata") : 0;
	int r = torch_visit(&v, d->node);
	if (r == 0 && metadata) /* a state dict's own */
		r = detail(&v, SLICE("_metadata"), metadata);
	if (v.dir)
		text_add(ret, "}");
	arena_free(&scratch);
	return r;
}
