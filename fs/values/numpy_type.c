/* SPDX-License-Identifier: MIT */
#include "fs/values/numpy_impl.h"

#include <stdlib.h>

/* Deeper than real records are nested, and safe for the stack. */
enum { DEPTH_MAX = 32 };

/* --- one word: <f4, |S5, >M8[25s] ------------------------------------------ */

static bool digits(struct cursor *c, uint64_t *ret)
{
	const uint8_t *from = c->pos;
	for (*ret = 0; c->pos < c->end && *c->pos >= '0' && *c->pos <= '9' && *ret <= INT32_MAX; c->pos++)
		*ret = *ret * 10 + (uint64_t)(*c->pos - '0');
	return c->pos > from && *ret <= INT32_MAX && (*from != '0' || c->pos == from + 1);
}

/* The dtype with this letter and size and, for times, this unit. */
static enum dtype find(char letter, uint64_t bytes, enum time_unit unit)
{
	for (unsigned i = 1; i < DTYPE_COUNT; i++) {
		struct array a = {.dtype = (uint8_t)i};
		enum dtype_kind kind = dtype_kind(i);
		bool time = kind == KIND_TIMESTAMP || kind == KIND_DURATION;
		if (dtype_letter(i) == letter && dtype_bits(&a) == bytes * 8 && kind != KIND_DATE && kind != KIND_TIME &&
		    (!time || dtype_unit(i) == unit))
			return (enum dtype)i;
	}
	return DTYPE_NONE;
}

/* The unit after M8 or m8: [25s], or nothing. */
static bool time_of(struct cursor *c, uint64_t bytes, char letter, struct array *ret)
{
	enum time_unit unit = UNIT_GENERIC;
	uint64_t step = 1;
	if (cursor_match(c, "[", 1)) {
		if (cursor_left(c) && *c->pos >= '0' && *c->pos <= '9' && (!digits(c, &step) || step == 0))
			return false;
		for (unsigned u = UNIT_COUNT; --u > UNIT_GENERIC && unit == UNIT_GENERIC;) {
			const char *name = time_unit_name(u);
			struct cursor ahead = *c;
			if (cursor_match(&ahead, name, strlen(name)) && cursor_match(&ahead, "]", 1))
				unit = (enum time_unit)u, *c = ahead;
		}
		if (unit == UNIT_GENERIC)
			return false;
	}
	ret->dtype = (uint8_t)(step == 1 ? find(letter, 8, unit) : DTYPE_NONE);
	if (ret->dtype == DTYPE_NONE || unit == UNIT_GENERIC) {
		ret->dtype = letter == 'M' ? DTYPE_DATETIME64 : DTYPE_TIMEDELTA64;
		ret->unit = (uint8_t)unit;
		ret->step = (uint32_t)step;
	}
	return bytes == 8;
}

/* Long doubles, and complex numbers of them: NumPy's types that we have no name for. */
static bool is_long(char letter, uint64_t bytes)
{
	return (letter == 'f' && (bytes == 12 || bytes == 16)) || (letter == 'c' && (bytes == 24 || bytes == 32));
}

static bool sized(char letter, uint64_t n, struct array *ret)
{
	ret->width = (uint32_t)n;
	switch (letter) {
	case 'S':
		ret->dtype = DTYPE_FIXED_STRING;
		return true;
	case 'V':
		ret->dtype = DTYPE_VOID;
		return true;
	case 'W': /* complex32 and bcomplex32 of ml_dtypes, which NumPy does not load again */
		ret->dtype = DTYPE_VOID;
		return n == 4;
	case 'U':
		ret->dtype = DTYPE_UNICODE;
		ret->width *= 4;
		return n <= INT32_MAX / 4;
	default:
		ret->dtype = (uint8_t)(is_long(letter, n) ? DTYPE_VOID : find(letter, n, UNIT_GENERIC));
		ret->width = ret->dtype == DTYPE_VOID ? (uint32_t)n : 0;
		if (letter == 'f' && n == 1) /* only one of ml_dtypes' types calls itself f1 */
			ret->dtype = DTYPE_FLOAT8_E5M2;
		return ret->dtype != DTYPE_NONE;
	}
}

static bool word(struct slice text, struct numpy_type *ret)
{
	struct cursor c = cursor_over(text);
	struct array *a = &ret->array;
	bool big = cursor_match(&c, ">", 1), little = !big && cursor_match(&c, "<", 1), known;
	uint64_t n = 0;
	if (!big && !little)
		(void)(cursor_match(&c, "|", 1) || cursor_match(&c, "=", 1));
	char letter = (char)cursor_u8(&c);
	bool counted = digits(&c, &n);
	if (letter == 'O') {
		*a = (struct array){.dtype = DTYPE_OBJECT};
		ret->objects = true;
		ret->size = 8; /* of a pointer, which is not in the file */
		return c.pos == c.end && (!counted || n == 4 || n == 8);
	}
	if (!counted || !letter || !strchr("biufcmMSUVW", letter))
		return false;
	known = letter == 'M' || letter == 'm' ? time_of(&c, n, letter, a) : sized(letter, n, a);
	ret->size = dtype_bits(a) / 8;
	/* V with an order is a number of a type that NumPy does not know: those of ml_dtypes. */
	bool number = letter == 'V' ? big || little : letter != 'S';
	bool ordered = letter == 'U' || (number && ret->size > 1);
	a->byteorder = !ordered ? BYTEORDER_NONE : big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	return known && c.pos == c.end && !c.failed;
}

int numpy_read_type(struct slice descr, struct arena *arena, struct numpy_type *ret, struct error *err)
{
	int shown = descr.len < 80 ? (int)descr.len : 80;
	*ret = (struct numpy_type){0};
	if (!word(descr, ret))
		return error_set(err, EBADMSG, "%.*s is not a NumPy type", shown, (const char *)descr.data);
	ret->array.type = arena_text(arena, descr);
	return ret->array.type ? 0 : error_no_memory(err, "a NumPy type");
}

/* --- records ---------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = n ? memcmp(x->data, y->data, n) : 0;
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* NumPy looks a field up by name or title, so both must be unique. */
static int check_names(struct numpy_reader *r, const struct numpy_type *type)
{
	size_t n = 0;
	struct slice *all = type->count ? arena_array(r->arena, type->count * 2, sizeof *all) : NULL;
	if (type->count && !all)
		return numpy_no_memory(r);
	for (const struct numpy_field *f = type->fields; f; f = f->next) {
		all[n++] = f->name;
		if (f->title.len)
			all[n++] = f->title;
	}
	if (n)
		qsort(all, n, sizeof *all, by_bytes);
	for (size_t i = 1; i < n; i++)
		if (slice_equal(all[i - 1], all[i]))
			return numpy_fault(r, "two fields of the same name before the end");
	return 0;
}

/* 'name' or ('title', 'name') */
static int names(struct numpy_reader *r, struct numpy_field *f)
{
	if (!numpy_next(r, '('))
		return numpy_string(r, &f->name);
	int e = numpy_string(r, &f->title);
	e = e ? e : numpy_want(r, ',');
	e = e ? e : numpy_string(r, &f->name);
	return e ? e : numpy_want(r, ')');
}

/* (names, descr) or (names, descr, shape) */
static int field(struct numpy_reader *r, struct numpy_field *f)
{
	uint64_t count;
	bool titled;
	int e = numpy_want(r, '(');
	titled = e == 0 && numpy_peek(r) == '(';
	e = e ? e : names(r, f);
	e = e ? e : numpy_want(r, ',');
	e = e ? e : numpy_descr(r, &f->type);
	if (e == 0 && numpy_next(r, ','))
		e = numpy_shape(r, &f->type.array);
	e = e ? e : numpy_want(r, ')');
	if (e)
		return e;
	if (!shape_elements(f->type.array.shape, f->type.array.rank, &count) ||
	    __builtin_mul_overflow(f->type.size, count, &f->type.size) || f->type.size > INT32_MAX)
		return numpy_fault(r, "a field of more than 2 GiB before the end");
	if (titled && f->title.len == 0 && f->name.len == 0)
		return numpy_fault(r, "a field without a name before the end");
	return 0;
}

/* Alignment padding: V without a name, which is what NumPy takes sub-arrays for, too. */
static bool is_padding(const struct numpy_field *f)
{
	const struct array *a = &f->type.array;
	bool raw = a->dtype == DTYPE_VOID && strchr(a->type, 'V');
	return f->name.len == 0 && f->title.len == 0 && (raw || a->rank > 0);
}

static int record(struct numpy_reader *r, struct numpy_type *ret)
{
	struct numpy_field one, *kept, *first = NULL, **last = &first;
	bool comma = true;
	ret->array.dtype = DTYPE_STRUCT;
	while (!numpy_next(r, ']')) {
		one = (struct numpy_field){.offset = ret->size};
		int e = comma ? field(r, &one) : numpy_fault(r, "',' is missing");
		if (e)
			return e;
		comma = numpy_next(r, ',');
		ret->size += one.type.size;
		if (ret->size > INT32_MAX)
			return numpy_fault(r, "a record of more than 2 GiB before the end");
		if (is_padding(&one))
			continue;
		kept = arena_alloc(r->arena, sizeof *kept);
		if (!kept)
			return numpy_no_memory(r);
		*kept = one;
		*last = kept;
		last = &kept->next;
		ret->count++;
		ret->objects |= one.type.objects;
	}
	ret->fields = first;
	return check_names(r, ret);
}

int numpy_descr(struct numpy_reader *r, struct numpy_type *ret)
{
	char first = numpy_peek(r);
	const uint8_t *from = r->c.pos;
	struct slice text;
	*ret = (struct numpy_type){0};
	if (first == '(')
		return numpy_fault(r, "a type with a shape of its own");
	if (first != '[') {
		int e = numpy_string(r, &text);
		return e ? e : numpy_read_type(text, r->arena, ret, r->err);
	}
	if (++r->depth > DEPTH_MAX)
		return numpy_fault(r, "records nested more than 32 deep");
	cursor_skip(&r->c, 1);
	int e = record(r, ret);
	r->depth--;
	if (e == 0) {
		ret->array.type = arena_text(r->arena, (struct slice){from, (size_t)(r->c.pos - from)});
		e = ret->array.type ? 0 : numpy_no_memory(r);
	}
	return e;
}
