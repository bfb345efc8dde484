/* SPDX-License-Identifier: MIT */
/* Groups: symbol tables (III.A, III.B) and the messages "Link", "Link Info"
 * (IV.A.2); what each link becomes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"
#include "fs/name.h"

/* As the library counts. */
enum { SOFT_MAX = 16 };

struct links {
	const struct h5_file *f;
	struct arena *s;
	struct h5_fractal *heap;
	struct h5_link *list;
	uint32_t count, room;
};

static int add(struct links *l, struct h5_link link, struct error *err)
{
	if (l->count == l->room) {
		uint32_t more = l->room ? l->room * 2 : 16;
		struct h5_link *grown = arena_array(l->s, more, sizeof *grown);
		if (!grown)
			return error_set(err, ENOMEM, "no memory for a group");
		if (l->count)
			memcpy(grown, l->list, l->count * sizeof *grown);
		l->list = grown;
		l->room = more;
	}
	l->list[l->count++] = link;
	return 0;
}

static int add_symbol(void *arg, struct slice name, uint64_t address, bool soft, struct slice target, struct error *err)
{
	return add(arg, (struct h5_link){name, target, address, soft ? H5_LINK_SOFT : H5_LINK_HARD}, err);
}

static int add_message(struct links *l, struct cursor c, struct error *err)
{
	struct h5_link link = {.kind = H5_LINK_HARD};
	unsigned version = cursor_u8(&c), flags = cursor_u8(&c);
	if (flags & 8)
		link.kind = cursor_u8(&c);
	cursor_skip(&c, (flags & 4 ? 8u : 0) + (flags & 16 ? 1u : 0));
	link.name = cursor_take(&c, cursor_le(&c, 1u << (flags & 3)));
	if (link.kind == H5_LINK_HARD)
		link.address = h5_address(l->f, &c);
	else
		link.target = cursor_take(&c, cursor_u16le(&c));
	int r = cursor_check(&c, err, "a link");
	if (r == 0 && version != 1)
		r = error_set(err, ENOTSUP, "a link of version %u", version);
	return r < 0 ? r : add(l, link, err);
}

static int add_dense(void *arg, struct cursor record, struct error *err)
{
	struct links *l = arg;
	struct slice bytes;
	cursor_skip(&record, 4);
	struct slice id = cursor_take(&record, cursor_left(&record));
	int r = h5_fractal_get(l->f, l->heap, id, &bytes, err);
	return r < 0 ? r : add_message(l, cursor_over(bytes), err);
}

/* Where the links of a group are that has many: its heap and its B-tree by name. */
static int link_info(const struct h5_file *f, struct cursor c, uint64_t *ret_heap, uint64_t *ret_names, struct error *err)
{
	cursor_skip(&c, 1);
	unsigned flags = cursor_u8(&c);
	cursor_skip(&c, flags & 1 ? 8 : 0);
	*ret_heap = h5_address(f, &c);
	*ret_names = h5_address(f, &c);
	return cursor_check(&c, err, "a group's link information");
}

static int read_dense(struct links *l, struct cursor c, struct error *err)
{
	struct h5_btree2 tree;
	uint64_t heap, names;
	int r = link_info(l->f, c, &heap, &names, err);
	if (r < 0 || heap == H5_UNDEFINED)
		return r;
	l->heap = arena_alloc(l->s, sizeof *l->heap);
	if (!l->heap)
		return error_set(err, ENOMEM, "no memory for a group");
	if ((r = h5_fractal(l->f, l->s, heap, l->heap, err)) < 0 || (r = h5_btree2(l->f, l->s, names, &tree, err)) < 0)
		return r;
	if (tree.type != 5 || tree.record_size != 4u + l->heap->id_len)
		return error_set(err, EBADMSG, "a B-tree of type %u for a group's names", tree.type);
	return h5_btree2_each(l->f, l->s, &tree, add_dense, l, err);
}

static int read_links(struct links *l, const struct h5_header *h, struct error *err)
{
	struct cursor c;
	int r;
	if (h5_message(l->f, l->s, h, H5_SYMBOL_TABLE, &c, &r, err)) {
		struct h5_local_heap *heap = arena_alloc(l->s, sizeof *heap);
		uint64_t tree = h5_address(l->f, &c), at = h5_address(l->f, &c);
		if (!heap)
			return error_set(err, ENOMEM, "no memory for a group");
		if ((r = cursor_check(&c, err, "a symbol table's message")) < 0 ||
		    (r = h5_local_heap(l->f, l->s, at, heap, err)) < 0)
			return r;
		return h5_btree1_group(l->f, l->s, tree, heap, add_symbol, l, err);
	}
	for (uint32_t i = 0; r == 0 && i < h->count; i++)
		if (h->messages[i].type == H5_LINK)
			r = add_message(l, cursor_over(h->messages[i].data), err);
	if (r == 0 && h5_message(l->f, l->s, h, H5_LINK_INFO, &c, &r, err))
		r = read_dense(l, c, err);
	return r;
}

/* Is it a group, and does what holds its links begin as it should?  Reads no links. */
int h5_group_check(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct error *err)
{
	struct h5_fractal heap;
	struct h5_btree2 tree;
	struct cursor c, at;
	int r;
	if (h5_message(f, s, h, H5_SYMBOL_TABLE, &c, &r, err)) {
		uint64_t nodes = h5_address(f, &c), names = h5_address(f, &c);
		if ((r = cursor_check(&c, err, "a symbol table's message")) < 0 || (r = h5_load(f, s, nodes, 8, &at, err)) < 0)
			return r;
		if (!cursor_match(&at, "TREE", 4))
			return error_set(err, EBADMSG, "no TREE at %" PRIu64, nodes);
		if ((r = h5_load(f, s, names, 8, &at, err)) < 0)
			return r;
		return cursor_match(&at, "HEAP", 4) ? 0 : error_set(err, EBADMSG, "no HEAP at %" PRIu64, names);
	}
	if (r < 0 || !h5_message(f, s, h, H5_LINK_INFO, &c, &r, err))
		return r < 0 || h5_has(h, H5_LINK) ? r : error_set(err, EBADMSG, "no group at %" PRIu64, h->address);
	uint64_t blocks, names;
	if ((r = link_info(f, c, &blocks, &names, err)) < 0 || blocks == H5_UNDEFINED)
		return r;
	r = h5_fractal(f, s, blocks, &heap, err);
	return r < 0 ? r : h5_btree2(f, s, names, &tree, err);
}

static int by_name(const void *a, const void *b)
{
	const struct h5_link *x = a, *y = b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = n ? memcmp(x->name.data, y->name.data, n) : 0;
	return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

int h5_links(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_link **ret, uint32_t *ret_count,
	     struct error *err)
{
	struct links l = {.f = f, .s = s};
	struct h5_header h;
	int r = h5_header(f, s, address, &h, err);
	if (r < 0 || (r = read_links(&l, &h, err)) < 0)
		return r;
	if (l.count)
		qsort(l.list, l.count, sizeof *l.list, by_name);
	*ret = l.list;
	*ret_count = l.count;
	return 0;
}

static int find_child(const struct h5_file *f, struct arena *s, struct slice name, uint64_t group, struct h5_link *ret,
		      struct error *err)
{
	struct h5_link *list;
	uint32_t count;
	int r = h5_links(f, s, group, &list, &count, err);
	*ret = (struct h5_link){.address = H5_UNDEFINED};
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (slice_equal(list[i].name, name))
			*ret = list[i];
	return r;
}

static int find_below(const struct h5_file *f, struct arena *s, struct slice path, uint64_t *at, unsigned links,
		      struct error *err)
{
	if (path.len && path.data[0] == '/')
		*at = f->root;
	for (size_t i = 0, end; i < path.len && *at != H5_UNDEFINED; i = end + 1) {
		const uint8_t *slash = memchr(path.data + i, '/', path.len - i);
		struct slice part = {path.data + i, slash ? (size_t)(slash - path.data) - i : path.len - i};
		struct h5_link link;
		end = i + part.len;
		if (part.len == 0 || slice_equal(part, SLICE(".")))
			continue;
		int r = find_child(f, s, part, *at, &link, err);
		if (r == 0 && link.kind == H5_LINK_SOFT)
			r = links == SOFT_MAX ? error_set(err, EBADMSG, "more than %d links on the way to an object", SOFT_MAX)
					      : find_below(f, s, link.target, at, links + 1, err);
		else if (r == 0 && link.kind != H5_LINK_HARD)
			r = error_set(err, ENOTSUP, "a virtual dataset whose source is behind a link to another file");
		else
			*at = link.address;
		if (r < 0)
			return r;
	}
	return 0;
}

int h5_find(const struct h5_file *f, struct arena *s, struct slice path, uint64_t *ret, struct error *err)
{
	*ret = f->root;
	return find_below(f, s, path, ret, 0, err);
}

/* --- what a link becomes --------------------------------------------------------------- */

static unsigned depth_of(const struct tree *t, uint32_t dir)
{
	unsigned depth = 0;
	for (; dir != TREE_ROOT && dir; depth++)
		dir = tree_edit((struct tree *)(uintptr_t)t, dir)->parent;
	return depth;
}

/* Text that grows in the archive's arena; cut, it is no link. */
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

/* Can another name be shown as this one is?  Only through escapes, shortened ends
 * and what is the mount's own. */
static bool may_collide(struct slice name, const char *shown, size_t len, bool root)
{
	return !slice_equal(name, (struct slice){(const uint8_t *)shown, len}) || memchr(shown, '%', len) ||
	       memchr(shown, '~', len) || strcmp(shown, "_") == 0 || (root && strcmp(shown, ".arrayfs") == 0);
}

/* The name that the link has in its group, as tree.c gives it: of those that are
 * shown alike the later have a number. */
static size_t number_name(struct slice name, const struct h5_link *list, uint32_t count, bool root, char shown[NAME_ROOM])
{
	char other[NAME_ROOM];
	size_t len = strlen(shown);
	unsigned before = root && strcmp(shown, ".arrayfs") == 0;
	for (uint32_t i = 0; i < count && !slice_equal(list[i].name, name); i++)
		before += name_show(list[i].name, other) == len && memcmp(other, shown, len) == 0;
	return before ? len + (size_t)snprintf(shown + len, NAME_ROOM - len, "~%u", before + 1) : len;
}

/* Where a link's path is at: a group while that is known. */
struct way {
	const struct h5_file *f;
	uint64_t group;
	struct h5_archive *all;
};

/* Links that are looked at, in all of an archive, to settle such names. */
enum { LOOKED_MAX = 1 << 22 };

/* One component as it is shown; the way goes on behind it. */
static size_t step(struct way *w, struct slice name, char shown[NAME_ROOM], bool last)
{
	size_t len = name_show(name, shown);
	struct arena s = {.limit = w->f ? w->f->a->arena.limit : 0};
	struct h5_link *list = NULL;
	struct error why = {0};
	uint32_t count = 0;
	bool root = w->f && w->group == w->f->root, doubtful = may_collide(name, shown, len, root);
	uint64_t next = H5_UNDEFINED;
	if (w->group != H5_UNDEFINED && (doubtful || !last) && w->all->looked < LOOKED_MAX &&
	    h5_links(w->f, &s, w->group, &list, &count, &why) == 0)
		for (uint32_t i = 0; i < count; i++)
			if (slice_equal(list[i].name, name)) {
				next = list[i].kind == H5_LINK_HARD ? list[i].address : H5_UNDEFINED;
				len = doubtful ? number_name(name, list, count, root, shown) : len;
				break;
			}
	arena_free(&s);
	if (w->all)
		w->all->looked += count + 1u;
	w->group = next;
	return len;
}

/* The next component that is one, from *at on. */
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

/* Is any component's shown name in doubt?  Else none need be looked up. */
static bool any_doubt(struct slice path)
{
	char shown[NAME_ROOM];
	struct slice part;
	bool doubt = false;
	for (size_t at = 0; !doubt && next_part(path, &at, &part);)
		doubt = may_collide(part, shown, name_show(part, shown), at > 0);
	return doubt;
}

/* The components of an HDF5 path as the mount shows them. */
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
	/* Another file is a sibling where archives stand side by side; else the link
	 * dangles, inside the mount. */
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
		h5_error_node(a, parent, l->name, "an external link without a file");
	else if (file.data[0] == '/')
		h5_error_node(a, parent, l->name, "an external link to an absolute path, which is not followed");
	else
		add_link(a, parent, g, l, file, path);
}

static int show_link(struct archive *a, uint32_t dir, const struct h5_group *g, struct h5_link *l, struct error *err)
{
	/* No writer puts a '/' into a name; where one stands, it separates. */
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
		h5_error_node(a, dir, l->name, "a user-defined link");
		return 0;
	}
}

/* What a filling that failed had shown is not there. */
static void forget(struct archive *a)
{
	struct h5_archive *h = a->priv;
	for (uint32_t i = 0; h->shown && i <= h->shown_mask; i++)
		if (h->shown[i].node >= a->tree.made)
			h->shown[i].node = 0;
	for (uint32_t i = a->tree.made; i < h->made; i++)
		h5_place(a, i, (struct h5_place){0}, &(struct error){0});
}

int h5_group_list(struct archive *a, uint32_t dir, const struct h5_group *g, struct error *err)
{
	struct h5_archive *h = a->priv;
	struct arena s = {.limit = a->arena.limit};
	struct h5_link *list = NULL;
	uint32_t count = 0;
	if (a->tree.made < h->made)
		forget(a);
	int r = h5_links(g->file, &s, g->address, &list, &count, err);
	for (uint32_t i = 0; r == 0 && !a->tree.failed && i < count; i++)
		r = show_link(a, dir, g, &list[i], err);
	h->made = a->tree.made;
	arena_free(&s);
	return r;
}
