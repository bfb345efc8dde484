/* SPDX-License-Identifier: MIT */
/* Messages as records. */
#include "formats/protobuf/impl.h"
#include "fs/base/name.h"

/* --- columns -------------------------------------------------------------------------------- */

/* What a worker has: the columns by id, and memory for one record. */
struct working {
	struct records_column **columns;
	struct arena scratch;
};

/* As deep as the schema. */
static int add_columns(struct records_scan *w, struct working *own, struct records_column *of, const struct protobuf_message *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct protobuf_field *f = m->fields[i];
		struct records_column *c = records_field(w, of, f->name, 2 * (uint64_t)f->id);
		if (!c)
			return records_failed(w);
		if (c->born != 2 * (uint64_t)f->id)
			return error_set(w->err, ENOTSUP, "the schema: two fields of one name");
		own->columns[f->id] = c;
		if (f->repeated && !(c = records_element(w, c, 2 * (uint64_t)f->id + 1)))
			return records_failed(w);
		int r = f->message ? add_columns(w, own, c, f->message) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int protobuf_begin(struct records_scan *w)
{
	const struct protobuf_schema *s = w->table->own;
	struct working *own = arena_alloc(w->arena, sizeof *own);
	if (!own || !(own->columns = arena_array(w->arena, s->count, sizeof(void *))))
		return error_no_memory(w->err, "its columns");
	w->own = own;
	return add_columns(w, own, w->root, &s->root);
}

void protobuf_settle(const struct records_table *t, struct records_column *c)
{
	const struct protobuf_schema *s = t->own;
	c->type = RECORDS_STRUCT;
	if (!c->parent)
		return;
	const struct protobuf_field *f = s->fields[c->born / 2];
	bool list = f->repeated && c->born % 2 == 0;
	c->type = (uint8_t)(!list ? protobuf_shown(f) : f->map ? RECORDS_MAP : RECORDS_LIST);
	c->word = f->map ? NULL : f->word;
	c->values = list ? NULL : f->names;
	c->own = f;
}

/* A bit of a column's `seen`: some message has its field, which does not repeat, several times. */
enum { TWICE = 1 };

/* --- the pass --------------------------------------------------------------------------------- */

static bool is_whole(const struct protobuf_message *m, struct wire body);

/* Would one occurrence of the field be read?  Nothing is noted. */
static bool is_read(const struct protobuf_field *f, const struct wire_field *w)
{
	uint64_t count;
	if (!protobuf_count(f, w, &count) || (f->message && !is_whole(f->message, w->body)))
		return false;
	return !f->utf8 || utf8_valid((struct slice){w->body.p, wire_left(&w->body)});
}

/* As deep as the schema. */
static bool is_whole(const struct protobuf_message *m, struct wire body)
{
	struct wire_field w;
	uint32_t hint = 0;
	while (wire_next(&body, &w)) {
		const struct protobuf_field *f = protobuf_field(m, w.number, &hint);
		if (f && protobuf_fits(f, &w) && !is_read(f, &w))
			return false;
	}
	return !wire_failed(&body);
}

static int note_message(struct records_scan *w, const struct protobuf_message *m, struct wire body);

static int broken(struct records_scan *w)
{
	return records_broken(w, "it is not as messages are");
}

static int note_text(struct records_scan *w, const struct protobuf_field *f, struct records_column *c, struct wire body)
{
	struct slice text = {body.p, wire_left(&body)};
	if (f->utf8 && !utf8_valid(text))
		return records_broken(w, "%.*s is a string, but not UTF-8", (int)f->name.len, (const char *)f->name.data);
	c->total += text.len;
	return 0;
}

static int note_repeated(struct records_scan *w, const struct protobuf_field *f, struct records_column *c, struct wire body)
{
	struct wire_field one;
	uint64_t count;
	int r = 0;
	while (r == 0 && wire_next(&body, &one)) {
		if (one.number != f->number || !protobuf_fits(f, &one))
			continue;
		if (!protobuf_count(f, &one, &count))
			return broken(w);
		c->total += count;
		c->element->count += count;
		if (f->message)
			r = note_message(w, f->message, one.body);
		else if (!protobuf_is_number(f))
			r = note_text(w, f, c->element, one.body);
	}
	return r;
}

static int note_singular(struct records_scan *w, const struct protobuf_field *f, struct records_column *c, const struct protobuf_slot *s)
{
	static const uint8_t none;
	bool there = s->set || !f->presence;
	c->count += there;
	c->seen |= s->times > 1 ? TWICE : 0;
	if (!there)
		return 0;
	struct wire body = s->set ? s->last.body : wire_over(&none, 0);
	if (f->message)
		return note_message(w, f->message, body);
	return protobuf_is_number(f) ? 0 : note_text(w, f, c, body);
}

/* Is there a field of which not every occurrence counts, as it is? */
static bool has_more(const struct protobuf_message *m, const struct protobuf_slot *slots)
{
	bool more = false;
	for (uint32_t i = 0; i < m->count; i++)
		more |= !m->fields[i]->repeated && slots[i].times > slots[i].set;
	return more;
}

/* As deep as the schema.  What does not count has to be whole, too. */
static int note_message(struct records_scan *w, const struct protobuf_message *m, struct wire body)
{
	struct working *own = w->own;
	struct protobuf_slot *slots;
	int r = protobuf_read(m, body, &own->scratch, &slots);
	if (r == -ENOMEM)
		return error_no_memory(w->err, "a record");
	if (r < 0 || (has_more(m, slots) && !is_whole(m, body)))
		return broken(w);
	for (uint32_t i = 0; r == 0 && i < m->count; i++) {
		const struct protobuf_field *f = m->fields[i];
		struct records_column *c = own->columns[f->id];
		if (!f->repeated) {
			r = note_singular(w, f, c, &slots[i]);
			continue;
		}
		c->count++;
		if (slots[i].set)
			r = note_repeated(w, f, c, body);
	}
	return r;
}

/* The next message and its length before it; false: the bytes end within it. */
static bool next_message(struct wire *w, struct wire *ret)
{
	uint64_t len;
	if (!wire_varint(w, &len) || len > wire_left(w))
		return false;
	*ret = wire_over(w->p, (size_t)len);
	w->p += len;
	return true;
}

static int scan_delimited(struct records_scan *w)
{
	const struct protobuf_schema *s = w->table->own;
	struct working *own = w->own;
	struct wire all = wire_over(w->span.bytes, w->span.len), body;
	while (all.p < all.end) {
		const uint8_t *begin = all.p;
		if (!next_message(&all, &body)) {
			if (!w->table->skip_bad)
				return records_broken(w, "the file ends within it");
			w->end = w->span.at + (uint64_t)(begin - w->span.bytes);
			w->end_bad = true;
			break;
		}
		bool whole = !w->table->skip_bad || is_whole(&s->root, body);
		arena_clear(&own->scratch);
		own->scratch.limit = w->archive->options->memory;
		int r = whole ? note_message(w, &s->root, body) : 0;
		if (r < 0)
			return r;
		w->units++;
		w->rows += whole;
		w->bad += !whole;
	}
	return 0;
}

/* Of one message: only what repeats is a column. */
static int scan_single(struct records_scan *w)
{
	const struct protobuf_schema *s = w->table->own;
	struct working *own = w->own;
	struct wire all = wire_over(w->span.bytes, w->span.len);
	struct wire_field one;
	uint32_t hint = 0;
	int r = 0;
	while (r == 0) {
		const uint8_t *begin = all.p;
		if (!wire_next(&all, &one))
			break;
		const struct protobuf_field *f = protobuf_field(&s->root, one.number, &hint);
		arena_clear(&own->scratch);
		own->scratch.limit = w->archive->options->memory;
		if (f && f->repeated && protobuf_fits(f, &one))
			r = note_repeated(w, f, own->columns[f->id], wire_over(begin, (size_t)(all.p - begin)));
		else if (f && protobuf_fits(f, &one) && !is_read(f, &one))
			r = broken(w);
		w->units++;
	}
	return r == 0 && wire_failed(&all) ? broken(w) : r;
}

int protobuf_scan(struct records_scan *w)
{
	const struct protobuf_schema *s = w->table->own;
	struct working *own = w->own;
	int r = s->single ? scan_single(w) : scan_delimited(w);
	arena_free(&own->scratch);
	own->scratch = (struct arena){0};
	return r;
}

uint64_t protobuf_split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target)
{
	const struct protobuf_schema *schema = t->own;
	struct wire w = wire_over(s->bytes + (from - s->at), s->len - (size_t)(from - s->at)), body;
	const uint8_t *aim = s->bytes + (target - s->at);
	struct wire_field f;
	while (w.p < aim)
		if (!(schema->single ? wire_next(&w, &f) : next_message(&w, &body)))
			return s->last ? s->at + s->len : UINT64_MAX;
	return s->at + (uint64_t)(w.p - s->bytes);
}

/* --- a column ------------------------------------------------------------------------------------ */

struct decoding {
	struct records_decode *d;
	struct arena scratch;
};

static void put_value(struct records_decode *d, const struct protobuf_field *f, const struct wire_field *w)
{
	if (f->message)
		records_put_valid(d);
	else if (protobuf_is_number(f))
		records_put_number(d, protobuf_bits(f, w->value));
	else
		records_put_bytes(d, w->body.p, wire_left(&w->body));
}

/* Numbers as they lie. */
static bool put_packed(struct records_decode *d, const struct protobuf_field *f, struct wire packed)
{
	size_t width = records_width((enum records_type)d->column->type);
	if (d->part != RECORDS_DATA || (f->type != PB_DOUBLE && f->type != PB_FLOAT && f->type != PB_FIXED64 && f->type != PB_FIXED32 &&
					f->type != PB_SFIXED64 && f->type != PB_SFIXED32))
		return false;
	size_t len = wire_left(&packed) / width * width;
	uint8_t *to = records_room(d, len);
	if (to)
		memcpy(to, packed.p, len);
	return true;
}

static void descend(struct decoding *e, uint32_t step, const struct protobuf_message *m, struct wire body);

/* All elements of a repeated field; step: that of the list. */
static void put_elements(struct decoding *e, uint32_t step, const struct protobuf_field *f, struct wire body)
{
	struct records_decode *d = e->d;
	struct wire_field one;
	uint64_t value;
	bool leaf = step + 2 == d->length;
	while (!d->failed && wire_next(&body, &one)) {
		if (one.number != f->number || !protobuf_fits(f, &one))
			continue;
		if (!leaf) {
			descend(e, step + 1, f->message, one.body);
		} else if (protobuf_is_number(f) && one.type == WIRE_LEN) {
			struct wire packed = one.body;
			if (!put_packed(d, f, packed))
				while (!d->failed && protobuf_packed(f, &packed, &value))
					put_value(d, f, &(struct wire_field){.value = value});
		} else {
			put_value(d, f, &one);
		}
	}
}

static uint64_t count_elements(const struct protobuf_field *f, struct wire body)
{
	struct wire_field one;
	uint64_t count = 0, more;
	while (wire_next(&body, &one))
		if (one.number == f->number && protobuf_fits(f, &one) && protobuf_count(f, &one, &more))
			count += more;
	return count;
}

/* A null struct: the slots below it. */
static void put_absent(struct records_decode *d, uint32_t step)
{
	for (; step + 1 < d->length; step++)
		if (records_is_list((enum records_type)d->path[step]->type))
			return;
	records_put_null(d);
}

/* A message at that step of the path: down to what is asked for.  As deep as the path. */
static void descend(struct decoding *e, uint32_t step, const struct protobuf_message *m, struct wire body)
{
	static const uint8_t none;
	struct records_decode *d = e->d;
	const struct protobuf_field *f = d->path[step + 1]->own;
	struct protobuf_slot s;
	if (f->repeated) {
		if (step + 2 == d->length)
			records_put_length(d, count_elements(f, body));
		else
			put_elements(e, step + 1, f, body);
		return;
	}
	bool once = f->oneof < 0 && !(d->path[step + 1]->seen & TWICE);
	int r = protobuf_read_one(m, f, body, once, &e->scratch, &s);
	if (r == -ENOMEM)
		d->failed = error_no_memory(d->err, "a record");
	else if (r < 0)
		records_changed(d);
	if (r < 0)
		return;
	if (!s.set && f->presence) {
		put_absent(d, step + 1);
		return;
	}
	if (!s.set)
		s.last = (struct wire_field){.body = wire_over(&none, 0)};
	if (step + 2 == d->length)
		put_value(d, f, &s.last);
	else
		descend(e, step + 1, f->message, s.last.body);
}

static void decode_delimited(struct decoding *e, const struct protobuf_schema *s)
{
	struct records_decode *d = e->d;
	struct wire all = wire_over(d->span.bytes, d->span.len), body;
	while (!d->failed && all.p < all.end && next_message(&all, &body)) {
		if (d->table->bad && !is_whole(&s->root, body))
			continue;
		descend(e, 0, &s->root, body);
		if (e->scratch.used)
			arena_clear(&e->scratch);
	}
}

int protobuf_decode(struct records_decode *d)
{
	const struct protobuf_schema *s = d->table->own;
	struct decoding e = {d, {.limit = d->options->memory}};
	if (s->single)
		put_elements(&e, 1, d->path[1]->own, wire_over(d->span.bytes, d->span.len));
	else
		decode_delimited(&e, s);
	arena_free(&e.scratch);
	return d->failed;
}
