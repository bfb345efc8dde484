/* SPDX-License-Identifier: MIT */
#include "fs/values/numpy_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "fs/base/name.h"

enum { ALIGNMENT = 64, V1_PREFIX = 10, V2_PREFIX = 12 };

/* --- writing ---------------------------------------------------------------- */

void numpy_write_type(const struct array *a, struct text *ret)
{
	char letter = dtype_letter(a->dtype);
	uint64_t bytes = dtype_bits(a) / 8;
	enum dtype_kind kind = dtype_kind(a->dtype);
	bool number = kind == KIND_RAW ? a->byteorder != BYTEORDER_NONE : kind != KIND_CHARS && kind != KIND_DECIMAL;
	bool ordered = kind == KIND_UNICODE || (bytes > 1 && number);
	bool own_unit = a->dtype == DTYPE_DATETIME64 || a->dtype == DTYPE_TIMEDELTA64;
	enum time_unit unit = own_unit ? a->unit : dtype_unit(a->dtype);
	text_print(ret, "%c%c", !ordered ? '|' : a->byteorder == BYTEORDER_BIG ? '>' : '<', letter);
	if (kind != KIND_OBJECT)
		text_print(ret, "%" PRIu64, kind == KIND_UNICODE ? bytes / 4 : bytes);
	if ((letter != 'M' && letter != 'm') || unit == UNIT_GENERIC)
		return;
	if (own_unit && a->step != 1)
		text_print(ret, "[%u%s]", a->step, time_unit_name(unit));
	else
		text_print(ret, "[%s]", time_unit_name(unit));
}

static void put_integer(struct text *t, uint64_t value, unsigned bytes)
{
	uint8_t le[8];
	for (unsigned i = 0; i < bytes; i++)
		le[i] = (uint8_t)(value >> 8 * i);
	text_put(t, (struct slice){le, bytes});
}

void numpy_write_header(struct slice descr, bool fortran, struct slice shape, struct text *ret)
{
	static const char order[] = ", 'fortran_order': ", extents[] = ", 'shape': ";
	const char *word = fortran ? "True" : "False";
	/* the dictionary and a newline */
	size_t len = strlen("{'descr': ") + descr.len + strlen(order) + strlen(word) + strlen(extents) + shape.len + strlen(", }") + 1;
	bool small = len + V1_PREFIX + ALIGNMENT <= UINT16_MAX;
	size_t prefix = small ? V1_PREFIX : V2_PREFIX;
	size_t padding = -(prefix + len) % ALIGNMENT;
	text_put(ret, (struct slice){(const uint8_t *)(small ? "\x93NUMPY\1\0" : "\x93NUMPY\2\0"), 8});
	put_integer(ret, len + padding, small ? 2 : 4);
	text_add(ret, "{'descr': ");
	text_put(ret, descr);
	text_add(ret, order);
	text_add(ret, word);
	text_add(ret, extents);
	text_put(ret, shape);
	text_print(ret, ", }%*s\n", (int)padding, "");
}

/* --- reading ----------------------------------------------------------------- */

bool numpy_probe(struct slice head)
{
	struct slice magic = SLICE(NUMPY_MAGIC);
	return head.len >= magic.len && memcmp(head.data, magic.data, magic.len) == 0;
}

int numpy_header_size(struct slice head, uint64_t *ret, struct error *err)
{
	struct cursor c = cursor_over(head);
	if (!numpy_probe(head))
		return error_set(err, EBADMSG, "the NumPy magic is missing");
	cursor_skip(&c, 6);
	unsigned major = cursor_u8(&c), minor = cursor_u8(&c);
	if (!c.failed && (major < 1 || major > 3 || minor != 0))
		return error_set(err, ENOTSUP, "version %u.%u of NumPy's format; only 1.0, 2.0 and 3.0 are known", major, minor);
	uint64_t len = cursor_le(&c, major == 1 ? 2 : 4);
	int r = cursor_check(&c, err, "NumPy's header");
	if (r == 0 && len > NUMPY_HEADER_MAX)
		r = error_set(err, ENOTSUP, "NumPy's header of %" PRIu64 " bytes; at most %d are read", len, NUMPY_HEADER_MAX);
	*ret = r == 0 ? cursor_at(&c) + len : 0;
	return r;
}

/* Latin-1 to UTF-8. */
static int widen(struct numpy_reader *r, struct slice text)
{
	size_t n = 0, high = 0;
	for (size_t i = 0; i < text.len; i++)
		high += text.data[i] >> 7;
	if (high == 0)
		return 0;
	uint8_t *to = arena_alloc(r->arena, text.len + high);
	if (!to)
		return numpy_no_memory(r);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		if (c >> 7)
			to[n++] = (uint8_t)(0xc0 | c >> 6);
		to[n++] = c >> 7 ? 0x80 | (c & 0x3f) : c;
	}
	r->c = cursor_over((struct slice){to, n});
	return 0;
}

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

static int member(struct numpy_reader *r, struct numpy_header *ret, struct array *shape, unsigned *seen)
{
	struct slice key;
	int e = numpy_string(r, &key);
	e = e ? e : numpy_want(r, ':');
	if (e)
		return e;
	unsigned which = slice_equal(key, SLICE("descr"))           ? DESCR
			 : slice_equal(key, SLICE("fortran_order")) ? ORDER
			 : slice_equal(key, SLICE("shape"))         ? SHAPE
								    : 0;
	if (which == 0 || (*seen & which))
		return numpy_fault(r, which ? "a repeated key" : "a key other than descr, fortran_order and shape");
	*seen |= which;
	return which == DESCR ? numpy_descr(r, &ret->type) : which == ORDER ? numpy_bool(r, &shape->fortran) : numpy_shape(r, shape);
}

static int dictionary(struct numpy_reader *r, struct numpy_header *ret)
{
	struct array shape = {0};
	unsigned seen = 0;
	bool comma = true;
	int e = numpy_want(r, '{');
	while (e == 0 && !numpy_next(r, '}')) {
		e = comma ? member(r, ret, &shape, &seen) : numpy_fault(r, "',' is missing");
		comma = e == 0 && numpy_next(r, ',');
	}
	if (e)
		return e;
	if (numpy_peek(r) || r->c.pos < r->c.end)
		return numpy_fault(r, "text after the dictionary");
	if (seen != (DESCR | ORDER | SHAPE))
		return numpy_fault(r, "one of descr, fortran_order and shape is missing");
	ret->type.array.fortran = shape.fortran && shape.rank > 1;
	ret->type.array.rank = shape.rank;
	ret->type.array.shape = shape.shape;
	return 0;
}

int numpy_read_header(struct slice head, struct arena *arena, struct numpy_header *ret, struct error *err)
{
	struct numpy_reader r = {.arena = arena, .err = err};
	struct array *a = &ret->type.array;
	*ret = (struct numpy_header){0};
	int e = numpy_header_size(head, &ret->data, err);
	if (e)
		return e;
	unsigned major = head.data[6];
	size_t prefix = major == 1 ? V1_PREFIX : V2_PREFIX;
	struct cursor c = cursor_over(head);
	cursor_skip(&c, prefix);
	struct slice text = cursor_take(&c, ret->data - prefix);
	e = cursor_check(&c, err, "NumPy's header");
	r.c = cursor_over(text);
	r.longs = major < 3;
	if (e == 0 && major == 3 && !utf8_valid(text))
		e = numpy_fault(&r, "invalid UTF-8");
	if (e == 0 && major < 3)
		e = widen(&r, text);
	e = e ? e : dictionary(&r, ret);
	if (e)
		return e;
	if (!shape_elements(a->shape, a->rank, &ret->bytes) || __builtin_mul_overflow(ret->bytes, ret->type.size, &ret->bytes) ||
	    ret->bytes > INT64_MAX)
		return error_set(err, EBADMSG, "NumPy's header: a shape of 2^63 bytes or more");
	if (ret->type.objects)
		ret->bytes = 0;
	return 0;
}
