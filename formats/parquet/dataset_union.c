/* SPDX-License-Identifier: MIT */
/* The union of the files' schemas: by name, widened where nothing is lost. */
#include <stdio.h>

#include "fs/name.h"
#include "formats/parquet/dataset.h"

enum { MANY = 16 }; /* children from which on a table finds them */

struct uniting {
	struct archive *a;
	struct dataset *d;
	const struct parquet *p; /* the file */
	uint32_t file;
	bool rows, rows_before;
	struct error *err;
};

static int no_memory(struct uniting *u)
{
	return error_set(u->err, ENOMEM, "no memory for the columns of all files");
}

/* --- forms ---------------------------------------------------------------------- */

enum form dataset_form(const struct element *e, unsigned depth)
{
	if (e->repetition == REPEATED && e->max_rep > depth)
		return FORM_LIST;
	if (e->physical != GROUP)
		return FORM_LEAF;
	return schema_is_list(e) ? FORM_LIST : schema_is_map(e) ? FORM_MAP : FORM_STRUCT;
}

const struct element *dataset_item(const struct element *e, unsigned depth)
{
	if (e->repetition == REPEATED && e->max_rep > depth)
		return e;
	if (schema_is_map(e))
		return e + 1;
	return schema_is_element(e, e + 1) ? e + 1 : e + 2;
}

/* --- refusals --------------------------------------------------------------------- */

static const char *word(struct uniting *u, const struct element *e, enum form form)
{
	static const char *const words[] = {[FORM_STRUCT] = "a struct", [FORM_LIST] = "a list", [FORM_MAP] = "a map"};
	const char *w = form == FORM_LEAF || form == FORM_STRUCT ? schema_word(&u->a->arena, e) : NULL;
	return w ? w : form == FORM_LEAF ? "?" : words[form];
}

/* The end of a long path tells more than its beginning. */
static const char *tail(const char *path)
{
	size_t n = strlen(path), most = 80;
	if (n <= most)
		return path;
	path += n - most;
	while (((unsigned char)*path & 0xc0) == 0x80)
		path++;
	return path;
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
	return error_set(u->err, ENOTSUP, "%s is %s in %s and %s in %s", name, word(u, &f->told, f->form),
			 tail(u->d->files[f->file]->path), word(u, e, form), tail(u->d->files[u->file]->path));
}

/* --- types -------------------------------------------------------------------------- */

static bool integer_of(const struct element *e, unsigned *bits, bool *is_signed)
{
	uint8_t dtype = schema_dtype(e);
	*is_signed = dtype >= DTYPE_INT8 && dtype <= DTYPE_INT64;
	if (!*is_signed && !(dtype >= DTYPE_UINT8 && dtype <= DTYPE_UINT64))
		return false;
	*bits = 8u << (dtype - (*is_signed ? DTYPE_INT8 : DTYPE_UINT8));
	return e->physical == INT32 || e->physical == INT64;
}

static unsigned float_of(const struct element *e)
{
	return e->logical == LOGICAL_FLOAT16 ? 2 : e->logical != LOGICAL_NONE ? 0 : e->physical == FLOAT ? 4 : e->physical == DOUBLE ? 8 : 0;
}

static bool same_type(const struct element *a, uint32_t a_width, const struct element *b, uint32_t b_width)
{
	return schema_dtype(a) == schema_dtype(b) && a_width == b_width && a->logical == b->logical && a->unit == b->unit &&
	       a->utc == b->utc && a->precision == b->precision && a->scale == b->scale &&
	       (a->physical == b->physical || a->logical == LOGICAL_DECIMAL);
}

bool dataset_widen(struct element *a, uint32_t *a_width, const struct element *b, uint32_t b_width)
{
	unsigned a_bits, b_bits;
	bool a_signed, b_signed;

	if (same_type(a, *a_width, b, b_width))
		return true;
	if (integer_of(a, &a_bits, &a_signed) && integer_of(b, &b_bits, &b_signed)) {
		unsigned bits = a_bits > b_bits ? a_bits : b_bits;
		if (a_signed != b_signed && (a_signed ? b_bits : a_bits) >= bits)
			bits *= 2;
		bool is_signed = a_signed || b_signed;
		if (bits > 64)
			return false;
		if (bits == b_bits && is_signed == b_signed && (bits != a_bits || a_signed != b_signed))
			*a = *b;
		else if (bits != a_bits || is_signed != a_signed)
			*a = (struct element){.physical = bits == 64 ? INT64 : INT32, .logical = LOGICAL_INTEGER,
					      .bits = (uint8_t)bits, .is_signed = is_signed};
		*a_width = bits / 8;
		return true;
	}
	if (float_of(a) && float_of(b)) {
		if (float_of(b) > float_of(a)) {
			*a = *b;
			*a_width = b_width;
		}
		return true;
	}
	if (a->logical == LOGICAL_DECIMAL && b->logical == LOGICAL_DECIMAL && a->scale == b->scale) {
		a->precision = b->precision > a->precision ? b->precision : a->precision;
		*a_width = b_width > *a_width ? b_width : *a_width;
		return true;
	}
	return false;
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
	f->fault = l->fault ? l->fault : f->fault;
	f->sound |= l->met && !l->fault;
	if (!l->stated)
		f->totals = NULL;
	for (unsigned q = 0; f->totals && q < quantities(f); q++)
		f->totals[(size_t)q * n + u->file + 1] = l->stated[q + 1];
	return 0;
}

/* The file lacks the field and all below it: null for all its rows.  Below lists
 * nobody tells how many nulls that makes. */
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

static int grow_table(struct uniting *u, struct field *f)
{
	uint32_t mask = f->mask * 2 + 1 < 63 ? 63 : f->mask * 2 + 1;
	f->table = arena_array(&u->a->arena, (size_t)mask + 1, sizeof *f->table);
	if (!f->table)
		return no_memory(u);
	f->mask = mask;
	for (struct field *c = f->first; c; c = c->next) {
		uint32_t i = (uint32_t)slice_hash(c->name, u->d) & mask;
		while (f->table[i])
			i = (i + 1) & mask;
		f->table[i] = c;
	}
	return 0;
}

static struct field *find_child(const struct uniting *u, const struct field *f, struct slice name)
{
	if (f->table) {
		uint32_t i = (uint32_t)slice_hash(name, u->d) & f->mask;
		while (f->table[i] && !slice_equal(f->table[i]->name, name))
			i = (i + 1) & f->mask;
		return f->table[i];
	}
	struct field *c = f->first;
	while (c && !slice_equal(c->name, name))
		c = c->next;
	return c;
}

static struct field *add_child(struct uniting *u, struct field *f, struct slice name)
{
	struct field *c = arena_alloc(&u->a->arena, sizeof *c);
	char *text = arena_text(&u->a->arena, name);
	if (!c || !text) {
		no_memory(u);
		return NULL;
	}
	*c = (struct field){.name = {(uint8_t *)text, name.len}, .parent = f, .place = f->children++};
	c->depth = (uint8_t)(f->depth + (f->form == FORM_LIST || f->form == FORM_MAP));
	*(f->last ? &f->last->next : &f->first) = c;
	f->last = c;
	if (f->children > MANY && f->children * 2 > f->mask) {
		if (grow_table(u, f) < 0)
			return NULL;
	} else if (f->table) {
		uint32_t i = (uint32_t)slice_hash(c->name, u->d) & f->mask;
		while (f->table[i])
			i = (i + 1) & f->mask;
		f->table[i] = c;
	}
	return c;
}

static int take(struct uniting *u, struct field *f, const struct element *e);

/* `hint` is where it most likely is: behind the one before. */
static int take_child(struct uniting *u, struct field *f, struct slice name, const struct element *e, bool is_new,
		      struct field **hint)
{
	struct field *c = *hint && slice_equal((*hint)->name, name) ? *hint : find_child(u, f, name);
	bool fresh = !c;
	if (!c && !(c = add_child(u, f, name)))
		return -ENOMEM;
	if (c->seen == u->file + 1) {
		char text[100];
		name_of(c, text, sizeof text);
		return error_set(u->err, ENOTSUP, "%s: two columns called %s", tail(u->d->files[u->file]->path), text);
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

static bool is_key(const struct dataset *d, struct slice name)
{
	const struct key *k = d->keys;
	while (k && !slice_equal(k->name, name))
		k = k->next;
	return k;
}

static int take_fields(struct uniting *u, struct field *f, const struct element *e, bool is_new)
{
	static const struct slice pair[] = {{(const uint8_t *)"key", 3}, {(const uint8_t *)"value", 5}};
	const struct element *c = e + 1;
	struct field *hint = f->first;
	int r = 0;
	for (uint32_t i = 0; i < e->children && r == 0; i++) {
		if (f->parent || !is_key(u->d, c->name)) /* the directory wins */
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
		return error_set(u->err, ENOTSUP, "%s: a column of %u lists, of which %u are shown", tail(u->d->files[u->file]->path),
				 l->max_rep, f->depth);
	if (is_new) {
		size_t n = (size_t)quantities(f) * (u->d->p.ngroups + 1);
		f->width = l->width;
		f->totals = n ? arena_array(&u->a->arena, n, sizeof *f->totals) : NULL;
		if (n && !f->totals)
			return no_memory(u);
	}
	struct element then = f->type;
	if (!dataset_widen(&f->type, &f->width, e, l->width))
		return refuse(u, f, e, FORM_LEAF);
	if (memcmp(&then, &f->type, sizeof then) != 0) {
		f->told = *e;
		f->file = u->file;
	}
	return note_leaf(u, f, l);
}

static int take(struct uniting *u, struct field *f, const struct element *e)
{
	enum form form = dataset_form(e, f->depth);
	bool is_null = form == FORM_LEAF && dataset_is_null(e);
	bool was_null = f->form == FORM_LEAF && dataset_is_null(&f->type);
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
		f->type = f->told = *e;
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
		r = take_child(u, f, SLICE("element"), dataset_item(e, f->depth), is_new, &(struct field *){f->first});
	else
		r = take_fields(u, f, form == FORM_MAP ? e + 1 : e, is_new);
	if (was_null && is_new)
		lack(f, u->rows_before);
	return r;
}

int dataset_unite(struct archive *a, struct dataset *d, const struct parquet *file, uint32_t number, struct error *err)
{
	struct uniting u = {.a = a, .d = d, .p = file, .file = number, .err = err};
	u.rows = file->first_row[file->ngroups] > 0;
	u.rows_before = d->p.first_row[number] > 0;
	d->root.form = FORM_STRUCT;
	return take_fields(&u, &d->root, file->elements, number == 0);
}

/* --- the whole ----------------------------------------------------------------------------------- */

static uint32_t count_elements(struct field *f)
{
	f->bare &= !f->nullable; /* only a list that is annotated can be null */
	uint32_t n = 1u + (f->form == FORM_MAP || (f->form == FORM_LIST && !f->bare));
	if (f->form == FORM_LIST && f->bare)
		n = 0;
	for (struct field *c = f->first; c; c = c->next)
		n += count_elements(c);
	return n;
}

struct rendering {
	struct dataset *d;
	struct element *all;
	uint32_t at, leaf;
};

static struct element *add_element(struct rendering *s, struct slice name, uint8_t repetition, const struct element *as)
{
	struct element *e = &s->all[s->at++];
	*e = *as;
	e->name = name;
	e->repetition = repetition;
	e->children = 0;
	return e;
}

/* As the specification writes lists and maps today. */
static void render(struct rendering *s, struct field *f, struct slice name, bool repeated)
{
	static const struct element group = {.physical = GROUP};
	struct element as = f->type;
	f->element = s->at;
	if (f->form == FORM_LIST && f->bare) {
		render(s, f->first, name, true);
		return;
	}
	if (f->form == FORM_LIST || f->form == FORM_MAP)
		as = (struct element){.physical = GROUP, .logical = f->form == FORM_LIST ? LOGICAL_LIST : LOGICAL_MAP};
	struct element *e = add_element(s, name, repeated ? REPEATED : f->nullable ? OPTIONAL : REQUIRED, &as);
	if (f->form == FORM_LEAF)
		s->d->columns[s->leaf++] = f;
	else if (f->form == FORM_STRUCT)
		e->children = f->children;
	else
		e->children = 1;
	if (f->form == FORM_LIST || f->form == FORM_MAP)
		add_element(s, f->form == FORM_LIST ? SLICE("list") : SLICE("key_value"), REPEATED, &group)->children = f->children;
	for (struct field *c = f->first; c; c = c->next)
		render(s, c, c->name, false);
}

/* A partition key as a column: required unless some file has none. */
static int add_key(struct uniting *u, const struct key *key)
{
	struct dataset *d = u->d;
	struct field *f = add_child(u, &d->root, key->name);
	uint32_t n = d->p.ngroups;
	if (!f)
		return -ENOMEM;
	f->form = FORM_LEAF;
	f->key = key;
	f->met = f->sound = true;
	f->nullable = f->nulls = key->nulls;
	if (key->dtype == DTYPE_INT64) {
		f->type = (struct element){.physical = INT64};
	} else if (key->dtype == DTYPE_DATE32) {
		f->type = (struct element){.physical = INT32, .logical = LOGICAL_DATE};
	} else {
		f->type = (struct element){.physical = BYTE_ARRAY, .logical = LOGICAL_STRING};
		f->totals = arena_array(&u->a->arena, (size_t)n + 1, sizeof *f->totals);
		if (!f->totals)
			return no_memory(u);
		for (uint32_t i = 0; i < n; i++)
			if (__builtin_mul_overflow(d->p.first_row[i + 1] - d->p.first_row[i], key->values[i].len, &f->totals[i + 1]))
				return error_set(u->err, EFBIG, "a column is larger than any file");
	}
	f->width = key->dtype == DTYPE_INT64 ? 8 : key->dtype == DTYPE_DATE32 ? 4 : 0;
	return 0;
}

/* What show.c looks at; and what lies before each file, where all files tell. */
static int finish_leaf(struct uniting *u, struct field *f, struct leaf *l)
{
	uint32_t n = u->d->p.ngroups;
	l->width = f->width;
	l->strings = f->type.physical == BYTE_ARRAY && f->type.logical != LOGICAL_DECIMAL;
	l->nulls = f->nulls;
	l->met = f->met;
	l->codec = f->codec;
	l->fault = f->sound ? NULL : f->fault;
	unsigned most = leaf_quantities(l);
	if (most > 1 && !f->totals) {
		l->stated = NULL;
		return 0;
	}
	if (most == 1)
		return 0;
	uint64_t *totals = arena_array(&u->a->arena, (size_t)most * (n + 1), sizeof *totals);
	if (!totals)
		return no_memory(u);
	for (unsigned q = 1; q < most; q++) {
		uint64_t *to = totals + (size_t)q * (n + 1), *from = f->totals + (size_t)(q - 1) * (n + 1);
		for (uint32_t i = 0; i < n; i++)
			if (__builtin_add_overflow(to[i], from[i + 1], &to[i + 1]) || to[i + 1] > INT64_MAX / 64)
				return error_set(u->err, EFBIG, "a column is larger than any file");
		l->stated[q] = to[n];
	}
	atomic_store(&l->totals, totals);
	return 0;
}

int dataset_finish(struct archive *a, struct dataset *d, struct error *err)
{
	struct uniting u = {.a = a, .d = d, .err = err};
	struct rendering s = {.d = d};
	int r = 0;
	for (const struct key *k = d->keys; k && r == 0; k = k->next)
		r = add_key(&u, k);
	if (r < 0)
		return r;
	uint32_t n = count_elements(&d->root);
	s.all = arena_array(&a->arena, n, sizeof *s.all);
	d->columns = arena_array(&a->arena, n, sizeof *d->columns);
	if (!s.all || !d->columns)
		return no_memory(&u);
	d->root.type = (struct element){.physical = GROUP};
	render(&s, &d->root, SLICE("schema"), false);
	r = schema_number(a, &d->p, s.all, n, err);
	for (uint32_t i = 0; i < d->p.nleaves && r == 0; i++)
		r = finish_leaf(&u, d->columns[i], &d->p.leaves[i]);
	return r;
}
