/* SPDX-License-Identifier: MIT */
/* Which maps and extensions are arrays. */
#include "formats/msgpack/impl.h"

#include <stdlib.h>

struct slice msgpack_word(struct msgpack_doc *d, const struct msgpack_object *o, size_t most)
{
	struct slice none = {NULL, 0};
	if ((o->kind != MSGPACK_STR && o->kind != MSGPACK_BIN) || o->len > most)
		return none;
	char *text = arena_alloc(d->scratch, (size_t)o->len + 1);
	if (!text)
		d->m.failed = d->m.failed ? d->m.failed : error_no_memory(d->err, "a word");
	if (!text || !msgpack_read(&d->m, o->body, text, (size_t)o->len))
		return none;
	return (struct slice){(const uint8_t *)text, (size_t)o->len};
}

/* A list's own index, or a decimal number without a sign or zeros before it. */
static bool read_index(struct msgpack_doc *d, const struct msgpack_object *key, uint64_t *ret)
{
	char text[20];
	if (key->kind != MSGPACK_STR || key->len == 0 || key->len > 9 || !msgpack_read(&d->m, key->body, text, (size_t)key->len))
		return false;
	*ret = 0;
	for (size_t i = 0; i < key->len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*ret = *ret * 10 + (uint64_t)(text[i] - '0');
	}
	return text[0] != '0' || key->len == 1;
}

bool msgpack_shape_read(struct msgpack_doc *d, const struct msgpack_object *o, struct array *ret)
{
	struct msgpack_object key, extent;
		bool map = o->kind == MSGPACK_MAP, fine = o->kind >= MSGPACK_ARRAY && o->len <= NUMPY_RANK_MAX;
	uint64_t seen = 0, *shape = fine ? arena_array(d->scratch, o->len + 1, sizeof *shape) : NULL;
	struct msgpack_place place = msgpack_enter(&d->m, o->at, d->m.end);
	fine = shape && msgpack_next(&d->m, &key); /* the container itself */
	for (uint64_t i = 0, at = 0; fine && i < o->len; i++, at = i) {
		fine = !map || (msgpack_next(&d->m, &key) && read_index(d, &key, &at));
		fine = fine && msgpack_next(&d->m, &extent) && extent.kind == MSGPACK_INT && !extent.negative && at < o->len &&
		       !(seen >> at & 1);
		if (fine) {
			shape[at] = extent.number;
			seen |= UINT64_C(1) << at;
		}
	}
	msgpack_leave(&d->m, &place);
	ret->rank = (uint32_t)o->len;
	ret->shape = shape;
	return fine;
}

/* The pairs of a map that may be an array: those of a few names, as they were written by name. */
enum field { ND, TYPE, KIND, SHAPE, DATA, COMPLEX, CHUNKED, CHUNKS, FIELDS };

struct fields {
	struct msgpack_object value[FIELDS];
	bool has[FIELDS];
};

static int find_field(struct msgpack_doc *d, const struct msgpack_object *key)
{
	static const char *const names[FIELDS] = {
		[ND] = "nd", [TYPE] = "type", [KIND] = "kind", [SHAPE] = "shape", [DATA] = "data", [COMPLEX] = "complex",
		[CHUNKED] = "__msgpack_chunked_array__", [CHUNKS] = "chunks",
	};
	char text[32];
	if ((key->kind != MSGPACK_STR && key->kind != MSGPACK_BIN) || key->len > 25 ||
	    !msgpack_read(&d->m, key->body, text, (size_t)key->len))
		return FIELDS;
	for (int i = 0; i < FIELDS; i++)
		if (slice_equal((struct slice){(const uint8_t *)text, (size_t)key->len}, slice_text(names[i])))
			return i;
	return FIELDS;
}

static bool is_text(const struct msgpack_object *o)
{
	return o->kind == MSGPACK_STR || o->kind == MSGPACK_BIN;
}

/* Could such a pair be an array's?  Lists and maps are passed over only where they could, so that a
 * document is not walked for each of its maps. */
static bool plausible(enum field field, const struct msgpack_object *o)
{
	switch (field) {
	case ND:
	case COMPLEX:
		return o->kind == MSGPACK_BOOL;
	case TYPE:
		return is_text(o) || o->kind == MSGPACK_ARRAY;
	case SHAPE:
		return o->kind >= MSGPACK_ARRAY && o->len <= NUMPY_RANK_MAX;
	case KIND:
		return is_text(o);
	case DATA: /* that of a masked array is an array in turn */
		return is_text(o) || o->kind == MSGPACK_MAP;
	case CHUNKED:
		return o->kind < MSGPACK_ARRAY;
	case CHUNKS:
		return o->kind == MSGPACK_MAP;
	case FIELDS:
		break;
	}
	return false;
}

/* Passes over the value, if it is made of what such values are made of: chunks of extensions, types of
 * lists, shapes of numbers, data of what is no map. */
static bool pass(struct msgpack_doc *d, enum field field, const struct msgpack_object *o)
{
	struct msgpack_object inner;
	while (d->m.depth > o->depth) {
		if (!msgpack_next(&d->m, &inner))
			return false;
		if (inner.kind == MSGPACK_MAP || (inner.kind == MSGPACK_ARRAY && field != TYPE && field != DATA))
			return false;
	}
	return true;
}

static bool read_fields(struct msgpack_doc *d, const struct msgpack_object *map, struct fields *ret)
{
	struct msgpack_object key;
	*ret = (struct fields){0};
	if (map->len < 2 || map->len > 5)
		return false;
	for (uint64_t i = 0; i < map->len; i++) {
		if (!msgpack_next(&d->m, &key) || key.kind >= MSGPACK_ARRAY)
			return false;
		int field = find_field(d, &key);
		if (field == FIELDS || ret->has[field] || !msgpack_next(&d->m, &ret->value[field]) ||
		    !plausible((enum field)field, &ret->value[field]) || !pass(d, (enum field)field, &ret->value[field]))
			return false;
		ret->has[field] = true;
	}
	return true;
}

/* "(1+2j)", "2j", "(nan-infj)", as Python prints it. */
static bool read_complex(struct msgpack_doc *d, const struct msgpack_object *o, double ret[2])
{
	char *text = (char *)(uintptr_t)msgpack_word(d, o, 64).data, *end;
	if (!text || memchr(text, 'x', (size_t)o->len) || memchr(text, 0, (size_t)o->len))
		return false;
	size_t open = text[0] == '(', len = (size_t)o->len;
	if (len < 2 + 2 * open || (open && text[len - 1] != ')') || text[len - 1 - open] != 'j')
		return false;
	double first = strtod(text + open, &end);
	bool whole = end == text + len - 1 - open;
	ret[0] = whole ? 0 : first;
	ret[1] = first;
	if (whole)
		return true;
	if (end == text + open || (*end != '+' && *end != '-'))
		return false;
	ret[1] = strtod(end, &end);
	return end == text + len - 1 - open;
}

/* Where the bytes of an array lie that is the data of another; 0 if it is none. */
static int read_inner(struct msgpack_doc *d, const struct msgpack_object *map, struct msgpack_object *ret)
{
	struct msgpack_place place = msgpack_enter(&d->m, map->at, d->m.end);
	struct msgpack_object o;
	struct msgpack_array inner;
	int r = msgpack_next(&d->m, &o) ? msgpack_array_read(d, &o, &inner) : d->m.failed;
	msgpack_leave(&d->m, &place);
	if (r > 0 && (inner.number || inner.chunks || inner.fault))
		r = 0;
	if (r > 0)
		*ret = (struct msgpack_object){.kind = MSGPACK_BIN, .body = inner.bytes.offset, .len = inner.bytes.size};
	return r;
}

static int read_map(struct msgpack_doc *d, const struct fields *f, struct msgpack_array *ret)
{
	const struct msgpack_object *v = f->value;
	struct msgpack_object data = v[DATA];
	if (f->has[CHUNKED])
		return msgpack_flax_join(d, f->has[SHAPE] ? &v[SHAPE] : NULL, f->has[CHUNKS] ? &v[CHUNKS] : NULL, ret);
	if (f->has[COMPLEX] && f->has[DATA] && !f->has[ND] && is_text(&data)) {
		ret->number = true;
		return v[COMPLEX].number && read_complex(d, &data, ret->complex);
	}
	if (!f->has[ND] || !f->has[TYPE] || !f->has[DATA] || f->has[CHUNKS] || f->has[COMPLEX])
		return 0;
	if (v[ND].number && !f->has[SHAPE])
		return 0;
	if (f->has[KIND] && v[KIND].len == 1 && v[ND].number) {
		struct slice kind = msgpack_word(d, &v[KIND], 1);
		if (kind.data && kind.data[0] == 'O') {
			ret->fault = "an array of Python objects, which are pickled";
			ret->pickled = true;
			return 1;
		}
	}
	int r = data.kind == MSGPACK_MAP ? read_inner(d, &v[DATA], &data) : 1;
	return r > 0 ? msgpack_numpy_read(d, &v[TYPE], v[ND].number ? &v[SHAPE] : NULL, &data, ret) : r;
}

int msgpack_array_read(struct msgpack_doc *d, const struct msgpack_object *o, struct msgpack_array *ret)
{
	struct fields f;
	int r;
	*ret = (struct msgpack_array){0};
	if (o->kind == MSGPACK_EXT)
		return o->code == 1 || o->code == 3 ? msgpack_flax_read(d, o, ret) : 0;
	if (o->kind != MSGPACK_MAP)
		return 0;
	r = read_fields(d, o, &f) ? read_map(d, &f, ret) : 0;
	if (d->m.failed)
		return d->m.failed;
	if (r == 0)
		msgpack_rewind(&d->m, o);
	return r;
}

int msgpack_array_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_array *array, uint32_t *ret)
{
	struct tree *t = &d->a->tree;
	if (array->fault) {
		*ret = tree_fault(t, parent, name, array->fault, array->type.array.dtype ? &array->type.array : NULL);
		if (array->pickled)
			tree_sound(t, *ret);
		return 0;
	}
	if (array->number) {
		struct array number = {.dtype = DTYPE_COMPLEX128, .byteorder = BYTEORDER_LITTLE};
		double *bytes = arena_alloc(d->keep, sizeof array->complex);
		if (!bytes)
			return error_no_memory(d->err, "its numbers");
		memcpy(bytes, array->complex, sizeof array->complex);
		*ret = tree_bytes(t, parent, name, bytes, sizeof array->complex);
		tree_describe(t, *ret, tree_array(t, &number));
		return 0;
	}
	if (!array->chunks)
		return ndarray_show(d->a, parent, name, &array->type, &array->bytes, ret, d->err);
	*ret = tree_lazy(t, parent, name, array->chunks, array->bytes.size);
	tree_describe(t, *ret, tree_array(t, &array->type.array));
	return 0;
}
