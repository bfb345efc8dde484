/* SPDX-License-Identifier: MIT */
/* What a field of the union is in one file. */
#include "formats/parquet/dataset/dataset.h"

static const struct element *behind(const struct parquet *p, const struct element *e)
{
	return e->next < p->nelements ? &p->elements[e->next] : NULL;
}

static const struct element *child_at(const struct parquet *p, const struct element *group, uint32_t place)
{
	const struct element *c = group->children > place ? group + 1 : NULL;
	while (c && place-- > 0)
		c = behind(p, c);
	return c;
}

/* A struct's child of that name, searched in the order of the file. */
static const struct element *child_named(const struct parquet *p, const struct element *group, struct slice name)
{
	const struct element *c = group->children ? group + 1 : NULL;
	for (uint32_t i = 0; c && i < group->children; i++, c = behind(p, c))
		if (slice_equal(c->name, name))
			return c;
	return NULL;
}

static const struct element *step(const struct parquet *p, const struct element *at, const struct field *f)
{
	const struct field *parent = f->parent;
	if (parent->form == FORM_LIST)
		return pq_dataset_item(at, parent->depth);
	if (parent->form == FORM_MAP)
		return child_at(p, pq_dataset_item(at, parent->depth), f->place);
	return child_named(p, at, f->name);
}

/* Whether the element is the field. A file's null column, which may be of any type, matches
 * only a null field of its physical type; the file lacks any other. */
static bool stands_for(const struct element *e, const struct field *f)
{
	bool f_null = f->form == FORM_LEAF && pq_dataset_is_null(&f->type);
	return pq_dataset_form(e, f->depth) == f->form && pq_dataset_is_null(e) == f_null &&
	       (!f_null || e->physical == f->type.physical);
}

struct mapped pq_dataset_map(const struct parquet *p, const struct field *f)
{
	if (!f->parent)
		return (struct mapped){.e = p->elements};
	struct mapped above = pq_dataset_map(p, f->parent);
	if (!above.e)
		return above;
	const struct element *e = step(p, above.e, f);
	if (e && stands_for(e, f) && (e->physical != GROUP || pq_leaf_first(p, e)))
		return (struct mapped){.e = e};
	struct leaf *counts = f->depth == 0 ? NULL : pq_leaf_first(p, e && f->parent->form != FORM_STRUCT ? e : above.e);
	return (struct mapped){.lacked = f, .counts = counts};
}

int pq_dataset_map_in(struct archive *file, const struct field *f, struct mapped *ret, struct error *err)
{
	const struct parquet *p = file->priv;
	if (p->mapped)
		source_enter(&file->source);
	*ret = pq_dataset_map(p, f);
	return p->mapped ? source_leave(&file->source, p->footer_at, p->footer.len, err) : 0;
}
