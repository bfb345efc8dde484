/* SPDX-License-Identifier: MIT */
/* Attributes: the messages "Attribute" and "Attribute Info" (IV.A.2), and their
 * values as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"
#include "fs/name.h"

/* The longest value that an extended attribute can have. */
enum { VALUE_MAX = 65536, NAME_LIMIT = 255 - sizeof "user.attr." + 1 };

struct value {
	char *bytes;
	size_t len;
	bool full;
};

struct reader {
	struct archive *a;
	const struct h5_file *f;
	struct arena *s;
	struct h5_fractal *heap;
	uint32_t id;
	struct value text;
	struct error err; /* why one of them is not shown: nobody asks */
};

static void put(struct value *t, const char *s, size_t n)
{
	if (n > VALUE_MAX - t->len)
		t->full = true;
	else if (n > 0)
		memcpy(t->bytes + t->len, s, n);
	t->len += t->full ? 0 : n;
}

static void put_text(struct value *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_json_string(struct value *t, struct slice s)
{
	put(t, "\"", 1);
	for (size_t i = 0; i < s.len && !t->full;) {
		size_t n = utf8_length((struct slice){s.data + i, s.len - i});
		char code[16];
		if (n == 1 && s.data[i] >= 0x20 && s.data[i] != '"' && s.data[i] != '\\') {
			put(t, (const char *)s.data + i, 1);
		} else if (n > 1) {
			put(t, (const char *)s.data + i, n);
		} else {
			snprintf(code, sizeof code, "\\u%04x", s.data[i]);
			put_text(t, code);
		}
		i += n ? n : 1;
	}
	put(t, "\"", 1);
}

static void put_float(struct value *t, double v, unsigned size)
{
	char s[40];
	if (isnan(v) || isinf(v)) {
		put_text(t, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(s, sizeof s, "%.*g", digits, v);
		if (size == 4 ? strtof(s, NULL) == (float)v : strtod(s, NULL) == v)
			break;
	}
	put_text(t, s);
	if (!strpbrk(s, ".e"))
		put_text(t, ".0");
}

static double half(uint16_t h)
{
	int exp = h >> 10 & 31, man = h & 1023;
	double v = exp == 31 ? (man ? NAN : INFINITY) : exp ? ldexp(1024 + man, exp - 25) : ldexp(man, -24);
	return h & 0x8000 ? -v : v;
}

static void put_hex(struct value *t, const uint8_t *p, size_t n)
{
	char hex[3];
	put(t, "\"", 1);
	for (size_t i = 0; i < n && !t->full; i++) {
		snprintf(hex, sizeof hex, "%02x", p[i]);
		put(t, hex, 2);
	}
	put(t, "\"", 1);
}

static void put_number(struct value *t, const struct h5_type *type, const uint8_t *p)
{
	struct array array = {0};
	struct arena none = {.limit = 4096};
	struct cursor c = cursor_over((struct slice){p, type->size});
	char s[40];
	h5_describe(&none, type, &array);
	arena_free(&none);
	uint64_t v = type->size > 8 ? 0 : type->big ? cursor_be(&c, type->size) : cursor_le(&c, type->size);
	unsigned unused = type->size <= 8 ? 64 - type->size * 8 : 0;
	if (type->size <= 8 && (type->class == H5_FIXED || type->class == H5_BITFIELD)) {
		if (type->sign && type->class == H5_FIXED)
			snprintf(s, sizeof s, "%lld", (long long)((int64_t)(v << unused) >> unused));
		else
			snprintf(s, sizeof s, "%llu", (unsigned long long)v);
		put_text(t, s);
	} else if (array.dtype == DTYPE_FLOAT64) {
		double d;
		memcpy(&d, &v, 8);
		put_float(t, d, 8);
	} else if (array.dtype == DTYPE_FLOAT32 || array.dtype == DTYPE_BFLOAT16) {
		uint32_t bits = array.dtype == DTYPE_BFLOAT16 ? (uint32_t)v << 16 : (uint32_t)v;
		float d;
		memcpy(&d, &bits, 4);
		put_float(t, (double)d, 4);
	} else if (array.dtype == DTYPE_FLOAT16) {
		put_float(t, half((uint16_t)v), 4);
	} else {
		put_hex(t, p, type->size);
	}
}

static struct slice strip(const struct h5_type *t, const uint8_t *p)
{
	struct slice s = {p, t->size};
	const uint8_t *end = memchr(p, 0, s.len);
	if (end && t->padding == 0)
		s.len = (size_t)(end - p);
	while (s.len && (s.data[s.len - 1] == 0 || (t->padding == 2 && s.data[s.len - 1] == ' ')))
		s.len--;
	return s;
}

static int put_value(struct reader *a, const struct h5_type *t, const uint8_t *p, unsigned depth);

static int put_list(struct reader *a, const struct h5_type *t, const uint8_t **p, const uint64_t *dims, uint32_t rank,
		    unsigned depth)
{
	int r = 0;
	if (rank == 0) {
		r = put_value(a, t, *p, depth + 1);
		*p += t->size;
		return r;
	}
	put(&a->text, "[", 1);
	for (uint64_t i = 0; r == 0 && i < *dims && !a->text.full; i++) {
		if (i)
			put(&a->text, ", ", 2);
		r = put_list(a, t, p, dims + 1, rank - 1, depth);
	}
	put(&a->text, "]", 1);
	return r;
}

/* A string or sequence in a global heap; a bare string where it is the whole value. */
static int put_vlen(struct reader *a, const struct h5_type *t, const uint8_t *p, bool bare, unsigned depth)
{
	struct cursor c = cursor_over((struct slice){p, t->size});
	uint64_t len = cursor_u32le(&c), address = h5_address(a->f, &c);
	uint32_t index = cursor_u32le(&c);
	struct slice bytes = {0};
	struct block *block = NULL;
	int r = 0;
	if (len && address && address != H5_UNDEFINED)
		r = h5_global(a->f, NULL, address, index, &bytes, &block, &a->err);
	if (r < 0)
		return r;
	if (len > bytes.len / t->base->size && block) {
		r = error_set(&a->err, EBADMSG, "a sequence longer than its object");
	} else if (t->vlen_string) {
		bytes.len = bytes.len < len ? bytes.len : (size_t)len;
		bytes.len = bytes.len ? strnlen((const char *)bytes.data, bytes.len) : 0;
		if (bare)
			put(&a->text, (const char *)bytes.data, bytes.len);
		else
			put_json_string(&a->text, bytes);
	} else {
		const uint8_t *at = bytes.data;
		uint64_t count = block ? len : 0;
		r = put_list(a, t->base, &at, &count, 1, depth);
	}
	if (block)
		blocks_release(block);
	return r;
}

static int put_compound(struct reader *a, const struct h5_type *t, const uint8_t *p, unsigned depth)
{
	int r = 0;
	put(&a->text, "{", 1);
	for (uint32_t i = 0; r == 0 && i < t->nmembers && !a->text.full; i++) {
		if (i)
			put(&a->text, ", ", 2);
		put_json_string(&a->text, t->members[i].name);
		put(&a->text, ": ", 2);
		r = put_value(a, t->members[i].type, p + t->members[i].offset, depth + 1);
	}
	put(&a->text, "}", 1);
	return r;
}

static int put_value(struct reader *a, const struct h5_type *t, const uint8_t *p, unsigned depth)
{
	if (depth > 3 * H5_DEPTH_MAX)
		return error_set(&a->err, EBADMSG, "a value nested too deep");
	switch ((enum h5_class)t->class) {
	case H5_STRING:
		put_json_string(&a->text, strip(t, p));
		return 0;
	case H5_VLEN:
		return put_vlen(a, t, p, false, depth);
	case H5_COMPOUND:
		return put_compound(a, t, p, depth);
	case H5_ENUM:
		put_number(&a->text, t->base, p);
		return 0;
	case H5_ARRAY: {
		const uint8_t *at = p;
		return put_list(a, t->base, &at, t->dims, t->rank, depth);
	}
	case H5_COMPLEX: {
		const uint8_t *at = p;
		uint64_t two = 2;
		return put_list(a, t->base, &at, &two, 1, depth);
	}
	case H5_REFERENCE:
	case H5_OPAQUE:
	case H5_TIME:
	case H5_UNKNOWN:
		put_hex(&a->text, p, t->size);
		return 0;
	case H5_FIXED:
	case H5_FLOAT:
	case H5_BITFIELD:
		break;
	}
	put_number(&a->text, t, p);
	return 0;
}

static int put_all(struct reader *a, const struct h5_type *t, const struct h5_space *space, struct slice data)
{
	uint64_t size;
	if (space->null) {
		put_text(&a->text, "null");
		return 0;
	}
	if (__builtin_mul_overflow(space->count, t->size, &size) || size > data.len)
		return error_set(&a->err, EBADMSG, "an attribute cut short");
	if (space->rank == 0 && t->class == H5_STRING) {
		struct slice s = strip(t, data.data);
		put(&a->text, (const char *)s.data, s.len);
		return 0;
	}
	if (space->rank == 0 && t->class == H5_VLEN && t->vlen_string)
		return put_vlen(a, t, data.data, true, 0);
	const uint8_t *at = data.data;
	return put_list(a, t, &at, space->dims, space->rank, 0);
}

/* --- the messages ----------------------------------------------------------------------- */

/* A part of the message, which may be shared with others. */
static int part(struct reader *a, struct cursor *c, unsigned len, unsigned version, bool shared, unsigned type,
		struct cursor *ret)
{
	*ret = cursor_sub(c, len);
	if (version == 1)
		cursor_skip(c, -len & 7);
	int r = cursor_check(c, &a->err, "an attribute");
	return r == 0 && shared ? h5_shared(a->f, a->s, *ret, type, ret, &a->err) : r;
}

static int read_attribute(struct reader *a, struct cursor c)
{
	struct cursor type_at, space_at;
	struct h5_type type;
	struct h5_space space;
	unsigned version = cursor_u8(&c), flags = cursor_u8(&c);
	unsigned name_len = cursor_u16le(&c), type_len = cursor_u16le(&c), space_len = cursor_u16le(&c);
	if (version == 3)
		cursor_skip(&c, 1);
	struct slice name = cursor_take(&c, name_len);
	if (version == 1)
		cursor_skip(&c, -name_len & 7);
	if (version < 1 || version > 3)
		return error_set(&a->err, ENOTSUP, "an attribute of version %u", version);
	if (version == 1)
		flags = 0;
	int r = part(a, &c, type_len, version, flags & 1, H5_DATATYPE, &type_at);
	if (r < 0 || (r = part(a, &c, space_len, version, flags & 2, H5_DATASPACE, &space_at)) < 0 ||
	    (r = h5_datatype(a->f, a->s, &type_at, &type, &a->err)) < 0 ||
	    (r = h5_dataspace(a->f, space_at, &space, &a->err)) < 0)
		return r;
	name.len = name.len ? strnlen((const char *)name.data, name.len) : 0;
	a->text.len = 0;
	a->text.full = false;
	r = put_all(a, &type, &space, (struct slice){c.pos, cursor_left(&c)});
	if (r < 0 || a->text.full || name.len == 0 || name.len > NAME_LIMIT || !utf8_valid(name))
		return r;
	char full[sizeof "attr." + NAME_LIMIT];
	int n = snprintf(full, sizeof full, "attr.%.*s", (int)name.len, (const char *)name.data);
	tree_attr(&a->a->tree, a->id, (struct slice){(uint8_t *)full, (size_t)n}, (struct slice){(uint8_t *)a->text.bytes, a->text.len});
	return 0;
}

/* One that cannot be shown does not take the others with it. */
static int add_dense(void *arg, struct cursor record, struct error *err)
{
	struct reader *a = arg;
	struct slice id = cursor_take(&record, 8), bytes;
	unsigned flags = cursor_u8(&record);
	struct cursor c;
	(void)err;
	a->err.text[0] = '\0';
	if (flags & 2) { /* the record leads to the shared heap itself */
		uint8_t pointer[10] = {3, 1};
		memcpy(pointer + 2, id.data, id.len == 8 ? 8 : 0);
		if (h5_shared(a->f, a->s, cursor_over((struct slice){pointer, 10}), H5_ATTRIBUTE, &c, &a->err) == 0)
			read_attribute(a, c);
	} else if (h5_fractal_get(a->f, a->heap, id, &bytes, &a->err) == 0) {
		read_attribute(a, cursor_over(bytes));
	}
	return 0;
}

static void read_dense(struct reader *a, struct cursor c)
{
	struct h5_btree2 tree;
	cursor_skip(&c, 1);
	unsigned flags = cursor_u8(&c);
	cursor_skip(&c, flags & 1 ? 2 : 0);
	uint64_t heap = h5_address(a->f, &c), names = h5_address(a->f, &c);
	if (c.failed || heap == H5_UNDEFINED)
		return;
	a->heap = arena_alloc(a->s, sizeof *a->heap);
	if (a->heap && h5_fractal(a->f, a->s, heap, a->heap, &a->err) == 0 &&
	    h5_btree2(a->f, a->s, names, &tree, &a->err) == 0 && tree.type == 8 && tree.record_size == 17)
		h5_btree2_each(a->f, a->s, &tree, add_dense, a, &a->err);
}

void h5_attributes(struct archive *archive, const struct h5_file *f, struct arena *s, const struct h5_header *h, uint32_t id)
{
	struct reader a = {.a = archive, .f = f, .s = s, .id = id};
	struct cursor c;
	int r;
	if (!h5_has(h, H5_ATTRIBUTE) && !h5_has(h, H5_ATTRIBUTE_INFO))
		return;
	if (!(a.text.bytes = arena_alloc(s, VALUE_MAX + 1)))
		return;
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->messages[i].type != H5_ATTRIBUTE)
			continue;
		a.err.text[0] = '\0';
		c = cursor_over(h->messages[i].data);
		if (!(h->messages[i].flags & 2) || h5_shared(f, s, c, H5_ATTRIBUTE, &c, &a.err) == 0)
			read_attribute(&a, c);
	}
	if (h5_message(f, s, h, H5_ATTRIBUTE_INFO, &c, &r, &a.err))
		read_dense(&a, c);
}
