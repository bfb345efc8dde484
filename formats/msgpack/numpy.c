/* SPDX-License-Identifier: MIT */
/*
 * msgpack-numpy's arrays: maps of the words that NumPy's own files have in their headers, here as
 * MessagePack.
 *
 * msgpack_numpy.py, encode() and decode().
 */
#include "formats/msgpack/impl.h"

#include <inttypes.h>

#include "fs/base/name.h"

enum { DESCR_MOST = 1 << 16, DEPTH_MAX = 32 };

/* A Python string of ASCII alone. */
static void put_string(struct text *t, struct slice s)
{
	text_add(t, "'");
	for (size_t i = 0, n; i < s.len; i += n) {
		uint8_t c = s.data[i];
		n = utf8_length((struct slice){s.data + i, s.len - i});
		uint32_t code = n < 2 ? c : c & (0x7fu >> n);
		for (size_t k = 1; k < n; k++)
			code = code << 6 | (s.data[i + k] & 0x3f);
		n = n ? n : 1;
		if (code < ' ' || code > '~' || code == '\'' || code == '\\')
			text_print(t, "\\U%08" PRIx32, code);
		else
			text_put(t, (struct slice){&c, 1});
	}
	text_add(t, "'");
}

static bool put_word(struct msgpack_doc *d, struct text *t)
{
	struct msgpack_object o;
	struct slice word = {NULL, 0};
	if (msgpack_next(&d->m, &o))
		word = msgpack_word(d, &o, DESCR_MOST);
	if (word.data)
		put_string(t, word);
	return word.data;
}

static bool put_descr(struct msgpack_doc *d, struct text *t, unsigned depth);

/* A name, or [title, name]. */
static bool put_name(struct msgpack_doc *d, struct text *t)
{
	struct msgpack_object o;
	if (!msgpack_next(&d->m, &o))
		return false;
	if (o.kind == MSGPACK_ARRAY && o.len == 2) {
		text_add(t, "(");
		bool fine = put_word(d, t);
		text_add(t, ", ");
		fine = fine && put_word(d, t);
		text_add(t, ")");
		return fine;
	}
	struct slice word = msgpack_word(d, &o, DESCR_MOST);
	if (word.data)
		put_string(t, word);
	return word.data;
}

static bool put_shape(struct msgpack_doc *d, struct text *t)
{
	struct msgpack_object o;
	struct array shape;
	if (!msgpack_next(&d->m, &o))
		return false;
	bool one = o.kind == MSGPACK_INT;
	if (!one && (!msgpack_shape_read(d, &o, &shape) || !msgpack_skip(&d->m, &o)))
		return false;
	text_add(t, ", (");
	for (uint32_t i = 0; i < (one ? 1 : shape.rank); i++)
		text_print(t, "%" PRIu64 ",", one ? o.number : shape.shape[i]);
	text_add(t, ")");
	return !one || !o.negative;
}

/* [name, type] or [name, type, shape], … */
static bool put_fields(struct msgpack_doc *d, const struct msgpack_object *list, struct text *t, unsigned depth)
{
	struct msgpack_object o;
	text_add(t, "[");
	for (uint64_t i = 0; i < list->len && !t->failed; i++) {
		if (!msgpack_next(&d->m, &o) || o.kind != MSGPACK_ARRAY || o.len < 2 || o.len > 3)
			return false;
		text_add(t, i ? ", (" : "(");
		if (!put_name(d, t))
			return false;
		text_add(t, ", ");
		if (!put_descr(d, t, depth + 1) || (o.len == 3 && !put_shape(d, t)))
			return false;
		text_add(t, ")");
	}
	text_add(t, "]");
	return true;
}

static bool put_descr(struct msgpack_doc *d, struct text *t, unsigned depth)
{
	struct msgpack_object o;
	if (depth > DEPTH_MAX || !msgpack_next(&d->m, &o))
		return false;
	if (o.kind == MSGPACK_ARRAY)
		return put_fields(d, &o, t, depth);
	struct slice word = msgpack_word(d, &o, DESCR_MOST);
	if (word.data)
		put_string(t, word);
	return word.data;
}

/* One field without a name: how NumPy describes opaque bytes. */
static bool is_opaque(struct slice descr, struct slice *ret)
{
	static const char begin[] = "[('', '", end[] = "')]";
	size_t n = sizeof begin - 1, m = sizeof end - 1;
	if (descr.len < n + m || memcmp(descr.data, begin, n) != 0)
		return false;
	*ret = (struct slice){descr.data + n, descr.len - n - m};
	return !memchr(ret->data, '\'', ret->len) && memcmp(ret->data + ret->len, end, m) == 0;
}

/* By way of the header of a file with such elements. */
static bool read_structured(struct msgpack_doc *d, const struct msgpack_object *o, struct numpy_type *ret)
{
	struct text descr = {.limit = DESCR_MOST}, header = {0};
	struct numpy_header h;
	struct error unsaid = {0};
	struct slice opaque;
	struct msgpack_place place = msgpack_enter(&d->m, o->at, d->m.end);
	bool fine = put_descr(d, &descr, 0) && descr.failed == 0;
	msgpack_leave(&d->m, &place);
	if (fine && is_opaque(text_slice(&descr), &opaque)) {
		fine = numpy_read_type(opaque, d->keep, ret, &unsaid) == 0;
	} else if (fine) {
		numpy_write_header(text_slice(&descr), false, SLICE("()"), &header);
		fine = header.failed == 0 && numpy_read_header(text_slice(&header), d->keep, &h, &unsaid) == 0;
		*ret = h.type;
	}
	text_free(&header);
	text_free(&descr);
	return fine;
}

static bool read_type(struct msgpack_doc *d, const struct msgpack_object *o, struct numpy_type *ret)
{
	struct error unsaid = {0};
	*ret = (struct numpy_type){0};
	if (o->kind == MSGPACK_ARRAY)
		return read_structured(d, o, ret);
	struct slice word = msgpack_word(d, o, 64);
	return word.data && numpy_read_type(word, d->keep, ret, &unsaid) == 0;
}

static const char *read_array(struct msgpack_doc *d, const struct msgpack_object *type, const struct msgpack_object *shape,
			      const struct msgpack_object *data, struct msgpack_array *ret)
{
	struct array extents = {0};
	uint64_t size;
	if (!read_type(d, type, &ret->type)) {
		ret->type = (struct numpy_type){0};
		return "an array of a type that is not known";
	}
	if (ret->type.array.dtype == DTYPE_OBJECT) {
		ret->type = (struct numpy_type){0};
		ret->pickled = true;
		return "an array of Python objects, which are pickled";
	}
	if (shape && !msgpack_shape_read(d, shape, &extents)) {
		ret->type = (struct numpy_type){0};
		return "an array whose shape is not a list of at most 64 numbers";
	}
	ret->type.array.rank = extents.rank;
	ret->type.array.shape = extents.shape;
	ret->bytes = (struct content){.offset = data->body, .size = data->len};
	if (!shape_elements(extents.shape, extents.rank, &size) || __builtin_mul_overflow(size, ret->type.size, &size)) {
		ret->type = (struct numpy_type){0};
		return "an array of more bytes than 64 bits count";
	}
	if (size == data->len)
		return NULL;
	if (ret->type.array.dtype == DTYPE_STRUCT) /* a fault is one file */
		ret->type = (struct numpy_type){0};
	return "an array with other than the bytes of its shape";
}

int msgpack_numpy_read(struct msgpack_doc *d, const struct msgpack_object *type, const struct msgpack_object *shape,
		       const struct msgpack_object *data, struct msgpack_array *ret)
{
	ret->fault = read_array(d, type, shape, data, ret);
	return d->m.failed ? d->m.failed : 1;
}
