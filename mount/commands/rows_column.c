/* SPDX-License-Identifier: MIT */
/* What the columns of a table are, by the files that they are shown as. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/name.h"
#include "mount/commands/rows_names.h"

/* How deep columns are nested, dimensions included. */
enum { DEPTH = 200 };

struct building {
	struct archive *a;
	struct arena *arena;
};

/* Where a column lies, and how many of its array's dimensions are those of its slots. */
struct place {
	uint32_t dir;
	unsigned lead;  /* for the rows, or the elements of all lists: 1; in a table that is a scalar 0 */
	unsigned outer; /* of the arrays around it */
	unsigned depth;
};

static int column_of(const struct building *b, uint32_t index, struct place at, struct rows_column **ret, struct error *err);

/* The node of that name below the directory; 0: none. */
static uint32_t find(const struct building *b, uint32_t dir, const char *name)
{
	return tree_find(&b->a->tree, tree_node(&b->a->tree, dir), dir, slice_text(name));
}

static struct slice name_attr(const struct node *n)
{
	for (const struct attr *at = n->attrs; at; at = at->next)
		if (slice_equal(at->name, SLICE("arrayfs.name")))
			return at->value;
	return (struct slice){0};
}

static int refuse(const char *why, struct error *err)
{
	return error_set(err, ENOTSUP, "%s", why);
}

static int no_memory(struct error *err)
{
	return error_no_memory(err, "the columns: -o cache=SIZE allows more");
}

static void chain(struct rows_column *to, struct rows_column *c)
{
	if (to->last)
		to->last->next = c;
	else
		to->first = c;
	to->last = c;
}

/* A column below, by its name. */
static int add_named(const struct building *b, struct rows_column *to, const char *name, struct place at, struct error *err)
{
	struct rows_column *c;
	uint32_t index = find(b, at.dir, name);
	if (!index)
		return error_set(err, ENOTSUP, "it has no %s", name);
	at.depth++;
	int r = column_of(b, index, at, &c, err);
	if (r == 0)
		chain(to, c);
	return r;
}

/* --- fields --------------------------------------------------------------------------------- */

/* A directory that a name with a slash implied: the columns in it have names that begin with its own. */
static bool is_implied(const struct node *n)
{
	return n->kind == NODE_DIR && !n->array && !n->own;
}

static int name_field(const struct building *b, const struct node *n, const char *prefix, struct rows_column *c)
{
	struct slice whole = name_attr(n);
	const char *shown = *prefix ? arena_printf(b->arena, "%s%s", prefix, n->name) : n->name;
	if (!shown)
		return -ENOMEM;
	c->shown = slice_text(shown);
	c->name = whole.data ? whole : c->shown;
	return 0;
}

/* One field; at the top of a table, one that has no text is there, and says so. */
static int add_field(const struct building *b, struct rows_column *to, uint32_t index, const char *prefix, struct place at, struct error *err)
{
	const struct node *n = tree_node(&b->a->tree, index);
	struct error why = {0};
	struct rows_column *c;
	at.depth++;
	int r = column_of(b, index, at, &c, &why);
	if (r < 0 && r != -ENOMEM && at.depth == 1) {
		c = arena_alloc(b->arena, sizeof *c);
		char *text = arena_text(b->arena, slice_text(why.text));
		if (!c || !text)
			return no_memory(err);
		c->refused = text;
		r = 0;
	}
	if (r < 0)
		return at.depth > 1 ? error_set(err, -r, "its field %s: %s", n->name, why.text) : error_set(err, -r, "%s", why.text);
	c->node = index;
	if (name_field(b, n, prefix, c) < 0)
		return no_memory(err);
	chain(to, c);
	return 0;
}

static int add_fields(const struct building *b, struct rows_column *to, uint32_t dir, const char *prefix, struct place at, unsigned implied,
		      struct error *err)
{
	struct tree *t = &b->a->tree;
	int r = implied < DEPTH ? archive_fill(b->a, dir, err) : refuse("its name has too many slashes", err);
	at.dir = dir;
	for (uint32_t i = tree_node(t, dir)->child; r == 0 && i; i = tree_node(t, i)->next) {
		const struct node *n = tree_node(t, i);
		if (n->companion) /* the validity of its neighbour */
			continue;
		if (!is_implied(n)) {
			r = add_field(b, to, i, prefix, at, err);
			continue;
		}
		const char *longer = arena_printf(b->arena, "%s%s/", prefix, n->name);
		r = longer ? add_fields(b, to, i, longer, at, implied + 1, err) : no_memory(err);
	}
	return r;
}

static int by_node(const void *a, const void *b)
{
	const struct rows_column *const *x = a, *const *y = b;
	return ((*x)->node > (*y)->node) - ((*x)->node < (*y)->node);
}

/* As the archive has them: what is below a directory that names imply need not come one after another there. */
static int put_in_order(const struct building *b, struct rows_column *of)
{
	size_t count = 0, n = 0;
	bool ordered = true;
	for (const struct rows_column *c = of->first; c; c = c->next, count++)
		ordered &= !c->next || c->node < c->next->node;
	if (ordered)
		return 0;
	struct rows_column **all = arena_array(b->arena, count, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (struct rows_column *c = of->first; c; c = c->next)
		all[n++] = c;
	qsort(all, count, sizeof(*all), by_node);
	of->first = of->last = NULL;
	for (n = 0; n < count; n++) {
		all[n]->next = NULL;
		chain(of, all[n]);
	}
	return 0;
}

/* The fields of a struct, or the columns of a table. */
static int take_fields(const struct building *b, struct rows_column *c, uint32_t dir, struct place at, struct rows_names **ret, struct error *err)
{
	int r = add_fields(b, c, dir, "", at, 0, err);
	if (r == 0 && (put_in_order(b, c) < 0 || rows_name_members(b->arena, c, ret) < 0))
		r = no_memory(err);
	return r;
}

/* --- a column --------------------------------------------------------------------------------- */

static bool is_utc(const struct array *a)
{
	return a->type && dtype_kind(a->dtype) == KIND_TIMESTAMP && (strstr(a->type, ",utc") || strstr(a->type, "tz="));
}

/* One file. */
static int take_file(const struct node *n, uint32_t index, struct rows_column *c, struct error *err)
{
	c->data = index;
	if (n->array->dtype == DTYPE_NULL) {
		c->kind = ROWS_NULL;
		return 0;
	}
	if (n->array->fortran || dtype_bits(n->array) == 0 || dtype_bits(n->array) % 8)
		return refuse("its elements have no text", err);
	c->kind = ROWS_FIXED;
	c->array = *n->array;
	c->width = (uint32_t)(dtype_bits(n->array) / 8);
	c->utc = is_utc(n->array);
	c->times = dtype_kind(n->array->dtype) == KIND_TIMESTAMP && c->width == 8;
	c->plain = n->array->byteorder != BYTEORDER_BIG;
	return 0;
}

static int take_offsets(const struct building *b, uint32_t dir, const char *name, struct rows_column *c, struct error *err)
{
	c->offsets = find(b, dir, name);
	return c->offsets ? 0 : error_set(err, ENOTSUP, "it has no %s", name);
}

static int take_map(const struct building *b, struct rows_column *c, struct place below, struct error *err)
{
	c->kind = ROWS_MAP;
	below.dir = find(b, below.dir, "values");
	if (!below.dir)
		return refuse("it has no values", err);
	int r = archive_fill(b->a, below.dir, err);
	if (r == 0)
		r = add_named(b, c, "key", below, err);
	return r == 0 && find(b, below.dir, "value") ? add_named(b, c, "value", below, err) : r; /* Parquet has some without values */
}

/* A directory that is one column.  `inner`: where what has as many slots lies; what has slots of its own lies `below`. */
static int take_dir(const struct building *b, uint32_t index, const struct node *n, struct rows_column *c, struct place inner, struct error *err)
{
	struct place below = {.dir = index, .lead = 1, .depth = inner.depth};
	struct rows_names *names;
	int r = archive_fill(b->a, index, err);
	if (r < 0)
		return r;
	switch ((enum dtype)n->array->dtype) {
	case DTYPE_STRING:
	case DTYPE_BYTES:
		c->kind = ROWS_STRING;
		c->bytes = n->array->dtype == DTYPE_BYTES;
		c->data = find(b, index, "values");
		return c->data ? take_offsets(b, index, "offsets", c, err) : refuse("it has no values", err);
	case DTYPE_LIST:
		c->kind = ROWS_LIST;
		r = take_offsets(b, index, "offsets", c, err);
		return r == 0 ? add_named(b, c, "values", below, err) : r;
	case DTYPE_MAP:
		r = take_offsets(b, index, "offsets", c, err);
		return r == 0 ? take_map(b, c, below, err) : r;
	case DTYPE_STRUCT:
		c->kind = ROWS_STRUCT;
		return take_fields(b, c, index, inner, &names, err);
	case DTYPE_DICTIONARY:
		c->kind = ROWS_DICTIONARY;
		c->words = arena_alloc(b->arena, sizeof *c->words);
		r = c->words ? add_named(b, c, "indices", inner, err) : no_memory(err);
		return r == 0 ? add_named(b, c, "dictionary", below, err) : r;
	case DTYPE_RUN_END:
		c->kind = ROWS_RUNS;
		r = take_offsets(b, index, "run_ends", c, err);
		return r == 0 ? add_named(b, c, "values", below, err) : r;
	case DTYPE_UNION:
		return refuse("a union has no text", err);
	case DTYPE_SPARSE:
		return refuse("a sparse array has no text", err);
	default:
		return refuse("it has no text", err);
	}
}

/* --- dimensions ----------------------------------------------------------------------------------- */

/* The array's dimensions beyond those of its slots; false: it has not even these. */
static bool own_dims(const struct array *array, const struct place *at, const uint64_t **ret, unsigned *ret_count)
{
	unsigned slots = (array->unshaped ? 0 : at->lead) + at->outer;
	if (array->rank < slots)
		return false;
	*ret = array->shape ? array->shape + slots : NULL;
	*ret_count = array->rank - slots;
	return true;
}

/* NAME.validity, NAME.values.validity …, each at the dimension that it is of. */
static void find_validity(const struct building *b, const struct node *n, const struct place *at, unsigned count, uint32_t ret[])
{
	char name[NAME_ROOM + 8 * DEPTH];
	const uint64_t *dims;
	unsigned of;
	size_t len = (size_t)snprintf(name, NAME_ROOM, "%s", n->name);
	for (unsigned i = 0; i <= count; i++) {
		snprintf(name + len, sizeof name - len, ".validity");
		uint32_t index = find(b, at->dir, name);
		const struct node *found = index ? tree_node(&b->a->tree, index) : NULL;
		if (found && found->companion && found->array && found->array->dtype == DTYPE_BOOL && own_dims(found->array, at, &dims, &of) &&
		    of <= count && !ret[of])
			ret[of] = index;
		len += (size_t)snprintf(name + len, sizeof name - len, ".values");
	}
}

static int check_node(const struct node *n, const struct place *at, struct error *err)
{
	const struct attr *fault = node_error(n);
	if (at->depth > DEPTH)
		return refuse("it is nested too deep", err);
	if (fault || n->kind == NODE_FAULT)
		return error_set(err, EIO, "%.*s", fault ? (int)fault->value.len : 0, fault ? (const char *)fault->value.data : "");
	if (!n->array || n->kind == NODE_LINK)
		return refuse("it is no column", err);
	if (n->array->unshaped && !n->array->sized)
		return refuse("it has no values", err);
	return 0;
}

/* The column itself; within one ARRAY for each of its own dimensions, of which the outermost is returned. */
static int column_of(const struct building *b, uint32_t index, struct place at, struct rows_column **ret, struct error *err)
{
	const struct node *named = tree_node(&b->a->tree, index);
	uint32_t whose = tree_resolve(&b->a->tree, index), validity[DEPTH + 1] = {0};
	const struct node *n = tree_node(&b->a->tree, whose);
	const uint64_t *dims = NULL;
	unsigned count = 0;
	int r = check_node(n, &at, err);
	if (r == 0 && (!own_dims(n->array, &at, &dims, &count) || count > DEPTH - at.depth))
		r = refuse("it has another shape than its table", err);
	if (r < 0)
		return r;
	find_validity(b, named, &at, count, validity);
	struct rows_column *inner = NULL;
	for (unsigned i = 0; i <= count; i++) {
		struct rows_column *c = arena_alloc(b->arena, sizeof *c);
		if (!c)
			return no_memory(err);
		c->name = c->shown = slice_text(named->name);
		c->node = whose;
		c->validity = validity[i];
		if (i < count)
			c->kind = ROWS_ARRAY, c->each = dims[i];
		if (inner)
			chain(inner, c);
		else
			*ret = c;
		inner = c;
	}
	at.outer += count;
	at.depth += count;
	at.dir = whose;
	return n->kind == NODE_DIR ? take_dir(b, whose, n, inner, at, err) : take_file(n, whose, inner, err);
}

/* --- a table ------------------------------------------------------------------------------------------ */

/* One that is neither a column nor implied by names: it has columns of its own. */
static bool is_apart(const struct node *n)
{
	return n->kind == NODE_DIR && n->own && (!n->array || n->array->dtype == DTYPE_NONE);
}

bool rows_is_table(struct archive *a, uint32_t dir)
{
	const struct node *n = tree_node(&a->tree, dir);
	if (n->kind != NODE_DIR)
		return false;
	if (n->array && n->array->dtype == DTYPE_STRUCT)
		return true;
	if (!a->format->table)
		return false;
	if (dir != TREE_ROOT)
		return is_apart(n);
	for (uint32_t i = n->child; i; i = tree_node(&a->tree, i)->next)
		if (is_apart(tree_node(&a->tree, i)))
			return false;
	return true;
}

/* The number of rows according to the array; UINT64_MAX: not known. */
static uint64_t rows_of(const struct array *array)
{
	return array && array->rank && !array->unshaped ? array->shape[0] : UINT64_MAX;
}

static int count_rows(const struct building *b, const struct node *n, struct rows_table *t, struct error *err)
{
	bool scalar = n->array && n->array->dtype == DTYPE_STRUCT && n->array->rank == 0 && !n->array->unshaped;
	t->rows = scalar ? 1 : rows_of(n->array);
	for (const struct rows_column *c = t->columns; c; c = c->next) {
		uint64_t rows = scalar ? UINT64_MAX : rows_of(tree_node(&b->a->tree, tree_resolve(&b->a->tree, c->node))->array);
		t->count++;
		t->refused += c->refused != NULL;
		if (t->rows == UINT64_MAX)
			t->rows = rows;
		if (rows != t->rows && rows != UINT64_MAX && !c->refused)
			return error_set(err, ENOTSUP, "%.*s: has another number of rows than the columns before", (int)c->name.len,
					 (const char *)c->name.data);
	}
	t->rows = t->rows == UINT64_MAX ? 0 : t->rows;
	return 0;
}

int rows_columns(struct archive *a, uint32_t dir, struct arena *arena, struct rows_table *ret, struct error *err)
{
	struct building b = {a, arena};
	struct rows_column all = {0};
	const struct node *n = tree_node(&a->tree, dir);
	bool scalar = n->array && n->array->dtype == DTYPE_STRUCT && n->array->rank == 0 && !n->array->unshaped;
	*ret = (struct rows_table){0};
	int r = take_fields(&b, &all, dir, (struct place){.lead = !scalar}, &ret->members, err);
	ret->columns = all.first;
	if (r == 0)
		r = count_rows(&b, n, ret, err);
	size_t others = 0;
	for (const struct rows_column *c = all.first; r == 0 && c; c = c->next)
		others += !slice_equal(c->shown, c->member);
	if (r == 0 && !(ret->paths = rows_names_new(arena, others)))
		r = no_memory(err);
	for (struct rows_column *c = all.first; r == 0 && c; c = c->next)
		if (!slice_equal(c->shown, c->member))
			rows_names_add(ret->paths, c->shown, c);
	return r;
}

struct rows_column *rows_find(const struct rows_table *t, struct slice name)
{
	struct rows_column *c = rows_names_slot(t->members, name)->column;
	return c ? c : rows_names_slot(t->paths, name)->column;
}
