/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "fs/archive/attrs.h"
#include "fs/base/list.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/diff.h"

struct list {
	struct list_attr {
		struct slice name, value; /* one allocation, at name.data */
		bool json;
	} *attrs;
	size_t count;
	struct archive *archive;
	struct error *err;
	bool boolean; /* what its values are called is no difference: they are true and false */
};

static bool begins(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && memcmp(s.data, prefix, n) == 0;
}

static int take_one(struct list *l, struct slice name, struct slice value, bool json)
{
	struct list_attr *grown = list_grow(l->attrs, l->count, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	l->attrs = grown;
	uint8_t *copy = malloc(name.len + value.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name.data, name.len);
	if (value.len)
		memcpy(copy + name.len, value.data, value.len);
	l->attrs[l->count++] = (struct list_attr){{copy, name.len}, {copy + name.len, value.len}, json};
	return 0;
}

static int take_long(struct list *l, const struct attr *attr)
{
	struct text t = {0};
	int r = attr->put(l->archive, attr, &t, l->err);
	r = r < 0 ? r : t.failed ? t.failed : take_one(l, attr->name, text_slice(&t), true);
	text_free(&t);
	return r;
}

/* Skips arrayfs's own attributes: type and shape are compared elsewhere, and a different
 * storage layout is no difference. */
static int take(void *arg, const struct attr *attr)
{
	struct list *l = arg;
	if (!begins(attr->name, ATTR_OWN) && (l->boolean || !slice_equal(attr->name, SLICE("array.enum"))))
		return 0;
	return attr->put ? take_long(l, attr) : take_one(l, attr->name, attr->value, attr->json);
}

static int by_name(const void *a, const void *b)
{
	const struct list_attr *p = a, *q = b;
	size_t n = p->name.len < q->name.len ? p->name.len : q->name.len;
	int order = memcmp(p->name.data, q->name.data, n);
	return order ? order : (p->name.len > q->name.len) - (p->name.len < q->name.len);
}

static int gather(const struct mirror_ref *ref, struct list *l, struct error *err)
{
	if (!ref->open)
		return 0;
	l->archive = &ref->open->archive;
	l->err = err;
	l->boolean = ref->node->array && ref->node->array->dtype == DTYPE_BOOL;
	int r = attrs_walk(&ref->open->archive, ino_index(ref->ino), ref->node, take, l, err);
	if (l->count)
		qsort(l->attrs, l->count, sizeof *l->attrs, by_name);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : 0;
}

static void tell_all(const struct diff *d, struct pair *p, const struct list *a, const struct list *b)
{
	for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
		const struct list_attr *x = a->attrs + i, *y = b->attrs + j;
		int order = i == a->count ? 1 : j == b->count ? -1 : by_name(x, y);
		if (order < 0)
			tell_attribute(d, &p->lines, p->a, x->name, 0);
		else if (order > 0)
			tell_attribute(d, &p->lines, p->a, y->name, 1);
		else if (x->json != y->json || !slice_equal(x->value, y->value))
			tell_attribute(d, &p->lines, p->a, x->name, -1);
		i += order <= 0;
		j += order >= 0;
	}
}

static bool free_list(struct list *l)
{
	bool enumerated = false;
	for (size_t i = 0; i < l->count; i++) {
		enumerated |= slice_equal(l->attrs[i].name, SLICE("array.enum"));
		free((void *)(uintptr_t)l->attrs[i].name.data);
	}
	free(l->attrs);
	return enumerated;
}

int diff_attrs(const struct diff *d, const struct mirror_ref refs[2], struct pair *p, bool *ret_enum, struct error *err)
{
	struct list a = {0}, b = {0};
	int r = gather(&refs[0], &a, err);
	if (r == 0)
		r = gather(&refs[1], &b, err);
	if (r == 0)
		tell_all(d, p, &a, &b);
	*ret_enum = free_list(&a);
	*ret_enum |= free_list(&b);
	return r;
}
