/* SPDX-License-Identifier: MIT */
/*
 * Virtual datasets: the "Virtual" storage layout, whose global heap object lists
 * mappings {source file, source dataset, source selection, virtual selection}.
 * Element k of one selection is element k of the other (selection.c).  What no mapping
 * covers, or what a missing source would cover, reads as the fill value.
 *
 * If a selection is unlimited, the sources determine the extent: if both selections are,
 * they extend as far as the source; if only the virtual one is, it has one source per
 * block, with the block's number replacing %b in the names, up to the first source that
 * is missing.
 *
 * Refused with an error: point selections (which the library does not write), and sources
 * whose datatype cannot be converted (convert.c).
 */
#include "formats/hdf5/virtual.h"
#include "fs/base/list.h"

#include <inttypes.h>
#include <stdio.h>

/* Limits: nesting of virtual datasets; sources in a whole archive. */
enum { NESTED_MAX = 8, SOURCES_MAX = 1 << 20 };

/* --- the mappings -------------------------------------------------------------------- */

/* Opens the source dataset; *ret is unchanged if it does not exist. */
static int open_dataset(const struct h5_file *f, bool own_file, struct arena *s, struct slice path,
			const struct h5_type *type, const struct h5_store **ret, struct error *err)
{
	struct h5_header h;
	struct h5_type own;
	struct h5_space space;
	uint64_t address = H5_UNDEFINED;
	int r = h5_find(f, s, path, &address, err);
	if (r < 0 || address == H5_UNDEFINED)
		return r;
	if ((r = h5_header(f, s, address, &h, err)) < 0)
		return r;
	if (!h5_elements(f, s, &h, &own, &space, &r, err))
		return r < 0 ? r : error_set(err, EBADMSG, "a virtual dataset's source is not a dataset");
	const struct h5_convert *convert = NULL;
	bool same = h5_type_equal(&own, type);
	if (same && own.has_vlen && !own_file) /* the sequences are in that file's heap */
		return error_set(err, ENOTSUP, "a virtual dataset of variable length whose source is another file");
	if (!same && !(convert = h5_convert(&f->a->arena, &own, type)))
		return error_set(err, ENOTSUP, "a virtual dataset whose source has another datatype");
	struct h5_archive *all = f->a->priv;
	if (++all->virtual_sources > SOURCES_MAX)
		return error_set(err, ENOTSUP, "more than %d sources of virtual datasets", SOURCES_MAX);
	struct h5_store *store = arena_alloc(&f->a->arena, sizeof *store);
	if (!store)
		return error_no_memory(err, "a virtual dataset");
	*ret = store;
	r = h5_store(f, &f->a->arena, s, &h, &own, &space, true, store, err);
	store->convert = convert;
	return r;
}

/* A file that consecutive mappings name is opened once. */
struct opened {
	struct slice name;
	const struct h5_file *file; /* NULL: not there */
};

/* What its superblock says is read once. */
static int other_file(struct archive *a, uint32_t number, struct arena *s, const struct h5_file **ret, struct error *err)
{
	struct h5_archive *all = a->priv;
	if (number >= all->others_room) {
		uint32_t room = number < 8 ? 16 : number * 2;
		struct h5_file **grown = arena_array(&a->arena, room, sizeof *grown);
		if (!grown)
			return error_no_memory(err, "a virtual dataset");
		if (all->others_room)
			memcpy(grown, all->others, all->others_room * sizeof *grown);
		all->others = grown;
		all->others_room = room;
	}
	if (!(*ret = all->others[number])) {
		struct h5_file *f = arena_alloc(&a->arena, sizeof *f);
		if (!f)
			return error_no_memory(err, "a virtual dataset");
		*f = (struct h5_file){.a = a, .number = number};
		int r = h5_superblock(f, s, err);
		if (r < 0)
			return r;
		*ret = all->others[number] = f;
	}
	return 0;
}

static int open_file(const struct h5_file *f, struct arena *s, struct slice name, struct opened *last,
		     const struct h5_file **ret, struct error *err)
{
	struct error why = {0};
	uint32_t number;
	*ret = f;
	if (slice_equal(name, SLICE(".")))
		return 0;
	*ret = last->file;
	if (last->name.len && slice_equal(last->name, name))
		return 0;
	*last = (struct opened){name, NULL};
	*ret = NULL;
	int r = archive_sibling(f->a, name, REACH_BENEATH, &number, &why);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(err, error_passes(r) ? -r : EIO, "a virtual dataset's source cannot be opened: %s", why.text);
	r = other_file(f->a, number, s, ret, err);
	last->file = *ret;
	return r;
}

static struct slice text(struct cursor *c)
{
	const uint8_t *end = c->failed ? NULL : memchr(c->pos, 0, cursor_left(c));
	struct slice s = cursor_take(c, end ? (size_t)(end - c->pos) : cursor_left(c) + 1);
	cursor_skip(c, 1);
	return s;
}

/* The mappings read so far, and how far they reach. */
struct mappings {
	const struct h5_file *f;
	struct arena *s;
	const struct h5_type *type;
	const struct h5_store *store;
	struct opened last;
	struct h5_mapping *list;
	uint32_t count;
	uint64_t reach[H5_RANK_MAX];
	bool endless[H5_RANK_MAX];
	struct error *err;
};

static int add_mapping(struct mappings *v, const struct h5_mapping *m)
{
	struct h5_mapping *grown = list_grow_in(&v->f->a->arena, v->list, v->count, sizeof *grown);
	if (!grown)
		return error_no_memory(v->err, "a virtual dataset");
	v->list = grown;
	v->list[v->count++] = *m;
	return 0;
}

/* Replaces %b in a name with the block's number, and %% with %; *ret_numbered says whether
 * there was a %b. */
static int expand(struct mappings *v, struct slice name, uint64_t block, struct slice *ret, bool *ret_numbered)
{
	size_t room = name.len * 21 + 1, len = 0;
	char *out = arena_alloc(v->s, room);
	if (!out)
		return error_no_memory(v->err, "a virtual dataset");
	for (size_t i = 0; i < name.len; i++) {
		char next = name.data[i] == '%' && i + 1 < name.len ? (char)name.data[i + 1] : 0;
		if (next == 'b') {
			len += (size_t)snprintf(out + len, room - len, "%" PRIu64, block);
			*ret_numbered = true;
		} else {
			out[len++] = (char)name.data[i];
		}
		i += next == 'b' || next == '%';
	}
	*ret = (struct slice){(const uint8_t *)out, len};
	return 0;
}

static int open_source(struct mappings *v, struct slice file, struct slice path, uint64_t block, bool *numbered,
		       const struct h5_store **ret)
{
	const struct h5_file *other;
	struct slice names[2];
	int r;
	*ret = NULL;
	if ((r = expand(v, file, block, &names[0], numbered)) < 0 || (r = expand(v, path, block, &names[1], numbered)) < 0 ||
	    (r = open_file(v->f, v->s, names[0], &v->last, &other, v->err)) < 0 || !other)
		return r;
	return open_dataset(other, other == v->f, v->s, names[1], v->type, ret, v->err);
}

static void reach(struct mappings *v, uint32_t dimension, uint64_t extent)
{
	if (v->reach[dimension] < extent)
		v->reach[dimension] = extent;
}

/* Adds a mapping whose selections are limited. */
static int finish(struct mappings *v, struct h5_mapping *m)
{
	for (uint64_t b = 0; m->to.blocks && b < m->to.nblocks; b++)
		for (uint32_t i = 0; i < m->to.rank; i++)
			reach(v, i, m->to.blocks[(2 * b + 1) * m->to.rank + i] + 1);
	for (uint32_t i = 0; m->to.spans && i < m->to.rank; i++) {
		const struct span *p = &m->to.spans[i];
		if (i != m->to.endless && p->count && p->block)
			reach(v, i, p->start + (p->count - 1) * p->stride + p->block);
	}
	if (m->source && m->to.elements != m->from.elements)
		return error_set(v->err, ENOTSUP, "a virtual dataset that maps %" PRIu64 " elements to %" PRIu64,
				 m->from.elements, m->to.elements);
	return m->source && m->to.elements ? add_mapping(v, m) : 0;
}

/* Both selections are unlimited: they extend as far as the source. */
static int map_endless(struct mappings *v, struct h5_mapping *m)
{
	uint64_t extent, ignored, n = 0;
	if (m->source)
		n = h5_selection_within(&m->from.spans[m->from.endless], m->source->dims[m->from.endless]);
	int r = h5_selection_cut(&m->to, n, &extent, v->err);
	if (r < 0 || (m->source && (r = h5_selection_cut(&m->from, n, &ignored, v->err)) < 0))
		return r;
	reach(v, m->to.endless, extent);
	return finish(v, m);
}

/* The spans are only valid until the next mapping is read. */
static int copy_spans(struct mappings *v, struct selection *s)
{
	struct span *own = arena_array(&v->f->a->arena, s->rank + 1u, sizeof *own);
	if (!own)
		return error_no_memory(v->err, "a virtual dataset");
	memcpy(own, s->spans, s->rank * sizeof *own);
	s->spans = own;
	return 0;
}

/* Adds a mapping per block, each with its own source. */
static int map_numbered(struct mappings *v, struct slice file, struct slice path, const struct h5_mapping *pattern)
{
	const struct span *run = &pattern->to.spans[pattern->to.endless];
	int r = 0;
	if (run->block == H5_UNDEFINED)
		return error_set(v->err, ENOTSUP, "a virtual dataset with numbered sources but without blocks");
	for (uint64_t block = 0; r == 0; block++) {
		struct h5_mapping m = *pattern;
		bool numbered = false;
		uint64_t start, end;
		if ((r = open_source(v, file, path, block, &numbered, &m.source)) < 0)
			return r;
		if (!numbered)
			return error_set(v->err, ENOTSUP, "an unlimited virtual dataset whose source is limited");
		if (!m.source)
			return 0;
		if (__builtin_mul_overflow(block, run->stride, &start) || __builtin_add_overflow(start, run->start, &start) ||
		    __builtin_add_overflow(start, run->block, &end))
			return h5_selection_impossible(v->err);
		if ((r = copy_spans(v, &m.to)) < 0)
			return r;
		m.to.spans[m.to.endless] = (struct span){start, run->block ? run->block : 1, 1, run->block, run->block};
		if (h5_selection_all(&m.from))
			r = h5_selection_whole(&v->f->a->arena, m.source->dims, m.source->rank, &m.from, v->err);
		if (r < 0 || (r = h5_selection_check(&m.from, m.source->rank, v->err)) < 0)
			return r;
		if (m.from.endless != m.from.rank || __builtin_mul_overflow(m.to.elements, run->block, &m.to.elements))
			return h5_selection_impossible(v->err);
		reach(v, m.to.endless, end);
		r = finish(v, &m);
	}
	return r;
}

static int read_mapping(void *arg, struct cursor *c, struct slice file, struct slice path)
{
	struct mappings *v = arg;
	struct arena *keep = &v->f->a->arena;
	struct h5_mapping m = {0};
	bool numbered = false;
	int r = h5_selection_read(keep, c, &m.from, v->err);
	if (r < 0 || (r = h5_selection_read(keep, c, &m.to, v->err)) < 0)
		return r;
	if (h5_selection_all(&m.to) && (r = h5_selection_whole(keep, v->store->dims, v->store->rank, &m.to, v->err)) < 0)
		return r;
	if ((r = h5_selection_check(&m.to, v->store->rank, v->err)) < 0)
		return r;
	bool endless = m.to.endless != m.to.rank;
	if (endless)
		v->endless[m.to.endless] = true;
	if (endless && (h5_selection_all(&m.from) || (h5_selection_check(&m.from, m.from.rank, v->err) == 0 && m.from.endless == m.from.rank)))
		return map_numbered(v, file, path, &m);
	if ((r = open_source(v, file, path, 0, &numbered, &m.source)) < 0)
		return r;
	if (numbered)
		return error_set(v->err, ENOTSUP, "a limited virtual dataset with numbered sources");
	if (m.source && h5_selection_all(&m.from) && (r = h5_selection_whole(keep, m.source->dims, m.source->rank, &m.from, v->err)) < 0)
		return r;
	if (m.source && (r = h5_selection_check(&m.from, m.source->rank, v->err)) < 0)
		return r;
	if (m.source && (m.from.endless != m.from.rank) != endless)
		return error_set(v->err, ENOTSUP, "a limited virtual dataset whose source is unlimited");
	return endless ? map_endless(v, &m) : finish(v, &m);
}

/* Sets the extent of unlimited dimensions. */
static int set_extent(const struct mappings *v, struct h5_store *s)
{
	bool any = false;
	for (uint32_t i = 0; i < s->rank; i++) {
		any |= v->endless[i];
		if (v->endless[i])
			s->dims[i] = v->reach[i];
	}
	if (any && (!shape_elements(s->dims, s->rank, &s->count) || __builtin_mul_overflow(s->count, s->element, &s->size) ||
		    s->size > INT64_MAX / 8))
		return error_set(v->err, EBADMSG, "a virtual dataset of more than 2^60 bytes");
	return 0;
}

/* Reads one of the two names; in version 1 it may refer to an earlier mapping's. */
static struct slice read_name(const struct h5_file *f, struct cursor *c, bool same, const struct slice *earlier,
			      uint64_t count)
{
	uint64_t which = same ? h5_length(f, c) : 0;
	if (!same)
		return text(c);
	if (which >= count) {
		c->failed = true;
		return (struct slice){0};
	}
	return earlier[which];
}

int h5_mappings_each(const struct h5_store *store, struct arena *s, h5_mapping_fn *each, void *arg, struct error *err)
{
	const struct h5_file *f = store->file;
	struct block *block;
	struct slice bytes;
	int r = h5_global(f, NULL, store->address, store->heap_index, &bytes, &block, err);
	if (r < 0)
		return r;
	bytes.data = (const uint8_t *)arena_text(s, bytes);
	blocks_release(block);
	if (!bytes.data)
		return error_no_memory(err, "a virtual dataset");
	struct cursor c = cursor_over(bytes);
	unsigned version = cursor_u8(&c);
	uint64_t count = cursor_count(&c, h5_length(f, &c), 4);
	if ((r = cursor_check(&c, err, "a virtual dataset's mappings")) < 0)
		return r;
	if (version > 1)
		return error_set(err, ENOTSUP, "a virtual dataset with mappings of version %u", version);
	struct slice *files = arena_array(s, count + 1, sizeof *files), *paths = arena_array(s, count + 1, sizeof *paths);
	if (!files || !paths)
		return error_no_memory(err, "a virtual dataset");
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		unsigned flags = version == 1 ? cursor_u8(&c) : 0;
		files[i] = flags & 4 ? SLICE(".") : read_name(f, &c, flags & 1, files, i);
		paths[i] = read_name(f, &c, flags & 2, paths, i);
		if ((r = cursor_check(&c, err, "a virtual dataset's mapping")) == 0)
			r = each(arg, &c, files[i], paths[i]);
	}
	return r;
}

/* Completes the mappings once all have been read. */
static int settle(struct mappings *v, struct h5_store *ret)
{
	ret->mappings = v->list;
	ret->nmappings = v->count;
	int r = set_extent(v, ret);
	for (uint32_t i = 0; r == 0 && i < v->count; i++) {
		struct h5_mapping *m = &v->list[i];
		if ((r = h5_selection_runs(&v->f->a->arena, &m->to, ret->dims, true, v->err)) == 0)
			r = h5_selection_runs(&v->f->a->arena, &m->from, m->source->dims, false, v->err);
	}
	return r;
}

int h5_virtual(const struct h5_file *f, struct arena *s, const struct h5_type *t, struct h5_store *ret,
	       struct error *err)
{
	struct h5_archive *all = f->a->priv;
	struct mappings v = {.f = f, .s = s, .type = t, .store = ret, .err = err};
	if (ret->address == H5_UNDEFINED)
		return 0; /* no mappings: all fill value */
	if (all->virtual_depth == NESTED_MAX)
		return error_set(err, ENOTSUP, "virtual datasets nested more than %d deep", NESTED_MAX);
	all->virtual_depth++;
	int r = h5_mappings_each(ret, s, read_mapping, &v, err);
	all->virtual_depth--;
	return r < 0 ? r : settle(&v, ret);
}
