/* SPDX-License-Identifier: MIT */
/*
 * Flax's arrays: extensions 1 and 3, and those that it cut into chunks because MessagePack has no
 * larger objects.
 *
 * flax/serialization.py, _ndarray_to_bytes() and _chunk().
 */
#include "formats/msgpack/impl.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_MOST = 40 };

/* What has a byte for each element though it is narrower, and is no type of NumPy's own. */
static bool is_narrow(struct slice name)
{
	static const char *const narrow[] = {
		"int1", "int2", "int4", "uint1", "uint2", "uint4", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4",
		"float8_e4m3", "float8_e4m3b11fnuz",
	};
	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
		if (slice_equal(name, slice_text(narrow[i])))
			return true;
	return false;
}

static bool find_number(struct slice name, struct array *ret)
{
	char text[DTYPE_NAME_MAX];
	for (unsigned i = 1; i < DTYPE_COUNT; i++) {
		struct array one = {.dtype = (uint8_t)i};
		enum dtype_kind kind = dtype_kind((enum dtype)i);
		if (kind < KIND_BOOL || kind > KIND_COMPLEX || dtype_bits(&one) % 8 || !slice_equal(name, slice_text(dtype_name(&one, text))))
			continue;
		ret->dtype = (uint8_t)i;
		ret->byteorder = dtype_bits(&one) > 8 ? BYTEORDER_LITTLE : BYTEORDER_NONE;
		return true;
	}
	return false;
}

/* NumPy's names of types that have no fixed one, and how its files write them. */
static bool write_descr(const char *name, char *ret, size_t room)
{
	char unit[32] = "", end;
	unsigned bits;
	if (strcmp(name, "float128") == 0 || strcmp(name, "complex256") == 0)
		return snprintf(ret, room, "<%c%s", name[0], name[0] == 'f' ? "16" : "32") > 0;
	if (sscanf(name, "datetime64%31s", unit) == 1 || strcmp(name, "datetime64") == 0)
		return snprintf(ret, room, "<M8%s", unit) > 0;
	if (sscanf(name, "timedelta64%31s", unit) == 1 || strcmp(name, "timedelta64") == 0)
		return snprintf(ret, room, "<m8%s", unit) > 0;
	if (sscanf(name, "str%9u%c", &bits, &end) == 1 && bits % 32 == 0)
		return snprintf(ret, room, "<U%u", bits / 32) > 0;
	if (sscanf(name, "bytes%9u%c", &bits, &end) == 1 && bits % 8 == 0)
		return snprintf(ret, room, "|S%u", bits / 8) > 0;
	if (sscanf(name, "void%9u%c", &bits, &end) == 1 && bits % 8 == 0)
		return snprintf(ret, room, "|V%u", bits / 8) > 0;
	return false;
}

/* The type of that name; false if nobody has it. */
static bool find_type(struct msgpack_doc *d, struct slice name, struct numpy_type *ret)
{
	struct array *array = &ret->array;
	struct error unsaid = {0};
	char descr[64];
	*ret = (struct numpy_type){0};
	if (is_narrow(name)) {
		array->dtype = DTYPE_VOID;
		array->width = 1;
	} else if (!find_number(name, array)) {
		return write_descr((const char *)name.data, descr, sizeof descr) &&
		       numpy_read_type(slice_text(descr), d->scratch, ret, &unsaid) == 0 && !ret->objects;
	}
	ret->size = dtype_bits(array) / 8;
	return true;
}

static int no_memory(struct msgpack_doc *d)
{
	return d->m.failed = error_no_memory(d->err, "its arrays");
}

/* The three parts of an extension, of which nothing is known but their kind. */
static bool read_parts(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_object parts[3])
{
	struct msgpack_object list;
	bool fine = msgpack_next(&d->m, &list) && list.kind == MSGPACK_ARRAY && list.len == 3;
	for (int i = 0; fine && i < 3; i++) {
		fine = msgpack_next(&d->m, &parts[i]);
		fine = fine && (i ? parts[i].kind == MSGPACK_STR || parts[i].kind == MSGPACK_BIN : parts[i].kind == MSGPACK_ARRAY);
		fine = fine && msgpack_skip(&d->m, &parts[i]);
	}
	return fine && d->m.at == o->body + o->len;
}

/* The type, with a name that lives as long as the archive: one for all that are called so. */
static bool read_type(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret)
{
	struct slice name = msgpack_word(d, o, NAME_MOST);
	if (d->last_name && name.data && strcmp(d->last_name, (const char *)name.data) == 0) {
		ret->type = d->last_type;
		return true;
	}
	if (!name.data || !find_type(d, name, &ret->type))
		return false;
	char *kept = arena_text(d->keep, name);
	if (!kept)
		return no_memory(d), false;
	ret->type.array.type = kept;
	d->last_name = kept;
	d->last_type = ret->type;
	return true;
}

static void read_array(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret)
{
	struct msgpack_object parts[3];
	struct array shape;
	uint64_t size;
	if (!read_parts(d, o, parts)) {
		ret->fault = "an array that is not [shape, dtype, bytes]";
		return;
	}
	if (!read_type(d, &parts[1], ret)) {
		ret->fault = "an array of a dtype that is not known";
		return;
	}
	if (!msgpack_shape_read(d, &parts[0], &shape)) {
		ret->fault = "an array whose shape is not a list of at most 64 numbers";
		ret->type = (struct numpy_type){0};
		return;
	}
	ret->type.array.rank = shape.rank;
	ret->type.array.shape = shape.shape;
	ret->bytes = (struct content){.offset = parts[2].body, .size = parts[2].len};
	if (!shape_elements(shape.shape, shape.rank, &size) || __builtin_mul_overflow(size, ret->type.size, &size)) {
		ret->fault = "an array of more bytes than 64 bits count";
		ret->type = (struct numpy_type){0};
	} else if (size != parts[2].len) {
		ret->fault = "an array with other than the bytes of its shape";
	}
}

/* What is wrong within is the array's fault, not the document's. */
int msgpack_flax_read(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret)
{
	struct error *outer = d->m.err, within = {0};
	struct msgpack_place place = msgpack_enter(&d->m, o->body, o->body + o->len);
	d->m.err = &within;
	read_array(d, o, ret);
	d->m.err = outer;
	msgpack_leave(&d->m, &place);
	if (d->m.failed && d->m.failed != -EBADMSG)
		return error_set(d->err, -d->m.failed, "%s", within.text);
	d->m.failed = 0;
	return 1;
}

/* --- chunks --------------------------------------------------------------------------- */

static int read_chunks(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct msgpack_chunks *c = n->lazy;
	uint32_t i = 0;
	for (uint32_t high = c->count; high - i > 1;) {
		uint32_t middle = i + (high - i) / 2;
		if (c->all[middle].begin <= offset)
			i = middle;
		else
			high = middle;
	}
	int r = 0;
	for (uint64_t n_bytes; r == 0 && len > 0; i++, offset += n_bytes, len -= n_bytes) {
		uint64_t left = c->all[i + 1].begin - offset;
		n_bytes = left < len ? left : len;
		r = answer_source(ret, &a->source, c->all[i].at + (offset - c->all[i].begin), n_bytes, err);
	}
	return r;
}

static bool same_type(const struct numpy_type *a, const struct numpy_type *b)
{
	return a->size == b->size && a->array.dtype == b->array.dtype && strcmp(a->array.type, b->array.type) == 0;
}

/* The chunk's number and array; the sentence if it is none. */
static const char *read_chunk(struct msgpack_doc *d, uint32_t count, uint32_t *number, struct msgpack_array *ret)
{
	struct msgpack_object key, value;
	char text[12] = "";
	unsigned n;
	char end;
	*ret = (struct msgpack_array){0};
	if (!msgpack_next(&d->m, &key) || key.kind != MSGPACK_STR || key.len >= sizeof text || !msgpack_read(&d->m, key.body, text, (size_t)key.len) ||
	    sscanf(text, "%9u%c", &n, &end) != 1 || n >= count || text[0] < '0' || text[0] > '9' || (text[0] == '0' && key.len != 1))
		return "chunks that are not numbered from 0 on";
	*number = n;
	if (!msgpack_next(&d->m, &value) || value.kind != MSGPACK_EXT || value.code != 1)
		return "a chunk that is no array";
	if (msgpack_flax_read(d, &value, ret) < 0)
		return "a chunk that cannot be read";
	return ret->fault ? ret->fault : ret->type.array.rank != 1 ? "a chunk of other than one dimension" : NULL;
}

/* Where each chunk lies, by its number; then where it begins in the array. */
static const char *collect(struct msgpack_doc *d, struct msgpack_chunks *c, struct msgpack_array *ret)
{
	struct msgpack_array one;
	struct msgpack_object map;
	uint32_t number = 0;
	uint64_t *sizes = arena_array(d->scratch, c->count, sizeof *sizes), begin = 0;
	if (!sizes || !msgpack_next(&d->m, &map))
		return "chunks that cannot be read";
	for (uint32_t i = 0; i < c->count; i++) {
		const char *fault = read_chunk(d, c->count, &number, &one);
		if (fault)
			return fault;
		if (c->all[number].at)
			return "a chunk that is there twice";
		if (i && !same_type(&one.type, &ret->type))
			return "chunks of several types";
		ret->type = one.type;
		c->all[number].at = one.bytes.offset;
		sizes[number] = one.bytes.size;
	}
	for (uint32_t i = 0; i < c->count; begin += sizes[i++]) /* bytes of the file, which do not overflow */
		c->all[i].begin = begin;
	c->all[c->count].begin = begin;
	return NULL;
}

static const char *join(struct msgpack_doc *d, const struct msgpack_object *shape, const struct msgpack_object *chunks,
			struct msgpack_array *ret)
{
	struct array extents;
	uint64_t size;
	if (!shape || !chunks || !msgpack_shape_read(d, shape, &extents))
		return "an array in chunks without shape and chunks";
	if (chunks->len == 0 || chunks->len > UINT32_MAX / 2)
		return "an array of no chunks";
	uint32_t count = (uint32_t)chunks->len; /* at most half of the file's bytes */
	struct msgpack_chunks *c = arena_alloc(d->keep, sizeof *c + (count + (size_t)1) * sizeof *c->all);
	if (!c) {
		no_memory(d);
		return "no memory";
	}
	c->lazy.read = read_chunks;
	c->count = count;
	struct msgpack_place place = msgpack_enter(&d->m, chunks->at, d->m.end);
	const char *fault = collect(d, c, ret);
	msgpack_leave(&d->m, &place);
	if (fault)
		return fault;
	ret->type.array.rank = extents.rank;
	ret->type.array.shape = extents.shape;
	ret->bytes.size = c->all[count].begin;
	ret->chunks = c;
	if (!shape_elements(extents.shape, extents.rank, &size) || __builtin_mul_overflow(size, ret->type.size, &size))
		return "an array of more bytes than 64 bits count";
	return size == ret->bytes.size ? NULL : "chunks with other than the bytes of the shape";
}

int msgpack_flax_join(struct msgpack_doc *d, const struct msgpack_object *shape, const struct msgpack_object *chunks,
		      struct msgpack_array *ret)
{
	const char *fault = join(d, shape, chunks, ret);
	if (d->m.failed)
		return d->m.failed;
	if (fault)
		*ret = (struct msgpack_array){.fault = fault};
	return 1;
}
