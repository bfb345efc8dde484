/* SPDX-License-Identifier: MIT */
/* Turns the links of a group into nodes, and into symbolic links whose text uses the names
 * that the mount shows. */
#include <stdio.h>

#include "formats/hdf5/hdf5.h"
#include "fs/base/name.h"

static unsigned depth_of(const struct tree *t, uint32_t dir)
{
	unsigned depth = 0;
	for (; dir != TREE_ROOT && dir; depth++)
		dir = tree_edit((struct tree *)(uintptr_t)t, dir)->parent;
	return depth;
}

/* Text allocated from the archive's arena. */
struct link_text {
	char *bytes;
	size_t len, room;
};

static void put(struct link_text *t, const char *s, size_t n)
{
	if (n > t->room - t->len)
		n = t->room - t->len;
	memcpy(t->bytes + t->len, s, n);
	t->len += n;
}

/* Could another name be shown the same way? Only because of escapes, truncation, or the
 * mount's own names. */
static bool may_collide(struct slice name, const char *shown, size_t len, bool root)
{
	return !slice_equal(name, (struct slice){(const uint8_t *)shown, len}) || memchr(shown, '%', len) ||
	       memchr(shown, '~', len) || strcmp(shown, "_") == 0 || (root && strcmp(shown, ".arrayfs") == 0);
}

/* The link's name in its group, as tree.c assigns it: of names that would look the same, all
 * but the first get a number. */
static size_t number_name(struct slice name, struct h5_link *const *list, uint32_t count, bool root, char shown[NAME_ROOM])
{
	char other[NAME_ROOM];
	size_t len = strlen(shown);
	unsigned before = root && strcmp(shown, ".arrayfs") == 0;
	for (uint32_t i = 0; i < count && !slice_equal(list[i]->name, name); i++)
		before += name_show(list[i]->name, other) == len && memcmp(other, shown, len) == 0;
	return before ? len + (size_t)snprintf(shown + len, NAME_ROOM - len, "~%u", before + 1) : len;
}

/* The position in a link's path: a group, as long as that is known. */
struct way {
	const struct h5_file *f;
	uint64_t group;
	struct h5_archive *all;
};

/* How many links of an archive may be read, in all, to find such names. */
enum { LOOKED_MAX = 1 << 22 };

/* Resolves one component to its shown name, and advances past it. */
static size_t step(struct way *w, struct slice name, char shown[NAME_ROOM], bool last)
{
	size_t len = name_show(name, shown);
	struct arena s = w->f ? arena_scratch(&w->f->a->arena) : (struct arena){0};
	struct h5_link **list = NULL;
	struct error why = {0};
	uint32_t count = 0;
	bool root = w->f && w->group == w->f->root, doubtful = may_collide(name, shown, len, root);
	uint64_t next = H5_UNDEFINED;
	if (w->group != H5_UNDEFINED && (doubtful || !last) && w->all->looked < LOOKED_MAX &&
	    h5_links(w->f, &s, w->group, &list, &count, &(struct h5_faults){0}, &why) == 0)
		for (uint32_t i = 0; i < count; i++)
			if (slice_equal(list[i]->name, name)) {
				next = list[i]->kind == H5_LINK_HARD ? list[i]->address : H5_UNDEFINED;
				len = doubtful ? number_name(name, list, count, root, shown) : len;
				break;
			}
	arena_free(&s);
	if (w->all)
		w->all->looked += count + 1u;
	w->group = next;
	return len;
}

/* The next component from *at on, skipping empty ones and ".". */
static bool next_part(struct slice path, size_t *at, struct slice *ret)
{
	while (*at < path.len) {
		const uint8_t *start = path.data + *at, *slash = memchr(start, '/', path.len - *at);
		*ret = (struct slice){start, slash ? (size_t)(slash - start) : path.len - *at};
		*at += ret->len + 1;
		if (ret->len > 0 && !slice_equal(*ret, SLICE(".")))
			return true;
	}
	return false;
}

/* Is any component's shown name ambiguous? If not, none needs to be looked up. */
static bool any_doubt(struct slice path)
{
	char shown[NAME_ROOM];
	struct slice part;
	bool doubt = false;
	for (size_t at = 0; !doubt && next_part(path, &at, &part);)
		doubt = may_collide(part, shown, name_show(part, shown), at > 0);
	return doubt;
}

/* Appends the components of an HDF5 path as the mount shows them. */
static void put_path(struct link_text *t, struct way way, struct slice path)
{
	char shown[NAME_ROOM];
	struct slice part;
	bool some = false;
	if (!any_doubt(path))
		way.group = H5_UNDEFINED;
	for (size_t at = 0; next_part(path, &at, &part); some = true) {
		if (some)
			put(t, "/", 1);
		put(t, shown, step(&way, part, shown, at >= path.len));
	}
}

static void add_link(struct archive *a, uint32_t parent, const struct h5_group *g, const struct h5_link *l,
		     struct slice file, struct slice path)
{
	/* In a mirrored directory, another file is a sibling; otherwise the link dangles, but
	 * inside the mount. */
	unsigned up = depth_of(&a->tree, parent) + (file.len > 0 && a->mirrored);
	bool absolute = file.len > 0 || (path.len && path.data[0] == '/');
	struct link_text t = {.room = (absolute ? up * 3u : 0) + (file.len + path.len) * 3 + (path.len / 2 + 1) * 12 + 8};
	t.bytes = arena_alloc(&a->arena, t.room + 1);
	if (!t.bytes) {
		a->tree.failed = -ENOMEM;
		return;
	}
	for (unsigned i = 0; absolute && i < up; i++)
		put(&t, "../", 3);
	struct way none = {NULL, H5_UNDEFINED, NULL};
	struct way way = {g->file, absolute ? g->file->root : g->address, a->priv};
	put_path(&t, none, file);
	size_t before = t.len;
	if (file.len && path.len)
		put(&t, "/", 1);
	size_t mark = t.len;
	put_path(&t, file.len ? none : way, path);
	if (t.len == mark)
		t.len = before;
	while (t.len > 1 && t.bytes[t.len - 1] == '/')
		t.len--;
	t.bytes[t.len] = '\0';
	tree_link(&a->tree, parent, l->name, t.len ? t.bytes : ".");
}

/* flags, file NUL, path NUL */
static void add_external(struct archive *a, uint32_t parent, const struct h5_group *g, const struct h5_link *l)
{
	struct cursor c = cursor_over(l->target);
	cursor_skip(&c, 1);
	const uint8_t *end = memchr(c.pos, 0, cursor_left(&c));
	struct slice file = cursor_take(&c, end ? (size_t)(end - c.pos) : cursor_left(&c) + 1);
	cursor_skip(&c, 1);
	end = c.failed ? NULL : memchr(c.pos, 0, cursor_left(&c));
	struct slice path = {c.pos, end ? (size_t)(end - c.pos) : cursor_left(&c)};
	if (c.failed || file.len == 0)
		tree_fault(&a->tree, parent, l->name, "an external link without a file", NULL);
	else if (file.data[0] == '/')
		tree_sound(&a->tree, tree_fault(&a->tree, parent, l->name, "an external link to an absolute path, which is not followed", NULL));
	else
		add_link(a, parent, g, l, file, path);
}

static int show_link(struct archive *a, uint32_t dir, const struct h5_group *g, struct h5_link *l, struct error *err)
{
	/* No writer puts a '/' into a name; if there is one, it is a separator. */
	struct tree_path path = tree_path(&a->tree, dir, l->name, 0);
	dir = path.parent;
	l->name = path.leaf;
	switch (l->kind) {
	case H5_LINK_HARD:
		return h5_object(a, dir, l->name, g, l->address, err);
	case H5_LINK_SOFT:
		add_link(a, dir, g, l, (struct slice){0}, l->target);
		return 0;
	case H5_LINK_EXTERNAL:
		add_external(a, dir, g, l);
		return 0;
	default:
		tree_sound(&a->tree, tree_fault(&a->tree, dir, l->name, "a user-defined link", NULL));
		return 0;
	}
}

/* Forgets the nodes of a fill that failed. */
static void forget(struct archive *a)
{
	struct h5_archive *h = a->priv;
	for (uint32_t i = 0; h->shown && i <= h->shown_mask; i++)
		if (h->shown[i].node >= a->tree.made)
			h->shown[i].node = 0;
	for (uint32_t i = a->tree.made; i < h->made; i++)
		h5_place(a, i, (struct h5_place){0}, &(struct error){0});
}

/* The names of unreadable links are unknown, so one entry stands for all of them. */
static void show_faults(struct archive *a, uint32_t dir, const struct h5_faults *f)
{
	const char *sentence = arena_printf(&a->arena, "some links of the group cannot be read: %s", f->first.text);
	if (sentence)
		tree_fault(&a->tree, dir, (struct slice){0}, sentence, NULL);
	else
		a->tree.failed = -ENOMEM;
}

int h5_group_list(struct archive *a, uint32_t dir, const struct h5_group *g, struct error *err)
{
	struct h5_archive *h = a->priv;
	struct arena s = arena_scratch(&a->arena);
	struct h5_link **list = NULL;
	struct h5_faults faults = {0};
	uint32_t count = 0;
	if (a->tree.made < h->made)
		forget(a);
	int r = h5_links(g->file, &s, g->address, &list, &count, &faults, err);
	for (uint32_t i = 0; r == 0 && !a->tree.failed && i < count; i++)
		r = show_link(a, dir, g, list[i], err);
	if (r == 0 && faults.count)
		show_faults(a, dir, &faults);
	h->made = a->tree.made;
	arena_free(&s);
	return r;
}
