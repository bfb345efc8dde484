/* SPDX-License-Identifier: MIT */
/* Columns of self-describing values. */
#include "formats/shared/records_impl.h"

#include <stdlib.h>

#include "fs/base/list.h"

struct records_level {
	struct records_column *column;
	uint64_t count, serial, begin;
};

struct inferring {
	struct records_scan *w;
	struct records_feed *f;
	uint32_t depth;
	bool again; /* it is known which keys are overwritten */
	bool pass;  /* the next value is */
	struct records_column *field; /* whose value comes next */
	struct records_level *levels; /* RECORDS_DEPTH + 1, once there is one */
};

/* --- fields that come twice in one struct ------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

bool records_overwritten(const struct records_table *t, uint64_t key_at)
{
	return t->noverwritten && bsearch(&key_at, t->overwritten, t->noverwritten, sizeof *t->overwritten, compare);
}

/* Its key before is overwritten: that value must not be counted, so another pass is needed. */
static int note_again(struct inferring *i, struct records_column *c, const struct record_value *key)
{
	struct records_private *p = i->w->private;
	if (i->again || c->key_code != key->code)
		return -EEXIST;
	if (p->noverwritten == RECORDS_REPEATED)
		return error_set(i->w->err, ENOTSUP, "over %d fields that come twice in one record", RECORDS_REPEATED);
	uint64_t *grown = list_grow(p->overwritten, p->noverwritten, sizeof *grown);
	if (!grown)
		return error_no_memory(i->w->err, "its fields");
	p->overwritten = grown;
	grown[p->noverwritten++] = c->key_at;
	return 0;
}

/* --- what is seen of a value ----------------------------------------------------------------- */

static bool exact(const struct record_value *v)
{
	uint64_t n = v->negative ? -v->number : v->number;
	return n == 0 || 64 - __builtin_clzll(n) - __builtin_ctzll(n) <= 53;
}

static void note_code(struct records_column *c, const struct record_value *v)
{
	if (c->coded && c->code != v->code)
		c->codes = true;
	c->coded = true;
	c->code = v->code;
}

/* One that is beyond 64 bits is a float, which may be another number. */
static void note_int(struct records_column *c, const struct record_value *v)
{
	if (v->wide) {
		c->seen |= 1u << RECORD_FLOAT64;
		c->inexact |= v->rounded;
		return;
	}
	c->seen |= 1u << RECORD_INT;
	c->negative |= v->negative && v->number;
	c->beyond |= !v->negative && v->number > INT64_MAX;
	c->inexact |= !exact(v);
}

static void note(struct records_column *c, const struct record_value *v)
{
	c->count++;
	switch ((enum record_kind)v->kind) {
	case RECORD_NULL:
		c->nulls++;
		break;
	case RECORD_INT:
		note_int(c, v);
		c->raw += v->raw;
		return;
	case RECORD_BYTES:
	case RECORD_TIMESTAMP:
		note_code(c, v);
		__attribute__((fallthrough));
	case RECORD_STRING:
		c->total += v->len;
		__attribute__((fallthrough));
	default:
		c->raw += v->raw;
	}
	c->seen |= 1u << v->kind;
}

/* A list of so many elements has ended. */
static void end_list(struct records_level *l)
{
	struct records_column *c = l->column;
	if (c->lists++ == 0)
		c->length = l->count;
	c->ragged |= c->length != l->count;
	c->total += l->count;
}

/* --- the walk ----------------------------------------------------------------------------------- */

static int begin_field(struct inferring *i, const struct record_value *key)
{
	struct records_level *l = &i->levels[i->depth - 1];
	uint8_t few[256], *text = few;
	struct slice name = {key->text, (size_t)key->len};
	if (!key->text) {
		struct arena scratch = {.limit = RECORDS_KEY_MOST * 2};
		if (key->len > RECORDS_KEY_MOST)
			return error_set(i->w->err, ENOTSUP, "a field's name of %llu bytes; at most %d are read", (unsigned long long)key->len,
					 RECORDS_KEY_MOST);
		if (key->len > sizeof few && !(text = arena_alloc(&scratch, (size_t)key->len)))
			return error_no_memory(i->w->err, "a field's name");
		name.data = text;
		if (i->f->type->read(i->f, key->at, text, name.len))
			i->field = records_field(i->w, l->column, name, key->at);
		arena_free(&scratch);
	} else {
		i->field = records_field(i->w, l->column, name, key->at);
	}
	if (i->f->failed || records_failed(i->w))
		return i->f->failed ? i->f->failed : records_failed(i->w);
	struct records_column *c = i->field;
	i->pass = i->again && records_overwritten(i->w->table, key->at);
	if (i->pass)
		return 0;
	int r = c->serial == l->serial ? note_again(i, c, key) : 0;
	c->serial = l->serial;
	c->key_at = key->at;
	c->key_code = key->code;
	return r;
}

/* The column that a value belongs to. */
static struct records_column *column_of_value(struct inferring *i)
{
	struct records_level *l = i->depth ? &i->levels[i->depth - 1] : NULL;
	if (!l)
		return i->w->root;
	if (l->serial) /* a struct */
		return i->field;
	l->count++;
	return records_element(i->w, l->column, 0);
}

static int enter(struct inferring *i, struct records_column *c, const struct record_value *v)
{
	if (i->depth > RECORDS_DEPTH)
		return error_set(i->w->err, EBADMSG, "values over %d deep", RECORDS_DEPTH);
	if (!i->levels && !(i->levels = arena_array(i->w->arena, RECORDS_DEPTH + 1, sizeof *i->levels)))
		return error_no_memory(i->w->err, "its columns");
	i->w->private->levels = i->levels;
	uint64_t serial = v->kind == RECORD_STRUCT ? ++i->w->private->serial : 0;
	i->levels[i->depth++] = (struct records_level){c, 0, serial, v->place};
	return 0;
}

/* Its JSON text, which the column is made of. */
static int measure(struct inferring *i, struct records_column *c, const struct record_value *v)
{
	struct text text = {0};
	c->count++;
	c->nulls += v->kind == RECORD_NULL;
	c->seen |= UINT64_C(1) << v->kind | (v->kind == RECORD_NULL ? 0 : UINT64_C(1) << RECORD_OTHER);
	if (v->kind == RECORD_NULL)
		return 0;
	i->f->type->json(i->f, v, &text);
	c->raw += text.len;
	int r = text.failed ? error_no_memory(i->w->err, "a text") : 0;
	text_free(&text);
	return r;
}

static int take_value(struct inferring *i, const struct record_value *v)
{
	bool holds = v->kind == RECORD_LIST || v->kind == RECORD_STRUCT;
	if (i->pass) {
		i->pass = false;
		if (holds)
			i->f->type->skip(i->f);
		return 0;
	}
	struct records_column *c = column_of_value(i);
	if (!c)
		return records_failed(i->w) ? records_failed(i->w) : error_set(i->w->err, EBADMSG, "a value without a field");
	i->w->rows += i->depth == 0;
	if (c->before && c->before->type == RECORDS_MIXED && i->w->table->kind->no_raw)
		return measure(i, c, v);
	note(c, v);
	return holds ? enter(i, c, v) : 0;
}

static void end_value(struct inferring *i, const struct record_value *v)
{
	struct records_level *l = &i->levels[--i->depth];
	if (!l->serial)
		end_list(l);
	if (i->f->type->texts)
		l->column->raw += v->place - l->begin;
}

/* Many numbers of a list at once. */
static int take_numbers(struct inferring *i)
{
	struct records_level *l = i->depth ? &i->levels[i->depth - 1] : NULL;
	struct records_numbers n = {0};
	if (!l || l->serial || !i->f->type->numbers || (l->column->before && i->w->table->kind->no_raw))
		return 0;
	i->f->type->numbers(i->f, &n);
	if (n.count == 0 || i->f->failed)
		return 0;
	struct records_column *c = records_element(i->w, l->column, 0);
	if (!c)
		return records_failed(i->w);
	l->count += n.count;
	c->count += n.count;
	c->raw += n.raw;
	c->seen |= n.seen | (n.other ? 1u << RECORD_OTHER : 0);
	c->negative |= n.negative;
	c->beyond |= n.beyond;
	c->inexact |= n.inexact;
	return 0;
}

static int infer(struct inferring *i, uint64_t most)
{
	struct record_value v;
	int r = 0;
	while (r == 0 && (i->depth || i->w->rows < most) && i->f->type->next(i->f, &v)) {
		if (v.kind == RECORD_KEY) {
			r = begin_field(i, &v);
		} else if (v.kind == RECORD_END) {
			end_value(i, &v);
		} else {
			r = take_value(i, &v);
			if (r == 0 && v.kind <= RECORD_LIST && v.kind != RECORD_STRING)
				r = take_numbers(i);
		}
	}
	return r ? r : i->f->failed;
}

int records_scan_feed(struct records_scan *w, struct records_feed *f)
{
	struct inferring i = {.w = w, .f = f, .again = w->table->noverwritten, .levels = w->private->levels};
	int r = infer(&i, UINT64_MAX);
	if (r == -EEXIST)
		return error_set(w->err, EBADMSG, "a field twice, once as a string and once not");
	return r;
}

/* --- of a table within an archive ---------------------------------------------------------------- */

static uint32_t count_leaves(const struct records_private *p)
{
	uint32_t leaves = 0;
	for (uint32_t i = 0; i < p->count; i++)
		leaves += !p->all[i]->first && !p->all[i]->element;
	return leaves;
}

static int infer_alone(struct records_scan *w, struct records_feed *f, struct records_table *t, uint64_t most)
{
	struct records_private *p = w->private;
	struct inferring i = {.w = w, .f = f, .again = t->noverwritten};
	int r = infer(&i, most);
	t->root = w->root;
	t->rows = w->rows;
	if (r == 0 && count_leaves(p) > RECORDS_COLUMNS)
		r = -E2BIG;
	if (r || i.again || p->noverwritten == 0)
		return r;
	t->overwritten = arena_array(w->arena, p->noverwritten, sizeof *t->overwritten);
	if (!t->overwritten)
		return error_no_memory(w->err, "its fields");
	memcpy(t->overwritten, p->overwritten, p->noverwritten * sizeof *t->overwritten);
	t->noverwritten = p->noverwritten;
	qsort(t->overwritten, t->noverwritten, sizeof *t->overwritten, compare);
	return -EAGAIN;
}

int records_infer(struct archive *a, struct records_feed *f, struct records_table *t, uint64_t most, struct arena *arena)
{
	struct records_private p = {0};
	struct records_scan w = {.table = t, .arena = arena, .archive = a, .err = f->err, .private = &p};
	w.root = arena_alloc(arena, sizeof *w.root);
	p.all = list_grow(NULL, 0, sizeof(void *));
	int r = w.root && p.all ? infer_alone(&w, f, t, most) : error_no_memory(f->err, "its columns");
	free(p.all);
	free(p.overwritten);
	return r;
}
