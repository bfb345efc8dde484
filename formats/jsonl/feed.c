/* SPDX-License-Identifier: MIT */
/* JSON text as events. */
#include "formats/jsonl/impl.h"

#include <math.h>

#include "fs/values/number.h"

static struct jsonl_feed *feed_of(struct records_feed *f)
{
	return (struct jsonl_feed *)f;
}

static uint64_t offset_of(const struct jsonl_feed *f, const uint8_t *p)
{
	return f->at + (uint64_t)(p - f->bytes);
}

static bool broken(struct jsonl_feed *f, const char *why)
{
	if (!f->feed.failed)
		f->feed.failed = error_set(f->feed.err, EBADMSG, "%s", why);
	return false;
}

/* Why nothing follows. */
static bool cut(struct jsonl_feed *f)
{
	return broken(f, f->array ? "the file ends within a record" : "the line ends within a record");
}

/* --- values ------------------------------------------------------------------------------------- */

static bool take_string(struct jsonl_feed *f, struct record_value *v)
{
	struct jsonl_string s;
	const uint8_t *begin = f->p + 1;
	const char *why = jsonl_string(begin, f->end, &s);
	if (why)
		return broken(f, why);
	v->kind = RECORD_STRING;
	v->at = offset_of(f, begin);
	v->len = s.len;
	v->text = s.escaped ? NULL : begin;
	v->raw = (uint64_t)(s.end - begin) + 2;
	f->p = s.end + 1;
	return true;
}

static void put_double(struct record_value *v, double value)
{
	memcpy(&v->number, &value, sizeof value);
}

/* An integer of 64 bits, or one beyond them. */
static void take_integer(struct record_value *v, const struct number *n, const uint8_t *begin, const uint8_t *end)
{
	v->kind = RECORD_INT;
	v->negative = n->negative;
	v->number = n->negative ? -n->mantissa : n->mantissa;
	if (n->fits && (!n->negative || n->mantissa <= UINT64_C(1) << 63))
		return;
	double value = number_double(n, begin, end);
	v->wide = true;
	v->rounded = !number_is_exact(value, begin, end);
	put_double(v, value);
	if (isinf(value))
		v->kind = RECORD_OTHER;
}

static bool take_number(struct jsonl_feed *f, struct record_value *v)
{
	struct number n;
	const uint8_t *begin = f->p, *end = number_read(begin, f->end, NUMBER_JSON, &n);
	if (!end)
		return broken(f, "a number that JSON does not have");
	if (n.integer) {
		take_integer(v, &n, begin, end);
	} else {
		double value = number_double(&n, begin, end);
		v->kind = isinf(value) ? RECORD_OTHER : RECORD_FLOAT64;
		put_double(v, value);
	}
	v->raw = (uint64_t)(end - begin);
	f->p = end;
	return true;
}

static bool take_word(struct jsonl_feed *f, struct record_value *v)
{
	static const struct word {
		const char *text;
		uint8_t len, kind;
		double value;
	} words[] = {
		{"null", 4, RECORD_NULL, 0}, {"true", 4, RECORD_BOOL, 1}, {"false", 5, RECORD_BOOL, 0},
		{"NaN", 3, RECORD_FLOAT64, NAN}, {"Infinity", 8, RECORD_FLOAT64, INFINITY}, {"-Infinity", 9, RECORD_FLOAT64, -INFINITY},
	};
	for (const struct word *w = words; w < words + sizeof words / sizeof *words; w++) {
		if (f->end - f->p < w->len || memcmp(f->p, w->text, w->len) != 0)
			continue;
		v->kind = w->kind;
		v->number = (uint64_t)w->value & 1;
		if (w->kind == RECORD_FLOAT64) {
			put_double(v, w->value);
			f->words = true;
		}
		v->raw = w->len;
		f->p += w->len;
		return true;
	}
	return broken(f, "something that is no JSON value");
}

static bool open_container(struct jsonl_feed *f, struct record_value *v, bool object)
{
	v->kind = object ? RECORD_STRUCT : RECORD_LIST;
	if (f->depth == RECORDS_DEPTH)
		return broken(f, "values over 512 deep");
	f->object[f->depth++] = object;
	f->first = true;
	f->p++;
	return true;
}

static bool take_value(struct jsonl_feed *f, struct record_value *v)
{
	if (f->p == f->end)
		return cut(f);
	uint8_t c = *f->p;
	*v = (struct record_value){.place = offset_of(f, f->p)};
	f->value = f->first = false;
	if (c == '"')
		return take_string(f, v);
	if (c == '{' || c == '[')
		return open_container(f, v, c == '{');
	if ((c >= '0' && c <= '9') || (c == '-' && !(f->end - f->p > 1 && f->p[1] == 'I')))
		return take_number(f, v);
	return c == '\n' ? cut(f) : take_word(f, v);
}

static bool take_key(struct jsonl_feed *f, struct record_value *v)
{
	*v = (struct record_value){.place = offset_of(f, f->p)};
	if (f->p == f->end || *f->p == '\n')
		return cut(f);
	if (*f->p != '"')
		return broken(f, "a key that is no string");
	if (!take_string(f, v))
		return false;
	v->kind = RECORD_KEY;
	f->p = jsonl_pass_white(f, f->p);
	if (f->p == f->end || *f->p == '\n')
		return cut(f);
	if (*f->p != ':')
		return broken(f, "a key without a colon behind it");
	f->p = jsonl_pass_white(f, f->p + 1);
	f->value = true;
	f->first = false;
	return true;
}

/* --- records ------------------------------------------------------------------------------------- */

/* After a record: if records are lines, nothing else may be on it. */
static bool end_record(struct jsonl_feed *f)
{
	if (f->array) {
		f->more = true;
		return true;
	}
	f->p = jsonl_pass_white(f, f->p);
	if (f->p < f->end && *f->p != '\n')
		return broken(f, "a second value on the line");
	return true;
}

static bool end_container(struct jsonl_feed *f, struct record_value *v)
{
	f->p++;
	f->depth--;
	f->first = false;
	*v = (struct record_value){.kind = RECORD_END, .place = offset_of(f, f->p)};
	return f->depth > 0 || end_record(f);
}

/* After the array there may only be white space. */
static bool end_array(struct jsonl_feed *f)
{
	f->closed = true;
	f->p = jsonl_pass_white(f, f->p + 1);
	return f->p == f->end ? false : broken(f, "something behind the array");
}

static bool begin_element(struct jsonl_feed *f)
{
	f->p = jsonl_pass_white(f, f->p);
	if (f->p == f->end)
		return f->last && !f->closed ? broken(f, "the file ends within the array") : false;
	if (*f->p == ']')
		return end_array(f);
	if (!f->more)
		return true;
	if (*f->p != ',')
		return broken(f, "two records without a comma between them");
	f->more = false;
	f->p = jsonl_pass_white(f, f->p + 1);
	return f->p < f->end ? true : cut(f);
}

static bool begin_line(struct jsonl_feed *f)
{
	f->p = jsonl_pass_white(f, f->p);
	while (f->p < f->end && *f->p == '\n') {
		f->lines++;
		f->p = jsonl_pass_white(f, f->p + 1);
	}
	return f->p < f->end;
}

static bool next(struct jsonl_feed *f, struct record_value *ret);

/* The line is read without that anyone learns of it.  Goes back to its beginning. */
static bool is_whole(const struct jsonl_feed *f)
{
	struct error unsaid = {0};
	struct jsonl_feed alone = *f;
	struct record_value v;
	alone.feed.err = &unsaid;
	alone.skip_bad = false;
	alone.tail = NULL;
	if (!next(&alone, &v))
		return false;
	while (alone.depth > 0) {
		struct records_numbers n = {.only_count = true};
		jsonl_feed_numbers(&alone.feed, &n);
		if (!next(&alone, &v))
			return false;
	}
	return true;
}

/* Passes over lines that are left out; false: nothing follows. */
static bool choose_line(struct jsonl_feed *f)
{
	while (begin_line(f)) {
		bool tail = f->tail && f->p >= f->tail;
		if ((!tail && !f->skip_bad) || is_whole(f))
			return true;
		if (tail) {
			f->left = f->tail;
			return false;
		}
		const uint8_t *end = memchr(f->p, '\n', (size_t)(f->end - f->p));
		f->p = end ? end : f->end;
		f->bad++;
	}
	return false;
}

static bool begin_record(struct jsonl_feed *f, struct record_value *ret)
{
	if (!(f->array ? begin_element(f) : choose_line(f)))
		return false;
	if (*f->p != '{')
		return broken(f, f->array ? "an element that is no object" : "a line that is no object");
	return take_value(f, ret);
}

static bool next(struct jsonl_feed *f, struct record_value *ret)
{
	if (f->feed.failed)
		return false;
	if (f->depth == 0)
		return begin_record(f, ret);
	if (f->value)
		return take_value(f, ret);
	bool object = f->object[f->depth - 1];
	f->p = jsonl_pass_white(f, f->p);
	if (f->p == f->end || *f->p == '\n')
		return cut(f);
	if (*f->p == (object ? '}' : ']'))
		return end_container(f, ret);
	if (!f->first) {
		if (*f->p != ',')
			return broken(f, object ? "neither a comma nor a } behind a value" : "neither a comma nor a ] behind a value");
		f->p = jsonl_pass_white(f, f->p + 1);
	}
	return object ? take_key(f, ret) : take_value(f, ret);
}

/* --- as a feed -------------------------------------------------------------------------------------- */

static bool feed_next(struct records_feed *feed, struct record_value *ret)
{
	return next(feed_of(feed), ret);
}

/* Out of as many containers as that, without a look at what is in them. */
static void leave(struct jsonl_feed *f, uint32_t levels)
{
	const uint8_t *behind = jsonl_pass(f->p, f->end, levels);
	if (!behind) {
		cut(f);
		return;
	}
	f->p = behind;
	f->depth -= levels;
	f->first = f->value = false;
	if (f->depth == 0)
		end_record(f);
}

static void feed_skip(struct records_feed *feed)
{
	leave(feed_of(feed), 1);
}

static void feed_rest(struct records_feed *feed)
{
	struct jsonl_feed *f = feed_of(feed);
	if (f->array) {
		leave(f, f->depth);
		return;
	}
	const uint8_t *end = memchr(f->p, '\n', (size_t)(f->end - f->p));
	f->p = end ? end : f->end;
	f->depth = 0;
	f->first = f->value = false;
}

static bool feed_read(struct records_feed *feed, uint64_t at, void *ret, size_t len)
{
	struct jsonl_feed *f = feed_of(feed);
	const uint8_t *p = f->bytes + (at - f->at);
	if (jsonl_unescape(p, f->end, ret, len) == len)
		return true;
	f->feed.failed = error_set(f->feed.err, EIO, "the file has changed since it was opened");
	return false;
}

static void feed_json(struct records_feed *feed, const struct record_value *v, struct text *ret)
{
	struct jsonl_feed *f = feed_of(feed);
	const uint8_t *begin = f->bytes + (v->place - f->at);
	if (v->kind == RECORD_LIST || v->kind == RECORD_STRUCT)
		leave(f, 1);
	text_put(ret, (struct slice){begin, (size_t)(f->p - begin)});
}

static uint64_t feed_tell(const struct records_feed *feed)
{
	const struct jsonl_feed *f = (const struct jsonl_feed *)feed;
	return offset_of(f, f->p);
}

void jsonl_feed_init(struct jsonl_feed *f, const struct records_table *t, const struct records_span *s, struct error *err)
{
	static const struct records_feed_type type = {
		.next = feed_next, .skip = feed_skip, .read = feed_read, .json = feed_json, .tell = feed_tell, .numbers = jsonl_feed_numbers,
		.rest = feed_rest, .texts = true,
	};
	*f = (struct jsonl_feed){
		.feed = {.type = &type, .err = err},
		.bytes = s->bytes, .p = s->bytes, .end = s->bytes + s->len, .at = s->at,
		.array = t->own,
		.more = s->at != t->begin,
		.last = s->last,
	};
}
