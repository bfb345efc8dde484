/* SPDX-License-Identifier: MIT */
/* Columnar.html, "Physical Memory Layout": which files show what. */
#include <inttypes.h>

#include "formats/arrow/meta.h"
#include "fs/archive/column.h"

struct showing {
	struct archive *a;
	struct tree *t;
	const struct table *table;
};

/* The most dimensions after the rows: one for each level of nested fixed-size lists, and as many
 * more for those of tensors. */
enum { DIMS = 2 * ARROW_DEPTH };

/* A field on the way down. */
struct place {
	struct column_at at;
	bool whole_name;     /* '/' in it is a separator */
	const char *type;    /* of the fixed-size list that it is shown as, or NULL */
	uint32_t rank;
	uint64_t dims[DIMS]; /* of the fixed-size lists around it, after the rows: */
	uint64_t rows;       /* or what else counts them; COLUMN_UNKNOWN below lists */
};

static uint32_t render(struct showing *s, struct field *f, const struct place *at);
static void show(struct showing *s, struct field *f, struct place at);

/* --- arrays and files --------------------------------------------------------------------------- */

struct shaped_array {
	struct array array;
	uint64_t shape[DIMS + 1];
};

static struct array *shape(struct shaped_array *ret, struct array array, const struct place *at)
{
	bool known = at->rows != COLUMN_UNKNOWN;
	ret->array = array;
	ret->array.shape = ret->shape;
	ret->array.rank = at->rank + known;
	ret->array.unshaped = ret->array.sized = !known;
	if (known)
		ret->shape[0] = at->rows;
	memcpy(ret->shape + known, at->dims, at->rank * sizeof *at->dims);
	if (at->type && array.type)
		ret->array.type = at->type;
	return &ret->array;
}

/* Of all dimensions together. */
static uint64_t slots(const struct place *at)
{
	uint64_t n = at->rows, inner;
	bool counted = n != COLUMN_UNKNOWN && shape_elements(at->dims, at->rank, &inner) && !__builtin_mul_overflow(n, inner, &n);
	return counted && n <= INT64_MAX / 64 ? n : COLUMN_UNKNOWN;
}

static struct column_file file_of(struct showing *s, struct field *f, enum what what)
{
	struct shown *made = arena_alloc(s->t->arena, sizeof *made);
	if (!made)
		s->t->failed = -ENOMEM;
	else
		*made = (struct shown){.table = s->table, .field = f, .what = what};
	return (struct column_file){.kind = NODE_LAZY, .lazy = made, .size = SIZE_UNKNOWN, .fault = f->fault};
}

static struct array int64_of(void)
{
	return (struct array){.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE};
}

/* As many elements as the column has, or its offsets lead to. */
static void add_file(struct showing *s, uint32_t dir, struct slice name, struct field *f, enum what what, struct array array,
		     const struct place *at)
{
	struct shaped_array shaped;
	struct place here = *at;
	here.type = NULL;
	column_array(s->t, (struct column_at){.parent = dir, .name = name}, shape(&shaped, array, &here), file_of(s, f, what));
}

/* --- validity ----------------------------------------------------------------------------------- */

/* That of what is in a fixed-size list is NAME.values.validity, and so on: the list has no
 * directory for it. */
static uint32_t add_validity_of_values(struct showing *s, uint32_t id, unsigned depth, const struct column_file *file,
				       uint64_t size)
{
	struct text name = {0};
	const struct node *beside = tree_edit(s->t, id);
	if (!beside)
		return 0;
	text_add(&name, beside->name);
	while (depth-- > 0)
		text_add(&name, ".values");
	text_add(&name, ".validity");
	if (name.failed)
		s->t->failed = -ENOMEM;
	uint32_t made = tree_lazy(s->t, beside->parent, text_slice(&name), file->lazy, size);
	if (made)
		tree_edit(s->t, made)->companion = true;
	text_free(&name);
	return made;
}

static void add_validity(struct showing *s, struct field *f, uint32_t id, unsigned depth, const struct place *at)
{
	struct column_file file = file_of(s, f, WHAT_VALIDITY);
	struct shaped_array shaped;
	struct array *array = shape(&shaped, (struct array){.dtype = DTYPE_BOOL}, at);
	uint64_t size = tree_array_size(array);
	uint32_t made = depth ? add_validity_of_values(s, id, depth, &file, size) : tree_companion(s->t, id, ".validity", file.lazy, size);
	tree_describe(s->t, made, tree_array(s->t, array));
	tree_error(s->t, made, file.fault);
}

/* The place of what is in a fixed-size list. */
static struct place within(const struct field *list, const struct place *at)
{
	struct place in = *at;
	const uint64_t *dims = list->detail->shape ? list->detail->shape : &list->per;
	uint32_t rank = list->detail->shape ? list->detail->rank : 1;
	if (in.rank + rank > DIMS - ARROW_DEPTH) /* there is always room for the list's own length */
		dims = &list->per, rank = 1;
	if (!in.type)
		in.type = list->array.type;
	for (uint32_t i = 0; i < rank; i++)
		in.dims[in.rank++] = dims[i];
	return in;
}

/* --- one file, or a directory of a few --------------------------------------------------------------- */

static uint32_t render_values(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	struct column_file file = file_of(s, f, WHAT_VALUES);
	if (f->layout == LAYOUT_NULL || (f->layout == LAYOUT_FIXED && f->width == 0))
		file.size = 0;
	return column_array(s->t, at->at, shape(&shaped, f->array, at), file);
}

static uint32_t render_strings(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	uint64_t bytes = COLUMN_UNKNOWN;
	struct column c = column_list(s->t, at->at, shape(&shaped, f->array, at), slots(at), file_of(s, f, WHAT_OFFSETS));
	struct array array = column_of((struct array){.dtype = DTYPE_UINT8, .codec = f->array.codec}, &bytes);
	column_array(s->t, c.rest, &array, file_of(s, f, WHAT_BYTES));
	return c.dir;
}

static uint32_t render_indices(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped, indices;
	struct array array = {.dtype = DTYPE_DICTIONARY, .type = f->detail->word, .codec = f->array.codec};
	struct place plain = *at;
	plain.type = NULL;
	struct column c = column_dictionary(s->t, at->at, shape(&shaped, array, at), shape(&indices, f->array, &plain),
					    file_of(s, f, WHAT_VALUES));
	if (f->detail->ordered)
		tree_attr_json(s->t, c.dir, SLICE("array.ordered"), SLICE("true"));
	struct showing of = {s->a, s->t, f->dictionary};
	show(&of, &f->dictionary->fields[0], (struct place){.at = c.rest, .rows = f->dictionary->rows});
	return c.dir;
}

/* Notes what counts the elements of a column that is a directory. */
static void count_elements(struct showing *s, uint32_t id, struct field *f)
{
	struct node *n = tree_edit(s->t, id);
	while (f->layout == LAYOUT_FIXED_LIST)
		f++;
	if (n && n->kind == NODE_DIR)
		n->lazy = file_of(s, f, WHAT_VALUES).lazy;
}

/* --- directories of fields ------------------------------------------------------------------------ */

/* The fields below one, or at the top of the table, with names of their own. */
static void show_fields(struct showing *s, uint32_t first, uint32_t end, uint32_t dir, const struct place *at)
{
	struct field *fields = s->table->fields;
	for (unsigned round = 0; round < COLUMN_ROUNDS; round++)
		for (uint32_t i = first; i < end && !s->t->failed; i = fields[i].next) {
			struct place below = *at;
			below.at = (struct column_at){.parent = dir, .name = fields[i].name};
			below.whole_name = true;
			below.type = NULL;
			if (column_round(fields[i].name) == round)
				show(s, &fields[i], below);
		}
}

static uint32_t number_of(const struct showing *s, const struct field *f)
{
	return (uint32_t)(f - s->table->fields);
}

static uint32_t render_struct(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	uint32_t dir = column_struct(s->t, at->at, shape(&shaped, f->array, at));
	show_fields(s, number_of(s, f) + 1, f->next, dir, at);
	return dir;
}

static uint32_t render_union(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	struct place below = *at;
	uint32_t dir = column_struct(s->t, at->at, shape(&shaped, f->array, at));
	add_file(s, dir, SLICE("types"), f, WHAT_VALUES, (struct array){.dtype = DTYPE_INT8, .codec = f->array.codec}, at);
	if (f->layout == LAYOUT_DENSE) {
		add_file(s, dir, SLICE("offsets"), f, WHAT_OFFSETS, int64_of(), at);
		below = (struct place){.rows = COLUMN_UNKNOWN};
	}
	show_fields(s, number_of(s, f) + 1, f->next, dir, &below);
	return dir;
}

static uint32_t render_list(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	struct place below = {.rows = COLUMN_UNKNOWN};
	struct array *array = shape(&shaped, f->array, at);
	struct column c;
	if (f->array.dtype == DTYPE_MAP) {
		c = column_map(s->t, at->at, array, slots(at), file_of(s, f, WHAT_OFFSETS), COLUMN_UNKNOWN);
		count_elements(s, c.rest.parent, f + 1);
		below.at = c.rest;
		show(s, f + 2, below);
		below.at = column_map_value(&c);
		show(s, &s->table->fields[(f + 2)->next], below);
		return c.dir;
	}
	c = column_list(s->t, at->at, array, slots(at), file_of(s, f, WHAT_OFFSETS));
	below.at = c.rest;
	show(s, f + 1, below);
	return c.dir;
}

static uint32_t render_runs(struct showing *s, struct field *f, const struct place *at)
{
	struct shaped_array shaped;
	struct place runs = {.rows = COLUMN_UNKNOWN};
	uint32_t dir = column_struct(s->t, at->at, shape(&shaped, f->array, at));
	add_file(s, dir, SLICE("run_ends"), f, WHAT_OFFSETS, int64_of(), &runs);
	runs.at = (struct column_at){.parent = dir, .name = SLICE("values")};
	show(s, &s->table->fields[(f + 1)->next], runs);
	return dir;
}

static uint32_t render_fixed_list(struct showing *s, struct field *f, const struct place *at)
{
	struct place in = within(f, at);
	return render(s, f + 1, &in);
}

/* --- fields --------------------------------------------------------------------------------------- */

static uint32_t render(struct showing *s, struct field *f, const struct place *at)
{
	switch ((enum layout)f->layout) {
	case LAYOUT_NULL:
	case LAYOUT_FIXED:
	case LAYOUT_BOOL: return render_values(s, f, at);
	case LAYOUT_INDICES: return render_indices(s, f, at);
	case LAYOUT_STRING:
	case LAYOUT_VIEW: return render_strings(s, f, at);
	case LAYOUT_LIST:
	case LAYOUT_LIST_VIEW: return render_list(s, f, at);
	case LAYOUT_FIXED_LIST: return render_fixed_list(s, f, at);
	case LAYOUT_STRUCT: return render_struct(s, f, at);
	case LAYOUT_SPARSE:
	case LAYOUT_DENSE: return render_union(s, f, at);
	case LAYOUT_RUN_END: return render_runs(s, f, at);
	}
	return 0;
}

static void add_pairs(struct tree *t, uint32_t id, const struct field_detail *detail)
{
	struct text name = {0};
	for (uint32_t i = 0; i < detail->npairs && !t->failed; i++) {
		name.len = 0;
		text_add(&name, "attr.");
		text_put(&name, detail->pairs[i].key);
		if (name.failed)
			t->failed = -ENOMEM;
		else
			tree_attr(t, id, text_slice(&name), detail->pairs[i].value);
	}
	text_free(&name);
}

static void add_extension(struct tree *t, uint32_t id, const struct field_detail *detail)
{
	if (detail->extension.data)
		tree_attr(t, id, SLICE("array.extension"), detail->extension);
	if (detail->metadata.data)
		tree_attr(t, id, SLICE("array.extension_metadata"), detail->metadata);
	if (detail->permutation)
		tree_attr_json(t, id, SLICE("array.permutation"), slice_text(detail->permutation));
}

static void show(struct showing *s, struct field *f, struct place at)
{
	struct tree_path path = {.parent = at.at.parent, .leaf = at.at.name};
	if (at.whole_name)
		path = tree_path(s->t, at.at.parent, at.at.name, s->a->options->split);
	at.at = (struct column_at){.parent = path.parent, .name = path.leaf};
	uint32_t id = render(s, f, &at);
	count_elements(s, id, f);
	if (at.whole_name)
		tree_path_end(s->t, &path, id);
	add_extension(s->t, id, f->detail);
	add_pairs(s->t, id, f->detail);
	for (unsigned depth = 0;; depth++, f++) {
		if (f->nullable)
			add_validity(s, f, id, depth, &at);
		if (f->layout != LAYOUT_FIXED_LIST)
			break;
		at = within(f, &at);
	}
}

void arrow_show(struct archive *a, const struct table *t, uint32_t dir)
{
	const struct arrow *arrow = a->priv;
	struct showing s = {a, &a->tree, t};
	struct place top = {.rows = s.table->rows};
	struct array array = column_of((struct array){.dtype = DTYPE_NONE}, &top.rows);
	show_fields(&s, 0, s.table->nfields, dir, &top);
	if (s.table->nfields == 0) /* there is no file whose shape would show the number of rows */
		tree_describe(s.t, dir, tree_array(s.t, &array));
	if (arrow->detail)
		add_pairs(s.t, dir, arrow->detail);
}
