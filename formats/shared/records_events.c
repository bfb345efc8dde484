/* SPDX-License-Identifier: MIT */
/* One file's part of the records of a feed. */
#include "formats/shared/records_impl.h"

#include <stdlib.h>

enum { KEY_FEW = 256 };

struct feeding {
	struct records_decode *d;
	struct records_feed *f;
	bool leave;  /* the record has nothing more that is wanted, and was left */
	bool direct; /* only structs lead to the column, and none has a field twice */
};

static void changed(struct feeding *e)
{
	if (!e->f->failed)
		records_changed(e->d);
}

static uint64_t as_double(const struct record_value *v)
{
	uint32_t narrow = (uint32_t)v->number;
	uint64_t bits;
	float single;
	double value;
	if (v->kind == RECORD_FLOAT64 || v->wide)
		return v->number;
	memcpy(&single, &narrow, sizeof single);
	if (v->kind == RECORD_FLOAT32)
		value = (double)single;
	else if (v->negative)
		value = v->number ? (double)(int64_t)v->number : -0.0;
	else
		value = (double)v->number;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* A float32 whose NaN has a payload becomes a float64 as C converts it. */
static void put_number(struct feeding *e, const struct record_value *v)
{
	struct records_decode *d = e->d;
	enum records_type type = (enum records_type)d->column->type;
	uint8_t *to;
	static const uint8_t kinds[] = {
		[RECORDS_BOOL] = RECORD_BOOL, [RECORDS_INT64] = RECORD_INT, [RECORDS_UINT64] = RECORD_INT, [RECORDS_FLOAT32] = RECORD_FLOAT32,
		[RECORDS_COMPLEX] = RECORD_COMPLEX, [RECORDS_TIMESTAMP] = RECORD_TIMESTAMP,
	};
	if (v->kind == RECORD_NULL) {
		records_put_null(d);
	} else if (type == RECORDS_FLOAT64) {
		if (v->kind != RECORD_INT && v->kind != RECORD_FLOAT32 && v->kind != RECORD_FLOAT64)
			changed(e);
		else
			records_put_le(d, as_double(v), 8);
	} else if (type >= sizeof kinds || v->kind != kinds[type] || v->wide) {
		changed(e);
	} else if (type == RECORDS_COMPLEX) {
		if ((to = records_room(d, 16)))
			memcpy(to, v->complex, 16);
	} else {
		records_put_le(d, v->number, records_width(type));
	}
}

/* The numbers that come next in a list, of which only the count is wanted. */
static uint64_t count_numbers(struct feeding *e)
{
	struct records_numbers n = {.only_count = true};
	if (e->f->type->numbers)
		e->f->type->numbers(e->f, &n);
	return n.count;
}

static uint64_t count_elements(struct feeding *e)
{
	struct record_value inner;
	uint64_t count = count_numbers(e);
	while (e->f->type->next(e->f, &inner) && inner.kind != RECORD_END) {
		count++;
		if (inner.kind == RECORD_LIST || inner.kind == RECORD_STRUCT)
			e->f->type->skip(e->f);
		else if (inner.kind <= RECORD_FLOAT64)
			count += count_numbers(e);
	}
	return count;
}

/* A string's or list's length; passes over what it holds. */
static bool measure(struct feeding *e, const struct record_value *v, uint64_t *ret)
{
	struct records_decode *d = e->d;
	*ret = v->len;
	if (v->kind == RECORD_NULL) {
		*ret = 0;
	} else if (d->column->type == RECORDS_MIXED) {
		d->text.len = 0;
		e->f->type->json(e->f, v, &d->text);
		*ret = d->text.len;
		if (d->text.failed && !d->failed)
			d->failed = error_no_memory(d->err, "a text");
	} else if (d->column->type == RECORDS_LIST) {
		if (v->kind != RECORD_LIST)
			return records_changed(d);
		*ret = count_elements(e);
	} else if (v->kind != RECORD_STRING && v->kind != RECORD_BYTES && v->kind != RECORD_TIMESTAMP) {
		return records_changed(d);
	}
	return e->f->failed == 0 && d->failed == 0;
}

static void put_text(struct feeding *e, const struct record_value *v)
{
	struct records_decode *d = e->d;
	uint64_t len;
	if (!measure(e, v, &len))
		return;
	if (d->part == RECORDS_EXTENTS) {
		uint8_t *to = len ? records_room(d, 16) : NULL;
		uint64_t pair[2] = {d->running, v->at};
		if (to)
			memcpy(to, pair, sizeof pair);
		d->running += len;
		return;
	}
	uint8_t *to = records_room(d, len);
	if (to && len && d->column->type == RECORDS_MIXED)
		memcpy(to, d->text.bytes, (size_t)len);
	else if (to && len && v->text)
		memcpy(to, v->text, (size_t)len);
	else if (to && len)
		e->f->type->read(e->f, v->at, to, (size_t)len);
}

static void pass(struct feeding *e, const struct record_value *v)
{
	if (v->kind == RECORD_LIST || v->kind == RECORD_STRUCT)
		e->f->type->skip(e->f);
}

static void emit(struct feeding *e, const struct record_value *v)
{
	struct records_decode *d = e->d;
	uint64_t len;
	uint8_t *to;
	switch (d->part) {
	case RECORDS_OFFSETS:
		records_put_le(d, d->running, 8);
		if (measure(e, v, &len))
			d->running += len;
		break;
	case RECORDS_VALIDITY:
		if ((to = records_room(d, 1)))
			*to = v->kind != RECORD_NULL;
		pass(e, v);
		break;
	case RECORDS_DATA:
		put_number(e, v);
		break;
	default:
		put_text(e, v);
	}
}

/* The key's key->len bytes. */
static bool read_key(struct feeding *e, const struct record_value *key, uint8_t *ret)
{
	if (!key->text)
		return e->f->type->read(e->f, key->at, ret, (size_t)key->len);
	memcpy(ret, key->text, (size_t)key->len);
	return true;
}

/* Is the field of that name the one? */
static bool is_field(struct feeding *e, const struct record_value *key, const struct records_column *field)
{
	uint8_t name[KEY_FEW], *text = name;
	if (key->len != field->name.len)
		return false;
	if (key->text)
		return memcmp(key->text, field->name.data, (size_t)key->len) == 0;
	if (key->len > sizeof name && !(text = malloc((size_t)key->len))) {
		e->d->failed = error_no_memory(e->d->err, "a field's name");
		return false;
	}
	bool same = read_key(e, key, text) && memcmp(text, field->name.data, (size_t)key->len) == 0;
	if (text != name)
		free(text);
	return same;
}

static bool stopped(const struct feeding *e)
{
	return e->f->failed || e->d->failed || e->leave;
}

/* Many numbers of a list at once, if they are the column's values. */
static void take_numbers(struct feeding *e, uint32_t step)
{
	struct records_decode *d = e->d;
	enum records_type type = (enum records_type)d->column->type;
	bool data = d->part == RECORDS_DATA && type >= RECORDS_INT64 && type <= RECORDS_FLOAT64;
	if (step + 1 != d->length || !e->f->type->numbers || (!data && d->part != RECORDS_VALIDITY))
		return;
	uint32_t width = data ? records_width(type) : 1;
	struct records_numbers n = {.type = d->column->type, .out = data ? d->out : NULL, .room = (uint64_t)(d->end - d->out) / width, .only_count = !data};
	e->f->type->numbers(e->f, &n);
	uint8_t *to = records_room(d, n.count * width);
	if (to && !data)
		memset(to, 1, (size_t)n.count);
}

static void descend(struct feeding *e, uint32_t step, const struct record_value *v);

static void descend_list(struct feeding *e, uint32_t step)
{
	struct record_value v;
	take_numbers(e, step);
	while (!stopped(e) && e->f->type->next(e->f, &v) && v.kind != RECORD_END) {
		descend(e, step, &v);
		if (v.kind <= RECORD_FLOAT64)
			take_numbers(e, step);
	}
}

static void descend_struct(struct feeding *e, uint32_t step)
{
	static const struct record_value null = {.kind = RECORD_NULL};
	struct records_decode *d = e->d;
	struct record_value v;
	bool met = false;
	while (!stopped(e) && e->f->type->next(e->f, &v) && v.kind != RECORD_END) {
		bool same = is_field(e, &v, d->path[step]) && !records_overwritten(d->table, v.at);
		if (!e->f->type->next(e->f, &v))
			return;
		if (same && met)
			changed(e);
		else if (same)
			descend(e, step, &v);
		else
			pass(e, &v);
		met |= same;
		if (met && e->direct && !stopped(e)) {
			e->f->type->rest(e->f);
			e->leave = true;
		}
	}
	if (!met && !stopped(e))
		descend(e, step, &null);
}

/* A value of the column at that step of the path: down to what is asked for.  As deep as the path. */
static void descend(struct feeding *e, uint32_t step, const struct record_value *v)
{
	bool list = e->d->path[step]->type == RECORDS_LIST;
	if (step + 1 == e->d->length) {
		emit(e, v);
	} else if (v->kind == RECORD_NULL) {
		if (!list)
			descend(e, step + 1, v);
	} else if (v->kind != (list ? RECORD_LIST : RECORD_STRUCT)) {
		changed(e);
	} else if (list) {
		descend_list(e, step + 1);
	} else {
		descend_struct(e, step + 1);
	}
}

static bool is_direct(const struct records_decode *d, const struct records_feed *f)
{
	bool direct = f->type->rest && d->table->noverwritten == 0;
	for (uint32_t i = 0; direct && i + 1 < d->length; i++)
		direct = d->path[i]->type == RECORDS_STRUCT;
	return direct;
}

int records_decode_rows(struct records_decode *d, struct records_feed *f, uint64_t rows)
{
	struct feeding e = {.d = d, .f = f, .direct = is_direct(d, f)};
	struct record_value v;
	for (uint64_t i = 0; i < rows && !f->failed && !d->failed; i++) {
		if (!f->type->next(f, &v))
			break;
		e.leave = false;
		descend(&e, 0, &v);
	}
	text_free(&d->text);
	return d->failed ? d->failed : f->failed;
}

int records_decode_feed(struct records_decode *d, struct records_feed *f)
{
	return records_decode_rows(d, f, UINT64_MAX);
}

int records_decode_few(struct records_feed *f, const struct records_table *t, uint8_t *ret)
{
	struct records_column *path[] = {t->root};
	struct records_decode d = {.table = t, .path = path, .length = 1, .column = t->root, .part = RECORDS_DATA, .out = ret,
				   .end = ret + t->rows * records_width((enum records_type)t->root->type), .err = f->err};
	return records_decode_rows(&d, f, t->rows);
}
