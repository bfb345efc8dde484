/* SPDX-License-Identifier: MIT */
/* LogicalTypes.md, "Nested Types": which files show what. */
#include <stdio.h>

#include "formats/parquet/schema.h"
#include "fs/archive/column.h"

struct showing {
	struct archive *a;
	struct parquet *p;
	struct tree *t;
};

/* A field on the way down. From definition level `def` on it has a slot, be it null;
 * `depth` counts the shown lists above it. */
struct place {
	struct column_at at;
	bool whole_name;  /* '/' in it is a separator */
	uint8_t depth, def;
	bool nullable;
};

static void show(struct showing *s, const struct element *e, struct place at);

/* The number of elements below that many lists: the rows; else it follows only from the file's size. */
static uint64_t extent(const struct showing *s, unsigned depth)
{
	return depth ? COLUMN_UNKNOWN : s->p->first_row[s->p->ngroups];
}

/* The size of a file below a list, or of strings, by the size statistics; valid until the
 * pages contradict them. */
static uint64_t stated_size(const struct shown *as)
{
	const struct leaf *leaf = as->leaf;
	unsigned quantity = shown_quantity(as);
	uint64_t size;
	if (quantity == 0 || !leaf->stated || pq_leaf_is_small(leaf) ||
	    __builtin_mul_overflow(leaf->stated[quantity] + shown_tail(as), shown_width(as), &size) || size > INT64_MAX)
		return SIZE_UNKNOWN;
	return size;
}

/* --- files -------------------------------------------------------------------------- */

/* By the statistics of all its chunks, it has no nulls, so it needs no validity. */
static bool is_whole(const struct showing *s, const struct leaf *leaf)
{
	return !leaf->nulls && leaf->met && s->p->first_row[s->p->ngroups] > 0;
}

static const struct shown *shown(struct showing *s, struct shown as)
{
	struct shown *made = arena_alloc(s->t->arena, sizeof *made);
	if (!made)
		s->t->failed = -ENOMEM;
	else
		*made = as;
	return made;
}

/* Values that cannot be read still have a size if it follows from the rows; their fault is
 * set on the node of the leaf, by show(). */
static struct column_file file_of(struct showing *s, struct shown as)
{
	const char *fault = as.what == WHAT_VALUES ? NULL : as.leaf->fault;
	return (struct column_file){.kind = NODE_LAZY, .lazy = shown(s, as), .size = stated_size(&as), .fault = fault};
}

/* The offsets of a group's lists, if any leaf has them. */
static struct column_file offsets_of(struct showing *s, const struct element *e, uint8_t depth)
{
	struct leaf *leaf = pq_leaf_first(s->p, e);
	return leaf ? file_of(s, (struct shown){.leaf = leaf, .what = WHAT_OFFSETS, .depth = depth, .group = e}) : (struct column_file){0};
}

static void add_validity(struct showing *s, const struct element *e, const struct place *at, uint32_t id)
{
	struct leaf *leaf = pq_leaf_first(s->p, e);
	if (!at->nullable || !leaf)
		return;
	if (e->physical != GROUP && is_whole(s, leaf)) {
		struct node *n = tree_edit(s->t, id);
		if (n)
			n->nullable = true;
		return;
	}
	struct shown as = {.leaf = leaf, .what = WHAT_VALIDITY, .depth = at->depth, .level = at->def, .group = e};
	column_validity(s->t, id, extent(s, at->depth), file_of(s, as));
}

static uint32_t show_leaf(struct showing *s, const struct element *e, const struct place *at)
{
	struct leaf *leaf = &s->p->leaves[e->leaf];
	struct shown as = {.leaf = leaf, .what = WHAT_VALUES, .depth = at->depth, .whole = at->nullable && is_whole(s, leaf)};
	uint64_t n = extent(s, at->depth), bytes = COLUMN_UNKNOWN;
	struct array array = column_of(pq_schema_array(leaf), &n);

	array.type = pq_schema_word(s->t->arena, e);
	if (!leaf->strings)
		return column_array(s->t, at->at, &array, file_of(s, as));
	as.what = WHAT_STRING_OFFSETS;
	struct column c = column_list(s->t, at->at, &array, n, file_of(s, as));
	as.what = WHAT_STRINGS;
	array = column_of((struct array){.dtype = DTYPE_UINT8, .codec = array.codec}, &bytes);
	column_array(s->t, c.rest, &array, file_of(s, as));
	return c.dir;
}

/* --- groups --------------------------------------------------------------------------- */

static void show_children(struct showing *s, const struct element *e, uint32_t dir, const struct place *at)
{
	for (unsigned round = 0; round < COLUMN_ROUNDS; round++) {
		const struct element *c = e + 1;
		for (uint32_t i = 0; i < e->children && !s->t->failed; i++, c = &s->p->elements[c->next]) {
			struct place below = {.at = {.parent = dir, .name = c->name}, .whole_name = true, .depth = at->depth,
					      .def = c->max_def, .nullable = c->repetition == OPTIONAL};
			if (column_round(c->name) == round)
				show(s, c, below);
			if (c->next >= s->p->nelements)
				break;
		}
	}
}

/* "Lists", with its backward-compatibility rules: is the repeated field the
 * element itself, or is its only child? */
bool pq_schema_is_element(const struct element *list, const struct element *repeated)
{
	char tuple[300];
	if (repeated->physical != GROUP || repeated->children != 1 || (repeated + 1)->repetition == REPEATED)
		return true;
	if (slice_equal(repeated->name, SLICE("array")))
		return true;
	int n = list->name.len < 256 ? snprintf(tuple, sizeof tuple, "%.*s_tuple", (int)list->name.len, (const char *)list->name.data) : 0;
	return n > 0 && slice_equal(repeated->name, (struct slice){(const uint8_t *)tuple, (size_t)n});
}

/* Shows the contents of a list or map. */
static void show_inner(struct showing *s, const struct element *e, struct column_at to, const struct place *at)
{
	show(s, e, (struct place){.at = to, .depth = (uint8_t)(at->depth + 1), .def = e->max_def, .nullable = e->repetition == OPTIONAL});
}

static uint32_t show_list(struct showing *s, const struct element *e, const struct element *item, const char *type,
			  const struct place *at)
{
	uint64_t n = extent(s, at->depth);
	struct array array = column_of((struct array){.dtype = DTYPE_LIST, .type = type}, &n);
	struct column c = column_list(s->t, at->at, &array, n, offsets_of(s, e, at->depth));
	show_inner(s, item, c.rest, at);
	return c.dir;
}

static uint32_t show_map(struct showing *s, const struct element *e, const struct place *at)
{
	const struct element *pair = e + 1, *key = pair + 1;
	uint64_t n = extent(s, at->depth);
	struct array array = column_of((struct array){.dtype = DTYPE_MAP, .type = pq_schema_word(s->t->arena, e)}, &n);
	struct column c = column_map(s->t, at->at, &array, n, offsets_of(s, e, at->depth), extent(s, at->depth + 1u));
	show_inner(s, key, c.rest, at);
	if (pair->children > 1)
		show_inner(s, &s->p->elements[key->next], column_map_value(&c), at);
	return c.dir;
}

bool pq_schema_is_list(const struct element *e)
{
	return e->logical == LOGICAL_LIST && e->children == 1 && (e + 1)->repetition == REPEATED;
}

bool pq_schema_is_map(const struct element *e)
{
	const struct element *pair = e + 1;
	return e->logical == LOGICAL_MAP && e->children == 1 && pair->repetition == REPEATED && pair->physical == GROUP &&
	       pair->children >= 1 && pair->children <= 2;
}

static uint32_t show_struct(struct showing *s, const struct element *e, const struct place *at)
{
	uint64_t n = extent(s, at->depth);
	struct array array = column_of((struct array){.dtype = DTYPE_STRUCT, .type = pq_schema_word(s->t->arena, e)}, &n);
	uint32_t dir = column_struct(s->t, at->at, &array);
	show_children(s, e, dir, at);
	return dir;
}

/* Shows the field, or, if it is REPEATED, one element of it. */
static uint32_t show_once(struct showing *s, const struct element *e, const struct place *at)
{
	if (e->physical != GROUP)
		return show_leaf(s, e, at);
	if (pq_schema_is_map(e))
		return show_map(s, e, at);
	if (!pq_schema_is_list(e))
		return show_struct(s, e, at);
	return show_list(s, e, e + 1 + !pq_schema_is_element(e, e + 1), pq_schema_word(s->t->arena, e), at);
}

static void show(struct showing *s, const struct element *e, struct place at)
{
	struct tree_path path = {.parent = at.at.parent, .leaf = at.at.name};
	uint32_t id;

	if (at.whole_name)
		path = tree_path(s->t, at.at.parent, at.at.name, s->a->options->split);
	at.at = (struct column_at){.parent = path.parent, .name = path.leaf};
	if (e->repetition == REPEATED && e->max_rep > at.depth) /* a list without annotation */
		id = show_list(s, e, e, NULL, &at);
	else
		id = show_once(s, e, &at);
	if (at.whole_name)
		tree_path_end(s->t, &path, id);
	if (e->physical != GROUP)
		tree_error(s->t, id, s->p->leaves[e->leaf].fault);
	add_validity(s, e, &at, id);
}

int pq_schema_show(struct archive *a, struct parquet *p, struct error *err)
{
	struct showing s = {a, p, &a->tree};
	struct place root = {.at = {.parent = TREE_ROOT}};
	uint64_t rows = p->first_row[p->ngroups];
	struct array array = column_of((struct array){.dtype = DTYPE_NONE}, &rows);
	(void)err;
	show_children(&s, p->elements, TREE_ROOT, &root);
	if (p->nleaves == 0) /* there is no file whose shape would show the number of rows */
		tree_describe(s.t, TREE_ROOT, tree_array(s.t, &array));
	return 0;
}
