/* SPDX-License-Identifier: MIT */
/* The message "External Data Files": a dataset's bytes are in files below the archive's directory. */
#include "formats/hdf5/store.h"

#include <inttypes.h>

static int read_external(const struct h5_file *f, struct h5_external *e, struct cursor *c,
			 const struct h5_local_heap *heap, uint64_t left, struct error *err)
{
	struct slice name;
	struct error why = {0};
	uint64_t at = h5_length(f, c);
	e->offset = h5_length(f, c);
	e->size = h5_length(f, c);
	int r = cursor_check(c, err, "a list of external files");
	if (r < 0 || (r = h5_local_text(heap, at, &name, err)) < 0)
		return r;
	if (e->size > left)
		e->size = left;
	if ((r = archive_sibling(f->a, name, REACH_BENEATH, &e->source, &why)) == 0)
		return 0;
	if (error_passes(r))
		return error_set(err, -r, "%s", why.text);
	e->fault = arena_printf(&f->a->arena, "its external file cannot be had: %s", why.text);
	return e->fault ? 0 : error_no_memory(err, "a dataset");
}

int h5_externals(const struct h5_file *f, struct arena *scratch, const struct h5_header *h, struct h5_store *s,
		 struct error *err)
{
	struct h5_local_heap heap;
	struct cursor c;
	int r;
	if (!h5_message(f, scratch, h, H5_EXTERNAL, &c, &r, err))
		return r;
	unsigned version = cursor_u8(&c);
	cursor_skip(&c, 5);
	unsigned used = cursor_u16le(&c);
	uint64_t heap_at = h5_address(f, &c), left = s->size;
	s->nexternals = (uint32_t)cursor_count(&c, used, 3u * f->lengths);
	if ((r = cursor_check(&c, err, "a list of external files")) < 0)
		return r;
	if (version != 1)
		return error_set(err, ENOTSUP, "a list of external files of version %u", version);
	struct h5_external *list = arena_array(&f->a->arena, s->nexternals, sizeof *list);
	if (!list && s->nexternals)
		return error_no_memory(err, "a dataset");
	r = h5_local_heap(f, scratch, heap_at, &heap, err);
	for (uint32_t i = 0; r == 0 && i < s->nexternals; i++) {
		r = read_external(f, &list[i], &c, &heap, left, err);
		left -= list[i].size;
	}
	s->externals = list;
	s->storage = H5_EXTERNALS;
	return r;
}

static int external_part(const struct h5_store *s, const struct h5_external *e, uint64_t offset, uint64_t len, uint8_t *out,
			 struct error *err)
{
	uint64_t at, have = 0;
	if (e->fault)
		return error_set(err, EIO, "%s", e->fault);
	struct source *src = archive_source(s->file->a, e->source);
	if (__builtin_add_overflow(e->offset, offset, &at))
		return error_set(err, EBADMSG, "an offset in an external file that exceeds 64 bits");
	if (at < src->size)
		have = src->size - at < len ? src->size - at : len;
	memset(out + have, 0, (size_t)(len - have));
	return have ? source_read(src, at, out, (size_t)have, err) : 0;
}

int h5_externals_read(const struct h5_store *s, uint64_t offset, uint64_t len, uint8_t *out, struct error *err)
{
	uint64_t start = 0;
	int r = 0;
	for (uint32_t i = 0; r == 0 && len > 0 && i < s->nexternals; i++) {
		const struct h5_external *e = &s->externals[i];
		if (offset - start < e->size) {
			uint64_t some = e->size - (offset - start);
			some = some < len ? some : len;
			r = external_part(s, e, offset - start, some, out, err);
			offset += some;
			out += some;
			len -= some;
		}
		start += e->size;
	}
	if (r == 0 && len > 0)
		r = error_set(err, EIO, "external files that end %" PRIu64 " bytes too early", len);
	return r;
}
