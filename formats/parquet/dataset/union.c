/* SPDX-License-Identifier: MIT */
/* The union of the files' schemas: by name, widened where nothing is lost. */
#include <stdio.h>

#include "formats/parquet/dataset/dataset.h"
#include "fs/base/name.h"

enum { MANY = 16 }; /* with more children than this, a hash table finds them */

struct uniting {
	struct archive *a;
	struct dataset *d;
	const struct parquet *p; /* the file */
	uint32_t file;
	bool rows, rows_before;
	struct error *err;
};

/* --- refusals --------------------------------------------------------------------- */

static const char *word(struct uniting *u, const struct element *e, enum form form)
{
	static const char *const words[] = {[FORM_STRUCT] = "a struct", [FORM_LIST] = "a list", [FORM_MAP] = "a map"};
	const char *w = form == FORM_LEAF || form == FORM_STRUCT ? pq_schema_word(&u->a->arena, e) : NULL;
	return w ? w : form == FORM_LEAF ? "?" : words[form];
}

static void name_of(const struct field *f, char *buf, size_t room)
{
	size_t at = 0;
	if (f->parent && f->parent->parent) {
		name_of(f->parent, buf, room);
		at = strlen(buf);
	}
	snprintf(buf + at, room - at, "%s%.*s", at ? "." : "", (int)f->name.len, (const char *)f->name.data);
}

static int refuse(struct uniting *u, const struct field *f, const struct element *e, enum form form)
{
	char name[48];
	name_of(f, name, sizeof name);
	return table_refuse(name, word(u, &f->stated, f->form), u->d->files->all[f->file], word(u, e, form), u->d->files->all[u->file],
			    u->err);
}

/* --- what a leaf is like in a file ---------------------------------------------------- */

static unsigned quantities(const struct field *f)
{
	return f->depth + (f->type.physical == BYTE_ARRAY && f->type.logical != LOGICAL_DECIMAL);
}

static int note_leaf(struct uniting *u, struct field *f, const struct leaf *l)
{
	uint32_t n = u->d->p.ngroups + 1;
	if (l->met && l->max_def > 0)
		f->nulls |= l->nulls;
	if (!f->met)
		f->codec = l->codec;
	else if (l->met && f->codec != l->codec)
		f->codec = NULL;
	f->met |= l->met;
	if (__builtin_add_overflow(f->cost, l->cost, &f->cost))
		f->cost = UINT64_MAX;
	f->fault = l->fault ? l->fault : f->fault;
	f->sound |= l->met && !l->fault;
	if (!l->stated)
		f->totals = NULL;
	for (unsigned q = 0; f->totals && q < quantities(f); q++)
		f->totals[(size_t)q * n + u->file + 1] = l->stated[q + 1];
	return 0;
}

/* The file lacks the field and all below it: null for all its rows. Below lists, no file states
 * how many nulls that makes. */
static void lack_below(struct field *f, bool rows, bool told)
{
	f->nulls |= rows;
	if (rows && !told)
		f->totals = NULL;
	for (struct field *c = f->first; c; c = c->next)
		lack_below(c, rows, told);
}

static void lack(struct field *f, bool rows)
{
	lack_below(f, rows, f->depth == 0);
}

/* --- children ----------------------------------------------------------------------------- */

static int grow_table(struct archive *a, struct field *f, struct error *err)
{
	uint32_t mask = f->mask * 2 + 1 < 63 ? 63 : f->mask * 2 + 1;
	f->table = arena_array(&a->arena, (size_t)mask + 1, sizeof *f->table);
	if (!f->table)
		return error_no_memory(err, "the columns of all files");
	f->mask = mask;
	for (struct field *c = f->first; c; c = c->next) {
		uint32_t i = (uint32_t)slice_hash(c->name, a) & mask;
		while (f->table[i])
			i = (i + 1) & mask;
		f->table[i] = c;
	}
	return 0;
}

static struct field *find_child(const struct uniting *u, const struct field *f, struct slice name)
{
	if (f->table) {
		uint32_t i = (uint32_t)slice_hash(name, u->a) & f->mask;
		while (f->table[i] && !slice_equal(f->table[i]->name, name))
			i = (i + 1) & f->mask;
		return f->table[i];
	}
	struct field *c = f->first;
	while (c && !slice_equal(c->name, name))
		c = c->next;
	return c;
}

struct field *pq_dataset_add_field(struct archive *a, struct field *f, struct slice name, struct error *err)
{
	struct field *c = arena_alloc(&a->arena, sizeof *c);
	char *text = arena_text(&a->arena, name);
	if (!c || !text) {
		error_no_memory(err, "the columns of all files");
		return NULL;
	}
	*c = (struct field){.name = {(uint8_t *)text, name.len}, .parent = f, .place = f->children++};
	c->depth = (uint8_t)(f->depth + (f->form == FORM_LIST || f->form == FORM_MAP));
	*(f->last ? &f->last->next : &f->first) = c;
	f->last = c;
	if (f->children > MANY && f->children * 2 > f->mask) {
		if (grow_table(a, f, err) < 0)
			return NULL;
	} else if (f->table) {
		uint32_t i = (uint32_t)slice_hash(c->name, a) & f->mask;
		while (f->table[i])
			i = (i + 1) & f->mask;
		f->table[i] = c;
	}
	return c;
}

static int take(struct uniting *u, struct field *f, const struct element *e);

/* `hint` is where it most likely is: after the previous child. */
static int take_child(struct uniting *u, struct field *f, struct slice name, const struct element *e, bool is_new,
		      struct field **hint)
{
	struct field *c = *hint && slice_equal((*hint)->name, name) ? *hint : find_child(u, f, name);
	bool fresh = !c;
	if (!c && !(c = pq_dataset_add_field(u->a, f, name, u->err)))
		return -ENOMEM;
	if (c->seen == u->file + 1) {
		char text[100];
		name_of(c, text, sizeof text);
		return error_set(u->err, ENOTSUP, "%s: two columns called %s", table_path(u->d->files->all[u->file]), text);
	}
	int r = take(u, c, e);
	c->seen = u->file + 1;
	if (fresh && !is_new) {
		c->nullable = true;
		lack(c, u->rows_before);
	}
	*hint = c->next;
	return r;
}

static void lack_unseen(struct uniting *u, struct field *f)
{
	for (struct field *c = f->first; c; c = c->next)
		if (c->seen != u->file + 1) {
			c->nullable = true;
			lack(c, u->rows);
		}
}

static int take_fields(struct uniting *u, struct field *f, const struct element *e, bool is_new)
{
	static const struct slice pair[] = {{(const uint8_t *)"key", 3}, {(const uint8_t *)"value", 5}};
	const struct element *c = e + 1;
	struct field *hint = f->first;
	int r = 0;
	for (uint32_t i = 0; i < e->children && r == 0; i++) {
		if (f->parent || !table_key(u->d->files, c->name)) /* the directory's value wins */
			r = take_child(u, f, f->form == FORM_MAP ? pair[i] : c->name, c, is_new, &hint);
		if (c->next >= u->p->nelements)
			break;
		c = &u->p->elements[c->next];
	}
	lack_unseen(u, f);
	return r;
}

/* --- one field ------------------------------------------------------------------------------- */

static int take_leaf(struct uniting *u, struct field *f, const struct element *e, bool is_new)
{
	const struct leaf *l = &u->p->leaves[e->leaf];
	if (l->max_rep != f->depth)
		return error_set(u->err, ENOTSUP, "%s: a column of %u lists, of which %u are shown", table_path(u->d->files->all[u->file]),
				 l->max_rep, f->depth);
	if (is_new) {
		size_t n = (size_t)quantities(f) * (u->d->p.ngroups + 1);
		f->width = l->width;
		f->totals = n ? arena_array(&u->a->arena, n, sizeof *f->totals) : NULL;
		if (n && !f->totals)
			return error_no_memory(u->err, "the columns of all files");
	}
	struct element then = f->type;
	if (!pq_dataset_widen(&f->type, &f->width, e, l->width))
		return refuse(u, f, e, FORM_LEAF);
	if (memcmp(&then, &f->type, sizeof then) != 0) {
		f->stated = *e;
		f->file = u->file;
	}
	return note_leaf(u, f, l);
}

static int take(struct uniting *u, struct field *f, const struct element *e)
{
	enum form form = pq_dataset_form(e, f->depth);
	bool is_null = form == FORM_LEAF && pq_dataset_is_null(e);
	bool was_null = f->form == FORM_LEAF && pq_dataset_is_null(&f->type);
	bool is_new = f->form == FORM_NONE, bare = e->repetition == REPEATED && e->max_rep > f->depth;
	int r;

	if (!is_new && (is_null != was_null || (is_null && e->physical != f->type.physical))) {
		f->nullable = true;
		if (is_null) {
			lack(f, u->rows);
			return 0;
		}
		is_new = true;
	}
	if (is_new) {
		f->form = (uint8_t)form;
		f->type = f->stated = *e;
		f->file = u->file;
		f->bare = bare;
	}
	if (f->form != form || (form == FORM_STRUCT && f->type.logical != e->logical))
		return refuse(u, f, e, form);
	f->bare &= bare;
	f->nullable |= !bare && e->repetition == OPTIONAL;
	if (form == FORM_LEAF)
		r = take_leaf(u, f, e, is_new);
	else if (form == FORM_LIST)
		r = take_child(u, f, SLICE("element"), pq_dataset_item(e, f->depth), is_new, &(struct field *){f->first});
	else
		r = take_fields(u, f, form == FORM_MAP ? e + 1 : e, is_new);
	if (was_null && is_new)
		lack(f, u->rows_before);
	return r;
}

int pq_dataset_unite(struct archive *a, struct dataset *d, const struct parquet *file, uint32_t number, struct error *err)
{
	struct uniting u = {.a = a, .d = d, .p = file, .file = number, .err = err};
	u.rows = file->first_row[file->ngroups] > 0;
	u.rows_before = d->p.first_row[number] > 0;
	d->root.form = FORM_STRUCT;
	return take_fields(&u, &d->root, file->elements, number == 0);
}
