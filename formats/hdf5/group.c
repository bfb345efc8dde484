/* SPDX-License-Identifier: MIT */
/* Groups: symbol tables (III.A, III.B) and the messages "Link" and "Link Info" (IV.A.2). Reads
 * the links of a group, and resolves paths along them. */
#include <inttypes.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"
#include "fs/base/list.h"

/* SOFT_MAX: as in the HDF5 library. */
enum { SOFT_MAX = 16, FAULTS_MAX = 4096 };

struct links {
	const struct h5_file *f;
	struct arena *s;
	struct h5_fractal *heap;
	struct h5_link **list; /* pointers, so that growing and sorting copies little */
	uint32_t count;
	struct h5_faults *faults;
};

int h5_spare(struct h5_faults *f, int r, struct error *err)
{
	/* Each may have cost reading a block; so many are no accident. */
	if (!f || (r != -EBADMSG && r != -ENOTSUP) || f->count == FAULTS_MAX)
		return r;
	if (f->count++ == 0)
		f->first = *err;
	*err = (struct error){0};
	return 0;
}

static int add(struct links *l, struct h5_link link, struct error *err)
{
	struct h5_link *kept = arena_alloc(l->s, sizeof *kept);
	struct h5_link **grown = kept ? list_grow_in(l->s, l->list, l->count, sizeof *grown) : NULL;
	if (!grown)
		return error_no_memory(err, "a group");
	*kept = link;
	l->list = grown;
	l->list[l->count++] = kept;
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

/* Where a group with many links keeps them: its heap, and its B-tree by name. */
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
		return error_no_memory(err, "a group");
	if ((r = h5_fractal(l->f, l->s, heap, l->heap, err)) < 0 || (r = h5_btree2(l->f, l->s, names, &tree, err)) < 0)
		return r;
	if (tree.type != 5 || tree.record_size != 4u + l->heap->id_len)
		return error_set(err, EBADMSG, "a B-tree of type %u for a group's names", tree.type);
	return h5_btree2_each(l->f, l->s, &tree, add_dense, l, l->faults, err);
}

static int read_links(struct links *l, const struct h5_header *h, struct error *err)
{
	struct cursor c;
	int r;
	if (h5_message(l->f, l->s, h, H5_SYMBOL_TABLE, &c, &r, err)) {
		struct h5_local_heap *heap = arena_alloc(l->s, sizeof *heap);
		uint64_t tree = h5_address(l->f, &c), at = h5_address(l->f, &c);
		if (!heap)
			return error_no_memory(err, "a group");
		if ((r = cursor_check(&c, err, "a symbol table's message")) < 0 ||
		    (r = h5_local_heap(l->f, l->s, at, heap, err)) < 0)
			return r;
		return h5_btree1_group(l->f, l->s, tree, heap, add_symbol, l, l->faults, err);
	}
	for (uint32_t i = 0; r == 0 && i < h->count; i++)
		if (h->messages[i].type == H5_LINK)
			r = h5_spare(l->faults, add_message(l, cursor_over(h->messages[i].data), err), err);
	if (r == 0 && h5_message(l->f, l->s, h, H5_LINK_INFO, &c, &r, err))
		r = read_dense(l, c, err);
	return r;
}

/* Checks that it is a group, and that the structures holding its links start correctly. Reads
 * no links. */
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
	const struct h5_link *x = *(struct h5_link *const *)a, *y = *(struct h5_link *const *)b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = n ? memcmp(x->name.data, y->name.data, n) : 0;
	return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

int h5_links_of(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct h5_link ***ret,
		uint32_t *ret_count, struct h5_faults *faults, struct error *err)
{
	struct links l = {.f = f, .s = s, .faults = faults};
	int r = read_links(&l, h, err);
	if (r < 0)
		return r;
	if (l.count == 0 && faults && faults->count)
		return error_set(err, EBADMSG, "%s", faults->first.text);
	if (l.count)
		qsort(l.list, l.count, sizeof *l.list, by_name);
	*ret = l.list;
	*ret_count = l.count;
	return 0;
}

int h5_links(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_link ***ret, uint32_t *ret_count,
	     struct h5_faults *faults, struct error *err)
{
	struct h5_header h;
	int r = h5_header(f, s, address, &h, err);
	return r < 0 ? r : h5_links_of(f, s, &h, ret, ret_count, faults, err);
}

static int find_child(const struct h5_file *f, struct arena *s, struct slice name, uint64_t group, struct h5_link *ret,
		      struct error *err)
{
	struct h5_link **list;
	uint32_t count;
	struct h5_faults faults = {0};
	int r = h5_links(f, s, group, &list, &count, &faults, err);
	*ret = (struct h5_link){.address = H5_UNDEFINED};
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (slice_equal(list[i]->name, name))
			*ret = *list[i];
	/* It may be one of those that could not be read, so it is not known to be missing. */
	if (r == 0 && faults.count && ret->address == H5_UNDEFINED && ret->kind == H5_LINK_HARD)
		return error_set(err, EBADMSG, "%s", faults.first.text);
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
