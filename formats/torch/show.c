/* SPDX-License-Identifier: MIT */
/*
 * Directories.  One is filled at its first look, so that a second path to a container costs nothing
 * before that; what is in a module and its modules is in one, by names joined with dots.
 */
#include "formats/torch/show.h"

#include "formats/torch/graph.h"
#include "fs/base/name.h"

static int no_memory(struct error *err)
{
	return error_no_memory(err, "its names");
}

/* --- the walk, which shows files and reports attributes ---------------------------------------------- */

/* "fc1." and "weight". */
static int join(struct slice before, struct slice name, const char *behind, struct arena *arena, struct slice *ret, struct error *err)
{
	size_t n = strlen(behind);
	uint8_t *text = arena_alloc(arena, before.len + name.len + n + 1);
	if (!text)
		return no_memory(err);
	memcpy(text, before.data, before.len);
	memcpy(text + before.len, name.data, name.len);
	memcpy(text + before.len + name.len, behind, n);
	*ret = (struct slice){text, before.len + name.len + n};
	return 0;
}

static int visit_child(struct torch_visit *v, const struct torch_child *child, struct slice before)
{
	struct slice name;
	struct torch_visited at = {.node = child->node, .meaning = TORCH_ARRAY, .integers = child->integers};
	if (!child->integers)
		at.meaning = torch_meaning(v->f, &at.node);
	int r = torch_child_name(v->f, child, v->scratch, &name, v->err);
	if (r == 0 && at.meaning == TORCH_MODULE && v->in_module)
		return (r = join(before, name, ".", v->scratch, &name, v->err)) < 0 ? r : torch_visit_module(v, at.node, name);
	if (r == 0 && before.len)
		r = join(before, name, "", v->scratch, &name, v->err);
	at.name = name;
	return r < 0 ? r : v->each(v, &at);
}

static int visit_children(struct torch_visit *v, uint32_t node, struct slice before)
{
	struct torch_children children = torch_children(v->f, node);
	struct torch_child child;
	int r = 0;
	while (r == 0 && torch_next(&children, &child))
		r = visit_child(v, &child, before);
	return r;
}

static const char *const first[] = {"_parameters", "_buffers", "_modules"};

static bool is_first(const struct torch_file *f, const struct torch_child *child)
{
	for (size_t i = 0; child->key && i < sizeof first / sizeof *first; i++)
		if (torch_is_text(f, child->key, first[i]))
			return true;
	return false;
}

/* As state_dict() has them: parameters, buffers, what is in its modules; then all other attributes.
 * TorchScript's objects have these only.  The recursion is as deep as containers may be. */
int torch_visit_module(struct torch_visit *v, uint32_t node, struct slice before)
{
	uint32_t state = torch_node(v->f, node)->call->state;
	bool was = v->in_module;
	int r = 0;
	v->in_module = true;
	for (size_t i = 0; r == 0 && !v->f->scripted && i < sizeof first / sizeof *first; i++) {
		uint32_t held = torch_entry(v->f, state, first[i]);
		if (held && torch_meaning(v->f, &held) == TORCH_CONTAINER)
			r = visit_children(v, held, before);
	}
	struct torch_children children = torch_children(v->f, node);
	struct torch_child child;
	while (r == 0 && torch_next(&children, &child))
		if (v->f->scripted || !is_first(v->f, &child))
			r = visit_child(v, &child, before);
	v->in_module = was;
	return r;
}

int torch_visit(struct torch_visit *v, uint32_t node)
{
	uint32_t inner = node;
	struct slice none = {(const uint8_t *)"", 0};
	return torch_meaning(v->f, &inner) == TORCH_MODULE ? torch_visit_module(v, inner, none) : visit_children(v, inner, none);
}

/* --- directories -------------------------------------------------------------------------------------- */

/* Does the path that leads to the directory lead through the container? */
static bool is_within(const struct archive *a, uint32_t dir, uint32_t node)
{
	for (; dir; dir = dir == TREE_ROOT ? 0 : tree_node(&a->tree, dir)->parent) {
		const struct torch_dir *d = torch_dir(a, dir);
		if (d && d->node == node)
			return true;
	}
	return false;
}

/* --- tensors of several parts ------------------------------------------------------------------------- */

/* The shape of a sparse or quantized tensor; a nested one has none. */
static void read_shape(const struct torch_file *f, const struct torch_called *c, struct arena *scratch, struct array *array)
{
	uint32_t data = torch_arg(f, c, 1), size = torch_arg(f, c, 2);
	struct error why = {0};
	uint64_t *shape;
	uint32_t rank;
	if (c->known == TORCH_SPARSE || c->known == TORCH_SPARSE_CSR) {
		const struct pickle_node *n = torch_node(f, data);
		char layout[64];
		torch_layout(f, torch_arg(f, c, 0), layout);
		uint32_t at = strcmp(layout, "torch.sparse_coo") == 0 ? 2 : 3;
		size = data && n->kind == PICKLE_TUPLE && n->count > at ? pickle_item(n, at) : 0;
	}
	array->unshaped = true;
	if (c->known == TORCH_NESTED || !size || torch_extents(f, size, "size", scratch, &shape, &rank, &why) < 0)
		return;
	array->unshaped = false;
	array->rank = rank;
	array->shape = shape;
}

static void describe_parts(const struct torch_file *f, uint32_t node, const struct torch_called *c, uint32_t dir)
{
	struct arena scratch = arena_scratch(&f->a->arena);
	struct array array = {.dtype = c->known == TORCH_QTENSOR ? DTYPE_QUANTIZED : c->known == TORCH_NESTED ? DTYPE_NESTED : DTYPE_SPARSE};
	struct torch_tensor t = {0};
	struct error why = {0};
	char layout[64];
	if (c->known == TORCH_QTENSOR) {
		(void)torch_tensor(f, node, &scratch, &t, &why); /* if it fails, its values report that */
		array.type = t.array.type;
	} else if (c->known == TORCH_NESTED) {
		array.type = "torch.nested";
	} else {
		torch_layout(f, torch_arg(f, c, 0), layout);
		array.type = arena_text(&f->a->arena, slice_text(layout));
	}
	read_shape(f, c, &scratch, &array);
	tree_describe(&f->a->tree, dir, tree_array(&f->a->tree, &array));
	arena_free(&scratch);
}

/* A quantizer's numbers: (scheme, scale, zero_point), or (scheme, scales, zero_points, axis). */
static void add_quantizer(const struct torch_file *f, const struct torch_called *c, uint32_t dir)
{
	static const char *const names[] = {"attr.qscheme", "attr.scale", "attr.zero_point", "attr.axis"};
	uint32_t quantizer = torch_arg(f, c, 4);
	const struct pickle_node *n = torch_node(f, quantizer);
	if (!quantizer || n->kind != PICKLE_TUPLE)
		return;
	for (uint32_t i = 0; i < n->count && i < 4; i++) {
		uint32_t item = pickle_item(n, i);
		struct text value = {.limit = 1 << 16};
		bool json;
		if (torch_meaning(f, &item) != TORCH_ARRAY && torch_put_value(f, item, &value, &json, NULL) == 0 && !value.failed) {
			if (json)
				tree_attr_json(&f->a->tree, dir, slice_text(names[i]), text_slice(&value));
			else
				tree_attr(&f->a->tree, dir, slice_text(names[i]), text_slice(&value));
		}
		text_free(&value);
	}
}

static int show_parts(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	struct torch_children children = torch_children(f, node);
	struct torch_child child;
	uint32_t id;
	int r = 0;
	*ret = tree_branch(&f->a->tree, parent, name);
	describe_parts(f, node, &c, *ret);
	if (c.known == TORCH_QTENSOR)
		add_quantizer(f, &c, *ret);
	while (r == 0 && torch_next(&children, &child)) {
		uint32_t part = child.node;
		if (child.integers || torch_meaning(f, &part) == TORCH_ARRAY)
			r = torch_add_tensor(f, *ret, slice_text(child.word), part, &id, err);
	}
	return r;
}

/* --- filling ---------------------------------------------------------------------------------------------- */

static int show_array(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err)
{
	uint32_t items;
	if (torch_nd(f, node, &items) != TORCH_ND_NONE)
		return torch_add_nd(f, parent, name, node, ret, err);
	return torch_add_tensor(f, parent, name, node, ret, err);
}

static int show_one(struct torch_visit *v, const struct torch_visited *at)
{
	struct tree *t = &v->f->a->tree;
	uint32_t id = 0;
	int r = 0;
	if (!torch_shown(v->f, at) || (v->f->cyclic && at->meaning != TORCH_ARRAY && is_within(v->f->a, v->dir, at->node)))
		return 0;
	struct tree_path path = tree_path(t, v->dir, at->name, v->f->a->options->split);
	if (at->meaning == TORCH_ARRAY) {
		r = show_array(v->f, path.parent, path.leaf, at->node, &id, v->err);
	} else if (at->meaning == TORCH_PARTS) {
		r = show_parts(v->f, path.parent, path.leaf, at->node, &id, v->err);
	} else {
		struct torch_dir *d = arena_alloc(&v->f->a->arena, sizeof *d);
		if (!d)
			return no_memory(v->err);
		d->node = at->node;
		id = tree_open_dir(t, path.parent, path.leaf, d);
	}
	tree_path_end(t, &path, id);
	return r;
}

bool torch_shown(const struct torch_file *f, const struct torch_visited *at)
{
	return at->meaning == TORCH_ARRAY || at->meaning == TORCH_PARTS ||
	       (at->meaning != TORCH_PLAIN && torch_node(f, at->node)->marks & TORCH_HOLDS);
}

/* About how many files a dictionary holds. */
static uint32_t expected(const struct torch_file *f, uint32_t node)
{
	const struct pickle_node *n = torch_node(f, node);
	n = n->kind == PICKLE_CALL ? torch_node(f, n->call->entries) : n;
	uint32_t pairs = n->kind == PICKLE_DICT ? n->count / 2 : 0;
	return pairs < f->nnamed ? pairs : f->nnamed;
}

static int fill(const struct torch_file *f, uint32_t dir, uint32_t node, struct error *err)
{
	struct arena scratch = arena_scratch(&f->a->arena);
	struct torch_visit v = {.f = f, .scratch = &scratch, .each = show_one, .dir = dir, .err = err};
	int r = tree_expect(&f->a->tree, expected(f, node)) ? torch_visit(&v, node) : no_memory(err);
	arena_free(&scratch);
	return r;
}

/* Of the root, which is filled while the archive is opened, the file knows it. */
const struct torch_dir *torch_dir(const struct archive *a, uint32_t dir)
{
	const struct torch_file *f = a->priv;
	const struct node *n = tree_node(&a->tree, dir);
	return dir == TREE_ROOT ? f->root : n->kind == NODE_DIR ? n->lazy : NULL;
}

int torch_list(struct archive *a, uint32_t dir, struct error *err)
{
	return fill(a->priv, dir, torch_dir(a, dir)->node, err);
}

int torch_show(struct torch_file *f, bool arrays, struct error *err)
{
	struct torch_dir *root = arena_alloc(&f->a->arena, sizeof *root);
	uint32_t node = f->pickle.root, id;
	struct torch_visited at = {.node = node};
	int r = root ? 0 : no_memory(err);
	if (!f->fields && !(f->fields = arena_alloc(f->keep, sizeof *f->fields)))
		return no_memory(err);
	at.meaning = torch_meaning(f, &at.node);
	bool single = at.meaning == TORCH_ARRAY || at.meaning == TORCH_PARTS;
	f->a->priv = f;
	if (r == 0 && at.meaning != TORCH_PLAIN && at.meaning != TORCH_ARRAY)
		r = torch_graph(f, at.node, err);
	if (r < 0 || (arrays && !torch_shown(f, &at)))
		return r < 0 ? r : -ENOTSUP;
	if (single) {
		r = at.meaning == TORCH_ARRAY ? show_array(f, TREE_ROOT, SLICE("data"), at.node, &id, err)
					      : show_parts(f, TREE_ROOT, SLICE("data"), at.node, &id, err);
		return r;
	}
	root->node = at.node;
	f->root = root;
	return torch_shown(f, &at) ? fill(f, TREE_ROOT, at.node, err) : 0;
}

/* --- what they are known by ---------------------------------------------------------------------------- */

static uint64_t path_hash(const struct archive *a, uint32_t index)
{
	uint64_t hash = 0x9e3779b97f4a7c15;
	for (; index && index != TREE_ROOT; index = tree_node(&a->tree, index)->parent)
		hash = (hash ^ name_hash(slice_text(tree_node(&a->tree, index)->name))) * 0x100000001b3;
	return hash | 1;
}

uint64_t torch_identity(const struct archive *a, uint32_t index, const struct node *n)
{
	uint64_t hash = torch_node_hash(a, n);
	return hash ? hash : path_hash(a, index);
}

uint32_t torch_ordinal(const struct archive *a, uint32_t index, const struct node *n)
{
	uint32_t number = torch_find_named(a->priv, torch_node_hash(a, n));
	return number < UINT32_MAX ? number : 1u << 23 | (uint32_t)(path_hash(a, index) >> 41);
}

uint64_t torch_same(const struct archive *a, uint32_t index)
{
	const struct torch_file *f = a->priv;
	const struct torch_dir *d = torch_dir(a, index);
	return d && torch_node(f, d->node)->marks & TORCH_SHARED ? d->node : 0;
}
