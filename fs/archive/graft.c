/* SPDX-License-Identifier: MIT */
#include "fs/archive/graft.h"

#include "fs/archive/attrs.h"
#include "fs/archive/check.h"
#include "fs/archive/shape.h"
#include "fs/base/list.h"

struct graft {
	struct archive inner;
	uint32_t number; /* from 1 */
	const char *name;
	uint32_t source; /* of the outer archive */
	uint64_t offset; /* in that */
	size_t charged;  /* bytes of its memory that the outer archive counts */
	/* The outer node, in chunks as the tree's: by an inner node's index; by the number that its
	 * format gives to an array of several names (`ordinal`). */
	uint32_t *outer[TREE_CHUNKS], *tied[TREE_CHUNKS];
};

struct grafts {
	struct graft **list;
	uint32_t count;
	struct graft *spare; /* of what turned out to be no archive */
	struct graft_place {
		uint32_t graft, index; /* graft 0: none; the inner node's */
	} *places[TREE_CHUNKS]; /* by the outer node's index */
};

/* --- which node is which ---------------------------------------------------------- */

/* The chunk of a table by node, and the place in it. */
static unsigned chunk_of(uint32_t index, uint32_t *ret)
{
	uint32_t x = index + TREE_FIRST_CHUNK;
	unsigned k = 31u - (unsigned)__builtin_clz(x) - 6u;
	*ret = x - ((uint32_t)TREE_FIRST_CHUNK << k);
	return k;
}

/* Safe without a lock: the chunk was allocated before the node was published. */
static struct graft_place place_of(const struct archive *a, uint32_t index)
{
	uint32_t at;
	unsigned k = chunk_of(index, &at);
	return a->grafts && a->grafts->places[k] ? a->grafts->places[k][at] : (struct graft_place){0};
}

static int set_place(struct archive *a, uint32_t index, struct graft_place place, struct error *err)
{
	uint32_t at;
	unsigned k = chunk_of(index, &at);
	struct graft_place **chunk = &a->grafts->places[k];
	if (!*chunk && !(*chunk = arena_array(&a->arena, (size_t)TREE_FIRST_CHUNK << k, sizeof **chunk)))
		return error_no_memory(err, "an archive within it");
	(*chunk)[at] = place;
	return 0;
}

/* NULL if the node is no inner archive's. */
static struct graft *find(const struct archive *a, uint32_t index, uint32_t *ret, const struct node **ret_node)
{
	struct graft_place place = place_of(a, index);
	if (!place.graft)
		return NULL;
	struct graft *g = a->grafts->list[place.graft - 1];
	*ret = place.index;
	*ret_node = tree_node(&g->inner.tree, place.index);
	return g;
}

static struct graft *find_node(const struct archive *a, const struct node *n, const struct node **ret)
{
	uint32_t inner;
	return find(a, tree_index(&a->tree, n), &inner, ret);
}

bool graft_has(const struct archive *a, uint32_t index)
{
	return place_of(a, index).graft != 0;
}

static uint32_t get(uint32_t *const table[TREE_CHUNKS], uint32_t index)
{
	uint32_t at;
	unsigned k = chunk_of(index, &at);
	return table[k] ? table[k][at] : 0;
}

static int set(struct archive *a, uint32_t *table[TREE_CHUNKS], uint32_t index, uint32_t id, struct error *err)
{
	uint32_t at;
	unsigned k = chunk_of(index, &at);
	if (!table[k] && !(table[k] = arena_array(&a->arena, (size_t)TREE_FIRST_CHUNK << k, sizeof *table[k])))
		return error_no_memory(err, "an archive within it");
	table[k][at] = id;
	return 0;
}

/* Has the array other names, which its format knows by one number? */
static bool is_tied(const struct graft *g, uint32_t inner, uint32_t *ret)
{
	enum { MOST = 1 << 22 };
	const struct node *n = tree_node(&g->inner.tree, inner);
	const struct format *f = g->inner.format;
	if (!f->ordinal || n->kind == NODE_DIR || n->links < 2)
		return false;
	*ret = f->ordinal(&g->inner, inner, n);
	return *ret < MOST;
}

/* The node that shows an inner one; 0: none yet, or none any more, as it was of a filling that failed. */
static uint32_t outer_of(const struct archive *a, const struct graft *g, uint32_t inner)
{
	uint32_t number, other;
	bool tied = is_tied(g, inner, &number);
	uint32_t id = tied ? get(g->tied, number) : get(g->outer, inner);
	struct graft_place place = id && id < a->tree.made ? place_of(a, id) : (struct graft_place){0};
	if (place.graft != g->number)
		return 0;
	bool same = tied ? is_tied(g, place.index, &other) && other == number : place.index == inner;
	return same ? id : 0;
}

static int set_outer(struct archive *a, struct graft *g, uint32_t inner, uint32_t id, struct error *err)
{
	uint32_t number;
	int r = is_tied(g, inner, &number) ? set(a, g->tied, number, id, err) : set(a, g->outer, inner, id, err);
	return r < 0 ? r : set_place(a, id, (struct graft_place){g->number, inner}, err);
}

/* --- opening ------------------------------------------------------------------------ */

static int no_memory(struct archive *a, struct error *err)
{
	arena_deny(&a->arena);
	return error_no_memory(err, "an archive within it");
}

/* Counts what its memory has grown by. */
static int charge(struct archive *a, struct graft *g, struct error *err)
{
	pthread_mutex_lock(&g->inner.lock);
	size_t now = g->inner.arena.used;
	pthread_mutex_unlock(&g->inner.lock);
	if (now > g->charged && !arena_charge(&a->arena, now - g->charged))
		return error_no_memory(err, "an archive within it");
	if (now < g->charged)
		arena_refund(&a->arena, g->charged - now);
	g->charged = now;
	return 0;
}

static struct graft *spare(struct archive *a)
{
	if (!a->grafts && !(a->grafts = arena_alloc(&a->arena, sizeof *a->grafts)))
		return NULL;
	if (!a->grafts->spare)
		a->grafts->spare = arena_alloc(&a->arena, sizeof *a->grafts->spare);
	return a->grafts->spare;
}

static int keep(struct archive *a, struct graft *g, struct error *err)
{
	struct grafts *all = a->grafts;
	struct graft **grown = list_grow_in(&a->arena, all->list, all->count, sizeof *grown);
	if (!grown) {
		archive_close(&g->inner);
		return error_no_memory(err, "an archive within it");
	}
	all->list = grown;
	all->list[all->count++] = g;
	all->spare = NULL;
	g->number = all->count;
	return charge(a, g, err);
}

/* -ENOTSUP without a sentence if it is nothing. */
static int try_open(struct archive *a, const struct format *const *formats, uint32_t source, uint64_t offset, uint64_t size,
		    struct slice name, struct graft **ret, struct error *err)
{
	unsigned depth = 0;
	for (const struct archive *at = a; at; at = at->within)
		depth++;
	struct graft *g = spare(a);
	if (depth > GRAFT_DEPTH || size == 0)
		return -ENOTSUP;
	if (!g || !(g->name = arena_text(&a->arena, name)))
		return error_no_memory(err, "an archive within it");
	g->source = source;
	g->offset = offset;
	int r = archive_open_within(&g->inner, a, formats, source_window(archive_source(a, source), offset, size), g->name,
				    arena_left(&a->arena), err);
	if (r == -E2BIG)
		return no_memory(a, err);
	*ret = g;
	return r == 0 ? keep(a, g, err) : r;
}

int graft_add(struct archive *a, uint32_t parent, struct slice name, const struct format *const *formats, uint32_t source,
	      uint64_t offset, uint64_t size, uint32_t *ret, struct error *err)
{
	struct error why = {0};
	struct graft *g = NULL;
	int r = try_open(a, formats, source, offset, size, name, &g, &why);
	if (r == 0) {
		*ret = tree_open_dir(&a->tree, parent, name, NULL);
		return set_place(a, *ret, (struct graft_place){g->number, TREE_ROOT}, err);
	}
	if (r != -EBADMSG && r != -ENOTSUP)
		return error_set(err, -r, "%s", why.text);
	*ret = tree_range(&a->tree, parent, name, source, offset, size);
	if (why.text[0] && (r == -EBADMSG || archive_wished(formats, g ? g->name : "")))
		tree_error(&a->tree, *ret, why.text);
	return 0;
}

struct archive *graft_at(const struct archive *a, uint32_t number)
{
	return a->grafts && number < a->grafts->count ? &a->grafts->list[number]->inner : NULL;
}

void grafts_close(struct archive *a)
{
	struct archive *inner;
	for (uint32_t i = 0; (inner = graft_at(a, i)); i++)
		archive_close(inner);
	a->grafts = NULL;
}

/* --- the tree ------------------------------------------------------------------------ */

/* Of several names of one inner node the first that is met is the outer node, and the others
 * are hard links to it. */
static uint32_t add_node(struct archive *a, struct graft *g, uint32_t parent, uint32_t name, struct error *err)
{
	const struct tree *from = &g->inner.tree;
	const char *shown = tree_node(from, name)->name;
	uint32_t index = tree_resolve(from, name), known = outer_of(a, g, index);
	const struct node *n = tree_node(from, index);
	uint32_t id = known ? tree_hard(&a->tree, parent, slice_text(shown), known) : tree_copy(&a->tree, parent, shown, n);
	struct node *made = tree_edit(&a->tree, id);
	int r = !made ? 0 : known ? set_place(a, id, place_of(a, known), err) : set_outer(a, g, index, id, err);
	if (r < 0)
		a->tree.failed = r;
	if (made && made->kind == NODE_RANGE) {
		made->source = g->source;
		made->offset += g->offset;
	}
	return id;
}

/* Whatever is below the directory and not to be filled later. */
static void add_below(struct archive *a, struct graft *g, uint32_t dir, uint32_t inner, struct error *err)
{
	const struct tree *from = &g->inner.tree;
	uint32_t parent = dir;
	for (uint32_t at = tree_node(from, inner)->child; at && !a->tree.failed;) {
		const struct node *n = tree_node(from, at);
		uint32_t id = add_node(a, g, parent, at, err);
		if (n->kind == NODE_DIR && node_filled(n) && n->child) {
			parent = id;
			at = n->child;
			continue;
		}
		while (!n->next && n->parent != inner && !a->tree.failed) {
			n = tree_node(from, n->parent);
			parent = tree_edit(&a->tree, parent)->parent;
		}
		at = n->next;
	}
}

int graft_list(struct archive *a, uint32_t dir, struct error *err)
{
	const struct node *n;
	uint32_t inner;
	size_t left = arena_left(&a->arena);
	struct graft *g = find(a, dir, &inner, &n);
	if (!g)
		return error_set(err, EIO, "a directory that nobody fills");
	int r = archive_fill_within(&g->inner, inner, left ? left : 1, err);
	if (r == -E2BIG)
		return no_memory(a, err);
	if (r == 0)
		r = charge(a, g, err);
	if (r == 0)
		add_below(a, g, dir, inner, err);
	return r;
}

/* --- bytes ---------------------------------------------------------------------------- */

static int nobody(struct error *err)
{
	return error_set(err, EIO, "a node of no archive within it");
}

int graft_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const struct node *inner;
	struct graft *g = find_node(a, n, &inner);
	return g ? archive_size(&g->inner, (struct node *)(uintptr_t)inner, ret, err) : nobody(err);
}

int graft_extent(struct archive *a, const struct node *n, bool decode, uint64_t *ret, struct error *err)
{
	const struct node *inner;
	struct shaped shaped = {.array = {.unshaped = true}};
	struct graft *g = find_node(a, n, &inner);
	int r = g ? 0 : nobody(err);
	if (g && decode)
		r = shape_find(&g->inner, inner, &shaped, err);
	else if (g)
		shape_known(&g->inner, inner, &shaped);
	if (r == 0 && (shaped.array.unshaped || shaped.array.rank == 0))
		r = error_set(err, ENODATA, "its shape is not known");
	if (r == 0)
		*ret = shaped.array.shape[0];
	return r;
}

int graft_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct node *inner;
	struct graft *g = find_node(a, n, &inner);
	return g ? archive_read(&g->inner, (struct node *)(uintptr_t)inner, offset, len, ret, err) : nobody(err);
}

/* --- what is said of a node -------------------------------------------------------------- */

/* What the inner tree says of a node was copied, but of its root, which is opened later. */
int graft_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	uint32_t inner;
	struct graft *g = find(a, index, &inner, &n);
	if (g && inner == TREE_ROOT)
		return attrs_walk(&g->inner, inner, n, each, arg, err);
	return g && g->inner.format->attrs ? g->inner.format->attrs(&g->inner, inner, n, each, arg, err) : 0;
}

int graft_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	uint32_t inner;
	struct graft *g = find(a, index, &inner, &n);
	return g && g->inner.format->details ? g->inner.format->details(&g->inner, inner, n, ret, err) : 0;
}

static enum referred refer(struct archive *a, const struct node *n, const uint8_t *element, struct text *ret)
{
	const struct node *inner;
	struct graft *g = find_node(a, n, &inner);
	const struct references *to = g ? g->inner.format->references : NULL;
	return to ? to->refer(&g->inner, inner, element, ret) : REFERRED_UNKNOWN;
}

static size_t refer_width(struct archive *a, const struct node *n)
{
	const struct node *inner;
	struct graft *g = find_node(a, n, &inner);
	const struct references *to = g ? g->inner.format->references : NULL;
	return to ? to->width(&g->inner, inner) : 0;
}

const struct references graft_references = {refer, refer_width};

/* Never 0. */
static uint64_t mix(uint64_t x, uint64_t y)
{
	x = (x ^ y * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
	x ^= x >> 33;
	return x ? x : 1;
}

uint64_t graft_same(const struct archive *a, uint32_t index)
{
	const struct node *n;
	uint32_t inner;
	struct graft *g = find(a, index, &inner, &n);
	uint64_t same = g && g->inner.format->same ? g->inner.format->same(&g->inner, inner) : 0;
	return same ? mix(same, g->number) : 0;
}

uint64_t graft_identity(const struct archive *a, uint32_t index, const struct node *n)
{
	uint32_t inner = 0;
	uint64_t id = 0;
	struct graft *g = find(a, index, &inner, &n);
	if (g && g->inner.format->identity)
		id = g->inner.format->identity(&g->inner, inner, n);
	return mix(id ? mix(id, 1) : mix(g ? tree_resolve(&g->inner.tree, inner) : tree_resolve(&a->tree, index), 2), g ? g->number : 0);
}

/* --- checksums ---------------------------------------------------------------------------- */

bool graft_unchecked(const struct archive *a, uint32_t index)
{
	const struct node *n;
	uint32_t inner;
	struct graft *g = find(a, index, &inner, &n);
	const struct format *f = g ? g->inner.format : NULL;
	return g && (!f->checks || (f->unchecked && f->unchecked(&g->inner, inner)));
}

static int add_checks(struct graft *g, struct arena *keep, struct check **checks, uint32_t *count, struct error *err)
{
	struct check *more;
	uint32_t n = 0;
	int r = g->inner.format->checks(&g->inner, keep, &more, &n, err);
	if (r < 0 || n == 0)
		return r < 0 ? error_prefix(err, r, g->name) : 0;
	struct check *all = n <= UINT32_MAX - *count ? arena_array(keep, (size_t)*count + n, sizeof *all) : NULL;
	if (!all)
		return error_no_memory(err, "the checksums of its members");
	if (*count)
		memcpy(all, *checks, *count * sizeof *all);
	for (uint32_t i = 0; i < n; i++) {
		const char *name = arena_printf(keep, "%s/%.*s", g->name, (int)more[i].name.len, (const char *)more[i].name.data);
		if (!name)
			return error_no_memory(err, "the checksums of its members");
		struct check *c = &all[(*count)++];
		*c = more[i];
		c->name = slice_text(name);
		c->source = g->source;
		c->offset += g->offset;
	}
	*checks = all;
	return 0;
}

int graft_checks(struct archive *a, struct arena *keep, struct check **checks, uint32_t *count, struct error *err)
{
	int r = 0;
	for (uint32_t i = 0; a->grafts && r == 0 && i < a->grafts->count; i++)
		if (a->grafts->list[i]->inner.format->checks)
			r = add_checks(a->grafts->list[i], keep, checks, count, err);
	return r;
}
