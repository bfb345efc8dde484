/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/archive/attrs.h"
#include "fs/base/name.h"
#include "mount/commands/info.h"

enum {
	VALUE_MOST = 1000, /* bytes of an attribute that are shown */
	NESTED_MOST = 4,   /* types within types, and fields of a struct, that are shown */
};

/* --- attributes ----------------------------------------------------------------- */

struct telling {
	struct archive *archive;
	info_attr *each;
	void *arg;
	uint64_t count;
};

/* The value as text: as much of it as there is room for. */
static void put_value(struct archive *a, const struct attr *attr, struct text *ret)
{
	struct slice s = attr->value;
	if (attr->put) {
		attr->put(a, attr, ret, &(struct error){0});
		return;
	}
	if (ret->limit && s.len > ret->limit)
		s.len = ret->limit;
	text_put(ret, s);
}

/* Appends "…" where the text ends only because there was no more room. */
static void end_value(struct text *t)
{
	struct slice s = text_slice(t);
	if (!t->bytes || (!t->failed && s.len < VALUE_MOST))
		return;
	size_t n = s.len > VALUE_MOST - 4 ? VALUE_MOST - 4 : s.len, valid = utf8_prefix((struct slice){s.data, n});
	n = n - valid < 4 ? valid : n;
	memcpy(t->bytes + n, "…", sizeof "…");
}

static bool is_own(const struct attr *attr, struct slice *ret_name)
{
	const struct slice own = SLICE(ATTR_OWN);
	*ret_name = (struct slice){attr->name.data + own.len, attr->name.len - own.len};
	return attr->name.len >= own.len && memcmp(attr->name.data, own.data, own.len) == 0;
}

static int tell(void *arg, const struct attr *attr)
{
	struct telling *w = arg;
	struct slice rest;
	if (!is_own(attr, &rest))
		return 0;
	w->count++;
	if (!w->each)
		return 0;
	struct text name = {0}, value = {.limit = VALUE_MOST};
	text_put(&name, rest);
	put_value(w->archive, attr, &value);
	end_value(&value);
	w->each(w->arg, name.bytes ? name.bytes : "", value.bytes ? value.bytes : "");
	text_free(&name);
	text_free(&value);
	return 0;
}

uint64_t info_attrs(struct archive *a, uint32_t index, const struct node *n, info_attr *each, void *arg)
{
	struct telling w = {.archive = a, .each = each, .arg = arg};
	attrs_walk(a, index, n, tell, &w, &(struct error){0});
	return w.count;
}

struct looking {
	const char *name;
	struct archive *archive;
	struct text *ret;
};

static int look(void *arg, const struct attr *attr)
{
	struct looking *l = arg;
	struct slice rest;
	if (!is_own(attr, &rest) || !slice_equal(rest, slice_text(l->name)))
		return 0;
	put_value(l->archive, attr, l->ret);
	return 1;
}

bool info_attr_of(struct archive *a, uint32_t index, const struct node *n, const char *name, struct text *ret)
{
	struct looking l = {.name = name, .archive = a, .ret = ret};
	return attrs_walk(a, index, n, look, &l, &(struct error){0}) == 1 && ret->bytes;
}

/* --- types ---------------------------------------------------------------------- */

static void put_type(const struct archive *a, const struct node *n, unsigned depth, struct text *ret);

static const struct node *child_of(const struct archive *a, const struct node *dir, const char *name)
{
	for (uint32_t i = dir->kind == NODE_DIR && node_filled(dir) ? dir->child : 0; i;) {
		const struct node *n = tree_node(&a->tree, i);
		if (strcmp(n->name, name) == 0)
			return n;
		i = n->next;
	}
	return NULL;
}

static void put_inner(const struct archive *a, const struct node *n, unsigned depth, struct text *ret)
{
	if (n && depth < NESTED_MOST)
		put_type(a, n, depth + 1, ret);
	else
		text_add(ret, "…");
}

static void put_fields(const struct archive *a, const struct node *dir, unsigned depth, struct text *ret)
{
	unsigned fields = 0;
	for (uint32_t i = node_filled(dir) ? dir->child : 0; i && !ret->failed;) {
		const struct node *n = tree_node(&a->tree, i);
		i = n->next;
		if (n->companion)
			continue;
		text_add(ret, fields ? ", " : "");
		if (++fields > NESTED_MOST) {
			text_add(ret, "…");
			return;
		}
		text_add(ret, n->name);
		text_add(ret, ": ");
		put_inner(a, n, depth, ret);
	}
}

/* Whose elements are arrays of one length, beside the rows. */
static void put_extents(const struct array *array, unsigned from, struct text *ret)
{
	for (uint32_t i = from; i < array->rank && !ret->failed; i++)
		text_print(ret, "%s%" PRIu64, i == from ? "[" : ",", array->shape[i]);
	text_add(ret, array->rank > from ? "]" : "");
}

static void put_type(const struct archive *a, const struct node *n, unsigned depth, struct text *ret)
{
	const struct array *array = n->array;
	const struct quant_block *block = array && array->quant ? quant_block(array->quant->blocks) : NULL;
	const struct node *values = child_of(a, n, "values");
	char name[DTYPE_NAME_MAX];
	if (!array || array->dtype == DTYPE_NONE) {
		text_add(ret, depth ? "?" : "");
		return;
	}
	text_add(ret, block ? block->name : dtype_name(array, name));
	if (n->kind != NODE_DIR)
		return;
	bool nested = array->dtype == DTYPE_LIST || array->dtype == DTYPE_STRUCT || array->dtype == DTYPE_MAP || array->dtype == DTYPE_DICTIONARY;
	text_add(ret, nested ? "<" : "");
	if (array->dtype == DTYPE_LIST) {
		put_inner(a, values, depth, ret);
	} else if (array->dtype == DTYPE_STRUCT) {
		put_fields(a, n, depth, ret);
	} else if (array->dtype == DTYPE_MAP) {
		put_inner(a, values ? child_of(a, values, "key") : NULL, depth, ret);
		text_add(ret, ", ");
		put_inner(a, values ? child_of(a, values, "value") : NULL, depth, ret);
	} else if (array->dtype == DTYPE_DICTIONARY) {
		put_inner(a, child_of(a, n, "dictionary"), depth, ret);
	}
	text_add(ret, nested ? ">" : "");
}

void info_type(const struct archive *a, const struct node *n, struct text *ret)
{
	put_type(a, n, 0, ret);
	if (n->array && info_is_table(a) && n->parent == TREE_ROOT)
		put_extents(n->array, !n->array->unshaped, ret);
}

/* Of an array of blocks, which is stored as bytes, in the numbers that these stand for. */
static uint64_t extent_of(const struct array *a, uint32_t dimension)
{
	const struct quant_block *block = a->quant && dimension + 1 == a->rank ? quant_block(a->quant->blocks) : NULL;
	return block ? a->shape[dimension] / block->bytes * block->elements : a->shape[dimension];
}

void info_shape(const struct array *a, struct text *ret)
{
	for (uint32_t i = 0; !a->unshaped && i < a->rank && !ret->failed; i++)
		text_print(ret, "%s%" PRIu64, i ? "," : "[", extent_of(a, i));
	text_add(ret, a->unshaped ? "" : a->rank ? "]" : "[]");
}

bool info_elements(const struct array *a, uint64_t *ret)
{
	bool none = false;
	*ret = 1;
	for (uint32_t i = 0; !a->unshaped && i < a->rank; i++) {
		uint64_t extent = extent_of(a, i);
		none |= extent == 0;
		*ret = extent && *ret > UINT64_MAX / extent ? UINT64_MAX : *ret * (extent ? extent : 1);
	}
	*ret = none || a->unshaped ? 0 : *ret;
	return !a->unshaped;
}

bool info_nullable(const struct archive *a, const struct node *n)
{
	struct text name = {.limit = 4096};
	const struct node *dir = tree_node(&a->tree, n->parent);
	text_add(&name, n->name);
	text_add(&name, ".validity");
	uint32_t id = !name.failed && dir ? tree_find(&a->tree, dir, n->parent, text_slice(&name)) : 0;
	const struct node *found = id ? tree_node(&a->tree, id) : NULL;
	text_free(&name);
	return n->nullable || (found && found->companion);
}
