/* SPDX-License-Identifier: MIT */
/* Turns one object of the file into nodes of the tree: a dataset, and what its datatype makes
 * of it; a group; a committed datatype. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/hdf5/store.h"
#include "fs/archive/column.h"

struct emit {
	struct archive *a;
	struct tree *t;
	struct arena *s; /* scratch memory */
	const struct h5_space *space;
	const struct h5_store *store;
	bool kept; /* the store is kept; otherwise it is rebuilt when needed */
	const char *codec;
	uint64_t address;
	uint32_t links; /* number of paths that show it, if several: its files are hard links then */
	uint32_t part;  /* number of its next file */
	struct error *err;
};

/* --- arrays ---------------------------------------------------------------------------- */

/* The shape of a leaf: the dataset's, then those of the array types above the leaf. */
struct dims {
	uint64_t *list;
	uint32_t rank;
	bool unknown; /* below sequences, known only by reading */
};

static struct array array_of(struct emit *e, const struct h5_type *t, const struct dims *dims)
{
	struct array array = {.rank = dims->rank, .shape = dims->list, .sized = dims->unknown, .codec = e->codec,
			      .unshaped = dims->unknown || (e->space && e->space->null)};
	h5_describe(e->s, t, &array);
	return array;
}

static void name_enum(struct emit *e, uint32_t id, const struct h5_type *t)
{
	while (t->class == H5_ARRAY)
		t = t->base;
	const char *json = t->class == H5_ENUM && id ? h5_enum_json(e->s, t) : NULL;
	if (json)
		tree_attr_json(e->t, id, SLICE("array.enum"), slice_text(json));
}

/* Why some or all of a dataset's bytes cannot be read; NULL if no fault is known. */
static const char *fault_of(const struct h5_store *s)
{
	if (s->fault)
		return s->fault;
	for (uint32_t i = 0; s->storage == H5_EXTERNALS && i < s->nexternals; i++)
		if (s->externals[i].fault)
			return s->externals[i].fault;
	return NULL;
}

/* Whether the dataset's next file has already been shown under another path. */
static bool is_twin(struct emit *e, struct column_file *ret)
{
	uint32_t node = e->links ? h5_twin(e->a->priv, e->address, e->part) : 0;
	if (node == 0)
		return false;
	e->part++;
	*ret = (struct column_file){.kind = NODE_HARD, .twin = node};
	return true;
}

/* Records the fault and the paths of the file just added. */
static int emitted(struct emit *e, uint32_t id, const struct column_file *file)
{
	if (file->kind == NODE_HARD)
		return 0;
	if (e->store)
		tree_error(e->t, id, fault_of(e->store));
	if (e->links == 0 || id == 0)
		return 0;
	tree_edit(e->t, id)->links = e->links;
	return h5_show(e->a, e->address, e->part++, id, e->err);
}

static int emit(struct emit *e, struct column_at at, const struct h5_type *t, struct h5_view v, struct dims dims,
		unsigned depth, uint32_t *ret);

static struct h5_node *new_node(struct emit *e, int kind)
{
	struct h5_node *n = arena_alloc(&e->a->arena, sizeof *n);
	if (n)
		n->kind = kind;
	return n;
}

/* Whether the elements are contiguous in a file, so that a range of it will do. */
static bool is_range(const struct h5_view *v, uint64_t *ret)
{
	const struct h5_store *s = v->store;
	return s && s->storage == H5_CONTIGUOUS && v->nlevels == 0 && v->offset == 0 && v->width == v->element &&
	       s->size > 0 && !__builtin_add_overflow(s->address, s->file->base, ret) &&
	       range_within(*ret, s->size, h5_source(s->file)->size);
}

static int leaf_file(struct emit *e, const struct h5_view *v, struct column_file *ret)
{
	bool whole = v->store && v->nlevels == 0 && v->offset == 0 && v->width == v->element;
	uint64_t at, size = SIZE_UNKNOWN;
	int r = v->store ? h5_view_size(v, &size, e->err) : 0;
	if (r < 0)
		return r;
	if (is_range(v, &at)) {
		*ret = (struct column_file){.kind = NODE_RANGE, .source = v->store->file->number, .offset = at, .size = size};
		return 0;
	}
	*ret = (struct column_file){.kind = NODE_BYTES, .bytes = "", .size = size};
	if (size == 0)
		return 0;
	struct h5_node *n = new_node(e, !whole ? H5_NODE_VIEW : e->kept ? H5_NODE_STORE : H5_NODE_DATASET);
	struct h5_view *view = whole ? NULL : arena_alloc(&e->a->arena, sizeof *view);
	if (!n || (!whole && !view))
		return error_no_memory(e->err, "a dataset");
	if (!whole) {
		*view = *v;
		n->view = view;
	} else if (e->kept) {
		n->store = v->store;
	} else {
		n->address = e->address;
	}
	ret->kind = NODE_LAZY;
	ret->lazy = n;
	return 0;
}

static int emit_file(struct emit *e, struct column_at at, const struct h5_type *t, const struct array *array,
		     const struct column_file *file, uint32_t *ret)
{
	uint32_t id = column_array(e->t, at, array, *file);
	if (file->kind == NODE_HARD)
		return 0;
	*ret = id;
	name_enum(e, id, t);
	return emitted(e, id, file);
}

static int emit_leaf(struct emit *e, struct column_at at, const struct h5_type *t, const struct h5_view *v,
		     const struct dims *dims, uint32_t *ret)
{
	struct column_file file;
	int r = is_twin(e, &file) ? 0 : leaf_file(e, v, &file);
	struct array array = array_of(e, t, dims);
	return r < 0 ? r : emit_file(e, at, t, &array, &file, ret);
}

static int emit_compound(struct emit *e, struct column_at at, const struct h5_type *t, const struct h5_view *v,
			 const struct dims *dims, unsigned depth, uint32_t *ret)
{
	struct array array = array_of(e, t, dims);
	uint32_t dir = *ret = column_struct(e->t, at, &array);
	int r = 0;
	for (uint32_t i = 0; r == 0 && dir && i < t->nmembers; i++) {
		const struct h5_member *m = &t->members[i];
		struct h5_view part = *v;
		struct tree_path path = tree_path(e->t, dir, m->name, 0);
		uint32_t id = 0;
		part.offset += m->offset;
		part.width = m->type->size;
		r = emit(e, (struct column_at){.parent = path.parent, .name = path.leaf}, m->type, part, *dims, depth + 1, &id);
	}
	return r;
}

static struct column_file vlen_file(struct emit *e, struct h5_node *n, const struct h5_vlen *vlen)
{
	struct column_file file = {.kind = NODE_LAZY, .lazy = n, .size = SIZE_UNKNOWN};
	n->vlen = vlen;
	is_twin(e, &file);
	return file;
}

static int emit_vlen(struct emit *e, struct column_at at, const struct h5_type *t, const struct h5_view *v,
		     const struct dims *dims, unsigned depth, uint32_t *ret)
{
	struct h5_vlen *vlen = arena_alloc(&e->a->arena, sizeof *vlen);
	struct h5_node *offsets = new_node(e, H5_NODE_OFFSETS), *values = new_node(e, H5_NODE_VALUES);
	struct array array = array_of(e, t, dims), bytes = {.dtype = DTYPE_UINT8, .unshaped = true, .sized = true};
	uint64_t size = 0;
	uint32_t id = 0;
	int r = v->store ? h5_view_size(v, &size, e->err) : 0;
	if (!vlen || !offsets || !values)
		return error_no_memory(e->err, "a dataset");
	if (t->vlen_string && t->base->size != 1)
		return error_set(e->err, EBADMSG, "a string of characters of %" PRIu32 " bytes", t->base->size);
	if (r < 0)
		return r;
	*vlen = (struct h5_vlen){.of = *v, .base = t->base->size, .string = t->vlen_string};
	struct column_file file = vlen_file(e, offsets, vlen);
	struct column c = column_list(e->t, at, &array, v->store ? size / v->width : COLUMN_UNKNOWN, file);
	*ret = c.dir;
	if ((r = emitted(e, c.index, &file)) < 0)
		return r;
	if (t->vlen_string) {
		file = vlen_file(e, values, vlen);
		return emit_file(e, c.rest, t, &bytes, &file, &id);
	}
	struct h5_view items = {.file = v->file, .vlen = vlen, .element = t->base->size, .width = t->base->size, .slots = 1};
	return emit(e, c.rest, t->base, items, (struct dims){.unknown = true}, depth + 1, &id);
}

static int emit_array(struct emit *e, struct column_at at, const struct h5_type *t, struct h5_view v, struct dims dims,
		      unsigned depth, uint32_t *ret)
{
	struct dims inner = {arena_array(e->s, dims.rank + t->rank, sizeof *inner.list), dims.rank + t->rank,
			     dims.unknown};
	if (!inner.list)
		return error_no_memory(e->err, "a dataset");
	if (dims.rank)
		memcpy(inner.list, dims.list, dims.rank * sizeof *inner.list);
	memcpy(inner.list + dims.rank, t->dims, t->rank * sizeof *inner.list);
	const struct h5_type *b = t->base;
	if (b->class != H5_ARRAY && b->class != H5_VLEN && (b->class != H5_COMPOUND || h5_is_complex(b)))
		return emit_leaf(e, at, b, &v, &inner, ret); /* its bytes are contiguous */
	if (v.nlevels == sizeof v.levels / sizeof *v.levels)
		return error_set(e->err, ENOTSUP, "arrays nested more than %u deep", v.nlevels);
	v.levels[v.nlevels++] = (struct h5_level){t->size / b->size, b->size};
	v.slots *= t->size / b->size;
	v.width = b->size;
	return emit(e, at, b, v, inner, depth + 1, ret);
}

/* Whether a dataset of the type is a single file of whole elements. */
static bool is_plain(const struct h5_type *t)
{
	if (t->class == H5_ARRAY)
		t = t->base;
	return t->class != H5_ARRAY && t->class != H5_VLEN && (t->class != H5_COMPOUND || h5_is_complex(t));
}

/* The directory of a dataset is its own; that of a member may be the one implied by a name with
 * a '/'. */
static int emit(struct emit *e, struct column_at at, const struct h5_type *t, struct h5_view v, struct dims dims,
		unsigned depth, uint32_t *ret)
{
	at.merges = depth > 0;
	if (depth > H5_DEPTH_MAX * 2)
		return error_set(e->err, EBADMSG, "a datatype nested more than %u deep", H5_DEPTH_MAX);
	if (t->class == H5_ARRAY)
		return emit_array(e, at, t, v, dims, depth, ret);
	if (t->class == H5_COMPOUND && !h5_is_complex(t))
		return emit_compound(e, at, t, &v, &dims, depth, ret);
	if (t->class == H5_VLEN)
		return emit_vlen(e, at, t, &v, &dims, depth, ret);
	return emit_leaf(e, at, t, &v, &dims, ret);
}

/* --- objects ------------------------------------------------------------------------------------ */

/* The number of paths that show the object, if several; else 0. Paths are counted only if
 * something suggests several; if there are too many to count, only that there are several is
 * known. */
static int count_links(const struct h5_group *g, const struct h5_header *h, uint32_t *ret, struct error *err)
{
	uint32_t paths = 1;
	int r = g->shared || h->links > 1 ? h5_path_count(g->file, h->address, &paths, err) : 0;
	*ret = paths == 0 ? (h->links > 1 ? h->links : 2) : paths > 1 ? paths : 0;
	return r;
}

static int emit_empty(struct emit *e, struct column_at at, const struct h5_type *t, uint32_t *ret)
{
	static const struct column_file nothing = {.kind = NODE_BYTES, .bytes = ""};
	struct array array = {.unshaped = true};
	h5_describe(e->s, t, &array);
	return emit_file(e, at, t, &array, &nothing, ret);
}

static int emit_committed(struct archive *a, struct arena *s, struct column_at at, const struct h5_group *g,
			  const struct h5_header *h, uint32_t *ret, struct error *err)
{
	struct emit e = {.a = a, .t = &a->tree, .s = s, .address = h->address, .err = err};
	struct h5_type type;
	struct cursor c;
	int r = count_links(g, h, &e.links, err);
	if (r < 0 || !h5_message(g->file, s, h, H5_DATATYPE, &c, &r, err) || (r = h5_datatype(g->file, s, &c, &type, err)) < 0)
		return r;
	r = emit_empty(&e, at, &type, ret);
	tree_aside(&a->tree, *ret);
	return r;
}

static int emit_dataset(struct archive *a, struct arena *s, struct column_at at, const struct h5_group *g,
			const struct h5_header *h, uint32_t *ret, const struct h5_store **ret_store, struct error *err)
{
	const struct h5_file *f = g->file;
	struct h5_type type;
	struct h5_space space;
	struct cursor c;
	struct emit e = {.a = a, .t = &a->tree, .s = s, .space = &space, .address = h->address, .err = err};
	int r = count_links(g, h, &e.links, err);
	if (r < 0)
		return r;
	if (!h5_message(f, s, h, H5_DATATYPE, &c, &r, err))
		return r < 0 ? r : error_set(err, EBADMSG, "a dataset without a datatype");
	if ((r = h5_datatype(f, s, &c, &type, err)) < 0)
		return r;
	if (!h5_message(f, s, h, H5_DATASPACE, &c, &r, err))
		return r < 0 ? r : error_set(err, EBADMSG, "a dataset without a dataspace");
	if ((r = h5_dataspace(f, c, &space, err)) < 0)
		return r;
	if (space.null)
		return emit_empty(&e, at, &type, ret);
	struct h5_store found;
	const struct h5_store *store = &found;
	if ((r = h5_store(f, s, s, h, &type, &space, true, &found, err)) < 0)
		return r;
	if (space.rank) /* a virtual dataset's sources may determine them */
		memcpy(space.dims, store->dims, space.rank * sizeof *space.dims);
	e.kept = store->needs_files || !is_plain(&type);
	if (e.kept && !(store = *ret_store = h5_store_keep(a, &found)))
		return error_no_memory(err, "a dataset");
	e.store = store;
	e.codec = store->storage == H5_CHUNKED || store->storage == H5_FAULT ? h5_pipeline_name(s, &store->pipeline) : NULL;
	struct h5_view v = {.file = f, .store = store, .element = type.size, .width = type.size, .slots = 1};
	r = emit(&e, at, &type, v, (struct dims){space.dims, space.rank, false}, 0, ret);
	if (r == 0 && *ret && tree_edit(&a->tree, *ret)->kind == NODE_DIR)
		tree_error(&a->tree, *ret, fault_of(store));
	return r;
}

static const char *group_link(struct arena *a, const struct h5_group *g, uint64_t address)
{
	const char *text = NULL;
	for (unsigned up = 0; g; g = g->parent, up++) {
		if (g->address == address)
			return text ? text : ".";
		text = text ? arena_printf(a, "../%s", text) : "..";
		if (!text)
			return NULL;
	}
	return NULL;
}

static int emit_group(struct archive *a, uint32_t parent, struct slice name, const struct h5_group *g,
		      const struct h5_header *h, uint32_t *ret, struct error *err)
{
	uint64_t address = h->address;
	for (const struct h5_group *p = g; p; p = p->parent)
		if (p->address == address) {
			const char *target = group_link(&a->arena, g, address);
			tree_link(&a->tree, parent, name, target ? target : ".");
			*ret = 0;
			return 0;
		}
	struct h5_group *child = arena_alloc(&a->arena, sizeof *child);
	if (!child)
		return error_no_memory(err, "a group");
	*child = (struct h5_group){g->file, g, address, g->shared || h->links > 1};
	*ret = tree_open_dir(&a->tree, parent, name, child);
	return 0;
}

/* Adds a hard link if another path has shown the file already; its object need not be read
 * again. */
static bool emit_again(struct archive *a, uint32_t parent, struct slice name, uint64_t address)
{
	uint32_t node = h5_twin(a->priv, address, 0);
	if (node == 0 || h5_place_of(a, node).address != address)
		return false;
	tree_hard(&a->tree, parent, name, node);
	return true;
}

static int emit_object(struct archive *a, struct arena *s, uint32_t parent, struct slice name, const struct h5_group *g,
		       uint64_t address, struct error *err)
{
	struct column_at at = {.parent = parent, .name = name};
	struct h5_header h;
	const struct h5_store *store = NULL;
	uint32_t id = 0;
	if (emit_again(a, parent, name, address))
		return 0;
	int r = h5_header(g->file, s, address, &h, err);
	if (r < 0)
		return r;
	if (h5_has(&h, H5_SYMBOL_TABLE) || h5_has(&h, H5_LINK_INFO) || h5_has(&h, H5_LINK))
		r = emit_group(a, parent, name, g, &h, &id, err);
	else if (h5_has(&h, H5_LAYOUT) || h5_has(&h, H5_DATASPACE))
		r = emit_dataset(a, s, at, g, &h, &id, &store, err);
	else if (h5_has(&h, H5_DATATYPE))
		r = emit_committed(a, s, at, g, &h, &id, err);
	else
		return error_set(err, ENOTSUP, "an object that is neither group nor dataset nor datatype");
	return r == 0 && id ? h5_place(a, id, (struct h5_place){address, store}, err) : r;
}

int h5_object(struct archive *a, uint32_t parent, struct slice name, const struct h5_group *g, uint64_t address,
	      struct error *err)
{
	struct arena s = arena_scratch(&a->arena);
	struct error why = {0};
	int r = emit_object(a, &s, parent, name, g, address, &why);
	arena_free(&s);
	if (error_passes(r))
		return error_set(err, -r, "%s", why.text);
	if (r < 0) {
		uint32_t id = tree_fault(&a->tree, parent, name, why.text, NULL);
		if (r == -ENOTSUP)
			tree_sound(&a->tree, id);
	}
	return 0;
}
