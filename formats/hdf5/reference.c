/* SPDX-License-Identifier: MIT */
/* Resolves references: the paths of objects by address.  The file is searched once, when
 * the first reference is shown: breadth first, so that an object gets its shortest path,
 * and in the order of names, so that it always gets the same one. */
#include "formats/hdf5/hdf5.h"

/* Limits of the search. */
enum { OBJECTS_MAX = 65536, LINKS_MAX = 1 << 20, SLOTS = 2 * OBJECTS_MAX, DEPTH_MAX = 256 };

struct h5_paths {
	struct found {
		uint64_t address;
		struct slice name;
		uint32_t parent;
		size_t width; /* of its path, as a word */
	} *list;
	uint32_t count;
	size_t widest;
	uint32_t *slots; /* 1 + number in the list */
};

static uint32_t *slot(const struct h5_paths *p, uint64_t address)
{
	uint32_t i = h5_hash(address) % SLOTS;
	while (p->slots[i] && p->list[p->slots[i] - 1].address != address)
		i = (i + 1) % SLOTS;
	return &p->slots[i];
}

static bool add(struct h5_paths *p, struct arena *a, struct slice name, uint64_t address, uint32_t parent)
{
	uint32_t *at = slot(p, address);
	if (*at || p->count == OBJECTS_MAX)
		return true;
	if (name.len && !(name.data = (const uint8_t *)arena_text(a, name)))
		return false;
	/* A child of the root has only its own slash in front. */
	size_t width = (parent ? p->list[parent].width : 0) + 1 + text_word_length(name);
	p->list[p->count++] = (struct found){address, name, parent, width};
	*at = p->count;
	p->widest = width > p->widest ? width : p->widest;
	return true;
}

static bool add_children(struct h5_paths *p, const struct h5_file *f, struct arena *a, uint32_t parent, uint64_t *links)
{
	struct arena s = arena_scratch(a);
	struct h5_link **list = NULL;
	struct h5_faults faults = {0};
	struct error why = {0};
	uint32_t count = 0;
	bool fine = true;
	/* In a group that cannot be read, nothing is found. */
	if (h5_links(f, &s, p->list[parent].address, &list, &count, &faults, &why) < 0)
		count = 0;
	for (uint32_t i = 0; fine && i < count; i++)
		if (list[i]->kind == H5_LINK_HARD)
			fine = add(p, a, list[i]->name, list[i]->address, parent);
	arena_free(&s);
	*links += count;
	return fine;
}

static struct h5_paths *search(const struct h5_file *f, struct arena *a)
{
	struct h5_paths *p = arena_alloc(a, sizeof *p);
	uint64_t links = 0;
	uint32_t *slots = p ? arena_array(a, SLOTS, sizeof *slots) : NULL;
	if (!slots || !(p->list = arena_array(a, OBJECTS_MAX, sizeof *p->list)))
		return p; /* it stays empty; the search is not repeated */
	p->slots = slots;
	bool fine = add(p, a, (struct slice){0}, f->root, 0);
	for (uint32_t i = 0; fine && i < p->count && links < LINKS_MAX; i++)
		fine = add_children(p, f, a, i, &links);
	return p;
}

static const struct h5_paths *paths_of(const struct h5_file *f)
{
	struct h5_archive *h = f->a->priv;
	pthread_mutex_lock(&f->a->lock);
	if (!h->paths)
		h->paths = search(&h->file, &f->a->arena);
	const struct h5_paths *p = h->paths;
	pthread_mutex_unlock(&f->a->lock);
	return p;
}

static bool put_path(const struct h5_file *f, uint64_t address, struct text *ret)
{
	struct slice names[DEPTH_MAX];
	unsigned depth = 0;
	const struct h5_paths *p = paths_of(f);
	uint32_t number = p && p->slots ? *slot(p, address) : 0;
	if (number == 0)
		return false;
	for (uint32_t i = number - 1; i > 0 && depth < DEPTH_MAX; i = p->list[i].parent)
		names[depth++] = p->list[i].name;
	if (depth == DEPTH_MAX) /* deeper than anyone needs */
		return false;
	if (depth == 0)
		text_add(ret, "/");
	while (depth-- > 0) {
		text_add(ret, "/");
		text_put(ret, names[depth]);
	}
	return true;
}

size_t h5_refer_width(const struct h5_file *f)
{
	const struct h5_paths *p = paths_of(f);
	return p ? p->widest : 0;
}

/* The heap object that a region reference points to begins with the address of the dataset. */
static bool region_target(const struct h5_file *f, struct cursor c, uint64_t *ret)
{
	uint64_t heap = *ret;
	uint32_t index = cursor_u32le(&c);
	struct block *block;
	struct slice bytes;
	struct error why = {0};
	if (c.failed || heap == 0 || h5_global(f, NULL, heap, index, &bytes, &block, &why) < 0)
		return false;
	struct cursor at = cursor_over(bytes);
	*ret = h5_address(f, &at);
	blocks_release(block);
	return !at.failed;
}

enum referred h5_refer(const struct h5_file *f, unsigned ref, struct slice element, struct text *ret)
{
	struct cursor c = cursor_over(element);
	uint64_t address = h5_address(f, &c);
	bool known = !c.failed && (ref == 0 || (ref == 1 && (address == 0 || region_target(f, c, &address))));
	if (known && (address == 0 || address == H5_UNDEFINED))
		return REFERRED_NULL;
	return known && put_path(f, address, ret) ? REFERRED_KNOWN : REFERRED_UNKNOWN;
}
