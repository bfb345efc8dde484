/* SPDX-License-Identifier: MIT */
/* The union of the files' schemas: by name, widened where nothing is lost. */
#include <stdio.h>

#include "formats/arrow/dataset/dataset.h"
#include "fs/base/list.h"

static int take(struct uniting *u, struct column *c, const struct table *t, const struct field *f);

static int no_memory(struct uniting *u)
{
	return error_no_memory(u->err, "the columns of all files");
}

/* --- refusals -------------------------------------------------------------------- */

/* Of an extension type its name, too. */
static const char *word_of(struct uniting *u, const struct field *f)
{
	const char *word = f->layout == LAYOUT_INDICES ? f->detail->word : f->array.type;
	if (f->detail->extension.data)
		word = arena_printf(u->scratch, "%s (%.*s)", word, (int)f->detail->extension.len, (const char *)f->detail->extension.data);
	return word ? word : "?";
}

static void name_of(const struct column *c, char *buf, size_t room)
{
	size_t at = 0;
	if (c->parent && c->parent->parent) {
		name_of(c->parent, buf, room);
		at = strlen(buf);
	}
	snprintf(buf + at, room - at, "%s%.*s", at ? "." : "", (int)c->name.len, (const char *)c->name.data);
}

static int refuse(struct uniting *u, const struct column *c, const struct field *f)
{
	char name[48];
	name_of(c, name, sizeof name);
	return table_refuse(name, c->stated, u->files->all[c->file], word_of(u, f), u->files->all[u->file], u->err);
}

/* --- what a file lacks ------------------------------------------------------------- */

/* Neither unions nor runs can be null. */
static const struct column *never_null(const struct column *c)
{
	const struct column *found = NULL;
	if (c->as.layout == LAYOUT_SPARSE || c->as.layout == LAYOUT_DENSE || c->as.layout == LAYOUT_RUN_END)
		return c;
	if (c->as.layout == LAYOUT_STRUCT || c->as.layout == LAYOUT_FIXED_LIST)
		for (uint32_t i = 0; i < c->nchildren && !found; i++)
			found = never_null(c->children[i]);
	return found;
}

/* Null is all that the file has of it. */
static int is_only_null(struct uniting *u, struct column *c, uint32_t file)
{
	const struct member *in = u->files->all[file], *other = u->files->all[c->file];
	char name[48];
	c->nullable = true;
	if (!never_null(c))
		return 0;
	name_of(c, name, sizeof name);
	return file < c->file ? table_refuse(name, "null", in, c->stated, other, u->err)
			      : table_refuse(name, c->stated, other, "null", in, u->err);
}

/* The file lacks it: null for all its rows. */
static int lack(struct uniting *u, struct column *c, uint32_t file)
{
	const struct column *never = never_null(c);
	char name[48];
	c->nullable = true;
	if (!never)
		return 0;
	name_of(never, name, sizeof name);
	return error_set(u->err, ENOTSUP, "%s is %s in %s, and %s has no such column", name, never->stated,
			 table_path(u->files->all[never->file]), table_path(u->files->all[file]));
}

/* --- children ----------------------------------------------------------------------- */

struct column *arrow_column(struct uniting *u, struct column *parent, struct slice name)
{
	struct column *c = arena_alloc(u->scratch, sizeof *c), **grown = NULL;
	char *text = arena_text(&u->a->arena, name);
	bool fresh;
	if (c && text)
		grown = list_grow_in(u->scratch, parent->children, parent->nchildren, sizeof *grown);
	if (!grown) {
		no_memory(u);
		return NULL;
	}
	*c = (struct column){.name = {(uint8_t *)text, name.len}, .parent = parent, .names.arena = u->scratch};
	parent->children = grown;
	parent->children[parent->nchildren++] = c;
	if (parent->as.layout == LAYOUT_STRUCT && slice_map_add(&parent->names, c->name, &fresh) == SLICE_MAP_NONE) {
		no_memory(u);
		return NULL;
	}
	return c;
}

/* `hint`: where it most likely is. */
static struct column *child_named(struct uniting *u, struct column *c, struct slice name, uint32_t hint, bool *ret_new)
{
	*ret_new = false;
	if (hint < c->nchildren && slice_equal(c->children[hint]->name, name))
		return c->children[hint];
	uint32_t number = slice_map_find(&c->names, name);
	if (number != SLICE_MAP_NONE)
		return c->children[number];
	*ret_new = true;
	return arrow_column(u, c, name);
}

static int take_named(struct uniting *u, struct column *c, const struct table *t, const struct field *f, uint32_t hint, bool is_new)
{
	bool fresh;
	struct column *child = child_named(u, c, f->name, hint, &fresh);
	if (!child)
		return -ENOMEM;
	if (child->seen == u->file + 1) {
		char name[100];
		name_of(child, name, sizeof name);
		return error_set(u->err, ENOTSUP, "%s: two columns called %s", table_path(u->files->all[u->file]), name);
	}
	int r = take(u, child, t, f);
	return r == 0 && fresh && !is_new ? lack(u, child, c->file) : r;
}

/* Of a struct, or all at the top: by name; a partition key wins over a column. */
static int take_fields(struct uniting *u, struct column *c, const struct table *t, uint32_t first, uint32_t end, bool is_new)
{
	int r = 0;
	uint32_t hint = 0;
	for (uint32_t i = first; i < end && r == 0; i = t->fields[i].next)
		if (c->parent || !table_key(u->files, t->fields[i].name))
			r = take_named(u, c, t, &t->fields[i], hint++, is_new);
	for (uint32_t i = 0; i < c->nchildren && r == 0; i++)
		if (c->children[i]->seen != u->file + 1)
			r = lack(u, c->children[i], u->file);
	return r;
}

/* Of anything else: by place, of which there are as many. */
static int take_in_order(struct uniting *u, struct column *c, const struct table *t, const struct field *f, bool is_new)
{
	uint32_t number = 0, i = (uint32_t)(f - t->fields) + 1;
	int r = 0;
	for (; i < f->next && r == 0; i = t->fields[i].next, number++) {
		struct column *child = is_new ? arrow_column(u, c, t->fields[i].name) : number < c->nchildren ? c->children[number] : NULL;
		if (!child)
			return is_new ? -ENOMEM : refuse(u, c, f);
		r = take(u, child, t, &t->fields[i]);
	}
	return r == 0 && number != c->nchildren ? refuse(u, c, f) : r;
}

/* --- one field ------------------------------------------------------------------------ */

static bool keep(struct arena *arena, struct slice *s)
{
	if (s->data)
		s->data = (const uint8_t *)arena_text(arena, *s);
	return s->data || s->len == 0;
}

/* What belongs to the file is copied. */
static int become(struct uniting *u, struct column *c, const struct field *f)
{
	struct arena *arena = &u->a->arena;
	struct field_detail *d = &c->detail;
	uint64_t *shape = arena_array(arena, f->detail->rank, sizeof *shape);
	c->as = (struct field){.layout = f->layout, .is_signed = f->is_signed, .width = f->width, .per = f->per, .array = f->array};
	c->as.array.type = arena_text(arena, slice_text(f->array.type));
	c->as.array.codec = NULL;
	*d = (struct field_detail){.type = f->detail->type, .ordered = f->detail->ordered, .extension = f->detail->extension,
				   .metadata = f->detail->metadata, .rank = f->detail->rank, .shape = f->detail->shape ? shape : NULL,
				   .permutation = f->detail->permutation};
	if (d->permutation)
		d->permutation = arena_text(arena, slice_text(d->permutation));
	c->stated = arena_text(u->scratch, slice_text(word_of(u, f)));
	c->file = u->file;
	if (!shape || !c->as.array.type || !keep(arena, &d->extension) || !keep(arena, &d->metadata) || !c->stated ||
	    (f->detail->permutation && !d->permutation))
		return no_memory(u);
	if (d->shape)
		memcpy(shape, f->detail->shape, d->rank * sizeof *shape);
	return 0;
}

/* The number of the child of each type code; FIELD_NONE where there is none. */
static void number_codes(const struct table *t, const struct field *f, uint32_t to[128])
{
	for (unsigned code = 0; code < 128; code++) {
		uint32_t number = 0;
		to[code] = FIELD_NONE;
		for (uint32_t i = (uint32_t)(f - t->fields) + 1; f->codes[code] && i < f->next; i = t->fields[i].next, number++)
			if (&t->fields[i] == f->codes[code])
				to[code] = number;
	}
}

/* The same codes for the same children, which are called the same. */
static int take_union(struct uniting *u, struct column *c, const struct table *t, const struct field *f, bool is_new)
{
	uint32_t codes[128], number = 0;
	number_codes(t, f, codes);
	if (is_new) {
		c->detail.by_type = arena_array(u->scratch, 128, sizeof *codes);
		if (!c->detail.by_type)
			return no_memory(u);
		memcpy(c->detail.by_type, codes, sizeof codes);
	}
	if (memcmp(c->detail.by_type, codes, sizeof codes) != 0)
		return refuse(u, c, f);
	for (uint32_t i = (uint32_t)(f - t->fields) + 1; !is_new && i < f->next; i = t->fields[i].next, number++)
		if (number < c->nchildren && !slice_equal(c->children[number]->name, t->fields[i].name))
			return refuse(u, c, f);
	return take_in_order(u, c, t, f, is_new);
}

static int take_dictionary(struct uniting *u, struct column *c, const struct field *f, bool is_new)
{
	if (c->detail.ordered != f->detail->ordered || !arrow_widen(&u->a->arena, &c->as, f))
		return refuse(u, c, f);
	if (is_new) {
		c->values = arena_alloc(u->scratch, sizeof *c->values);
		uint64_t *rows = arena_array(u->scratch, u->files->count, sizeof *rows);
		if (!c->values || !rows)
			return no_memory(u);
		*c->values = (struct column){.name = c->name, .parent = c->parent, .names.arena = u->scratch, .rows = rows};
	}
	c->values->rows[u->file] = f->dictionary->rows;
	return take(u, c->values, f->dictionary, &f->dictionary->fields[0]);
}

/* A type that is stored in several ways is called as the largest of them if the files differ. */
static void call_large(struct column *c, const struct field *f)
{
	if (c->detail.type == f->detail->type)
		return;
	if (arrow_kind_of(f) == LAYOUT_LIST) {
		c->detail.type = TYPE_LARGE_LIST;
	} else {
		c->detail.type = f->array.dtype == DTYPE_STRING ? TYPE_LARGE_UTF8 : TYPE_LARGE_BINARY;
		c->as.array.type = f->array.dtype == DTYPE_STRING ? "large_string" : "large_binary";
	}
}

static int take_fixed(struct uniting *u, struct column *c, const struct field *f)
{
	enum dtype then = c->as.array.dtype;
	uint32_t width = c->as.width;
	if (!arrow_widen(&u->a->arena, &c->as, f))
		return refuse(u, c, f);
	if (then == c->as.array.dtype && width == c->as.width)
		return 0;
	c->stated = arena_text(u->scratch, slice_text(word_of(u, f)));
	c->file = u->file;
	return c->stated ? 0 : no_memory(u);
}

static int take_type(struct uniting *u, struct column *c, const struct table *t, const struct field *f, bool is_new)
{
	uint32_t first = (uint32_t)(f - t->fields) + 1;
	switch (arrow_kind_of(f)) {
	case LAYOUT_FIXED: return take_fixed(u, c, f);
	case LAYOUT_INDICES: return take_dictionary(u, c, f, is_new);
	case LAYOUT_STRUCT:
		if (c->parent && c->parent->as.array.dtype == DTYPE_MAP)
			return take_in_order(u, c, t, f, is_new);
		return take_fields(u, c, t, first, f->next, is_new);
	case LAYOUT_SPARSE:
	case LAYOUT_DENSE: return take_union(u, c, t, f, is_new);
	case LAYOUT_STRING:
	case LAYOUT_LIST:
		call_large(c, f);
		return take_in_order(u, c, t, f, is_new);
	default: return take_in_order(u, c, t, f, is_new);
	}
}

static bool is_alike(const struct column *c, const struct field *f)
{
	bool directory = dtype_kind(f->array.dtype) == KIND_DIRECTORY;
	return arrow_kind_of(&c->as) == arrow_kind_of(f) && c->as.per == f->per &&
	       (!directory || c->as.array.dtype == f->array.dtype) && !c->detail.extension.data == !f->detail->extension.data &&
	       slice_equal(c->detail.extension, f->detail->extension) && slice_equal(c->detail.metadata, f->detail->metadata);
}

static void note(struct uniting *u, struct column *c, const struct table *t, const struct field *f)
{
	c->nullable |= f->nullable;
	c->detail.nullable |= f->detail->nullable;
	c->sound |= !f->fault;
	if (f->fault && !c->fault)
		c->fault = arena_text(&u->a->arena, slice_text(f->fault));
	if (t->rows > 0 && !c->met)
		c->codec = f->array.codec;
	else if (t->rows > 0 && (!c->codec || !f->array.codec || strcmp(c->codec, f->array.codec) != 0))
		c->codec = NULL;
	c->met |= t->rows > 0;
}

/* A null column may become of any type, and be in other files beside any. */
static int take(struct uniting *u, struct column *c, const struct table *t, const struct field *f)
{
	bool is_new = !c->seen, is_null = f->layout == LAYOUT_NULL, was_null = !is_new && c->as.layout == LAYOUT_NULL;
	uint32_t null_file = c->file;
	int r = 0;
	c->seen = u->file + 1;
	if (is_null && !is_new && !was_null)
		return is_only_null(u, c, u->file);
	is_new |= was_null && !is_null;
	if (is_new)
		r = become(u, c, f);
	note(u, c, t, f);
	if (r == 0 && !is_alike(c, f))
		r = refuse(u, c, f);
	if (r == 0)
		r = take_type(u, c, t, f, is_new);
	return r == 0 && was_null && !is_null ? is_only_null(u, c, null_file) : r;
}

int arrow_unite(void *arg, struct archive *file, uint32_t number, uint64_t *ret_rows, struct error *err)
{
	struct uniting *u = arg;
	const struct arrow *arrow = file->priv;
	struct arrow *whole = u->a->priv;
	const struct table *t = arrow->tables[0];
	u->file = number;
	u->err = err;
	*ret_rows = t->rows;
	if (*u->first && whole->big != arrow->big)
		return table_refuse("byte order", whole->big ? "big" : "little", *u->first, arrow->big ? "big" : "little",
				    u->files->all[number], err);
	*u->first = u->files->all[number];
	whole->big = arrow->big;
	u->top->as.layout = LAYOUT_STRUCT;
	return take_fields(u, u->top, t, 0, t->nfields, number == 0);
}
