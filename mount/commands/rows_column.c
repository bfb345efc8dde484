/* SPDX-License-Identifier: MIT */
/* What the columns of a table are, by the files that they are shown as. */
#include <stdio.h>

#include "fs/archive/shape.h"
#include "mount/commands/rows.h"

enum { DEPTH = 64 };

static const char validity[] = ".validity";

/* The node of that name below the directory; 0: none. */
static uint32_t find(struct archive *a, uint32_t dir, const char *name)
{
	return tree_find(&a->tree, tree_node(&a->tree, dir), dir, slice_text(name));
}

static struct slice name_of(const struct node *n)
{
	for (const struct attr *at = n->attrs; at; at = at->next)
		if (slice_equal(at->name, SLICE("arrayfs.name")))
			return at->value;
	return slice_text(n->name);
}

static struct rows_column *column_of(struct archive *a, uint32_t dir, uint32_t index, struct arena *arena, unsigned depth, struct error *err);

static int refuse(const struct node *n, const char *why, struct error *err)
{
	return error_set(err, ENOTSUP, "%s: %s", n->name, why);
}

static bool add(struct rows_column *to, struct rows_column *c)
{
	if (!c)
		return false;
	if (to->last)
		to->last->next = c;
	else
		to->first = c;
	to->last = c;
	return true;
}

/* A column below, by its name. */
static bool add_named(struct archive *a, struct rows_column *to, uint32_t dir, const char *name, struct arena *arena, unsigned depth,
		      struct error *err)
{
	uint32_t index = find(a, dir, name);
	if (!index) {
		error_set(err, ENOTSUP, "%s: it has no %s", tree_node(&a->tree, dir)->name, name);
		return false;
	}
	return add(to, column_of(a, dir, index, arena, depth, err));
}

/* Below a directory that a name with a slash implied, the columns' names begin with it. */
static bool prefix_names(struct rows_column *c, const char *before, struct arena *arena, struct error *err)
{
	for (; c; c = c->next) {
		char *whole = memchr(c->name.data, '/', c->name.len) ? (char *)(uintptr_t)c->name.data /* which told all of it */
							     : arena_printf(arena, "%s/%.*s", before, (int)c->name.len, (const char *)c->name.data);
		if (!whole) {
			error_no_memory(err, "the columns");
			return false;
		}
		if ((const uint8_t *)whole != c->name.data)
			c->name = c->member = slice_text(whole);
	}
	return true;
}

/* If several have one name, as in the archive, members of objects are called as they are shown. */
static void tell_apart(struct rows_column *first)
{
	for (struct rows_column *c = first; c; c = c->next) {
		if (slice_equal(c->name, slice_text(c->shown))) /* which is the first of these, or the only one */
			continue;
		for (const struct rows_column *other = first; other; other = other->next)
			if (other != c && slice_equal(c->name, other->name))
				c->member = slice_text(c->shown);
	}
}

static bool add_fields(struct archive *a, struct rows_column *to, uint32_t dir, struct arena *arena, unsigned depth, struct error *err)
{
	struct rows_column *last;
	if (archive_fill(a, dir, err) < 0)
		return false;
	if (depth > DEPTH)
		return false;
	for (uint32_t i = tree_node(&a->tree, dir)->child; i; i = tree_node(&a->tree, i)->next) {
		const struct node *n = tree_node(&a->tree, i);
		if (n->companion) /* the validity of its neighbour */
			continue;
		bool implied = n->kind == NODE_DIR && !n->array; /* by a name with a slash */
		last = to->last;
		if (implied ? !add_fields(a, to, i, arena, depth + 1, err) : !add(to, column_of(a, dir, i, arena, depth, err)))
			return false;
		if (implied && !prefix_names(last ? last->next : to->first, n->name, arena, err))
			return false;
	}
	tell_apart(to->first);
	return true;
}

static bool is_utc(const struct array *a)
{
	return a->type && dtype_kind(a->dtype) == KIND_TIMESTAMP && (strstr(a->type, ",utc") || strstr(a->type, "tz="));
}

/* One file. */
static int take_file(struct archive *a, const struct node *n, struct rows_column *c, struct error *err)
{
	struct shaped shaped;
	if (n->array && n->array->dtype == DTYPE_NULL) {
		c->kind = ROWS_NULL;
		c->count = n->array->rank ? n->array->shape[0] : UINT64_MAX;
		return 0;
	}
	if (n->kind == NODE_FAULT || node_error(n))
		return error_set(err, EIO, "%s: %.*s", n->name, (int)node_error(n)->value.len, (const char *)node_error(n)->value.data);
	if (!n->array || n->array->fortran || dtype_bits(n->array) == 0 || dtype_bits(n->array) % 8)
		return refuse(n, "its elements have no text", err);
	shape_known(a, n, &shaped);
	c->kind = ROWS_FIXED;
	c->array = *n->array;
	c->width = (uint32_t)(dtype_bits(n->array) / 8);
	c->utc = is_utc(n->array);
	c->plain = n->array->byteorder != BYTEORDER_BIG;
	c->each = 1;
	c->count = shaped.array.unshaped || shaped.array.rank == 0 ? UINT64_MAX : shaped.array.shape[0];
	uint32_t inner = n->array->sized ? 0 : 1; /* of an array that is sized, these are the other dimensions */
	if (n->array->rank > inner && !shape_elements(n->array->shape + inner, n->array->rank - inner, &c->each))
		return refuse(n, "its shape overflows", err);
	return 0;
}

/* A directory that is one column. */
static int take_dir(struct archive *a, uint32_t index, const struct node *n, struct rows_column *c, struct arena *arena, unsigned depth,
		    struct error *err)
{
	bool fine = true;
	int r = archive_fill(a, index, err);
	if (r < 0)
		return r;
	c->offsets = find(a, index, "offsets");
	switch ((enum dtype)n->array->dtype) {
	case DTYPE_STRING:
	case DTYPE_BYTES:
		c->kind = ROWS_STRING;
		c->bytes = n->array->dtype == DTYPE_BYTES;
		c->data = find(a, index, "values");
		return c->data && c->offsets ? 0 : refuse(n, "it has no offsets and values", err);
	case DTYPE_LIST:
		c->kind = ROWS_LIST;
		fine = add_named(a, c, index, "values", arena, depth + 1, err);
		break;
	case DTYPE_MAP: {
		uint32_t values = find(a, index, "values");
		c->kind = ROWS_MAP;
		fine = values && archive_fill(a, values, err) == 0 && add_named(a, c, values, "key", arena, depth + 1, err) &&
		       add_named(a, c, values, "value", arena, depth + 1, err);
		break;
	}
	case DTYPE_STRUCT:
		c->kind = ROWS_STRUCT;
		return add_fields(a, c, index, arena, depth + 1, err) ? 0 : -ENOTSUP;
	case DTYPE_DICTIONARY:
		c->kind = ROWS_DICTIONARY;
		fine = add_named(a, c, index, "indices", arena, depth + 1, err) && add_named(a, c, index, "dictionary", arena, depth + 1, err);
		c->count = fine ? c->first->count : 0;
		return fine ? 0 : -ENOTSUP;
	case DTYPE_RUN_END:
		c->kind = ROWS_RUNS;
		c->offsets = find(a, index, "run_ends");
		fine = add_named(a, c, index, "values", arena, depth + 1, err);
		break;
	default:
		return refuse(n, "a union or a sparse column has no text in rows (name the columns that are wanted)", err);
	}
	if (fine && !c->offsets)
		return refuse(n, "it has no offsets", err);
	return fine ? 0 : -ENOTSUP;
}

/* As deep as columns are nested: DEPTH. */
static struct rows_column *column_of(struct archive *a, uint32_t dir, uint32_t index, struct arena *arena, unsigned depth, struct error *err)
{
	struct node *n = tree_node(&a->tree, index);
	struct rows_column *c = arena_alloc(arena, sizeof *c);
	char beside[300];
	int r = c ? 0 : error_no_memory(err, "the columns");
	if (r == 0 && depth > DEPTH)
		r = refuse(n, "it is nested too deep", err);
	if (r < 0)
		return NULL;
	c->name = name_of(n);
	c->member = c->name;
	c->shown = n->name;
	c->data = index;
	c->count = n->array && n->array->rank && !n->array->unshaped ? n->array->shape[0] : UINT64_MAX;
	snprintf(beside, sizeof beside, "%s%s", n->name, validity);
	c->validity = find(a, dir, beside);
	snprintf(beside, sizeof beside, "%s.values%s", n->name, validity);
	c->inner_validity = find(a, dir, beside);
	if (n->kind != NODE_DIR)
		r = take_file(a, n, c, err);
	else if (!n->array)
		r = refuse(n, "a directory that is no column", err); /* below a list, for example */
	else
		r = take_dir(a, index, n, c, arena, depth, err);
	return r < 0 ? NULL : c;
}

bool rows_is_table(struct archive *a, uint32_t dir)
{
	const struct node *n = tree_node(&a->tree, dir);
	if (n->kind != NODE_DIR)
		return false;
	return (dir == TREE_ROOT && a->format->table) || (n->array && n->array->dtype == DTYPE_STRUCT);
}

struct rows_column *rows_columns(struct archive *a, uint32_t dir, struct arena *arena, uint64_t *ret_rows, struct error *err)
{
	struct rows_column *table = arena_alloc(arena, sizeof *table);
	const struct node *n = tree_node(&a->tree, dir);
	if (!table || !add_fields(a, table, dir, arena, 0, err))
		return NULL;
	*ret_rows = n->array && n->array->rank ? n->array->shape[0] : UINT64_MAX;
	for (const struct rows_column *c = table->first; c; c = c->next) {
		if (*ret_rows == UINT64_MAX)
			*ret_rows = c->count;
		if (c->count != *ret_rows && c->count != UINT64_MAX) {
			error_set(err, ENOTSUP, "%.*s: has another number of rows than the columns before", (int)c->name.len, (const char *)c->name.data);
			return NULL;
		}
	}
	if (*ret_rows == UINT64_MAX)
		*ret_rows = 0;
	return table;
}
