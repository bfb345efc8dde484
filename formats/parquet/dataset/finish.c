/* SPDX-License-Identifier: MIT */
/* Turns the complete union into what show.c expects: a schema in the form that the
 * specification prescribes today. */
#include "formats/parquet/dataset/dataset.h"

static uint32_t count_elements(struct field *f)
{
	f->bare &= !f->nullable; /* only an annotated list can be null */
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

/* Lists and maps are written as the specification prescribes today. */
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

/* A partition key as a column: required unless some file has no value for it. */
static int add_key(struct archive *a, struct dataset *d, const struct table_key *key, struct error *err)
{
	struct field *f = pq_dataset_add_field(a, &d->root, key->name, err);
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
		f->totals = arena_array(&a->arena, (size_t)n + 1, sizeof *f->totals);
		if (!f->totals)
			return error_no_memory(err, "the columns of all files");
		for (uint32_t i = 0; i < n; i++)
			if (__builtin_mul_overflow(d->p.first_row[i + 1] - d->p.first_row[i], key->values[i].len, &f->totals[i + 1]))
				return error_set(err, EFBIG, "a column is larger than any file");
	}
	f->width = key->dtype == DTYPE_INT64 ? 8 : key->dtype == DTYPE_DATE32 ? 4 : 0;
	return 0;
}

/* Sets what show.c reads and, if all files state it, what precedes each file. */
static int finish_leaf(struct archive *a, const struct dataset *d, struct field *f, struct leaf *l, struct error *err)
{
	uint32_t n = d->p.ngroups;
	l->width = f->width;
	l->strings = f->type.physical == BYTE_ARRAY && f->type.logical != LOGICAL_DECIMAL;
	l->nulls = f->nulls;
	l->met = f->met;
	l->codec = f->codec;
	l->cost = f->cost;
	l->fault = f->sound ? NULL : f->fault;
	unsigned most = pq_leaf_quantities(l);
	if (most > 1 && (!f->totals || (pq_leaf_is_small(l) && !f->key))) {
		l->stated = NULL;
		return 0;
	}
	if (most == 1)
		return 0;
	uint64_t *totals = arena_array(&a->arena, (size_t)most * (n + 1), sizeof *totals);
	if (!totals)
		return error_no_memory(err, "the columns of all files");
	for (unsigned q = 1; q < most; q++) {
		uint64_t *to = totals + (size_t)q * (n + 1), *from = f->totals + (size_t)(q - 1) * (n + 1);
		for (uint32_t i = 0; i < n; i++)
			if (__builtin_add_overflow(to[i], from[i + 1], &to[i + 1]) || to[i + 1] > INT64_MAX / 64)
				return error_set(err, EFBIG, "a column is larger than any file");
		l->stated[q] = to[n];
	}
	atomic_store(&l->totals, totals);
	return 0;
}

int pq_dataset_finish(struct archive *a, struct dataset *d, struct error *err)
{
	struct rendering s = {.d = d};
	int r = 0;
	for (const struct table_key *k = d->files->keys; k && r == 0; k = k->next)
		r = add_key(a, d, k, err);
	if (r < 0)
		return r;
	uint32_t n = count_elements(&d->root);
	s.all = arena_array(&a->arena, n, sizeof *s.all);
	d->columns = arena_array(&a->arena, n, sizeof *d->columns);
	if (!s.all || !d->columns)
		return error_no_memory(err, "the columns of all files");
	d->root.type = (struct element){.physical = GROUP};
	render(&s, &d->root, SLICE("schema"), false);
	r = pq_schema_number(a, &d->p, s.all, n, err);
	for (uint32_t i = 0; i < d->p.nleaves && r == 0; i++)
		r = finish_leaf(a, d, d->columns[i], &d->p.leaves[i], err);
	return r;
}
