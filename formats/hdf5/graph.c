/* SPDX-License-Identifier: MIT */
/* Counts the paths to objects that have more than one, for st_nlink.  The reference counts
 * in the file do not suffice, since a second link to a group is a second path to everything
 * below it.  So the graph of hard links is read once, when first needed, and its paths are
 * walked; a link back to a group on the path is a symbolic link in the mount, and so does
 * not count. */
#include "formats/hdf5/hdf5.h"
#include "fs/base/list.h"

/* Limits: objects in the graph, messages and links read, steps along its paths. */
enum { OBJECTS_MAX = 1 << 17, WORK_MAX = 1 << 21, STEPS_MAX = 1 << 23 };

struct graph {
	struct arena s;
	struct object {
		uint64_t address;
		uint32_t first, end; /* its links, in `to` */
		uint32_t at, up;     /* while on the path: the next link, and the object before it */
		uint32_t paths;
		bool on;
	} *list;
	uint32_t *to, *slots; /* targets of links, by number; 1 + number, by address */
	uint32_t count, room, links, mask;
	uint64_t work;
	bool cut; /* a limit was reached */
};

struct h5_counts {
	bool unknown;
	uint32_t mask;
	struct count {
		uint64_t address; /* 0: none */
		uint32_t paths;
	} *slots; /* of objects with several paths */
};

/* --- reading ------------------------------------------------------------------------------------ */

static bool grow(struct graph *g)
{
	if (g->count < g->room)
		return true;
	uint32_t room = g->room ? g->room * 2 : 64, mask = room * 2 - 1;
	struct object *list = arena_array(&g->s, room, sizeof *list);
	uint32_t *slots = arena_array(&g->s, mask + 1u, sizeof *slots);
	if (!list || !slots)
		return false;
	if (g->count)
		memcpy(list, g->list, g->count * sizeof *list);
	for (uint32_t k = 0, i; k < g->count; k++) {
		for (i = h5_hash(list[k].address) & mask; slots[i];)
			i = (i + 1) & mask;
		slots[i] = k + 1;
	}
	g->list = list, g->room = room;
	g->slots = slots, g->mask = mask;
	return true;
}

/* The object's number; adds the object if it is new. */
static int add_object(struct graph *g, uint64_t address, uint32_t *ret)
{
	if (!grow(g))
		return -ENOMEM;
	uint32_t i = h5_hash(address) & g->mask;
	while (g->slots[i] && g->list[g->slots[i] - 1].address != address)
		i = (i + 1) & g->mask;
	if (!g->slots[i]) {
		g->list[g->count] = (struct object){.address = address};
		g->slots[i] = ++g->count;
	}
	*ret = g->slots[i] - 1;
	return 0;
}

static int add_link(struct graph *g, uint64_t address)
{
	uint32_t *to = list_grow_in(&g->s, g->to, g->links, sizeof *to);
	if (!to)
		return -ENOMEM;
	g->to = to;
	return add_object(g, address, &g->to[g->links++]);
}

/* An object that cannot be read, or is not a group, has no links. */
static int add_links(struct graph *g, const struct h5_file *f, uint32_t from)
{
	struct arena s = arena_scratch(&g->s);
	struct h5_header h;
	struct h5_link **list;
	struct h5_faults faults = {0};
	struct error why = {0};
	uint32_t count = 0;
	int r = h5_header(f, &s, g->list[from].address, &h, &why);
	g->work += 1u + (r == 0 ? h.count : 0);
	if (r < 0 || (r = h5_links_of(f, &s, &h, &list, &count, &faults, &why)) < 0)
		count = 0;
	r = error_passes(r) ? r : 0;
	g->list[from].first = g->links;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (list[i]->kind == H5_LINK_HARD)
			r = add_link(g, list[i]->address);
	g->list[from].end = g->links;
	g->work += count;
	arena_free(&s);
	return r;
}

/* --- counting ----------------------------------------------------------------------------------- */

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* Walks every path of groups from the root that visits no group twice. */
static void walk(struct graph *g)
{
	struct object *root = g->list, *o = root;
	uint64_t steps = 0;
	*o = (struct object){o->address, o->first, o->end, o->first, 0, 1, true};
	while (o != root || o->at < o->end) {
		if (++steps > STEPS_MAX) {
			g->cut = true;
			return;
		}
		if (o->at == o->end) {
			o->on = false;
			o = &g->list[o->up];
			continue;
		}
		struct object *next = &g->list[g->to[o->at++]];
		if (next->on || next->first == next->end)
			continue;
		next->up = (uint32_t)(o - g->list);
		next->at = next->first;
		next->on = true;
		next->paths = plus(next->paths, 1);
		o = next;
	}
}

/* An object without links has as many paths as the groups that link to it together. */
static void count_leaves(struct graph *g)
{
	for (uint32_t k = 0; k < g->count; k++)
		for (uint32_t i = g->list[k].first; i < g->list[k].end; i++) {
			struct object *o = &g->list[g->to[i]];
			if (o->first == o->end)
				o->paths = plus(o->paths, g->list[k].paths);
		}
}

static struct count *slot(const struct h5_counts *c, uint64_t address)
{
	uint32_t i = h5_hash(address) & c->mask;
	while (c->slots[i].address && c->slots[i].address != address)
		i = (i + 1) & c->mask;
	return &c->slots[i];
}

static int keep(const struct graph *g, struct arena *a, struct h5_counts *ret)
{
	uint32_t several = 0;
	ret->unknown = g->cut;
	for (uint32_t k = 0; k < g->count && !g->cut; k++)
		several += g->list[k].paths > 1;
	ret->mask = (2u << h5_log2(several + 1u)) - 1;
	if (!(ret->slots = arena_array(a, ret->mask + 1u, sizeof *ret->slots)))
		return -ENOMEM;
	for (uint32_t k = 0; k < g->count && !g->cut; k++)
		if (g->list[k].paths > 1)
			*slot(ret, g->list[k].address) = (struct count){g->list[k].address, g->list[k].paths};
	return 0;
}

static int count_all(const struct h5_file *f, struct h5_counts *ret)
{
	struct graph g = {.s = arena_scratch(&f->a->arena)};
	uint32_t root;
	int r = add_object(&g, f->root, &root);
	for (uint32_t i = 0; r == 0 && i < g.count && !g.cut; i++) {
		r = add_links(&g, f, i);
		g.cut = g.count > OBJECTS_MAX || g.work > WORK_MAX;
	}
	if (r == 0 && !g.cut)
		walk(&g);
	if (r == 0 && !g.cut)
		count_leaves(&g);
	if (r == 0)
		r = keep(&g, &f->a->arena, ret);
	arena_free(&g.s);
	return r;
}

int h5_path_count(const struct h5_file *f, uint64_t address, uint32_t *ret, struct error *err)
{
	struct h5_archive *h = f->a->priv;
	if (!h->counts) {
		struct h5_counts *counts = arena_alloc(&f->a->arena, sizeof *counts);
		if (!counts || count_all(&h->file, counts) < 0)
			return error_set(err, ENOMEM, "no memory to count paths");
		h->counts = counts;
	}
	uint32_t paths = slot(h->counts, address)->paths;
	*ret = h->counts->unknown ? 0 : paths ? paths : 1;
	return 0;
}
