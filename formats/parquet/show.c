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
	array.unshaped = !array.rank;
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

/* How much there is of a quantity: rows; by the size statistics; or unknown. */
static uint64_t extent(const struct showing *s, const struct leaf *leaf, unsigned quantity)
{
	if (quantity == 0)
		return s->p->first_row[s->p->ngroups];
	return leaf && leaf->stated ? leaf->stated[quantity] : UINT64_MAX;
}

static const struct leaf *best_leaf(const struct showing *s, const struct element *e);

static uint64_t extent_at(const struct showing *s, const struct element *e, const struct place *at)
{
	return extent(s, at->depth ? best_leaf(s, e) : NULL, at->depth);
}

static void describe_dir(struct showing *s, uint32_t id, const struct element *e, uint8_t dtype, const struct place *at)
{
	struct array array = {.dtype = dtype, .type = schema_word(s->t->arena, e)};
	describe(s, id, array, extent_at(s, e, at));
}

/* --- files -------------------------------------------------------------------------- */

static const struct shown *shown(struct showing *s, const struct leaf *leaf, enum what what, uint8_t depth, uint8_t level)
{
	struct shown *made = arena_alloc(s->t->arena, sizeof *made);
	if (!made)
		s->t->failed = -ENOMEM;
	else
		*made = (struct shown){(struct leaf *)(uintptr_t)leaf, (uint8_t)what, depth, level};
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

static uint32_t add_file(struct showing *s, uint32_t parent, struct slice name, const struct leaf *leaf, enum what what,
			 uint8_t depth, struct array array, uint32_t width)
{
	uint64_t n = extent(s, leaf, what == WHAT_STRINGS ? leaf->max_rep + 1u : depth);
	if (n != UINT64_MAX && (what == WHAT_OFFSETS || what == WHAT_STRING_OFFSETS))
		n++;
	uint32_t id = tree_lazy(s->t, parent, name, shown(s, leaf, what, depth, 0), size_of(n, width));
	describe(s, id, array, n);
	if (what != WHAT_VALUES)
		tell_fault(s, id, leaf);
	return id;
}

static void add_offsets(struct showing *s, uint32_t dir, const struct leaf *leaf, enum what what, uint8_t depth)
{
	struct array array = {.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE};
	add_file(s, dir, SLICE("offsets"), leaf, what, depth, array, 8);
}

/* The leaf that a group's offsets and validity are best made of: one that can be
 * read, under the fewest lists. */
static const struct leaf *best_leaf(const struct showing *s, const struct element *e)
{
	const struct leaf *best = NULL;
	uint32_t first = e->leaf, end = e->next < s->p->nelements ? s->p->elements[e->next].leaf : s->p->nleaves;
	for (uint32_t i = first; i < end && i < s->p->nleaves; i++) {
		const struct leaf *leaf = &s->p->leaves[i];
		if (!best || (best->fault && !leaf->fault) ||
		    (!best->fault == !leaf->fault && leaf->max_rep < best->max_rep))
			best = leaf;
	}
	return best;
}

/* Puts the node where its name says, and its validity beside it. */
static uint32_t place_dir(struct showing *s, const struct place *at)
{
	return tree_branch(s->t, at->parent, at->name);
}

static void add_validity(struct showing *s, const struct element *e, const struct place *at, uint32_t id)
{
	const struct leaf *leaf = best_leaf(s, e);
	const struct node *n = tree_edit(s->t, id);
	struct array array = {.dtype = DTYPE_BOOL};

	if (!at->nullable || !leaf || !n)
		return;
	if (e->physical != GROUP && !leaf->nulls && s->p->first_row[s->p->ngroups] > 0 && leaf->met)
		return;
	uint32_t beside = tree_beside(s->t, id, ".validity", shown(s, leaf, WHAT_VALIDITY, at->depth, at->def),
				      size_of(extent(s, leaf, at->depth), 1));
	describe(s, beside, array, extent(s, leaf, at->depth));
	tell_fault(s, beside, leaf);
}

static uint32_t show_leaf(struct showing *s, const struct element *e, const struct place *at)
{
	const struct leaf *leaf = &s->p->leaves[e->leaf];
	struct array array = schema_array(leaf), bytes = {.dtype = DTYPE_UINT8, .codec = array.codec};
	uint32_t id;

	array.type = schema_word(s->t->arena, e);
	if (!leaf->strings)
		return add_file(s, at->parent, at->name, leaf, WHAT_VALUES, at->depth, array, leaf->width);
	id = place_dir(s, at);
	describe(s, id, array, extent_at(s, e, at));
	add_offsets(s, id, leaf, WHAT_STRING_OFFSETS, at->depth);
	add_file(s, id, SLICE("values"), leaf, WHAT_STRINGS, at->depth, bytes, 1);
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
	const struct leaf *leaf = best_leaf(s, e);
	if (leaf)
		add_offsets(s, dir, leaf, WHAT_OFFSETS, at->depth);
	show(s, item, below);
}

/* "Lists", with its backward-compatibility rules: is the repeated field the
 * element itself, or is its only child? */
bool schema_is_element(const struct element *list, const struct element *repeated)
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
	const struct element *repeated = e + 1, *item = schema_is_element(e, repeated) ? repeated : repeated + 1;
	uint32_t dir = place_dir(s, at);
	describe_dir(s, dir, e, DTYPE_LIST, at);
	show_repeated(s, e, dir, item, item->repetition == OPTIONAL, at);
	return dir;
}

static uint32_t show_map(struct showing *s, const struct element *e, const struct place *at)
{
	const struct element *pair = e + 1;
	uint32_t dir = place_dir(s, at);
	const struct leaf *leaf = best_leaf(s, e);
	static const struct slice names[] = {{(const uint8_t *)"key", 3}, {(const uint8_t *)"value", 5}};

	describe_dir(s, dir, e, DTYPE_MAP, at);
	if (leaf)
		add_offsets(s, dir, leaf, WHAT_OFFSETS, at->depth);
	uint32_t values = tree_branch(s->t, dir, SLICE("values"));
	describe(s, values, (struct array){.dtype = DTYPE_STRUCT}, extent(s, leaf, at->depth + 1u));
	for (uint32_t i = 0; i < pair->children; i++) {
		const struct element *c = child(s, pair, i);
		show(s, c, (struct place){.parent = values, .name = names[i], .depth = (uint8_t)(at->depth + 1),
					  .def = c->max_def, .nullable = c->repetition == OPTIONAL});
	}
	return dir;
}

bool schema_is_list(const struct element *e)
{
	return e->logical == LOGICAL_LIST && e->children == 1 && (e + 1)->repetition == REPEATED;
}

bool schema_is_map(const struct element *e)
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
	if (schema_is_list(e))
		return show_list(s, e, at);
	if (schema_is_map(e))
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

int schema_show(struct archive *a, struct parquet *p, struct error *err)
{
	struct showing s = {a, p, &a->tree};
	struct place root = {.parent = TREE_ROOT};
	(void)err;
	show_children(&s, p->elements, TREE_ROOT, &root);
	return 0;
}
