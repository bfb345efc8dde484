/* SPDX-License-Identifier: MIT */
/* Attributes: the messages "Attribute" and "Attribute Info" (IV.A.2), read on demand and
 * not cached. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/hdf5/hdf5.h"

/* Limits for reading one attribute, and for its text: larger ones are refused. */
enum { ATTRIBUTE_MEMORY = 24 << 20, ATTRIBUTE_TEXT = 16 << 20 };

struct reader {
	const struct h5_file *f;
	struct arena s; /* for the current attribute */
	struct h5_fractal *heap;
	attrs_each *each;
	void *arg;
	int code, fault; /* the result of each(); the first fault of an attribute, */
	struct error *err; /* and its message */
};

/* A part of the message, which may itself be a shared message. */
static int part(struct reader *a, struct cursor *c, unsigned len, unsigned version, bool shared, unsigned type,
		struct cursor *ret, struct error *err)
{
	*ret = cursor_sub(c, len);
	if (version == 1)
		cursor_skip(c, -len & 7);
	int r = cursor_check(c, err, "an attribute");
	return r == 0 && shared ? h5_shared(a->f, &a->s, *ret, type, ret, err) : r;
}

struct attribute {
	struct slice name, data;
	struct h5_type type;
	struct h5_space space;
};

static int parse(struct reader *a, struct cursor c, struct attribute *ret, struct error *err)
{
	struct cursor type_at, space_at;
	unsigned version = cursor_u8(&c), flags = cursor_u8(&c);
	unsigned name_len = cursor_u16le(&c), type_len = cursor_u16le(&c), space_len = cursor_u16le(&c);
	if (version == 3)
		cursor_skip(&c, 1);
	ret->name = cursor_take(&c, name_len);
	ret->name.len = ret->name.len ? strnlen((const char *)ret->name.data, ret->name.len) : 0;
	if (version == 1)
		cursor_skip(&c, -name_len & 7);
	if (version < 1 || version > 3)
		return error_set(err, ENOTSUP, "an attribute of version %u", version);
	if (version == 1)
		flags = 0;
	int r = part(a, &c, type_len, version, flags & 1, H5_DATATYPE, &type_at, err);
	if (r < 0 || (r = part(a, &c, space_len, version, flags & 2, H5_DATASPACE, &space_at, err)) < 0 ||
	    (r = h5_datatype(a->f, &a->s, &type_at, &ret->type, err)) < 0)
		return r;
	ret->data = (struct slice){c.pos, cursor_left(&c)};
	return h5_dataspace(a->f, space_at, &ret->space, err);
}

static int value_of(struct reader *a, struct cursor c, struct attribute *attribute, struct text *text, bool *json,
		    struct error *err)
{
	int r = parse(a, c, attribute, err);
	if (r == 0)
		r = h5_value(a->f, &attribute->type, &attribute->space, attribute->data, text, json, err);
	if (r == 0 && text->failed == -E2BIG)
		r = error_set(err, E2BIG, "its text takes more than %d bytes", ATTRIBUTE_TEXT);
	else if (r == 0 && text->failed)
		r = error_set(err, -text->failed, "no memory");
	return r;
}

/* Records an attribute that cannot be read; the others still are. */
static void note(struct reader *a, struct slice name, int code, const struct error *why)
{
	int shown = name.len < 64 ? (int)name.len : 64;
	if (a->fault)
		return;
	if (name.len)
		a->fault = error_set(a->err, -code, "attribute %.*s: %s", shown, (const char *)name.data, why->text);
	else
		a->fault = error_set(a->err, -code, "an attribute: %s", why->text);
}

static void tell(struct reader *a, struct cursor c)
{
	struct attribute attribute = {0};
	struct text text = {.limit = ATTRIBUTE_TEXT}, full = {0};
	struct error why = {0};
	bool json = false;
	int r = value_of(a, c, &attribute, &text, &json, &why);
	text_add(&full, ATTR_OWN);
	text_put(&full, attribute.name);
	if (r == 0 && full.failed)
		r = error_set(&why, ENOMEM, "no memory");
	if (r < 0)
		note(a, attribute.name, r, &why);
	else
		a->code = a->each(a->arg, &(struct attr){NULL, text_slice(&full), text_slice(&text), json});
	text_free(&text);
	text_free(&full);
}

/* Follows the record of a dense attribute, into the shared heap or the object's. */
static int find_dense(struct reader *a, struct cursor record, struct cursor *ret, struct error *err)
{
	struct slice id = cursor_take(&record, 8), bytes = {0};
	unsigned flags = cursor_u8(&record);
	int r = cursor_check(&record, err, "an attribute's record");
	if (r < 0)
		return r;
	if (flags & 2) {
		uint8_t pointer[10] = {3, 1};
		memcpy(pointer + 2, id.data, 8);
		return h5_shared(a->f, &a->s, cursor_over((struct slice){pointer, 10}), H5_ATTRIBUTE, ret, err);
	}
	a->heap->s = &a->s;
	r = h5_fractal_get(a->f, a->heap, id, &bytes, err);
	*ret = cursor_over(bytes);
	return r;
}

static int tell_dense(void *arg, struct cursor record, struct error *err)
{
	struct reader *a = arg;
	struct cursor c;
	struct error why = {0};
	(void)err;
	int r = find_dense(a, record, &c, &why);
	if (r < 0)
		note(a, (struct slice){0}, r, &why);
	else
		tell(a, c);
	/* Frees the memory, and with it the heap's cached blocks. */
	if (a->s.used > ATTRIBUTE_MEMORY / 2) {
		a->heap->kept = NULL;
		a->heap->kept_mask = a->heap->kept_used = 0;
		arena_free(&a->s);
		a->s = (struct arena){.limit = ATTRIBUTE_MEMORY};
	}
	return a->code;
}

static void read_dense(struct reader *a, struct arena *s, struct cursor c)
{
	struct h5_btree2 tree;
	struct error why = {0};
	cursor_skip(&c, 1);
	unsigned flags = cursor_u8(&c);
	cursor_skip(&c, flags & 1 ? 2 : 0);
	uint64_t heap = h5_address(a->f, &c), names = h5_address(a->f, &c);
	int r = cursor_check(&c, &why, "the attributes' message");
	if (r == 0 && heap == H5_UNDEFINED)
		return;
	if (r == 0 && !(a->heap = arena_alloc(s, sizeof *a->heap)))
		r = error_set(&why, ENOMEM, "no memory");
	if (r == 0 && (r = h5_fractal(a->f, s, heap, a->heap, &why)) == 0 && (r = h5_btree2(a->f, s, names, &tree, &why)) == 0) {
		if (tree.type != 8 || tree.record_size != 17)
			r = error_set(&why, EBADMSG, "a B-tree of type %u for attributes", tree.type);
		else
			r = h5_btree2_each(a->f, s, &tree, tell_dense, a, NULL, &why);
	}
	if (r < 0 && a->code == 0)
		note(a, (struct slice){0}, r, &why);
}

static void read_all(struct reader *a, struct arena *s, const struct h5_header *h)
{
	struct cursor c;
	int r;
	for (uint32_t i = 0; a->code == 0 && i < h->count; i++) {
		struct error why = {0};
		if (h->messages[i].type != H5_ATTRIBUTE)
			continue;
		c = cursor_over(h->messages[i].data);
		r = h->messages[i].flags & 2 ? h5_shared(a->f, &a->s, c, H5_ATTRIBUTE, &c, &why) : 0;
		if (r < 0)
			note(a, (struct slice){0}, r, &why);
		else
			tell(a, c);
		arena_free(&a->s);
		a->s = (struct arena){.limit = ATTRIBUTE_MEMORY};
	}
	struct error why = {0};
	if (a->code == 0 && h5_message(a->f, s, h, H5_ATTRIBUTE_INFO, &c, &r, &why))
		read_dense(a, s, c);
	else if (a->code == 0 && r < 0)
		note(a, (struct slice){0}, r, &why);
}

int h5_attributes(const struct h5_file *f, uint64_t address, attrs_each *each, void *arg, struct error *err)
{
	struct reader a = {.f = f, .s.limit = ATTRIBUTE_MEMORY, .each = each, .arg = arg, .err = err};
	struct arena s = arena_apart(&f->a->arena);
	struct h5_header h;
	struct error why = {0};
	int r = h5_header(f, &s, address, &h, &why);
	if (r < 0)
		error_set(err, -r, "%s", why.text);
	else
		read_all(&a, &s, &h);
	arena_free(&a.s);
	arena_free(&s);
	return r < 0 ? r : a.code ? a.code : a.fault;
}
