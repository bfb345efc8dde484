/* SPDX-License-Identifier: MIT */
/* LogicalTypes.md, "Nested Types": what becomes which files. */
#include <stdio.h>

#include "formats/parquet/schema.h"

struct showing {
	struct archive *a;
	struct parquet *p;
	struct tree *t;
};

/* A field on the way down.  `def` is the definition level from which on it is
 * there, nullable or not; `depth` counts the shown lists above. */
struct place {
	uint32_t parent;
	struct slice name;
	bool whole_name;  /* '/' in it separates */
	uint8_t depth, def;
	bool nullable;
};

static void show(struct showing *s, const struct element *e, struct place at);

/* --- arrays, shared where they are equal ------------------------------------------- */

static bool same_array(const struct array *a, const struct array *b)
{
	return a->dtype == b->dtype && a->byteorder == b->byteorder && a->unshaped == b->unshaped &&
	       a->precision == b->precision && a->scale == b->scale && a->width == b->width && a->rank == b->rank &&
	       a->codec == b->codec && (a->rank == 0 || a->shape[0] == b->shape[0]) &&
	       (a->type == b->type || (a->type && b->type && strcmp(a->type, b->type) == 0));
}

/* UINT64_MAX: the extent is not known without decoding. */
static void describe(struct showing *s, uint32_t id, struct array array, uint64_t n)
{
	struct array *kept;
	uint64_t *shape;
	const struct array **slot;

	array.rank = n != UINT64_MAX;
	array.unshaped = array.sized = !array.rank;
	array.shape = &n;
	for (unsigned i = 0; i < 16 && s->p->arrays[i]; i++)
		if (same_array(s->p->arrays[i], &array)) {
			tree_describe(s->t, id, s->p->arrays[i]);
			return;
		}
	kept = arena_alloc(s->t->arena, sizeof *kept);
	shape = arena_alloc(s->t->arena, sizeof *shape);
	if (!kept || !shape) {
		s->t->failed = -ENOMEM;
		return;
	}
	*shape = n;
	*kept = array;
	kept->shape = shape;
	slot = &s->p->arrays[(id ^ id >> 4) % 16];
	for (unsigned i = 0; i < 16; i++)
		if (!s->p->arrays[i]) {
			slot = &s->p->arrays[i];
			break;
		}
	*slot = kept;
	tree_describe(s->t, id, kept);
}

/* How much there is of a quantity: rows; by the size statistics; or unknown.  Of the
 * latter two the shape is told by the size, which the pages may contradict. */
static uint64_t extent(const struct showing *s, const struct leaf *leaf, unsigned quantity)
{
	if (quantity == 0)
		return s->p->first_row[s->p->ngroups];
	return leaf && leaf->stated && !pq_leaf_is_small(leaf) ? leaf->stated[quantity] : UINT64_MAX;
}

static uint64_t extent_at(const struct showing *s, const struct element *e, const struct place *at)
{
	return extent(s, at->depth ? pq_leaf_first(s->p, e) : NULL, at->depth);
}

static void describe_dir(struct showing *s, uint32_t id, const struct element *e, uint8_t dtype, const struct place *at)
{
	struct array array = {.dtype = dtype, .type = pq_schema_word(s->t->arena, e)};
	describe(s, id, array, at->depth ? UINT64_MAX : extent_at(s, e, at));
}

/* --- files -------------------------------------------------------------------------- */

/* By the statistics of all its chunks it has no nulls, so no validity. */
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

/* What cannot be read has a size where rows tell it. */
static void tell_fault(struct showing *s, uint32_t id, const struct leaf *leaf)
{
	if (leaf->fault)
		tree_attr(s->t, id, SLICE("arrayfs.error"), slice_text(leaf->fault));
}

static uint64_t size_of(uint64_t extent, uint32_t width)
{
	uint64_t size;
	return extent == UINT64_MAX || __builtin_mul_overflow(extent, width, &size) || size > INT64_MAX ? SIZE_UNKNOWN : size;
}

static uint32_t add_file(struct showing *s, uint32_t parent, struct slice name, struct shown as, struct array array)
{
	uint64_t n = extent(s, as.leaf, shown_quantity(&as));
	if (n != UINT64_MAX && shown_tail(&as))
		n++;
	uint32_t id = tree_lazy(s->t, parent, name, shown(s, as), size_of(n, shown_width(&as)));
	describe(s, id, array, shown_quantity(&as) > 0 ? UINT64_MAX : n);
	if (as.what != WHAT_VALUES)
		tell_fault(s, id, as.leaf);
	return id;
}

static void add_offsets(struct showing *s, uint32_t dir, struct shown as)
{
	add_file(s, dir, SLICE("offsets"), as, (struct array){.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE});
}

/* Of the lists in a group. */
static void add_list_offsets(struct showing *s, uint32_t dir, const struct element *e, uint8_t depth)
{
	struct leaf *leaf = pq_leaf_first(s->p, e);
	if (leaf)
		add_offsets(s, dir, (struct shown){.leaf = leaf, .what = WHAT_OFFSETS, .depth = depth, .group = e});
}

/* Puts the node where its name says, and its validity beside it. */
static uint32_t place_dir(struct showing *s, const struct place *at)
{
	return tree_branch(s->t, at->parent, at->name);
}

static void add_validity(struct showing *s, const struct element *e, const struct place *at, uint32_t id)
{
	struct leaf *leaf = pq_leaf_first(s->p, e);
	const struct node *n = tree_edit(s->t, id);
	struct array array = {.dtype = DTYPE_BOOL};

	if (!at->nullable || !leaf || !n)
		return;
	if (e->physical != GROUP && is_whole(s, leaf))
		return;
	struct shown as = {.leaf = leaf, .what = WHAT_VALIDITY, .depth = at->depth, .level = at->def, .group = e};
	uint32_t beside = tree_beside(s->t, id, ".validity", shown(s, as), size_of(extent(s, leaf, at->depth), 1));
	describe(s, beside, array, at->depth ? UINT64_MAX : extent(s, leaf, 0));
	tell_fault(s, beside, leaf);
}

static uint32_t show_leaf(struct showing *s, const struct element *e, const struct place *at)
{
	struct leaf *leaf = &s->p->leaves[e->leaf];
	struct array array = pq_schema_array(leaf), bytes = {.dtype = DTYPE_UINT8, .codec = array.codec};
	struct shown as = {.leaf = leaf, .what = WHAT_VALUES, .depth = at->depth, .whole = at->nullable && is_whole(s, leaf)};
	uint32_t id;

	array.type = pq_schema_word(s->t->arena, e);
	if (!leaf->strings)
		return add_file(s, at->parent, at->name, as, array);
	id = place_dir(s, at);
	describe(s, id, array, at->depth ? UINT64_MAX : extent_at(s, e, at));
	as.what = WHAT_STRING_OFFSETS;
	add_offsets(s, id, as);
	as.what = WHAT_STRINGS;
	add_file(s, id, SLICE("values"), as, bytes);
	return id;
}

/* --- groups --------------------------------------------------------------------------- */

static const struct element *child(const struct showing *s, const struct element *e, uint32_t i)
{
	const struct element *c = e + 1;
	while (i-- > 0)
		c = &s->p->elements[c->next];
	return c;
}

/* A child called NAME.validity gives way to the validity of a sibling NAME,
 * wherever it stands; so all that are called so come after the others. */
static bool gives_way(const struct element *c)
{
	static const char suffix[] = ".validity";
	size_t n = sizeof suffix - 1;
	return c->name.len > n && memcmp(c->name.data + c->name.len - n, suffix, n) == 0;
}

static void show_children(struct showing *s, const struct element *e, uint32_t dir, const struct place *at)
{
	for (unsigned late = 0; late < 2; late++) {
		const struct element *c = e + 1;
		for (uint32_t i = 0; i < e->children && !s->t->failed; i++, c = &s->p->elements[c->next]) {
			struct place below = {.parent = dir, .name = c->name, .whole_name = true, .depth = at->depth,
					      .def = c->max_def, .nullable = c->repetition == OPTIONAL};
			if (gives_way(c) == late)
				show(s, c, below);
			if (c->next >= s->p->nelements)
				break;
		}
	}
}

static void show_repeated(struct showing *s, const struct element *e, uint32_t dir, const struct element *item,
			  bool nullable, const struct place *at)
{
	struct place below = {.parent = dir, .name = SLICE("values"), .depth = (uint8_t)(at->depth + 1),
			      .def = item->max_def, .nullable = nullable};
	add_list_offsets(s, dir, e, at->depth);
	show(s, item, below);
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

static uint32_t show_list(struct showing *s, const struct element *e, const struct place *at)
{
	const struct element *repeated = e + 1, *item = pq_schema_is_element(e, repeated) ? repeated : repeated + 1;
	uint32_t dir = place_dir(s, at);
	describe_dir(s, dir, e, DTYPE_LIST, at);
	show_repeated(s, e, dir, item, item->repetition == OPTIONAL, at);
	return dir;
}

static uint32_t show_map(struct showing *s, const struct element *e, const struct place *at)
{
	const struct element *pair = e + 1;
	uint32_t dir = place_dir(s, at);
	const struct leaf *leaf = pq_leaf_first(s->p, e);
	static const struct slice names[] = {{(const uint8_t *)"key", 3}, {(const uint8_t *)"value", 5}};

	describe_dir(s, dir, e, DTYPE_MAP, at);
	add_list_offsets(s, dir, e, at->depth);
	uint32_t values = tree_branch(s->t, dir, SLICE("values"));
	describe(s, values, (struct array){.dtype = DTYPE_STRUCT}, extent(s, leaf, at->depth + 1u));
	for (uint32_t i = 0; i < pair->children; i++) {
		const struct element *c = child(s, pair, i);
		show(s, c, (struct place){.parent = values, .name = names[i], .depth = (uint8_t)(at->depth + 1),
					  .def = c->max_def, .nullable = c->repetition == OPTIONAL});
	}
	return dir;
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

/* The field without its own repetition, if that is REPEATED: its element. */
static uint32_t show_once(struct showing *s, const struct element *e, const struct place *at)
{
	if (e->physical != GROUP)
		return show_leaf(s, e, at);
	if (pq_schema_is_list(e))
		return show_list(s, e, at);
	if (pq_schema_is_map(e))
		return show_map(s, e, at);
	uint32_t dir = place_dir(s, at);
	describe_dir(s, dir, e, DTYPE_STRUCT, at);
	show_children(s, e, dir, at);
	return dir;
}

static void show(struct showing *s, const struct element *e, struct place at)
{
	struct tree_path path = {.parent = at.parent, .leaf = at.name};
	uint32_t id;

	if (at.whole_name)
		path = tree_path(s->t, at.parent, at.name, s->a->options->split);
	at.parent = path.parent;
	at.name = path.leaf;
	if (e->repetition == REPEATED && e->max_rep > at.depth) { /* a list without annotation */
		uint32_t dir = place_dir(s, &at);
		describe(s, dir, (struct array){.dtype = DTYPE_LIST}, extent_at(s, e, &at));
		show_repeated(s, e, dir, e, false, &at);
		id = dir;
	} else {
		id = show_once(s, e, &at);
	}
	if (at.whole_name)
		tree_path_end(s->t, &path, id);
	if (e->physical != GROUP)
		tell_fault(s, id, &s->p->leaves[e->leaf]);
	add_validity(s, e, &at, id);
}

int pq_schema_show(struct archive *a, struct parquet *p, struct error *err)
{
	struct showing s = {a, p, &a->tree};
	struct place root = {.parent = TREE_ROOT};
	(void)err;
	show_children(&s, p->elements, TREE_ROOT, &root);
	if (p->nleaves == 0) /* no file has a shape that would tell the rows */
		describe(&s, TREE_ROOT, (struct array){.dtype = DTYPE_NONE}, p->first_row[p->ngroups]);
	return 0;
}
