/* SPDX-License-Identifier: MIT */
/* Values by themselves. */
#include "formats/msgpack/impl.h"

#include <stdio.h>

static int show_number(struct msgpack_doc *d, uint32_t parent, struct slice name, enum dtype dtype, uint64_t number, size_t width,
		       uint32_t *ret)
{
	struct array array = {.dtype = (uint8_t)dtype, .byteorder = width > 1 ? BYTEORDER_LITTLE : BYTEORDER_NONE};
	uint8_t *bytes = arena_alloc(d->keep, 8);
	if (!bytes)
		return error_no_memory(d->err, "its numbers");
	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(number >> 8 * i);
	*ret = tree_bytes(&d->a->tree, parent, name, bytes, width);
	tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &array));
	return 0;
}

/* Bytes that stand in the file; `shaped`: as so many elements, else as one. */
static int show_range(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, struct array array,
		      bool shaped, uint32_t *ret)
{
	array.rank = shaped;
	array.shape = &o->len;
	*ret = tree_range(&d->a->tree, parent, name, 0, o->body, o->len);
	tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &array));
	return 0;
}

/* [re, im], each of any kind of number. */
bool msgpack_complex(struct msgpack_doc *d, const struct msgpack_object *o, double ret[2])
{
	struct error *outer = d->m.err, within = {0};
	struct msgpack_place place = msgpack_enter(&d->m, o->body, o->body + o->len);
	struct msgpack_object part = {0};
	d->m.err = &within;
	bool fine = msgpack_next(&d->m, &part) && part.kind == MSGPACK_ARRAY && part.len == 2;
	for (int i = 0; fine && i < 2; i++)
		fine = msgpack_next(&d->m, &part) && msgpack_number(&part, &ret[i]);
	fine = fine && d->m.at == d->m.end;
	d->m.err = outer;
	msgpack_leave(&d->m, &place);
	if (d->m.failed == -EBADMSG)
		d->m.failed = 0;
	return fine;
}

static int show_extension(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret)
{
	int64_t when;
	char type[16];
	struct msgpack_array number = {.number = true};
	if (msgpack_nanoseconds(&d->m, o, &when))
		return show_number(d, parent, name, DTYPE_TIMESTAMP_NS, (uint64_t)when, 8, ret);
	if (o->code == 2 && msgpack_complex(d, o, number.complex))
		return msgpack_array_show(d, parent, name, &number, ret);
	if (d->m.failed)
		return d->m.failed;
	snprintf(type, sizeof type, "ext(%d)", o->code);
	const char *kept = arena_text(d->keep, slice_text(type));
	if (!kept)
		return error_no_memory(d->err, "its types");
	return show_range(d, parent, name, o, (struct array){.dtype = DTYPE_UINT8, .type = kept}, true, ret);
}

int msgpack_value_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret)
{
	struct array null = {.dtype = DTYPE_NULL}, string = {.dtype = DTYPE_FIXED_STRING, .width = (uint32_t)o->len};
	switch ((enum msgpack_kind)o->kind) {
	case MSGPACK_NIL:
		*ret = tree_bytes(&d->a->tree, parent, name, "", 0);
		tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &null));
		return 0;
	case MSGPACK_BOOL:
		return show_number(d, parent, name, DTYPE_BOOL, o->number, 1, ret);
	case MSGPACK_INT:
		return show_number(d, parent, name, o->negative || o->number <= INT64_MAX ? DTYPE_INT64 : DTYPE_UINT64, o->number, 8, ret);
	case MSGPACK_FLOAT32:
		return show_number(d, parent, name, DTYPE_FLOAT32, o->number, 4, ret);
	case MSGPACK_FLOAT64:
		return show_number(d, parent, name, DTYPE_FLOAT64, o->number, 8, ret);
	case MSGPACK_STR:
		return show_range(d, parent, name, o, string, false, ret);
	case MSGPACK_BIN:
		return show_range(d, parent, name, o, (struct array){.dtype = DTYPE_UINT8}, true, ret);
	case MSGPACK_EXT:
		return show_extension(d, parent, name, o, ret);
	case MSGPACK_ARRAY:
	case MSGPACK_MAP:
		break;
	}
	return error_set(d->err, EBADMSG, "a list or map in place of a value");
}
