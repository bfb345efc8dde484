/* SPDX-License-Identifier: MIT */
#include "fs/views/json.h"

#include <inttypes.h>

#include "fs/archive/attrs.h"

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
	case S_IFBLK:
		return "device";
	default:
		return "file";
	}
}

struct describing {
	struct text *text;
	struct archive *archive;
	const struct node *node;
	bool any;    /* an attribute of the archive's own was written */
	bool faulty; /* an error was written */
};

static bool begins(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);
	if (s->len < n || memcmp(s->data, prefix, n) != 0)
		return false;
	s->data += n, s->len -= n;
	return true;
}

/* The shape is given where the size is known: if that could not be determined, neither can it. */
static void put_shape(const struct describing *d)
{
	struct error err = {0};
	struct text shape = {0};
	bool sized = d->node->kind == NODE_DIR || atomic_load(&d->node->size) != SIZE_UNKNOWN;
	if (sized && attrs_shape_later(d->archive, d->node, &shape, &err) == 0) {
		text_add(d->text, ",\"shape\":");
		text_put(d->text, text_slice(&shape));
	}
	text_free(&shape);
}

static void put_member(const struct describing *d, struct slice name, const struct attr *attr)
{
	struct text *t = d->text;
	struct error err = {0};
	text_json(t, name);
	text_add(t, ":");
	int r = attr->put ? attr->put(d->archive, attr, t, &err) : 0;
	if (r < 0 && !t->failed) /* half of it is written */
		t->failed = r;
	if (!attr->put && attr->json)
		text_put(t, attr->value);
	else if (!attr->put)
		text_json(t, attr->value);
}

/* First pass: our own attributes, as members of the object. */
static int put_ours(void *arg, const struct attr *attr)
{
	struct describing *d = arg;
	struct slice name = attr->name;
	d->faulty |= slice_equal(name, SLICE("arrayfs.error"));
	if (attr->later) {
		put_shape(d);
	} else if (begins(&name, "array.") || begins(&name, "arrayfs.")) {
		text_add(d->text, ",");
		put_member(d, name, attr);
	}
	return d->text->failed != 0;
}

static int put_theirs(void *arg, const struct attr *attr)
{
	struct describing *d = arg;
	struct slice name = attr->name;
	if (begins(&name, ATTR_OWN)) {
		text_add(d->text, d->any ? "," : ",\"attributes\":{");
		d->any = true;
		put_member(d, name, attr);
	}
	return d->text->failed != 0;
}

static void put_text(struct text *t, const char *member, const char *value)
{
	if (value) {
		text_print(t, ",\"%s\":", member);
		text_json(t, slice_text(value));
	}
}

/* With what shows whether it still is that file; the time as a string, since a double has too few digits. */
static void put_stored(struct text *t, const struct stored *s)
{
	if (!s->file)
		return;
	text_add(t, ",\"stored\":{\"file\":");
	text_json(t, slice_text(s->file));
	text_print(t, ",\"offset\":%" PRIu64 ",\"inode\":%" PRIu64 ",\"file_size\":%" PRIu64 ",\"mtime\":\"%lld.%09ld\"}", s->offset,
		   (uint64_t)s->st->st_ino, (uint64_t)s->st->st_size, (long long)s->st->st_mtim.tv_sec, s->st->st_mtim.tv_nsec);
}

static void put_node(struct archive *a, uint32_t index, const struct node *n, struct text *t)
{
	struct describing d = {.text = t, .archive = a, .node = n};
	struct error err = {0};
	if (n->companion)
		text_add(t, ",\"companion\":true");
	attrs_walk(a, index, n, put_ours, &d, &err);
	err.text[0] = '\0';
	int r = attrs_walk(a, index, n, put_theirs, &d, &err);
	if (d.any)
		text_add(t, "}");
	if (r >= 0 && a->format->details)
		r = a->format->details(a, index, n, t, &err);
	if (r < 0 && !d.faulty)
		put_text(t, "error", err.text);
}

void view_json_write(const struct described *of, struct text *t)
{
	text_add(t, "{\"path\":");
	text_json(t, slice_text(of->path));
	text_print(t, ",\"kind\":\"%s\"", kind_name(of->st->st_mode));
	if (S_ISREG(of->st->st_mode))
		text_print(t, ",\"size\":%" PRIu64, (uint64_t)of->st->st_size);
	put_text(t, "target", of->target);
	put_text(t, "same_as", of->same);
	put_text(t, "error", of->error);
	put_stored(t, &of->stored);
	if (of->node)
		put_node(of->archive, of->index, of->node, t);
	text_add(t, "}\n");
}
