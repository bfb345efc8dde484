/* SPDX-License-Identifier: MIT */
/* One file's part of a block of records. */
#include "formats/shared/records_impl.h"

enum { EXTENTS = RECORDS_VALIDITY + 1, KEY_FEW = 256 };

struct decoding {
	struct records_feed *f;
	const struct records_table *table;
	struct records_column **path; /* from the root to the column */
	uint32_t length;
	const struct records_column *column;
	uint8_t part;
	uint8_t *out, *end;
	uint64_t running; /* OFFSETS, EXTENTS: the total so far */
	struct text text; /* of a mixed value */
};

/* What does not fit the types that were found was not there then. */
static bool changed(struct decoding *d)
{
	if (!d->f->failed)
		d->f->failed = error_set(d->f->err, EIO, "the file has changed since it was opened");
	return false;
}

static uint8_t *room(struct decoding *d, uint64_t len)
{
	uint8_t *to = d->out;
	if (len > (uint64_t)(d->end - to))
		return changed(d) ? to : NULL;
	d->out += len;
	return to;
}

static void put_le(struct decoding *d, uint64_t value, uint32_t width)
{
	uint8_t *to = room(d, width);
	for (uint32_t i = 0; to && i < width; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t as_double(const struct record_value *v)
{
	uint32_t narrow = (uint32_t)v->number;
	uint64_t bits;
	float single;
	double value;
	if (v->kind == RECORD_FLOAT64)
		return v->number;
	memcpy(&single, &narrow, sizeof single);
	value = v->kind == RECORD_FLOAT32 ? (double)single : v->negative ? (double)(int64_t)v->number : (double)v->number;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* A float32 whose NaN has a payload becomes a float64 as C converts it. */
static void put_number(struct decoding *d, const struct record_value *v)
{
	enum records_type type = (enum records_type)d->column->type;
	uint8_t *to;
	static const uint8_t kinds[] = {
		[RECORDS_BOOL] = RECORD_BOOL, [RECORDS_INT64] = RECORD_INT, [RECORDS_UINT64] = RECORD_INT, [RECORDS_FLOAT32] = RECORD_FLOAT32,
		[RECORDS_COMPLEX] = RECORD_COMPLEX, [RECORDS_TIMESTAMP] = RECORD_TIMESTAMP,
	};
	if (v->kind == RECORD_NULL) {
		if ((to = room(d, records_width(type))))
			memset(to, 0, records_width(type));
	} else if (type == RECORDS_FLOAT64) {
		if (v->kind != RECORD_INT && v->kind != RECORD_FLOAT32 && v->kind != RECORD_FLOAT64)
			changed(d);
		else
			put_le(d, as_double(v), 8);
	} else if (v->kind != kinds[type]) {
		changed(d);
	} else if (type == RECORDS_COMPLEX) {
		if ((to = room(d, 16)))
			memcpy(to, v->complex, 16);
	} else {
		put_le(d, v->number, records_width(type));
	}
}

/* A string's or list's length; passes over what it holds. */
static bool measure(struct decoding *d, const struct record_value *v, uint64_t *ret)
{
	struct record_value inner;
	*ret = v->len;
	if (v->kind == RECORD_NULL) {
		*ret = 0;
	} else if (d->column->type == RECORDS_MIXED) {
		d->text.len = 0;
		d->f->type->json(d->f, v, &d->text);
		*ret = d->text.len;
		if (d->text.failed && !d->f->failed)
			d->f->failed = error_no_memory(d->f->err, "a text");
	} else if (d->column->type == RECORDS_LIST) {
		if (v->kind != RECORD_LIST)
			return changed(d);
		for (*ret = 0; d->f->type->next(d->f, &inner) && inner.kind != RECORD_END; ++*ret)
			if (inner.kind == RECORD_LIST || inner.kind == RECORD_STRUCT)
				d->f->type->skip(d->f);
	} else if (v->kind != RECORD_STRING && v->kind != RECORD_BYTES && v->kind != RECORD_TIMESTAMP) {
		return changed(d);
	}
	return d->f->failed == 0;
}

static void put_text(struct decoding *d, const struct record_value *v)
{
	uint64_t len;
	if (!measure(d, v, &len))
		return;
	if (d->part == EXTENTS) {
		uint8_t *to = len ? room(d, 16) : NULL;
		uint64_t pair[2] = {d->running, v->at};
		if (to)
			memcpy(to, pair, sizeof pair);
		d->running += len;
		return;
	}
	uint8_t *to = room(d, len);
	if (to && len && d->column->type == RECORDS_MIXED)
		memcpy(to, d->text.bytes, (size_t)len);
	else if (to && len)
		d->f->type->read(d->f, v->at, to, (size_t)len);
}

static void pass(struct decoding *d, const struct record_value *v)
{
	if (v->kind == RECORD_LIST || v->kind == RECORD_STRUCT)
		d->f->type->skip(d->f);
}

static void emit(struct decoding *d, const struct record_value *v)
{
	uint64_t len;
	uint8_t *to;
	switch (d->part) {
	case RECORDS_OFFSETS:
		put_le(d, d->running, 8);
		if (measure(d, v, &len))
			d->running += len;
		break;
	case RECORDS_VALIDITY:
		if ((to = room(d, 1)))
			*to = v->kind != RECORD_NULL;
		pass(d, v);
		break;
	case RECORDS_DATA:
		put_number(d, v);
		break;
	default:
		put_text(d, v);
	}
}

/* Is the field of that name the one? */
static bool is_field(struct decoding *d, const struct record_value *key, struct records_column *of, const struct records_column *field)
{
	uint8_t name[KEY_FEW];
	if (key->len != field->name.len)
		return false;
	if (key->len > sizeof name)
		return records_find(d->f, of, key) == field;
	return records_key(d->f, key, name) && memcmp(name, field->name.data, (size_t)key->len) == 0;
}

static void descend(struct decoding *d, uint32_t step, const struct record_value *v);

static void descend_list(struct decoding *d, uint32_t step)
{
	struct record_value v;
	while (!d->f->failed && d->f->type->next(d->f, &v) && v.kind != RECORD_END)
		descend(d, step, &v);
}

static void descend_struct(struct decoding *d, uint32_t step, struct records_column *of)
{
	static const struct record_value null = {.kind = RECORD_NULL};
	struct record_value v;
	bool met = false;
	while (!d->f->failed && d->f->type->next(d->f, &v) && v.kind != RECORD_END) {
		bool same = !records_overwritten(d->table, &v) && is_field(d, &v, of, d->path[step]);
		if (!d->f->type->next(d->f, &v))
			return;
		if (same && met)
			changed(d);
		else if (same)
			descend(d, step, &v);
		else
			pass(d, &v);
		met |= same;
	}
	if (!met && !d->f->failed)
		descend(d, step, &null);
}

/* A value of the column at that step of the path: down to what is asked for.  As deep as the path. */
static void descend(struct decoding *d, uint32_t step, const struct record_value *v)
{
	struct records_column *of = d->path[step];
	bool list = of->type == RECORDS_LIST;
	if (step + 1 == d->length) {
		emit(d, v);
	} else if (v->kind == RECORD_NULL) {
		if (!list)
			descend(d, step + 1, v);
	} else if (v->kind != (list ? RECORD_LIST : RECORD_STRUCT)) {
		changed(d);
	} else if (list) {
		descend_list(d, step + 1);
	} else {
		descend_struct(d, step + 1, of);
	}
}

static struct records_column **path_to(const struct records_column *c, struct arena *scratch, uint32_t *ret)
{
	*ret = 0;
	for (const struct records_column *p = c; p; p = p->parent)
		++*ret;
	struct records_column **path = arena_array(scratch, *ret, sizeof *path);
	for (uint32_t i = *ret; path && i-- > 0; c = c->parent)
		path[i] = (struct records_column *)(uintptr_t)c;
	return path;
}

static void decode(struct decoding *d, uint64_t rows)
{
	struct record_value v;
	for (uint64_t i = 0; i < rows && !d->f->failed; i++) {
		if (d->f->type->next(d->f, &v))
			descend(d, 0, &v);
		else
			changed(d);
	}
}

/* One block's records, or, of a table without an index, all of them. */
static int run(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, struct decoding *d, struct error *err)
{
	struct arena scratch = arena_apart(&a->arena);
	const struct records_table *t = file->table;
	uint64_t first = block * t->per_block, rows = t->rows - first < t->per_block ? t->rows - first : t->per_block;
	d->column = file->column;
	d->table = t;
	d->path = path_to(file->column, &scratch, &d->length);
	d->f = d->path ? t->open(a, t, x->at[block], &scratch, err) : NULL;
	int r = d->f ? 0 : error_no_memory(err, "its records");
	if (d->f) {
		decode(d, rows);
		r = d->f->failed;
	}
	text_free(&d->text);
	arena_free(&scratch);
	return r;
}

int records_decode(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint8_t *out,
		   uint64_t len, struct error *err)
{
	struct decoding d = {.part = file->part, .out = out, .end = out + len};
	if (file->part == RECORDS_OFFSETS)
		d.running = records_totals(x, file->column)[block];
	int r = run(a, file, x, block, &d, err);
	return r == 0 && d.out != d.end ? error_set(err, EIO, "the file has changed since it was opened") : r;
}

int records_extents(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint64_t *out,
		    uint64_t most, uint64_t *ret, struct error *err)
{
	const uint64_t *totals = records_totals(x, file->column);
	struct decoding d = {.part = EXTENTS, .out = (uint8_t *)out, .end = (uint8_t *)(out + 2 * most), .running = totals[block]};
	int r = run(a, file, x, block, &d, err);
	*ret = (uint64_t)(d.out - (uint8_t *)out) / (2 * sizeof *out);
	return r == 0 && d.running != totals[block + 1] ? error_set(err, EIO, "the file has changed since it was opened") : r;
}

int records_decode_few(struct records_feed *f, const struct records_table *t, uint8_t *ret)
{
	struct records_column *path[] = {t->root};
	struct decoding d = {.f = f, .table = t, .path = path, .length = 1, .column = t->root, .part = RECORDS_DATA, .out = ret,
			     .end = ret + t->rows * records_width((enum records_type)t->root->type)};
	decode(&d, t->rows);
	return f->failed;
}
