/* SPDX-License-Identifier: MIT */
/* Columns by name, each worker's own and those that all have in common. */
#include "formats/shared/records_pass.h"

#include <stdarg.h>
#include <stdio.h>

#include "fs/base/list.h"
#include "fs/base/name.h"

enum { TABLE_FROM = 16 }; /* fields, before there is a hash table */

struct records_fields {
	uint32_t mask;
	struct records_slot {
		uint64_t hash;
		struct records_column *column;
	} slots[];
};

/* --- by name ------------------------------------------------------------------------- */

static void put(struct records_fields *t, struct records_column *c, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & t->mask;
	while (t->slots[i].column)
		i = (i + 1) & t->mask;
	t->slots[i] = (struct records_slot){hash, c};
}

/* Twice as large as there are fields, and half as many again. */
bool records_tabulate(struct records_column *of, struct arena *arena)
{
	uint32_t size = 64;
	if (of->nfields < TABLE_FROM)
		return true;
	while (size < of->nfields * 4)
		size *= 2;
	struct records_fields *t = arena_alloc(arena, sizeof *t + size * sizeof *t->slots);
	if (!t)
		return false;
	t->mask = size - 1;
	for (struct records_column *c = of->first; c; c = c->next)
		put(t, c, slice_hash(c->name, of));
	of->fields = t;
	return true;
}

struct records_column *records_column_find(const struct records_column *of, struct slice name)
{
	if (!of->fields) {
		for (struct records_column *c = of->first; c; c = c->next)
			if (slice_equal(c->name, name))
				return c;
		return NULL;
	}
	uint64_t hash = slice_hash(name, of);
	const struct records_fields *t = of->fields;
	for (uint32_t i = (uint32_t)hash & t->mask; t->slots[i].column; i = (i + 1) & t->mask)
		if (t->slots[i].hash == hash && slice_equal(t->slots[i].column->name, name))
			return t->slots[i].column;
	return NULL;
}

struct records_column *records_column_add(struct records_column *of, struct slice name, struct arena *arena)
{
	struct records_column *c = arena_alloc(arena, sizeof *c);
	char *text = c ? arena_text(arena, name) : NULL;
	if (!text)
		return NULL;
	c->parent = of;
	c->name = (struct slice){(const uint8_t *)text, name.len};
	if (of->last)
		of->last->next = c;
	else
		of->first = c;
	of->last = c;
	of->nfields++;
	if (of->nfields >= TABLE_FROM && (!of->fields || of->nfields * 2 > of->fields->mask)) {
		if (!records_tabulate(of, arena))
			return NULL;
	} else if (of->fields) {
		put(of->fields, c, slice_hash(name, of));
	}
	return c;
}

/* --- a worker's --------------------------------------------------------------------------- */

int records_fail(struct records_scan *w, int failed)
{
	if (!w->private->failed)
		w->private->failed = failed;
	return w->private->failed;
}

int records_failed(const struct records_scan *w)
{
	return w->private->failed;
}

/* It is known to the worker, and to all. */
static struct records_column *enlist(struct records_scan *w, struct records_column *c, uint64_t at)
{
	struct records_private *p = w->private;
	struct records_column **grown = c ? list_grow(p->all, p->count, sizeof(void *)) : NULL;
	if (!grown) {
		records_fail(w, error_no_memory(w->err, "its columns"));
		return NULL;
	}
	p->all = grown;
	if (!p->pass && p->count > 2 * RECORDS_COLUMNS) {
		records_fail(w, -E2BIG);
		return NULL;
	}
	c->born = at;
	if (c->parent->before)
		c->before = c->name.data ? records_column_find(c->parent->before, c->name) : c->parent->before->element;
	if (p->pass && !records_join_new(w, c))
		return NULL;
	p->all[p->count++] = c;
	return c;
}

struct records_column *records_field(struct records_scan *w, struct records_column *of, struct slice name, uint64_t at)
{
	struct records_column *c = of->hint;
	if (!c || !slice_equal(c->name, name)) {
		c = records_column_find(of, name);
		if (!c && name.len > RECORDS_KEY_MOST) {
			records_fail(w, error_set(w->err, ENOTSUP, "a field's name of %zu bytes; at most %d are read", name.len, RECORDS_KEY_MOST));
			return NULL;
		}
		if (!c)
			c = enlist(w, records_column_add(of, name, w->arena), at);
	}
	if (c)
		of->hint = c->next ? c->next : of->first;
	return c;
}

struct records_column *records_element(struct records_scan *w, struct records_column *list, uint64_t at)
{
	if (!list->element) {
		struct records_column *c = arena_alloc(w->arena, sizeof *c);
		if (c)
			c->parent = list;
		if (!(c = enlist(w, c, at)))
			return NULL;
		list->element = c;
	}
	return list->element;
}

int records_broken(struct records_scan *w, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return records_fail(w, error_set(w->err, EBADMSG, "%s", text));
}

/* --- joined ------------------------------------------------------------------------------------ */

static void join_lists(struct records_column *to, const struct records_column *c)
{
	if (c->lists == 0)
		return;
	if (to->lists == 0)
		to->length = c->length;
	to->ragged |= c->ragged || to->length != c->length;
	to->lists += c->lists;
}

void records_join(struct records_column *to, const struct records_column *c)
{
	if (c->coded && to->coded)
		to->codes |= to->code != c->code;
	else if (c->coded)
		to->code = c->code;
	to->coded |= c->coded;
	to->codes |= c->codes;
	to->seen |= c->seen;
	to->negative |= c->negative;
	to->beyond |= c->beyond;
	to->inexact |= c->inexact;
	to->born = c->born < to->born ? c->born : to->born;
	join_lists(to, c);
	to->count += c->count;
	to->nulls += c->nulls;
	to->total += c->total;
	to->raw += c->raw;
	to->empties += c->empties;
}

/* --- those that the workers of a pass have in common ----------------------------------------- */

static struct records_column *common_of(struct records_pass *p, const struct records_column *c)
{
	struct records_column *parent = c->parent ? p->columns[c->parent->number] : NULL;
	struct records_column *common = !parent ? (p->count ? p->columns[0] : NULL)
				       : c->name.data ? records_column_find(parent, c->name) : parent->element;
	if (common)
		return common;
	struct records_column **grown = list_grow(p->columns, p->count, sizeof(void *));
	if (!grown)
		return NULL;
	p->columns = grown;
	p->leaves += !parent || parent->first || parent->element;
	common = parent && c->name.data ? records_column_add(parent, c->name, &p->arena) : arena_alloc(&p->arena, sizeof *common);
	if (!common)
		return NULL;
	common->parent = parent;
	common->number = p->count;
	common->born = UINT64_MAX;
	if (parent && !c->name.data)
		parent->element = common;
	return p->columns[p->count++] = common;
}

bool records_join_new(struct records_scan *w, struct records_column *c)
{
	struct records_pass *p = w->private->pass;
	pthread_mutex_lock(&p->lock);
	struct records_column *common = common_of(p, c);
	bool many = p->leaves > RECORDS_COLUMNS + p->t->kind->hidden;
	if (common && c->born < common->born)
		common->born = c->born;
	pthread_mutex_unlock(&p->lock);
	if (!common)
		records_fail(w, error_no_memory(w->err, "its columns"));
	else if (many)
		records_fail(w, error_set(w->err, ENOTSUP, "records of over %d columns", RECORDS_COLUMNS));
	else
		c->number = common->number;
	return common && !many;
}
