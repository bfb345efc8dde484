/* SPDX-License-Identifier: MIT */
#include "mount/daemon/xattr.h"

#include <linux/limits.h>

#include "fs/archive/attrs.h"
#include "fs/mirror/open_archives.h"

static const char prefix[] = "user.";
enum { PREFIX = sizeof prefix - 1 };

static bool fits(const struct attr *attr)
{
	struct slice name = attr->name;
	return name.len > 0 && name.len + PREFIX <= XATTR_NAME_MAX && !memchr(name.data, '\0', name.len) &&
	       !attr->put && attr->value.len <= XATTR_SIZE_MAX;
}

/* Walks the attributes of a node, or of a file with a fault. */
static int walk(struct mirror *m, const struct mirror_ref *ref, attrs_each *each, void *arg, struct error *err)
{
	struct error fault;
	struct shaped shown;
	const struct view *v = &views[ino_view(ref->ino)];
	if (v->write)
		return 0;
	if (ref->open && v->array && ref->node->array && view_exists(v, ref->node)) {
		v->array(ref->node->array, &shown);
		return attrs_walk_as(&ref->open->archive, ino_index(ref->ino), ref->node, &shown.array, each, arg, err);
	}
	if (ref->open)
		return attrs_walk(&ref->open->archive, ino_index(ref->ino), ref->node, each, arg, err);
	if (!mirror_fault(m, ref, &fault))
		return 0;
	return each(arg, &(struct attr){.name = SLICE("arrayfs.error"), .value = slice_text(fault.text)});
}

struct wanted {
	struct archive *archive;
	const struct node *node;
	struct slice name;
	struct error *err;
	void *buf;
	size_t room;
	ssize_t ret;
};

static void answer(struct wanted *w, struct slice value)
{
	w->ret = (ssize_t)value.len;
	if (w->room > 0 && value.len > w->room)
		w->ret = -ERANGE;
	else if (w->room > 0)
		memcpy(w->buf, value.data, value.len);
}

static int get_one(void *arg, const struct attr *attr)
{
	struct wanted *w = arg;
	struct text made = {0};
	if (!slice_equal(attr->name, w->name) || !fits(attr))
		return 0;
	if (!attr->later) {
		answer(w, attr->value);
		return 1;
	}
	int r = attrs_shape_later(w->archive, w->node, &made, w->err);
	if (r == 0 && made.failed)
		r = -ENOMEM;
	if (r == 0)
		answer(w, text_slice(&made));
	else
		w->ret = r;
	text_free(&made);
	return 1;
}

ssize_t xattr_get(struct mirror *m, const struct mirror_ref *ref, const char *name, void *buf, size_t room,
		  struct error *err)
{
	if (strncmp(name, prefix, PREFIX) != 0)
		return -ENODATA;
	struct wanted w = {.archive = ref->open ? &ref->open->archive : NULL, .node = ref->node, .err = err,
			   .name = {(const uint8_t *)name + PREFIX, strlen(name) - PREFIX}, .buf = buf, .room = room, .ret = -ENODATA};
	bool theirs = strncmp(name + PREFIX, ATTR_OWN, strlen(ATTR_OWN)) == 0;
	int r = walk(m, ref, get_one, &w, err);
	/* The attribute that was asked for may be the unreadable one. */
	return r < 0 && theirs ? r : w.ret;
}

struct list {
	char *buf;
	size_t room, len;
};

static int list_one(void *arg, const struct attr *attr)
{
	struct list *l = arg;
	struct slice name = attr->name;
	size_t n = PREFIX + name.len + 1;
	if (!fits(attr) || l->len + n > XATTR_LIST_MAX)
		return 0;
	if (l->len + n <= l->room) {
		memcpy(l->buf + l->len, prefix, PREFIX);
		memcpy(l->buf + l->len + PREFIX, name.data, name.len);
		l->buf[l->len + n - 1] = '\0';
	}
	l->len += n;
	return 0;
}

ssize_t xattr_list(struct mirror *m, const struct mirror_ref *ref, char *buf, size_t room, struct error *err)
{
	struct list l = {buf, room, 0};
	int r = walk(m, ref, list_one, &l, err);
	if (r < 0 && l.len == 0)
		return r;
	return room > 0 && l.len > room ? -ERANGE : (ssize_t)l.len;
}
