/* SPDX-License-Identifier: MIT */
/*
 * Stores of datasets that are not kept. A store takes a few hundred bytes, which an archive of
 * a million datasets would have to hold for each, though most are never read. So a store is
 * rebuilt from the object header when needed, and cached as a block, once for the many reads of
 * a dataset.
 */
#include "formats/hdf5/store.h"

/* --- copying ------------------------------------------------------------------------------- */

/* Used twice: first without room, to measure. */
struct copy {
	uint8_t *room;
	size_t used;
};

static void *put(struct copy *c, const void *bytes, size_t len)
{
	void *to = c->room && bytes ? c->room + c->used : NULL;
	if (to && len)
		memcpy(to, bytes, len);
	if (bytes)
		c->used += (len + 7) & ~(size_t)7;
	return to;
}

static void *put_text(struct copy *c, const char *text)
{
	return put(c, text, text ? strlen(text) + 1 : 0);
}

static struct h5_filter *put_filters(struct copy *c, const struct h5_pipeline *p)
{
	struct h5_filter *list = put(c, p->filters, p->count * sizeof *list);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct h5_filter *f = &p->filters[i];
		uint32_t *values = put(c, f->values, f->nvalues * sizeof *values);
		const char *name = put_text(c, f->name);
		if (list) {
			list[i].values = values;
			list[i].name = name;
		}
	}
	return list;
}

/* Mappings and lists of files are shared, not copied. */
static struct h5_store *put_store(struct copy *c, const struct h5_store *s)
{
	size_t extents = s->rank * sizeof(uint64_t);
	struct h5_store counted = {0}, *kept = put(c, s, sizeof *s), *to = kept ? kept : &counted;
	to->dims = put(c, s->dims, extents);
	to->chunk = put(c, s->chunk, extents);
	to->chunks = put(c, s->chunks, extents);
	to->max_chunks = put(c, s->max_chunks, extents);
	to->fill = put(c, s->fill, s->element);
	to->fault = put_text(c, s->fault);
	to->pipeline.filters = put_filters(c, &s->pipeline);
	if (s->storage == H5_COMPACT)
		to->compact.data = put(c, s->compact.data, s->compact.len);
	return kept;
}

const struct h5_store *h5_store_keep(struct archive *a, const struct h5_store *s)
{
	struct copy c = {0};
	put_store(&c, s);
	c.room = arena_alloc(&a->arena, c.used);
	c.used = 0;
	return c.room ? put_store(&c, s) : NULL;
}

/* --- rebuilding --------------------------------------------------------------------------- */

int h5_dataset(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_store *ret, struct error *err)
{
	struct h5_header h;
	struct h5_type type;
	struct h5_space space;
	*ret = (struct h5_store){0};
	int r = h5_header(f, s, address, &h, err);
	if (r < 0 || !(h5_has(&h, H5_LAYOUT) || h5_has(&h, H5_DATASPACE)))
		return r;
	if (!h5_elements(f, s, &h, &type, &space, &r, err))
		return r < 0 ? r : h5_changed(err);
	return space.null ? 0 : h5_store(f, s, s, &h, &type, &space, false, ret, err);
}

enum { STORE = 1 }; /* kind of block: chunk.c has another */

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	const struct h5_node *n = from->owner;
	struct h5_archive *h = a->priv;
	struct arena s = arena_apart(&a->arena);
	struct h5_store store;
	struct copy c = {0};
	(void)index;
	int r = h5_dataset(&h->file, &s, n->address, &store, err);
	if (r == 0 && !store.file)
		r = h5_changed(err);
	if (r == 0 && store.storage == H5_FAULT) /* not cached: it may have been the disk's */
		r = error_set(err, store.code ? store.code : EIO, "%s", store.fault);
	if (r == 0) {
		store.node = n;
		put_store(&c, &store);
		c.room = block_room(ret, c.used, err);
		c.used = 0;
		r = c.room ? 0 : -ENOMEM;
	}
	if (r == 0)
		put_store(&c, &store);
	arena_free(&s);
	return r;
}

int h5_node_store(struct archive *a, const struct h5_node *n, struct block *within, const struct h5_store **ret,
		  struct block **ret_block, struct error *err)
{
	struct block_source from = {&a->blocks, n, decode, STORE};
	int r = blocks_get(a->options->blocks, within, &from, 0, ret_block, err);
	if (r == 0)
		*ret = (const void *)(*ret_block)->bytes;
	return r;
}
