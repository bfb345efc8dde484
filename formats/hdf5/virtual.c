/* SPDX-License-Identifier: MIT */
/*
 * Virtual datasets: the "Virtual" storage layout, whose global heap object lists
 * mappings {source file, source dataset, source selection, virtual selection}.
 * Selections are regular hyperslabs or all; element k of one is element k of the
 * other.  What no mapping covers, and what a missing source would, is fill value.
 *
 * Not read, and said so: selections without end, irregular ones, names that stand
 * for many files, sources of another datatype, virtual sources.
 */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

/* Per dimension: `count` blocks of `block`, every `stride` from `start`. */
struct selection {
	uint32_t rank;
	uint64_t elements;
	struct span { uint64_t start, stride, count, block; } *spans;
};

struct h5_mapping {
	const struct h5_store *source; /* NULL: missing */
	struct selection from, to;
};

/* --- the mappings -------------------------------------------------------------------- */

static int check_selection(struct selection *s, uint32_t rank, struct error *err)
{
	uint64_t n, last;
	if (s->rank != rank)
		return error_set(err, EBADMSG, "a selection of rank %" PRIu32 " in a dataset of %" PRIu32, s->rank, rank);
	s->elements = 1;
	for (uint32_t i = 0; i < rank; i++) {
		const struct span *p = &s->spans[i];
		if (p->count == H5_UNDEFINED || p->block == H5_UNDEFINED)
			return error_set(err, ENOTSUP, "a virtual dataset with a selection without end");
		if (p->stride == 0 || (p->count > 1 && p->stride < p->block) || __builtin_mul_overflow(p->count, p->block, &n) ||
		    __builtin_mul_overflow(p->count, p->stride, &last) || __builtin_add_overflow(last, p->start, &last) ||
		    __builtin_add_overflow(last, p->block, &last) || __builtin_mul_overflow(s->elements, n, &s->elements))
			return error_set(err, EBADMSG, "an impossible selection");
	}
	return 0;
}

static int whole(struct arena *keep, const uint64_t *dims, uint32_t rank, struct selection *ret, struct error *err)
{
	ret->rank = rank;
	ret->spans = arena_array(keep, rank + 1u, sizeof *ret->spans);
	if (!ret->spans)
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	for (uint32_t i = 0; i < rank; i++)
		ret->spans[i] = (struct span){0, dims[i] ? dims[i] : 1, 1, dims[i]};
	return 0;
}

static int hyperslab(struct arena *keep, struct cursor *c, uint32_t version, struct selection *ret, struct error *err)
{
	unsigned flags = version == 1 ? 0 : cursor_u8(c), each = version == 3 ? cursor_u8(c) : version == 2 ? 8 : 4;
	cursor_skip(c, version == 1 ? 8 : version == 2 ? 4 : 0);
	ret->rank = cursor_u32le(c);
	int r = cursor_check(c, err, "a selection");
	if (r < 0)
		return r;
	if (version < 1 || version > 3 || each > 8 || each == 0 || ret->rank > H5_RANK_MAX)
		return error_set(err, ENOTSUP, "a selection of version %" PRIu32 " and rank %" PRIu32, version, ret->rank);
	uint64_t none = each == 8 ? UINT64_MAX : (UINT64_C(1) << each * 8) - 1;
	ret->spans = arena_array(keep, ret->rank + 1u, sizeof *ret->spans);
	if (!ret->spans)
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	if (!(flags & 1)) { /* a list of blocks: one is regular, too */
		if (cursor_le(c, each) != 1)
			return error_set(err, ENOTSUP, "a virtual dataset with an irregular selection");
		for (uint32_t i = 0; i < ret->rank; i++)
			ret->spans[i] = (struct span){cursor_le(c, each), 1, 1, 0};
		for (uint32_t i = 0; i < ret->rank; i++) {
			uint64_t end = cursor_le(c, each), start = ret->spans[i].start;
			if (end < start || end == none)
				return error_set(err, EBADMSG, "a selection from %" PRIu64 " to %" PRIu64, start, end);
			ret->spans[i].block = ret->spans[i].stride = end - start + 1;
		}
		return cursor_check(c, err, "a selection");
	}
	for (uint32_t i = 0; i < ret->rank; i++) {
		uint64_t v[4];
		for (unsigned k = 0; k < 4; k++)
			if ((v[k] = cursor_le(c, each)) == none && k >= 2)
				v[k] = H5_UNDEFINED;
		ret->spans[i] = (struct span){v[0], v[1], v[2], v[3]};
	}
	return cursor_check(c, err, "a selection");
}

/* spans stays NULL for "all", which the dataset's own extent settles. */
static int read_selection(struct arena *keep, struct cursor *c, struct selection *ret, struct error *err)
{
	uint32_t type = cursor_u32le(c), version = cursor_u32le(c);
	*ret = (struct selection){0};
	if (type == 2)
		return hyperslab(keep, c, version, ret, err);
	if (type != 3)
		return error_set(err, ENOTSUP, "a virtual dataset with a selection of type %" PRIu32, type);
	cursor_skip(c, 8);
	return cursor_check(c, err, "a selection");
}

/* The source dataset as it is now; `exists` is false for one that is not there. */
static int open_dataset(const struct h5_file *f, struct arena *s, struct slice path, const struct h5_type *type,
			const struct h5_store **ret, struct error *err)
{
	struct h5_header h;
	struct h5_type own;
	struct h5_space space;
	struct cursor c;
	uint64_t address = H5_UNDEFINED;
	int r = h5_find(f, s, path, &address, err);
	if (r < 0 || address == H5_UNDEFINED)
		return r;
	if ((r = h5_header(f, s, address, &h, err)) < 0)
		return r;
	if (!h5_message(f, s, &h, H5_DATATYPE, &c, &r, err) || (r = h5_datatype(f, s, &c, &own, err)) < 0 ||
	    !h5_message(f, s, &h, H5_DATASPACE, &c, &r, err) || (r = h5_dataspace(f, c, &space, err)) < 0)
		return r < 0 ? r : error_set(err, EBADMSG, "a virtual dataset's source is no dataset");
	if (own.has_vlen || !h5_type_equal(&own, type))
		return error_set(err, ENOTSUP, "a virtual dataset whose source has another datatype");
	if (h5_message(f, s, &h, H5_LAYOUT, &c, &r, err) && cursor_u8(&c) >= 4 && cursor_u8(&c) == H5_VIRTUAL)
		return error_set(err, ENOTSUP, "a virtual dataset whose source is virtual, too");
	struct h5_store *store = arena_alloc(&f->a->arena, sizeof *store);
	if (!store)
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	*ret = store;
	return h5_store(f, s, &h, &own, &space, store, err);
}

/* Files that several mappings name are opened once. */
struct opened {
	struct slice name;
	const struct h5_file *file; /* NULL: not there */
};

static int open_file(const struct h5_file *f, struct arena *s, struct slice name, struct opened *last,
		     const struct h5_file **ret, struct error *err)
{
	struct error why = {0};
	struct h5_file *other;
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
		return error_set(err, EIO, "a virtual dataset's source cannot be had: %s", why.text);
	source_rest(archive_source(f->a, number)); /* there may be thousands */
	if (!(other = arena_alloc(&f->a->arena, sizeof *other)))
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	*other = (struct h5_file){.a = f->a, .number = number};
	r = h5_superblock(other, s, err);
	last->file = *ret = other;
	return r;
}

static struct slice text(struct cursor *c)
{
	const uint8_t *end = c->failed ? NULL : memchr(c->pos, 0, cursor_left(c));
	struct slice s = cursor_take(c, end ? (size_t)(end - c->pos) : cursor_left(c) + 1);
	cursor_skip(c, 1);
	return s;
}

static int read_mapping(const struct h5_file *f, struct arena *s, struct cursor *c, const struct h5_type *type,
			const struct h5_store *store, struct opened *last, struct h5_mapping *m, struct error *err)
{
	struct arena *keep = &f->a->arena;
	struct slice file = text(c), path = text(c);
	const struct h5_file *other;
	int r = read_selection(keep, c, &m->from, err);
	if (r < 0 || (r = read_selection(keep, c, &m->to, err)) < 0)
		return r;
	if (memchr(file.data, '%', file.len) || memchr(path.data, '%', path.len))
		return error_set(err, ENOTSUP, "a virtual dataset with names that stand for many sources");
	if ((r = open_file(f, s, file, last, &other, err)) < 0 || !other ||
	    (r = open_dataset(other, s, path, type, &m->source, err)) < 0 || !m->source)
		return r;
	if (!m->to.spans && (r = whole(keep, store->dims, store->rank, &m->to, err)) < 0)
		return r;
	if (!m->from.spans && (r = whole(keep, m->source->dims, m->source->rank, &m->from, err)) < 0)
		return r;
	if ((r = check_selection(&m->to, store->rank, err)) < 0 ||
	    (r = check_selection(&m->from, m->source->rank, err)) < 0)
		return r;
	if (m->to.elements != m->from.elements)
		return error_set(err, ENOTSUP, "a virtual dataset that maps %" PRIu64 " elements to %" PRIu64, m->from.elements,
				 m->to.elements);
	return 0;
}

int h5_virtual(const struct h5_file *f, struct arena *s, uint64_t address, uint32_t index, const struct h5_type *t,
	       struct h5_store *ret, struct error *err)
{
	struct block *block;
	struct slice bytes;
	struct opened last = {0};
	if (address == H5_UNDEFINED)
		return 0; /* maps nothing: all fill value */
	int r = h5_global(f, NULL, address, index, &bytes, &block, err);
	if (r < 0)
		return r;
	bytes.data = (const uint8_t *)arena_text(s, bytes);
	blocks_release(block);
	if (!bytes.data)
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	struct cursor c = cursor_over(bytes);
	unsigned version = cursor_u8(&c);
	uint64_t count = cursor_count(&c, h5_length(f, &c), 4);
	if ((r = cursor_check(&c, err, "a virtual dataset's mappings")) < 0)
		return r;
	if (version != 0)
		return error_set(err, ENOTSUP, "a virtual dataset with mappings of version %u", version);
	struct h5_mapping *list = arena_array(&f->a->arena, count + 1, sizeof *list);
	if (!list)
		return error_set(err, ENOMEM, "no memory for a virtual dataset");
	for (uint64_t i = 0; r == 0 && i < count; i++)
		r = read_mapping(f, s, &c, t, ret, &last, &list[i], err);
	ret->mappings = list;
	ret->nmappings = (uint32_t)count;
	return r;
}

/* --- reading -------------------------------------------------------------------------- */

/* Which of the selected coordinates x is, and how many follow it without a gap;
 * false if it is not selected, and then how many follow that are not, either. */
static bool ordinal(const struct span *p, uint64_t x, uint64_t *ret, uint64_t *run)
{
	if (p->count == 0 || p->block == 0) {
		*run = UINT64_MAX;
		return false;
	}
	if (x < p->start) {
		*run = p->start - x;
		return false;
	}
	uint64_t rel = x - p->start, i = rel / p->stride, in = rel % p->stride;
	if (p->count == 1) {
		i = rel < p->block ? 0 : 1;
		in = rel;
	}
	if (i >= p->count) {
		*run = UINT64_MAX;
		return false;
	}
	if (in >= p->block) {
		*run = p->stride - in;
		return false;
	}
	*ret = i * p->block + in;
	*run = p->block - in;
	return true;
}

/* Element k of the selection in its source: its number there, and how many lie
 * together; false where the source has shrunk below it. */
static bool locate(const struct h5_mapping *m, uint64_t k, uint64_t *ret, uint64_t *run)
{
	const struct h5_store *s = m->source;
	uint64_t at[H5_RANK_MAX];
	bool inside = true;
	*run = 1;
	*ret = 0;
	for (uint32_t i = s->rank; i-- > 0;) {
		const struct span *p = &m->from.spans[i];
		uint64_t n = p->count * p->block, j = k % n;
		k /= n;
		at[i] = p->start + j / p->block * p->stride + j % p->block;
		inside &= at[i] < s->dims[i];
		if (i == s->rank - 1) {
			*run = p->block - j % p->block;
			if (inside && *run > s->dims[i] - at[i])
				*run = s->dims[i] - at[i];
		}
	}
	for (uint32_t i = 0; i < s->rank; i++)
		*ret = *ret * s->dims[i] + at[i];
	return inside;
}

/* The part of one row of the virtual dataset that one mapping covers. */
static int map_row(const struct h5_store *s, const struct h5_mapping *m, struct block *within, const uint64_t *at,
		   uint64_t count, uint8_t *out, struct error *err)
{
	uint64_t k = 0, n, run = 1, last = 0;
	for (uint32_t i = 0; i + 1 < s->rank; i++) {
		uint64_t here;
		if (!ordinal(&m->to.spans[i], at[i], &here, &run))
			return 0;
		k = (k + here) * (m->to.spans[i + 1].count * m->to.spans[i + 1].block);
	}
	for (uint64_t done = 0; done < count; done += run) {
		uint64_t from;
		bool in = s->rank == 0 || ordinal(&m->to.spans[s->rank - 1], at[s->rank - 1] + done, &last, &run);
		if (run > count - done)
			run = count - done;
		if (!in)
			continue;
		bool there = locate(m, k + last, &from, &n);
		if (run > n)
			run = n;
		int r = there ? h5_store_read(m->source, within, from * s->element, run * s->element, out + done * s->element, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_rows(const struct h5_store *s, struct block *within, uint64_t first, uint64_t count, uint8_t *out,
		     struct error *err)
{
	uint64_t row = s->rank ? s->dims[s->rank - 1] : 1;
	int r = 0;
	while (r == 0 && count > 0) {
		uint64_t at[H5_RANK_MAX] = {0}, rest = first, some = row - first % row;
		for (uint32_t i = s->rank; i-- > 0; rest /= s->dims[i])
			at[i] = rest % s->dims[i];
		some = some < count ? some : count;
		for (uint32_t i = 0; r == 0 && i < s->nmappings; i++)
			if (s->mappings[i].source && s->mappings[i].to.elements)
				r = map_row(s, &s->mappings[i], within, at, some, out, err);
		first += some;
		count -= some;
		out += some * s->element;
	}
	return r;
}

int h5_virtual_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		    struct error *err)
{
	uint64_t first = offset / s->element, count = (offset + len - 1) / s->element - first + 1;
	struct arena scratch = {.limit = s->file->a->arena.limit};
	bool aligned = offset % s->element == 0 && len % s->element == 0;
	uint8_t *buf = aligned ? out : arena_alloc(&scratch, count * s->element);
	int r = buf ? 0 : error_set(err, ENOMEM, "no memory for %" PRIu64 " elements", count);
	if (r == 0) {
		h5_fill(s, first * s->element, count * s->element, buf);
		r = read_rows(s, within, first, count, buf, err);
	}
	if (r == 0 && !aligned)
		memcpy(out, buf + offset % s->element, (size_t)len);
	arena_free(&scratch);
	return r;
}
