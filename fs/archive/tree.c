/* SPDX-License-Identifier: MIT */
#include "fs/archive/tree_impl.h"

#include <stdio.h>

#include "fs/base/name.h"

_Static_assert(sizeof(struct node) <= 72, "a million nodes should fit the memory that a mount may use");

/* --- adding ------------------------------------------------------------ */

/* The first free name of the form NAME~2, NAME~3 … */
static struct tree_key give_way(struct tree *t, const struct tree_key *taken, struct node *first, char out[NAME_ROOM])
{
	struct tree_key alt;
	do {
		int n = snprintf(out, NAME_ROOM, "%.*s~%u", (int)taken->name.len, (const char *)taken->name.data, ++first->twins + 1);
		alt = tree_key(t, taken->parent, (struct slice){(const uint8_t *)out, (size_t)n}, TREE_EXACTLY);
	} while (tree_names_find(t, t->names, &alt));
	return alt;
}

static void chain(struct tree *t, uint32_t parent, uint32_t id)
{
	struct node *dir = tree_at(t, parent);
	if (dir->last)
		tree_at(t, dir->last)->next = id;
	else
		dir->child = id;
	dir->last = id;
}

/* What is still to be filled has names of its own then. */
static bool may_merge(const struct node *n)
{
	return n->kind == NODE_DIR && !n->hidden && !n->open && !n->own;
}

/* A name on its way into the tree. */
struct naming {
	uint32_t parent;
	struct slice raw, shown;
	bool merge; /* the directory that is already there will do */
	bool stays; /* the raw name is in the arena, NUL-terminated, and has this hash */
	uint32_t hash;
};

/* The directory of that name which may merge; 0 if there is none. */
static uint32_t find_merging(struct tree *t, const struct tree_key *key, uint32_t found)
{
	if (may_merge(tree_at(t, found)))
		return found;
	struct tree_key suffixed = tree_key(t, key->parent, key->name, TREE_SUFFIXED);
	uint32_t twin = tree_names_find(t, t->names, &suffixed);
	return twin && may_merge(tree_at(t, twin)) ? twin : 0;
}

static struct node *append(struct tree *t, const struct naming *naming, struct slice name)
{
	bool stays = naming->stays && name.data == naming->raw.data && name.data[name.len] == '\0';
	const char *kept = stays ? (const char *)name.data : arena_text(t->arena, name);
	struct node *n = kept ? tree_node_new(t) : NULL;
	if (!n)
		tree_fail(t, -ENOMEM);
	else
		n->name = kept, n->parent = naming->parent;
	return n;
}

/* Adds a node, and returns it to be filled in; or finds the directory that is already
 * there if it may merge.  NULL for the latter, and once the tree has failed. */
static struct node *add_shown(struct tree *t, const struct naming *naming, uint8_t kind, uint32_t *ret)
{
	char suffixed[NAME_ROOM];
	*ret = 0;
	if (t->failed || naming->parent == 0)
		return NULL;
	if (!tree_names_grow(t, 2)) {
		tree_fail(t, -ENOMEM);
		return NULL;
	}
	bool hashed = naming->stays && naming->shown.data == naming->raw.data;
	struct tree_key key = hashed ? (struct tree_key){naming->parent, naming->hash, naming->shown, TREE_EXACTLY}
				     : tree_key(t, naming->parent, naming->shown, TREE_EXACTLY);
	uint32_t found = tree_names_find(t, t->names, &key), id = t->made;
	if (found) {
		if (naming->merge && (*ret = find_merging(t, &key, found)))
			return NULL;
		key = give_way(t, &key, tree_at(t, found), suffixed);
		t->gave_way = true;
	}
	struct node *n = append(t, naming, key.name);
	if (!n)
		return NULL;
	n->kind = kind;
	n->suffixed = found != 0;
	n->own = kind == NODE_DIR && !naming->merge;
	tree_names_put(t->names, &key, id);
	if (n->suffixed && may_merge(n))
		tree_names_put_suffixed(t, t->names, id);
	chain(t, naming->parent, id);
	if (key.name.data != naming->raw.data && !slice_equal(key.name, naming->raw))
		tree_attr(t, id, SLICE("arrayfs.name"), naming->raw);
	*ret = id;
	return n;
}

static struct node *add(struct tree *t, struct naming naming, uint8_t kind, uint32_t *ret)
{
	char shown[NAME_ROOM];
	naming.shown = naming.raw;
	if (!name_shows_itself(naming.raw))
		naming.shown = (struct slice){(const uint8_t *)shown, name_show(naming.raw, shown)};
	return add_shown(t, &naming, kind, ret);
}

uint32_t tree_dir(struct tree *t, uint32_t parent, struct slice name)
{
	uint32_t id;
	(void)add(t, (struct naming){.parent = parent, .raw = name, .merge = true}, NODE_DIR, &id);
	return id;
}

uint32_t tree_branch(struct tree *t, uint32_t parent, struct slice name)
{
	uint32_t id;
	(void)add(t, (struct naming){.parent = parent, .raw = name}, NODE_DIR, &id);
	return id;
}

uint32_t tree_companion(struct tree *t, uint32_t id, const char *suffix, const void *lazy, uint64_t size)
{
	char name[NAME_ROOM];
	const struct node *beside = tree_edit(t, id);
	if (!beside)
		return 0;
	int len = snprintf(name, sizeof name, "%s%s", beside->name, suffix);
	struct slice shown = {(const uint8_t *)name, (size_t)len < sizeof name ? (size_t)len : sizeof name - 1};
	struct node *n = add_shown(t, &(struct naming){.parent = beside->parent, .raw = shown, .shown = shown}, NODE_LAZY, &id);
	if (n) {
		n->lazy = lazy;
		n->size = size;
		n->companion = true;
	}
	return id;
}

uint32_t tree_open_dir(struct tree *t, uint32_t parent, struct slice name, const void *lazy)
{
	uint32_t id;
	struct node *n = add(t, (struct naming){.parent = parent, .raw = name}, NODE_DIR, &id);
	if (n)
		n->open = true, n->lazy = lazy;
	return id;
}

static uint32_t add_file(struct tree *t, struct naming naming, uint8_t kind, uint64_t size, struct node **ret)
{
	uint32_t id;
	*ret = add(t, naming, kind, &id);
	if (*ret)
		atomic_store_explicit(&(*ret)->size, size, memory_order_relaxed);
	return id;
}

uint32_t tree_link(struct tree *t, uint32_t parent, struct slice name, const char *target)
{
	struct node *n;
	uint32_t id = add_file(t, (struct naming){.parent = parent, .raw = name}, NODE_LINK, strlen(target), &n);
	if (n)
		n->target = target;
	return id;
}

static uint32_t add_range(struct tree *t, struct naming naming, uint32_t source, uint64_t offset, uint64_t size)
{
	struct node *n;
	uint32_t id = add_file(t, naming, NODE_RANGE, size, &n);
	if (n)
		n->source = source, n->offset = offset;
	return id;
}

uint32_t tree_range(struct tree *t, uint32_t parent, struct slice name, uint32_t source, uint64_t offset, uint64_t size)
{
	return add_range(t, (struct naming){.parent = parent, .raw = name}, source, offset, size);
}

uint32_t tree_range_named(struct tree *t, uint32_t parent, struct slice name, uint32_t hash, uint32_t source,
			  uint64_t offset, uint64_t size)
{
	struct naming naming = {.parent = parent, .raw = name, .stays = true, .hash = hash};
	return add_range(t, naming, source, offset, size);
}

uint32_t tree_bytes(struct tree *t, uint32_t parent, struct slice name, const void *bytes, size_t size)
{
	struct node *n;
	uint32_t id = add_file(t, (struct naming){.parent = parent, .raw = name}, NODE_BYTES, size, &n);
	if (n)
		n->bytes = bytes;
	return id;
}

uint32_t tree_lazy(struct tree *t, uint32_t parent, struct slice name, const void *lazy, uint64_t size)
{
	struct node *n;
	uint32_t id = add_file(t, (struct naming){.parent = parent, .raw = name}, NODE_LAZY, size, &n);
	if (n)
		n->lazy = lazy;
	return id;
}

uint32_t tree_hard(struct tree *t, uint32_t parent, struct slice name, uint32_t twin)
{
	struct node *n;
	uint32_t id = add_file(t, (struct naming){.parent = parent, .raw = name}, NODE_HARD, 0, &n);
	if (n)
		n->twin = twin;
	return id;
}

void tree_aside(struct tree *t, uint32_t id)
{
	struct node *n = tree_edit(t, id);
	if (n)
		n->aside = true;
}

uint32_t tree_copy(struct tree *t, uint32_t parent, const char *name, const struct node *like)
{
	struct slice shown = slice_text(name);
	struct naming naming = {.parent = parent, .raw = shown, .shown = shown, .stays = true};
	uint32_t id;
	if (!t->failed)
		naming.hash = tree_key(t, parent, shown, TREE_EXACTLY).hash;
	struct node *n = add_shown(t, &naming, like->kind, &id);
	if (!n)
		return 0;
	n->array = like->array;
	n->attrs = like->attrs;
	n->companion = like->companion;
	n->nullable = like->nullable;
	n->aside = like->aside;
	n->sound = like->sound;
	if (like->kind == NODE_DIR) {
		n->open = !node_filled(like);
		return id;
	}
	if (like->kind == NODE_RANGE)
		n->offset = like->offset;
	else
		n->lazy = like->lazy; /* or bytes, or a target */
	n->source = like->source;
	n->links = like->links;
	atomic_store_explicit(&n->size, atomic_load_explicit(&like->size, memory_order_acquire), memory_order_relaxed);
	return id;
}

bool tree_expect(struct tree *t, uint32_t count)
{
	bool fine = t->failed || tree_names_grow(t, count);
	if (!fine)
		tree_fail(t, -ENOMEM);
	return fine;
}

uint32_t tree_fault(struct tree *t, uint32_t parent, struct slice name, const char *sentence, const struct array *array)
{
	uint64_t size = array ? tree_array_size(array) : SIZE_UNKNOWN;
	struct node *n;
	uint32_t id = add_file(t, (struct naming){.parent = parent, .raw = name}, NODE_FAULT, size, &n);
	if (array)
		tree_describe(t, id, tree_array(t, array));
	tree_error(t, id, sentence);
	return id;
}

uint32_t tree_sound(struct tree *t, uint32_t id)
{
	struct node *n = tree_edit(t, id);
	if (n)
		n->sound = true;
	return id;
}

/* The end of the component that begins at p. */
static const uint8_t *component_end(const uint8_t *p, const uint8_t *end, char split)
{
	const uint8_t *slash = memchr(p, '/', (size_t)(end - p));
	end = slash ? slash : end;
	const uint8_t *other = split ? memchr(p, split, (size_t)(end - p)) : NULL;
	return other ? other : end;
}

struct tree_path tree_path(struct tree *t, uint32_t parent, struct slice name, char split)
{
	const uint8_t *end = name.data + name.len;
	struct slice leaf = {NULL, 0};
	bool differs = false;

	for (const uint8_t *p = name.data, *stop; name.len && p <= end; p = stop + 1) {
		stop = component_end(p, end, split);
		struct slice part = {p, (size_t)(stop - p)};
		differs |= part.len == 0 || (stop < end && *stop != '/');
		if (part.len == 0)
			continue;
		if (leaf.len) { /* the one before was a directory */
			parent = tree_dir(t, parent, leaf);
			differs |= parent && !slice_equal(slice_text(tree_at(t, parent)->name), leaf);
		}
		leaf = part;
	}
	return (struct tree_path){.whole = name, .parent = parent, .leaf = leaf, .differs = differs};
}

/* The name is a node's first attribute. */
void tree_path_end(struct tree *t, const struct tree_path *path, uint32_t leaf)
{
	struct node *n = tree_edit(t, leaf);
	const struct attr *rest = n ? n->attrs : NULL;
	bool named = rest && slice_equal(rest->name, SLICE("arrayfs.name"));
	if (!n || (!path->differs && !named))
		return;
	n->attrs = NULL;
	tree_attr(t, leaf, SLICE("arrayfs.name"), path->whole);
	if (named)
		rest = rest->next;
	if (rest && !t->failed) {
		*t->attr_tail = rest;
		t->attr_node = 0;
	}
}

struct node *tree_edit(struct tree *t, uint32_t id)
{
	return id ? tree_at(t, id) : NULL;
}

void tree_describe(struct tree *t, uint32_t id, const struct array *array)
{
	if (id)
		tree_at(t, id)->array = array;
}

static char *join(struct arena *a, struct slice prefix, struct slice name)
{
	char *joined = arena_aligned(a, prefix.len + name.len + 1, 1);
	if (joined && prefix.len)
		memcpy(joined, prefix.data, prefix.len);
	if (joined && name.len)
		memcpy(joined + prefix.len, name.data, name.len);
	return joined;
}

static void add_attr(struct tree *t, uint32_t id, struct slice prefix, struct slice name, struct slice value, bool json)
{
	struct attr *attr = id ? arena_alloc(t->arena, sizeof *attr) : NULL;
	char *name_kept = attr ? join(t->arena, prefix, name) : NULL;
	char *value_kept = name_kept ? arena_text(t->arena, value) : NULL;
	if (id == 0)
		return;
	if (!value_kept) {
		tree_fail(t, -ENOMEM);
		return;
	}
	*attr = (struct attr){NULL, {(uint8_t *)name_kept, prefix.len + name.len}, {(uint8_t *)value_kept, value.len}, json};
	if (t->attr_node != id || !tree_at(t, id)->attrs) { /* mostly the same node again */
		t->attr_node = id;
		t->attr_tail = &tree_at(t, id)->attrs;
		while (*t->attr_tail)
			t->attr_tail = (const struct attr **)(uintptr_t)&(*t->attr_tail)->next;
	}
	*t->attr_tail = attr;
	t->attr_tail = &attr->next;
}

void tree_attr(struct tree *t, uint32_t id, struct slice name, struct slice value)
{
	add_attr(t, id, SLICE(""), name, value, false);
}

void tree_attr_own(struct tree *t, uint32_t id, struct slice name, struct slice value)
{
	add_attr(t, id, SLICE(ATTR_OWN), name, value, false);
}

void tree_attr_json(struct tree *t, uint32_t id, struct slice name, struct slice value)
{
	add_attr(t, id, SLICE(""), name, value, true);
}

void tree_error(struct tree *t, uint32_t id, const char *sentence)
{
	if (sentence)
		tree_attr(t, id, SLICE("arrayfs.error"), slice_text(sentence));
}

/* --- lookup ------------------------------------------------------------ */

const struct attr *node_error(const struct node *n)
{
	const struct attr *attr = n->attrs;
	while (attr && !slice_equal(attr->name, SLICE("arrayfs.error")))
		attr = attr->next;
	return attr;
}

struct node *tree_node(const struct tree *t, uint64_t index)
{
	return index > 0 && index < atomic_load_explicit(&t->count, memory_order_acquire) ? tree_at(t, (uint32_t)index) : NULL;
}

uint32_t tree_index(const struct tree *t, const struct node *n)
{
	uint32_t last = atomic_load_explicit(&t->count, memory_order_acquire) - 1;
	for (uint32_t first = 0;;) { /* of each chunk */
		uint32_t room = first + TREE_FIRST_CHUNK, end = last < first + room - 1 ? last : first + room - 1;
		const struct node *chunk = tree_at(t, first);
		if (n >= chunk && n <= chunk + (end - first))
			return first + (uint32_t)(n - chunk);
		if (end == last)
			return 0;
		first += room;
	}
}

uint32_t tree_find(const struct tree *t, const struct node *dir, uint32_t dir_index, struct slice name)
{
	const struct names *names = atomic_load_explicit(&dir->names, memory_order_acquire);
	if (!names || memchr(name.data, '\0', name.len))
		return 0;
	struct tree_key key = tree_key(t, dir_index, name, TREE_EXACTLY);
	uint32_t id = tree_names_find(t, names, &key);
	return id && !tree_at(t, id)->hidden ? id : 0;
}

uint32_t tree_resolve(const struct tree *t, uint32_t index)
{
	const struct node *n = tree_node(t, index);
	return n && n->kind == NODE_HARD ? n->twin : index;
}
