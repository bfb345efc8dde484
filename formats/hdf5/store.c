/* SPDX-License-Identifier: MIT */
/* Where a dataset's bytes lie: the messages "Data Layout", "Fill Value" and
 * "External Data Files" (chapter IV.A.2). */
#include "formats/hdf5/store.h"

#include <inttypes.h>

struct parse {
	const struct h5_file *f;
	struct arena *keep;           /* for what the store points at */
	struct arena *s;              /* scratch memory */
	const struct h5_header *h;
	const struct h5_type *type;
	const struct h5_space *space;
	struct h5_store *store;
	struct error *err;
	bool opens; /* may it open other files? */
};

static uint64_t *numbers(struct parse *p, size_t count)
{
	return arena_array(p->keep, count ? count : 1, sizeof(uint64_t));
}

/* --- the fill value ------------------------------------------------------------------ */

enum { FILL_NEVER = 1 }; /* when the fill value is written; the others: with the storage, or if set */

static int read_fill(struct parse *p)
{
	struct cursor c;
	int r;
	uint64_t len = 0;
	if (h5_message(p->f, p->s, p->h, H5_FILL, &c, &r, p->err)) {
		unsigned version = cursor_u8(&c), flags = cursor_u8(&c);
		if (version == 1 || version == 2) {
			p->store->unfilled = cursor_u8(&c) == FILL_NEVER;
			unsigned defined = cursor_u8(&c);
			if (version == 1 || defined)
				len = cursor_u32le(&c);
			if (len > INT32_MAX || !defined)
				len = 0;
		} else if (version == 3) {
			p->store->unfilled = (flags >> 2 & 3) == FILL_NEVER;
			len = flags & 0x20 ? cursor_u32le(&c) : 0;
		} else {
			return error_set(p->err, ENOTSUP, "a fill value of version %u", version);
		}
	} else if (r == 0 && h5_message(p->f, p->s, p->h, H5_FILL_OLD, &c, &r, p->err)) {
		len = cursor_u32le(&c);
	} else {
		return r;
	}
	struct slice value = cursor_take(&c, len);
	if ((r = cursor_check(&c, p->err, "a fill value")) < 0 || value.len == 0)
		return r;
	if (value.len != p->type->size)
		return error_set(p->err, EBADMSG, "a fill value of %zu bytes for elements of %" PRIu32, value.len, p->type->size);
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i]) { /* all zeros need not be kept */
			p->store->fill = (const uint8_t *)arena_text(p->keep, value);
			return p->store->fill ? 0 : error_no_memory(p->err, "a fill value");
		}
	return 0;
}

/* --- the layout ------------------------------------------------------------------------ */

static int set_chunks(struct parse *p, const uint64_t *dims, unsigned rank)
{
	struct h5_store *s = p->store;
	uint64_t bytes = s->element, count = 1;
	if (rank != s->rank + 1 || s->rank == 0)
		return error_set(p->err, EBADMSG, "chunks of rank %u in a dataset of rank %" PRIu32, rank ? rank - 1 : 0, s->rank);
	if (!(s->chunk = numbers(p, s->rank)) || !(s->chunks = numbers(p, s->rank)) || !(s->max_chunks = numbers(p, s->rank)))
		return error_no_memory(p->err, "a dataset");
	s->flat = true;
	for (uint32_t i = 0; i < s->rank; i++) {
		if (dims[i] == 0)
			return error_set(p->err, EBADMSG, "chunks of no extent in dimension %" PRIu32, i);
		s->chunk[i] = dims[i];
		s->chunks[i] = s->dims[i] / dims[i] + (s->dims[i] % dims[i] != 0);
		uint64_t max = p->space->max[i];
		s->max_chunks[i] = max == H5_UNDEFINED ? H5_UNDEFINED : max / dims[i] + (max % dims[i] != 0);
		s->flat &= i == 0 || dims[i] == s->dims[i];
		if (__builtin_mul_overflow(bytes, dims[i], &bytes) || bytes > UINT32_MAX)
			return error_set(p->err, ENOTSUP, "chunks of more than 4 GiB");
		if (__builtin_mul_overflow(count, s->chunks[i], &count))
			return error_set(p->err, EBADMSG, "more chunks than 64 bits count");
	}
	if (dims[s->rank] != s->element)
		return error_set(p->err, EBADMSG, "chunks of elements of %" PRIu64 " bytes in a dataset of %" PRIu32, dims[s->rank],
				 s->element);
	s->chunk_bytes = bytes;
	s->nchunks = count;
	s->storage = H5_CHUNKED;
	return 0;
}

/* Versions 1 to 3 have only one kind of chunk index. */
static int read_old_layout(struct parse *p, struct cursor *c, unsigned version)
{
	struct h5_store *s = p->store;
	unsigned rank = 0, class = 0;
	uint64_t dims[H5_RANK_MAX + 1] = {0};
	if (version < 3) {
		rank = cursor_u8(c);
		class = cursor_u8(c);
		cursor_skip(c, 5);
		if (class != H5_COMPACT)
			s->address = h5_address(p->f, c);
	} else {
		class = cursor_u8(c);
		if (class == H5_CHUNKED)
			rank = cursor_u8(c);
		if (class == H5_CHUNKED || class == H5_CONTIGUOUS)
			s->address = h5_address(p->f, c);
	}
	if (class > H5_CHUNKED)
		return error_set(p->err, EBADMSG, "a data layout of version %u and class %u", version, class);
	if (rank > H5_RANK_MAX + 1)
		return error_set(p->err, EBADMSG, "a layout of rank %u", rank);
	for (unsigned i = 0; i < rank; i++)
		dims[i] = cursor_u32le(c);
	s->storage = (uint8_t)class;
	s->index = H5_BTREE1;
	if (class == H5_COMPACT)
		s->compact = cursor_take(c, version < 3 ? cursor_u32le(c) : cursor_u16le(c));
	int r = cursor_check(c, p->err, "a data layout");
	return r == 0 && class == H5_CHUNKED ? set_chunks(p, dims, rank) : r;
}

/* In an index, the size of a chunk takes as many bytes as it could need; from version 5 on, as
 * many as a length. */
static void set_size_bytes(struct h5_store *s, unsigned version)
{
	unsigned n = 1 + (h5_log2(s->chunk_bytes) + 8) / 8;
	s->size_bytes = (uint8_t)(version >= 5 ? s->file->lengths : n > 8 ? 8 : n);
}

static int read_chunked(struct parse *p, struct cursor *c, unsigned version)
{
	struct h5_store *s = p->store;
	uint64_t dims[H5_RANK_MAX + 1] = {0};
	unsigned flags = cursor_u8(c), rank = cursor_u8(c), each = cursor_u8(c);
	if (rank > H5_RANK_MAX + 1 || each == 0 || each > 8)
		return error_set(p->err, EBADMSG, "a layout of rank %u with dimensions of %u bytes", rank, each);
	for (unsigned i = 0; i < rank; i++)
		dims[i] = cursor_le(c, each);
	s->index = cursor_u8(c);
	s->unfiltered_edges = flags & 1;
	int r = cursor_check(c, p->err, "a data layout");
	if (r < 0 || (r = set_chunks(p, dims, rank)) < 0)
		return r;
	switch (s->index) {
	case H5_SINGLE:
		s->single_size = s->chunk_bytes;
		if (flags & 2) {
			s->single_size = h5_length(p->f, c);
			s->single_mask = cursor_u32le(c);
		}
		break;
	case H5_IMPLICIT:
		break;
	case H5_FIXED_ARRAY:
		cursor_skip(c, 1);
		break;
	case H5_EXTENSIBLE:
		cursor_skip(c, 5);
		break;
	case H5_BTREE2:
		cursor_skip(c, 6);
		break;
	default:
		return error_set(p->err, ENOTSUP, "a chunk index of type %u", s->index);
	}
	s->address = h5_address(p->f, c);
	set_size_bytes(s, version);
	return cursor_check(c, p->err, "a data layout");
}

int h5_changed(struct error *err)
{
	return error_set(err, EIO, "the dataset has changed since it was listed");
}

/* Datasets that need other files were listed with them, so a reader never meets one. */
static int may_open_files(struct parse *p)
{
	p->store->needs_files = true;
	return p->opens ? 0 : h5_changed(p->err);
}

static int read_layout(struct parse *p)
{
	struct h5_store *s = p->store;
	struct cursor c;
	int r;
	if (!h5_message(p->f, p->s, p->h, H5_LAYOUT, &c, &r, p->err))
		return r < 0 ? r : error_set(p->err, EBADMSG, "a dataset without a layout");
	unsigned version = cursor_u8(&c);
	if (version >= 1 && version <= 3)
		return read_old_layout(p, &c, version);
	if (version < 4 || version > 5)
		return error_set(p->err, ENOTSUP, "a data layout of version %u", version);
	s->storage = cursor_u8(&c);
	switch (s->storage) {
	case H5_COMPACT:
		s->compact = cursor_take(&c, cursor_u16le(&c));
		break;
	case H5_CONTIGUOUS:
		s->address = h5_address(p->f, &c);
		break;
	case H5_CHUNKED:
		return read_chunked(p, &c, version);
	case H5_VIRTUAL: {
		s->address = h5_address(p->f, &c);
		s->heap_index = cursor_u32le(&c);
		r = cursor_check(&c, p->err, "a data layout");
		s->unfilled = false; /* there the fill value is what no source covers */
		if (r == 0)
			r = may_open_files(p);
		return r < 0 ? r : h5_virtual(p->f, p->s, p->type, s, p->err);
	}
	default:
		return error_set(p->err, ENOTSUP, "a data layout of class %u", s->storage);
	}
	return cursor_check(&c, p->err, "a data layout");
}

/* --- the whole store --------------------------------------------------------------------------- */

static int check_store(struct parse *p)
{
	struct h5_store *s = p->store;
	struct error why = {0};
	if (s->storage == H5_COMPACT) {
		if (s->compact.len < s->size)
			return error_set(p->err, EBADMSG, "%zu bytes for a dataset of %" PRIu64, s->compact.len, s->size);
		s->compact.data = (const uint8_t *)arena_text(p->keep, s->compact);
		if (!s->compact.data)
			return error_no_memory(p->err, "a dataset");
	}
	/* Only reported: chunks that were never written, and those that skipped the filter, can
	 * still be read. */
	if (s->storage == H5_CHUNKED && h5_pipeline_check(&s->pipeline, 0, &why) < 0 &&
	    !(s->fault = arena_printf(p->keep, "%s", why.text)))
		return error_no_memory(p->err, "a dataset");
	if (s->storage == H5_CONTIGUOUS && s->address == H5_UNDEFINED)
		s->storage = H5_UNWRITTEN;
	return 0;
}

static int read_all(struct parse *p)
{
	struct cursor c;
	int r = read_fill(p);
	if (r < 0)
		return r;
	if (h5_message(p->f, p->s, p->h, H5_FILTERS, &c, &r, p->err))
		r = h5_filters(p->keep, c, &p->store->pipeline, p->err);
	if (r < 0 || (r = read_layout(p)) < 0)
		return r;
	if (p->store->storage == H5_CONTIGUOUS && h5_has(p->h, H5_EXTERNAL)) {
		if ((r = may_open_files(p)) < 0 || (r = h5_externals(p->f, p->s, p->h, p->store, p->err)) < 0)
			return r;
	}
	return check_store(p);
}

int h5_store(const struct h5_file *f, struct arena *keep, struct arena *s, const struct h5_header *h, const struct h5_type *t,
	     const struct h5_space *space, bool opens, struct h5_store *ret, struct error *err)
{
	struct error why = {0};
	struct parse p = {f, keep, s, h, t, space, ret, &why, opens};
	*ret = (struct h5_store){.file = f, .element = t->size, .rank = space->rank, .count = space->count, .address = H5_UNDEFINED};
	if (__builtin_mul_overflow(space->count, t->size, &ret->size) || ret->size > INT64_MAX / 8)
		return error_set(err, EBADMSG, "%" PRIu64 " elements of %" PRIu32 " bytes are more than 2^60 bytes", space->count, t->size);
	if (!(ret->dims = numbers(&p, space->rank)))
		return error_no_memory(err, "a dataset");
	memcpy(ret->dims, space->dims, space->rank * sizeof *ret->dims);
	int r = read_all(&p);
	if (error_passes(r))
		return error_set(err, -r, "%s", why.text);
	if (r < 0) {
		ret->storage = H5_FAULT;
		ret->code = EIO;
		ret->fault = arena_printf(keep, "%s", why.text);
	}
	if (r < 0 && !ret->fault)
		return error_no_memory(err, "a dataset");
	return h5_sources(s, ret, err);
}

static int contiguous(const struct h5_store *s, uint64_t offset, uint64_t len, uint64_t *ret, struct error *err)
{
	uint64_t at = 0;
	struct source *src = h5_source(s->file);
	if (__builtin_add_overflow(s->address, s->file->base, &at) || __builtin_add_overflow(at, offset, &at) ||
	    !range_within(at, len, src->size))
		return error_set(err, EIO, "%" PRIu64 " bytes at %" PRIu64 " + %" PRIu64 " of a file of %" PRIu64, len, s->address, offset,
				 src->size);
	*ret = at;
	return 0;
}

int h5_store_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		  struct error *err)
{
	uint64_t at = 0;
	int r;
	if (!range_within(offset, len, s->size))
		return error_set(err, EIO, "%" PRIu64 " bytes at %" PRIu64 " of a dataset of %" PRIu64, len, offset, s->size);
	if (len == 0)
		return 0;
	switch ((enum h5_storage)s->storage) {
	case H5_COMPACT:
		memcpy(out, s->compact.data + offset, (size_t)len);
		return 0;
	case H5_CONTIGUOUS:
		r = contiguous(s, offset, len, &at, err);
		return r < 0 ? r : source_read(h5_source(s->file), at, out, (size_t)len, err);
	case H5_CHUNKED:
		return h5_chunks_copy(s, within, false, offset, len, out, err);
	case H5_VIRTUAL:
		return h5_virtual_read(s, within, offset, len, out, err);
	case H5_EXTERNALS:
		return h5_externals_read(s, offset, len, out, err);
	case H5_UNWRITTEN:
		h5_fill(s, offset, len, out);
		return 0;
	case H5_FAULT:
		break;
	}
	return error_set(err, s->code ? s->code : EIO, "%s", s->fault);
}

int h5_store_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *own;
	int r;
	if (s->storage == H5_CHUNKED)
		return h5_chunks_answer(s, offset, len, ret, err);
	if (s->storage == H5_UNWRITTEN && (!s->fill || s->unfilled))
		return answer_zeros(ret, len);
	r = answer_own(ret, (size_t)len, &own);
	return r < 0 ? error_set(err, ENOMEM, "no memory for %" PRIu64 " bytes", len) : h5_store_read(s, NULL, offset, len, own, err);
}
