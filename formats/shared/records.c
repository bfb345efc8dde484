/* SPDX-License-Identifier: MIT */
/* The pass that finds the columns. */
#include "formats/shared/records_impl.h"

#include <stdlib.h>

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

static void fail(struct records_feed *f, const char *what)
{
	if (!f->failed)
		f->failed = error_no_memory(f->err, what);
}

/* --- fields by name ------------------------------------------------------------------ */

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

static struct records_column *find_by_name(const struct records_column *of, struct slice name)
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

static struct records_column *add_field(struct records_column *of, struct slice name, struct arena *arena)
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

static struct records_column *look_up(struct records_feed *f, struct records_column *of, const struct record_value *key, struct arena *make)
{
	uint8_t few[256];
	struct arena scratch = make ? arena_scratch(make) : (struct arena){.limit = RECORDS_KEY_MOST * 2};
	uint8_t *text = key->len <= sizeof few ? few : key->len <= RECORDS_KEY_MOST ? arena_alloc(&scratch, (size_t)key->len) : NULL;
	struct records_column *c = NULL;
	if (key->len > RECORDS_KEY_MOST)
		f->failed = error_set(f->err, ENOTSUP, "a field's name of %llu bytes; at most %d are read",
				      (unsigned long long)key->len, RECORDS_KEY_MOST);
	else if (!text)
		fail(f, "a field's name");
	else if (records_key(f, key, text)) {
		struct slice name = {text, (size_t)key->len};
		c = make && of->hint && slice_equal(of->hint->name, name) ? of->hint : find_by_name(of, name);
		if (!c && make && !(c = add_field(of, name, make)))
			fail(f, "its columns");
	}
	if (c && make)
		of->hint = c->next ? c->next : of->first;
	arena_free(&scratch);
	return c;
}

struct records_column *records_field(struct records_feed *f, struct records_column *of, const struct record_value *key, struct arena *arena)
{
	return look_up(f, of, key, arena);
}

struct records_column *records_find(struct records_feed *f, struct records_column *of, const struct record_value *key)
{
	return look_up(f, of, key, NULL);
}

/* --- fields that come twice in one struct ------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

bool records_overwritten(const struct records_table *t, const struct record_value *key)
{
	return t->noverwritten && bsearch(&key->at, t->overwritten, t->noverwritten, sizeof *t->overwritten, compare);
}

/* --- the pass --------------------------------------------------------------------------- */

struct level {
	struct records_column *column;
	uint64_t count, serial;
};

struct inferring {
	struct records_feed *f;
	struct records_table *t;
	struct arena *arena, *scratch;
	uint32_t depth, columns;
	bool again; /* it is known which keys are overwritten */
	bool pass;  /* the next value is */
	uint64_t serial; /* structs so far */
	struct records_column *field; /* whose value comes next */
	struct level *levels; /* RECORDS_DEPTH + 1, once there is one */
};

static bool exact(const struct record_value *v)
{
	uint64_t n = v->negative ? -v->number : v->number;
	return n == 0 || 64 - __builtin_clzll(n) - __builtin_ctzll(n) <= 53;
}

static void note_code(struct records_column *c, const struct record_value *v)
{
	bool first = !(c->seen & (1u << RECORD_BYTES | 1u << RECORD_TIMESTAMP));
	if (!first && c->code != v->code)
		c->codes = true;
	c->code = v->code;
}

static void note(struct records_column *c, const struct record_value *v)
{
	c->count++;
	switch ((enum record_kind)v->kind) {
	case RECORD_NULL:
		c->nulls++;
		break;
	case RECORD_INT:
		c->negative |= v->negative;
		c->beyond |= !v->negative && v->number > INT64_MAX;
		c->inexact |= !exact(v);
		break;
	case RECORD_BYTES:
	case RECORD_TIMESTAMP:
		note_code(c, v);
		__attribute__((fallthrough));
	case RECORD_STRING:
		c->total += v->len;
		break;
	default:
		break;
	}
	c->seen |= 1u << v->kind;
}

/* A list of so many elements has ended. */
static void end_list(struct level *l)
{
	struct records_column *c = l->column;
	if (c->lists++ == 0)
		c->length = l->count;
	c->ragged |= c->length != l->count;
	c->total += l->count;
}

static struct records_column *new_column(struct inferring *w, struct records_column *parent)
{
	struct records_column *c = arena_alloc(w->arena, sizeof *c);
	if (!c)
		fail(w->f, "its columns");
	else
		c->parent = parent;
	return c;
}

/* Its key before is overwritten: what was noted of the value is not to be, in another pass. */
static int note_again(struct inferring *w, struct records_column *c, const struct record_value *key)
{
	struct records_table *t = w->t;
	if (w->again || c->key_code != key->code)
		return -EEXIST;
	if (t->noverwritten == RECORDS_REPEATED)
		return error_set(w->f->err, ENOTSUP, "over %d fields that come twice in one record", RECORDS_REPEATED);
	uint64_t *grown = list_grow_in(w->arena, t->overwritten, t->noverwritten, sizeof *grown);
	if (!grown)
		return error_no_memory(w->f->err, "its fields");
	t->overwritten = grown;
	grown[t->noverwritten++] = c->key_at;
	return 0;
}

static int begin_field(struct inferring *w, const struct record_value *key)
{
	struct level *l = &w->levels[w->depth - 1];
	uint32_t before = l->column->nfields;
	struct records_column *c = records_field(w->f, l->column, key, w->arena);
	if (!c)
		return w->f->failed;
	int r = 0;
	w->columns += l->column->nfields - before;
	w->pass = w->again && records_overwritten(w->t, key);
	if (!w->pass && c->serial == l->serial)
		r = note_again(w, c, key);
	if (!w->pass) {
		c->serial = l->serial;
		c->key_at = key->at;
		c->key_code = key->code;
	}
	w->field = c;
	return w->columns > RECORDS_COLUMNS ? -E2BIG : r;
}

/* The column that a value belongs to. */
static struct records_column *column_of_value(struct inferring *w)
{
	struct level *l = w->depth ? &w->levels[w->depth - 1] : NULL;
	if (!l)
		return w->t->root;
	if (l->serial) /* a struct */
		return w->field;
	l->count++;
	if (!l->column->element)
		l->column->element = new_column(w, l->column);
	return l->column->element;
}

static int take_value(struct inferring *w, const struct record_value *v)
{
	if (w->pass) {
		w->pass = false;
		if (v->kind == RECORD_LIST || v->kind == RECORD_STRUCT)
			w->f->type->skip(w->f);
		return 0;
	}
	struct records_column *c = column_of_value(w);
	if (!c)
		return w->f->failed ? w->f->failed : error_set(w->f->err, EBADMSG, "a value without a field");
	w->t->rows += w->depth == 0;
	note(c, v);
	if (v->kind != RECORD_LIST && v->kind != RECORD_STRUCT)
		return 0;
	if (w->depth > RECORDS_DEPTH)
		return error_set(w->f->err, EBADMSG, "values over %d deep", RECORDS_DEPTH);
	if (!w->levels && !(w->levels = arena_array(w->scratch, RECORDS_DEPTH + 1, sizeof *w->levels)))
		return error_no_memory(w->f->err, "its columns");
	w->levels[w->depth++] = (struct level){c, 0, v->kind == RECORD_STRUCT ? ++w->serial : 0};
	return 0;
}

static int infer(struct inferring *w, uint64_t most)
{
	struct record_value v;
	int r = 0;
	while (r == 0 && (w->depth || w->t->rows < most) && w->f->type->next(w->f, &v)) {
		if (v.kind == RECORD_KEY) {
			r = begin_field(w, &v);
		} else if (v.kind == RECORD_END) {
			w->depth--;
			if (!w->levels[w->depth].serial)
				end_list(&w->levels[w->depth]);
		} else {
			r = take_value(w, &v);
		}
	}
	return r ? r : w->f->failed;
}

int records_infer(struct records_feed *f, struct records_table *t, uint64_t most, struct arena *arena)
{
	struct arena scratch = arena_scratch(arena);
	struct inferring w = {.f = f, .t = t, .arena = arena, .scratch = &scratch, .again = t->noverwritten};
	t->rows = 0;
	t->root = new_column(&w, NULL);
	int r = t->root ? infer(&w, most) : f->failed;
	arena_free(&scratch);
	if (r || w.again || t->noverwritten == 0)
		return r;
	qsort(t->overwritten, t->noverwritten, sizeof *t->overwritten, compare);
	return -EAGAIN;
}
