/* SPDX-License-Identifier: MIT */
/* Examples as columns. */
#include <stdlib.h>

#include "formats/tfrecord/impl.h"

/* Bits of a column's `seen`.  What a column is: */
enum {
	IS_FEATURE = 1 << 0, /* of an Example, or of a step of a list; its element is that of its values */
	IS_LISTS = 1 << 1,   /* of a SequenceExample; its element is a feature */
	IS_DATA = 1 << 2,    /* the records as they are */
	MANY = 1 << 3,       /* a feature: some have another number of values than one */
	INEXACT = 1 << 4,    /* values: integers that no float64 is */
	KIND = 1 << 5,       /* values: shifted by enum tfrecord_list */
	EMPTY = 1 << 9,      /* a feature: lists without values, shifted likewise */
};
#define KIND_OF(list) ((uint64_t)KIND << (list))
#define EMPTY_OF(list) ((uint64_t)EMPTY << (list))

/* Appended to names, so that a feature, a list and the data may have the same one: not a byte of UTF-8. */
enum { MARK_LISTS = 0xff, MARK_DATA = 0xfe };
enum { NAME_FEW = 256 };

enum { PARTS = 512 };

/* What a worker has: the column of the records as they are, and room for one record's entries. */
struct working {
	struct records_column *data;
	uint64_t record; /* how many so far */
	struct tfrecord_part parts[PARTS];
};

static uint64_t offset_of(const struct records_scan *w, const uint8_t *p)
{
	return w->span.at + (uint64_t)(p - w->span.bytes);
}

static struct records_column *marked(struct records_scan *w, struct wire key, uint8_t mark, uint64_t at)
{
	uint8_t few[NAME_FEW], *text = few;
	size_t len = wire_left(&key);
	if (len >= sizeof few && !(text = malloc(len + 1))) {
		error_no_memory(w->err, "a name");
		return NULL;
	}
	memcpy(text, key.p, len);
	text[len] = mark;
	struct records_column *c = records_field(w, w->root, (struct slice){text, len + 1}, at);
	if (text != few)
		free(text);
	return c;
}

/* --- values as text ------------------------------------------------------------------------------ */

static void put_text(struct text *t, enum tfrecord_list kind, uint64_t bits, struct wire bytes)
{
	uint32_t narrow = (uint32_t)bits;
	float value;
	memcpy(&value, &narrow, sizeof value);
	if (kind == TFRECORD_FLOATS)
		text_float(t, value);
	else if (kind == TFRECORD_INTS)
		text_print(t, "%lld", (long long)bits);
	else
		text_base64(t, (struct slice){bytes.p, wire_left(&bytes)});
}

static uint64_t text_length(struct wire message)
{
	struct tfrecord_feature f = tfrecord_feature(message);
	struct tfrecord_values v = tfrecord_values(&f);
	struct text t = {0};
	struct wire bytes;
	uint64_t bits, len = 0;
	while (tfrecord_value(&v, &bits, &bytes)) {
		t.len = 0;
		put_text(&t, f.kind, bits, bytes);
		len += t.len;
	}
	text_free(&t);
	return len;
}

/* --- what is seen ----------------------------------------------------------------------------------- */

static int note_feature(struct records_scan *w, struct records_column *c, const struct tfrecord_found *f, struct wire message)
{
	struct records_column *values = records_element(w, c, 0);
	if (!values)
		return records_failed(w);
	c->seen |= IS_FEATURE | (f->kind != TFRECORD_UNSET && f->count != 1 ? MANY : 0);
	c->count++;
	c->nulls += f->kind == TFRECORD_UNSET;
	if (f->kind == TFRECORD_UNSET)
		return 0;
	c->total += f->count;
	values->count += f->count;
	if (f->count == 0)
		c->seen |= EMPTY_OF(f->kind);
	else
		values->seen |= KIND_OF(f->kind) | (f->inexact ? INEXACT : 0);
	uint64_t bytes = f->kind == TFRECORD_BYTES ? f->bytes : 0;
	if (w->table->before && c->before && (c->before->type == RECORDS_MIXED || (values->before && values->before->type == RECORDS_MIXED)))
		bytes = text_length(message);
	c->raw += bytes; /* of a column of single values */
	values->raw += bytes;
	return 0;
}

static int note_lists(struct records_scan *w, struct records_column *c, struct wire list)
{
	struct records_column *steps = records_element(w, c, 0);
	struct tfrecord_found found;
	struct wire_field f;
	if (!steps)
		return records_failed(w);
	c->seen |= IS_LISTS;
	c->count++;
	while (wire_next(&list, &f)) {
		int r = tfrecord_look(f.body, &found) ? note_feature(w, steps, &found, f.body) : 0;
		if (r < 0)
			return r;
		c->total++;
	}
	return 0;
}

static struct records_column *find_column(struct records_scan *w, struct wire key, uint32_t number)
{
	uint64_t at = offset_of(w, key.p);
	struct records_column *c = number == 1 ? records_field(w, w->root, (struct slice){key.p, wire_left(&key)}, at)
					       : marked(w, key, MARK_LISTS, at | UINT64_C(1) << 63);
	if (!c && !records_failed(w))
		records_broken(w, "no memory for a name");
	return c;
}

static int note_part(struct records_scan *w, const struct tfrecord_part *p)
{
	return p->number == 1 ? note_feature(w, p->column, &p->found, p->value) : note_lists(w, p->column, p->value);
}

/* Of a key that comes again the last entry counts. */
static int note_parts(struct records_scan *w, struct tfrecord_part *parts, uint32_t count)
{
	struct working *own = w->own;
	int r = 0;
	own->record++;
	for (uint32_t i = 0; i < count; i++) {
		struct records_column *c = parts[i].column = find_column(w, parts[i].key, parts[i].number);
		if (!c)
			return records_failed(w);
		if (c->serial == own->record) {
			w->root->seen |= TFRECORD_TWICE;
			parts[c->key_at].column = NULL;
		}
		c->serial = own->record;
		c->key_at = i;
	}
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (parts[i].column)
			r = note_part(w, &parts[i]);
	return r;
}

/* The same of a record of very many entries: first it is found, for each key, where the last is. */
static int note_map(struct records_scan *w, struct wire data, uint32_t number, bool find)
{
	struct tfrecord_entries e = {.message = data, .map = wire_over(data.p, 0), .number = number};
	struct tfrecord_part p = {.number = number};
	int r = 0;
	while (r == 0 && tfrecord_entry(&e, &p.key, &p.value)) {
		struct records_column *c = p.column = find_column(w, p.key, number);
		if (!c)
			return records_failed(w);
		if (find)
			c->key_at = offset_of(w, p.key.p);
		else if (c->key_at == offset_of(w, p.key.p))
			r = number == 2 || tfrecord_look(p.value, &p.found) ? note_part(w, &p) : 0;
		else
			w->root->seen |= TFRECORD_TWICE;
	}
	return r;
}

int tfrecord_begin(struct records_scan *w)
{
	static const uint8_t name[] = "data";
	struct working *own = w->own = arena_alloc(w->arena, sizeof *own);
	if (!own)
		return error_no_memory(w->err, "its columns");
	own->data = marked(w, wire_over(name, 4), MARK_DATA, UINT64_MAX - 1);
	if (!own->data)
		return records_failed(w) ? records_failed(w) : -ENOMEM;
	own->data->seen |= IS_DATA;
	return 0;
}

int tfrecord_note(struct records_scan *w, struct wire data)
{
	struct working *own = w->own;
	const uint64_t no = TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE;
	uint64_t count;
	own->data->count++;
	own->data->total += wire_left(&data);
	w->root->seen |= TFRECORD_RECORDS;
	if ((w->root->seen & no) == no)
		return 0;
	w->root->seen |= tfrecord_parts(data, own->parts, PARTS, &count);
	if ((w->root->seen & no) == no)
		return 0;
	if (count <= PARTS)
		return note_parts(w, own->parts, (uint32_t)count);
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < 4; i++)
		r = note_map(w, data, 1 + i / 2, i % 2 == 0);
	return r;
}

/* --- settled ------------------------------------------------------------------------------------------ */

static enum records_type type_of_values(uint64_t seen)
{
	switch (seen & (KIND_OF(TFRECORD_BYTES) | KIND_OF(TFRECORD_FLOATS) | KIND_OF(TFRECORD_INTS))) {
	case 0: return RECORDS_NULL;
	case KIND_OF(TFRECORD_BYTES): return RECORDS_BYTES;
	case KIND_OF(TFRECORD_FLOATS): return RECORDS_FLOAT32;
	case KIND_OF(TFRECORD_INTS): return RECORDS_INT64;
	case KIND_OF(TFRECORD_FLOATS) | KIND_OF(TFRECORD_INTS): return seen & INEXACT ? RECORDS_MIXED : RECORDS_FLOAT64;
	default: return RECORDS_MIXED;
	}
}

/* Of lists that are all empty, what they say. */
static enum records_type type_of_feature(const struct records_column *c)
{
	uint64_t seen = c->element->seen, values = KIND_OF(TFRECORD_BYTES) | KIND_OF(TFRECORD_FLOATS) | KIND_OF(TFRECORD_INTS);
	if (seen & values)
		return type_of_values(seen);
	seen = c->seen / EMPTY * KIND & values;
	return seen & (seen - 1) ? RECORDS_NULL : type_of_values(seen);
}

/* Only what the records are together. */
static void choose_columns(struct records_column *root)
{
	unsigned is_not = (unsigned)root->seen & (TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE);
	uint64_t shown = is_not == (TFRECORD_NO_EXAMPLE | TFRECORD_NO_SEQUENCE) ? IS_DATA : IS_FEATURE | IS_LISTS;
	struct records_column **at = &root->first, *last = NULL;
	root->nfields = 0;
	for (struct records_column *c; (c = *at);) {
		if ((c->seen & shown) == 0) {
			*at = c->next;
			continue;
		}
		root->nfields++;
		last = c;
		at = &c->next;
	}
	root->last = last;
	root->type = RECORDS_STRUCT;
}

void tfrecord_unmark(struct records_table *t)
{
	for (struct records_column *c = t->root->first; c; c = c->next)
		if (c->seen & (IS_DATA | IS_LISTS))
			c->name.len--;
}

void tfrecord_settle(const struct records_table *t, struct records_column *c)
{
	static const char *const words[] = {[RECORDS_INT64] = "int64_list", [RECORDS_FLOAT32] = "float_list", [RECORDS_BYTES] = "bytes_list"};
	(void)t;
	if (!c->parent) {
		choose_columns(c);
	} else if (c->seen & IS_DATA) {
		c->type = RECORDS_BYTES;
	} else if (c->seen & IS_LISTS) {
		c->type = RECORDS_LIST;
	} else if (c->seen & IS_FEATURE) {
		enum records_type type = type_of_feature(c);
		c->type = (uint8_t)(c->seen & MANY ? RECORDS_LIST : type);
		c->by_raw = c->type == RECORDS_BYTES;
		c->word = type < sizeof words / sizeof *words ? words[type] : NULL;
	} else {
		c->type = (uint8_t)type_of_feature(c->parent);
		c->by_raw = c->type == RECORDS_BYTES;
	}
}

/* --- a column ----------------------------------------------------------------------------------------------- */

static void put_value(struct records_decode *d, enum tfrecord_list kind, uint64_t bits, struct wire bytes)
{
	uint32_t narrow = (uint32_t)bits;
	float single;
	double value;
	if (d->part == RECORDS_VALIDITY) {
		records_put_valid(d);
		return;
	}
	switch ((enum records_type)d->column->type) {
	case RECORDS_BYTES:
		records_put_bytes(d, bytes.p, wire_left(&bytes));
		break;
	case RECORDS_MIXED:
		d->text.len = 0;
		put_text(&d->text, kind, bits, bytes);
		records_put_bytes(d, d->text.bytes, d->text.len);
		break;
	case RECORDS_FLOAT64:
		memcpy(&single, &narrow, sizeof single);
		value = kind == TFRECORD_FLOATS ? (double)single : (double)(int64_t)bits;
		memcpy(&bits, &value, sizeof bits);
		__attribute__((fallthrough));
	default:
		records_put_number(d, bits);
	}
}

/* Bytes of a mapping may change: as many as were counted, or none. */
static void put_ints(struct records_decode *d, struct wire packed)
{
	uint64_t count, value;
	uint8_t *to = wire_count_varints(packed.p, packed.end, &count) ? records_room(d, count * sizeof value) : NULL;
	for (; to && count > 0 && wire_varint(&packed, &value); count--) {
		value = htole64(value);
		memcpy(to, &value, sizeof value);
		to += sizeof value;
	}
	if (count > 0)
		records_changed(d);
}

static void put_floats(struct records_decode *d, struct wire packed)
{
	size_t len = wire_left(&packed) / 4 * 4;
	uint8_t *to = records_room(d, len);
	if (to)
		memcpy(to, packed.p, len);
}

/* Numbers as they lie, many at a time. */
static bool put_packed(struct records_decode *d, const struct tfrecord_feature *f)
{
	struct wire list = f->list;
	struct wire_field field;
	bool floats = f->kind == TFRECORD_FLOATS && d->column->type == RECORDS_FLOAT32, ints = f->kind == TFRECORD_INTS && d->column->type == RECORDS_INT64;
	if (d->part != RECORDS_DATA || (!floats && !ints))
		return false;
	while (!d->failed && wire_next(&list, &field)) {
		if (field.type != WIRE_LEN)
			records_put_number(d, field.value);
		else if (floats)
			put_floats(d, field.body);
		else
			put_ints(d, field.body);
	}
	return true;
}

static void put_values(struct records_decode *d, const struct tfrecord_feature *f)
{
	struct tfrecord_values v = tfrecord_values(f);
	struct wire bytes = f->list;
	uint64_t bits = 0;
	if (put_packed(d, f))
		return;
	while (!d->failed && tfrecord_value(&v, &bits, &bytes))
		put_value(d, f->kind, bits, bytes);
}

/* One feature, at that step of the path; `there`: else it is absent. */
static void put_feature(struct records_decode *d, uint32_t step, bool there, struct wire message)
{
	struct tfrecord_feature f = {TFRECORD_UNSET, message};
	struct tfrecord_found found = {0};
	if (there)
		f = tfrecord_feature(message);
	if (step + 1 < d->length || (d->path[step]->type != RECORDS_LIST && f.kind != TFRECORD_UNSET))
		put_values(d, &f);
	else if (f.kind == TFRECORD_UNSET)
		records_put_null(d);
	else if (tfrecord_look(message, &found))
		records_put_length(d, found.count);
	else
		records_changed(d);
}

static uint64_t count_steps(struct wire list)
{
	struct wire_field f;
	uint64_t count = 0;
	while (wire_next(&list, &f))
		count++;
	return count;
}

static void put_lists(struct records_decode *d, bool there, struct wire list)
{
	struct wire_field f;
	if (d->length == 2 && !there)
		records_put_null(d);
	else if (d->length == 2)
		records_put_length(d, count_steps(list));
	else
		while (there && !d->failed && wire_next(&list, &f))
			put_feature(d, 2, true, f.body);
}

static void put_record(struct records_decode *d, struct wire data, uint32_t *nth)
{
	struct wire value = wire_over(data.p, 0);
	const struct records_column *c = d->path[1];
	struct tfrecord_entries e = {.message = data, .map = value, .number = c->seen & IS_LISTS ? 2 : 1};
	if (c->seen & IS_DATA) {
		records_put_bytes(d, data.p, wire_left(&data));
		return;
	}
	bool there = d->path[0]->seen & TFRECORD_TWICE ? tfrecord_find_last(e, c->name, &value) : tfrecord_find(e, c->name, nth, &value);
	if (c->seen & IS_LISTS)
		put_lists(d, there, value);
	else
		put_feature(d, 1, there, value);
}

int tfrecord_decode(struct records_decode *d)
{
	const uint8_t *p = d->span.bytes, *end = p + d->span.len;
	bool check = d->table->bad > 0 && !d->options->no_verify;
	enum tfrecord_next next;
	struct wire data;
	uint32_t nth = 0;
	while (!d->failed && (next = tfrecord_next(&p, end, check, &data)) != TFRECORD_NONE) {
		if (next != TFRECORD_WHOLE && next != TFRECORD_DATA)
			break;
		tfrecord_prefetch(p, data);
		if (next == TFRECORD_WHOLE)
			put_record(d, data, &nth);
	}
	text_free(&d->text);
	return d->failed;
}
