/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <libdeflate.h>

#include "formats/parquet/page_index.h"
#include "formats/parquet/thrift.h"

enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2, DATA_PAGE_V2 = 3 };

/* --- headers ------------------------------------------------------------------ */

static void read_v1(struct cursor *c, struct pq_page_header *ret)
{
	struct pq_thrift_field f = {0};
	ret->data = true;
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_i32(c, &f, &ret->values); break;
		case 2: pq_thrift_i32(c, &f, &ret->encoding); break;
		case 3: pq_thrift_i32(c, &f, &ret->def_encoding); break;
		case 4: pq_thrift_i32(c, &f, &ret->rep_encoding); break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

static void read_dictionary(struct cursor *c, struct pq_page_header *ret)
{
	struct pq_thrift_field f = {0};
	ret->dictionary = true;
	while (pq_thrift_field(c, &f)) {
		if (f.id == 1)
			pq_thrift_i32(c, &f, &ret->values);
		else if (f.id == 2)
			pq_thrift_i32(c, &f, &ret->encoding);
		else
			pq_thrift_skip(c, &f);
	}
}

static void read_v2(struct cursor *c, struct pq_page_header *ret)
{
	struct pq_thrift_field f = {0};
	ret->data = ret->v2 = true;
	ret->def_encoding = ret->rep_encoding = RLE;
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_i32(c, &f, &ret->values); break;
		case 2: pq_thrift_i32(c, &f, &ret->nulls); break;
		case 3: pq_thrift_i32(c, &f, &ret->rows); break;
		case 4: pq_thrift_i32(c, &f, &ret->encoding); break;
		case 5: pq_thrift_i32(c, &f, &ret->def_bytes); break;
		case 6: pq_thrift_i32(c, &f, &ret->rep_bytes); break;
		case 7: pq_thrift_bool(c, &f, &ret->compressed); break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

static void read_header(struct cursor *c, struct pq_page_header *ret)
{
	struct pq_thrift_field f = {0};
	int64_t crc = 0;

	*ret = (struct pq_page_header){.type = -1, .size = -1, .stored = -1, .values = -1, .encoding = -1, .compressed = true};
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_i32(c, &f, &ret->type); break;
		case 2: pq_thrift_i32(c, &f, &ret->size); break;
		case 3: pq_thrift_i32(c, &f, &ret->stored); break;
		case 4:
			ret->has_crc = true;
			pq_thrift_int(c, &f, &crc); /* written as signed and as unsigned */
			ret->crc = (int32_t)(uint32_t)crc;
			break;
		case 5:
			if (pq_thrift_struct(c, &f))
				read_v1(c, ret);
			break;
		case 7:
			if (pq_thrift_struct(c, &f))
				read_dictionary(c, ret);
			break;
		case 8:
			if (pq_thrift_struct(c, &f))
				read_v2(c, ret);
			break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

int pq_page_header(struct cursor *c, struct pq_page_header *ret, struct error *err)
{
	read_header(c, ret);
	if (c->failed)
		return error_set(err, EBADMSG, "a page header is cut short");
	if (ret->size < 0 || ret->stored < 0)
		return error_set(err, EBADMSG, "a page of %d bytes, %d uncompressed", ret->stored, ret->size);
	bool sound = ret->type == DATA_PAGE ? ret->data && !ret->v2
		   : ret->type == DATA_PAGE_V2 ? ret->v2
		   : ret->type == DICTIONARY_PAGE ? ret->dictionary : true;
	if (!sound || ((ret->data || ret->dictionary) && ret->values < 0))
		return error_set(err, EBADMSG, "a page of type %d with %d values", ret->type, ret->values);
	ret->data = ret->type == DATA_PAGE || ret->type == DATA_PAGE_V2;
	ret->v2 = ret->type == DATA_PAGE_V2;
	ret->dictionary = ret->type == DICTIONARY_PAGE;
	return 0;
}

/* --- finding the pages of a chunk ----------------------------------------------- */

struct walk {
	struct slice chunk;   /* at `at` in the file */
	uint64_t at;
	struct pages *pages;  /* NULL: only count */
	uint32_t count;
	uint64_t dictionary_at;
};

static void note_page(struct walk *w, uint64_t at, uint64_t first)
{
	if (w->pages && w->count < w->pages->count)
		w->pages->page[w->count] = (struct page){at, first};
	w->count++;
}

/* Goes from header to header; call between source_enter() and source_leave(). If a
 * header is corrupt, the rest becomes one last page without a location. */
static void walk_pages(struct walk *w, uint64_t values)
{
	struct cursor c = cursor_over(w->chunk);
	uint64_t first = 0;
	bool begun = false;

	while (first < values) {
		uint64_t at = w->at + cursor_at(&c);
		struct pq_page_header h;
		if (pq_page_header(&c, &h, NULL) < 0 || (uint64_t)h.stored > cursor_left(&c) ||
		    (h.dictionary && (begun || w->dictionary_at)) || (h.data && (uint64_t)h.values > values - first)) {
			note_page(w, UINT64_MAX, first);
			return;
		}
		if (h.dictionary)
			w->dictionary_at = at;
		if (h.data && h.values > 0) {
			note_page(w, at, first);
			first += (uint64_t)h.values;
			begun = true;
		}
		cursor_skip(&c, (uint64_t)h.stored);
	}
}

/* Where a chunk begins: at its dictionary, if that offset is right. Some writers put the
 * chunk's start into data_page_offset, which walk_pages() copes with. */
static int chunk_range(struct archive *a, const struct chunk *chunk, uint64_t *ret_at, uint64_t *ret_end, struct error *err)
{
	const struct parquet *p = a->priv;
	int64_t at = chunk->data_at;
	uint64_t size = p->footer_at;

	if (chunk->dictionary_at > 0 && chunk->dictionary_at < at)
		at = chunk->dictionary_at;
	if (chunk->values < 0 || at < 0 || chunk->bytes < 0 || !range_within((uint64_t)at, (uint64_t)chunk->bytes, size))
		return error_set(err, EBADMSG, "a chunk of %" PRId64 " bytes at %" PRId64 " lies outside the file", chunk->bytes, at);
	*ret_at = (uint64_t)at;
	*ret_end = (uint64_t)at + (uint64_t)chunk->bytes;
	if (p->writer & WRITER_SHORT_CHUNKS)
		*ret_end = size - *ret_end < 100 ? size : *ret_end + 100;
	return 0;
}

/* Uses the offset index if it can be trusted, else goes from header to header. The first
 * pass only counts. */
static int find_pages(struct archive *a, const struct leaf *leaf, const struct chunk *chunk, uint64_t at, uint64_t end,
		      struct block *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	uint64_t values = (uint64_t)chunk->values, dictionary = 0;
	struct walk w = {.at = at};
	uint32_t count = 0;
	int r = source_map(&a->source, at, end - at, &w.chunk, err);

	if (r < 0)
		return r;
	bool indexed = leaf->max_rep == 0 && pq_offset_index_pages(a, chunk, at, end, NULL, &count, &dictionary);
	if (!indexed) {
		walk_pages(&w, values);
		count = w.count;
	}
	size_t len = sizeof *w.pages + ((size_t)count + 1) * sizeof *w.pages->page;
	w.pages = (struct pages *)(void *)block_room(ret, len, err);
	if (!w.pages)
		return -ENOMEM;
	memset(w.pages, 0xff, len);
	w.pages->count = count;
	w.count = 0;
	w.dictionary_at = 0;
	if (!indexed)
		walk_pages(&w, values);
	else if (!pq_offset_index_pages(a, chunk, at, end, w.pages, &w.count, &w.dictionary_at))
		w.count = count - 1;
	if (w.count != count)
		return error_set(err, EIO, "the file changed while it was read");
	w.pages->dictionary_at = w.dictionary_at;
	w.pages->end = end;
	w.pages->codec = (uint16_t)pq_chunk_codec(chunk->codec);
	w.pages->indexed = indexed;
	w.pages->compressed = p->writer & WRITER_COMPRESSES_ALWAYS;
	w.pages->page[count] = (struct page){end, values};
	return 0;
}

int pq_pages_decode(struct archive *a, struct leaf *leaf, uint64_t group, struct block *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	struct chunk chunk;
	uint64_t at = 0, end = 0, rows = p->first_row[group + 1] - p->first_row[group];
	int r = pq_chunk_of(a, leaf, (uint32_t)group, &chunk, err);
	if (r == 0)
		r = pq_chunk_readable(leaf, &chunk, err);
	if (r == 0)
		r = chunk_range(a, &chunk, &at, &end, err);
	if (r < 0)
		return r;
	if (leaf->max_rep == 0 ? (uint64_t)chunk.values != rows : (uint64_t)chunk.values < rows)
		return error_set(err, EBADMSG, "%" PRId64 " values in a row group of %" PRIu64 " rows", chunk.values, rows);

	source_enter(&a->source);
	r = find_pages(a, leaf, &chunk, at, end, ret, err);
	source_leave(&a->source, 0, 0, err); /* a truncated file shows up as a corrupt header */
	return r;
}

/* --- one page ------------------------------------------------------------------- */

static int decompress(const struct pages *pages, struct slice in, size_t len, struct block *scratch,
		      struct slice straight, struct slice *ret, struct error *err)
{
	uint8_t *out = straight.len == len ? (uint8_t *)(uintptr_t)straight.data : NULL;
	if (len == 0 && in.len == 0) {
		*ret = (struct slice){in.data, 0};
		return 0;
	}
	if (!out && !(out = block_scratch(scratch, len, err)))
		return -ENOMEM;
	const struct codec_memory memory = block_memory(scratch);
	*ret = (struct slice){out, len};
	return codec_run(pages->codec, in, out, len, &memory, err);
}

/* The levels of a v1 page: prefixed with their length or, in the deprecated encoding, as
 * many bytes as they need. */
static struct slice take_levels(struct cursor *c, int32_t encoding, unsigned max, int32_t values)
{
	if (max == 0)
		return (struct slice){c->pos, 0};
	if (encoding == BIT_PACKED)
		return cursor_take(c, ((uint64_t)values * (32u - (unsigned)__builtin_clz(max)) + 7) / 8);
	uint32_t n = cursor_u32le(c);
	return cursor_take(c, n);
}

static int load_v1(const struct pages *pages, const struct leaf *leaf, struct slice payload, struct block *scratch,
		   struct slice straight, struct page_data *ret, struct error *err)
{
	const struct pq_page_header *h = &ret->header;
	struct slice plain = payload;
	int r = 0;

	ret->in_place = pages->codec == CODEC_NONE;
	if (!ret->in_place) {
		if (leaf->max_def > 0)
			straight.len = 0;
		r = decompress(pages, payload, (size_t)h->size, scratch, straight, &plain, err);
	} else if (h->size != h->stored) {
		r = error_set(err, EBADMSG, "an uncompressed page of %d bytes is said to have %d", h->stored, h->size);
	}
	if (r < 0)
		return r;
	struct cursor c = cursor_over(plain);
	ret->rep = take_levels(&c, h->rep_encoding, leaf->max_rep, h->values);
	ret->def = take_levels(&c, h->def_encoding, leaf->max_def, h->values);
	if (c.failed)
		return error_set(err, EBADMSG, "the levels exceed their page of %d bytes", h->size);
	ret->values = cursor_take(&c, cursor_left(&c));
	return 0;
}

static int load_v2(const struct pages *pages, struct slice payload, struct block *scratch, bool levels_only,
		   struct slice straight, struct page_data *ret, struct error *err)
{
	const struct pq_page_header *h = &ret->header;
	struct cursor c = cursor_over(payload);

	if (h->rep_bytes < 0 || h->def_bytes < 0 || h->size - (int64_t)h->rep_bytes - h->def_bytes < 0)
		return error_set(err, EBADMSG, "levels of %d and %d bytes in a page of %d", h->rep_bytes, h->def_bytes, h->size);
	ret->rep = cursor_take(&c, (uint64_t)h->rep_bytes);
	ret->def = cursor_take(&c, (uint64_t)h->def_bytes);
	if (c.failed)
		return error_set(err, EBADMSG, "levels of %d and %d bytes in a page of %d", h->rep_bytes, h->def_bytes, h->stored);
	ret->values = cursor_take(&c, cursor_left(&c));
	ret->in_place = pages->codec == CODEC_NONE || !(h->compressed || pages->compressed);
	size_t len = (size_t)(h->size - h->rep_bytes - h->def_bytes);
	if (levels_only)
		return 0;
	if (ret->in_place)
		return ret->values.len == len ? 0
			: error_set(err, EBADMSG, "%zu bytes of uncompressed values are said to be %zu", ret->values.len, len);
	return decompress(pages, ret->values, len, scratch, straight, &ret->values, err);
}

int pq_page_load(struct archive *a, const struct leaf *leaf, const struct pages *pages, uint64_t at, struct block *scratch,
		 bool levels_only, struct slice straight, struct page_data *ret, struct error *err)
{
	struct slice rest;
	int r;

	ret->end = 0;
	if (at >= pages->end)
		return error_set(err, EBADMSG, "the page cannot be found: a page header before it is broken");
	if ((r = source_map(&a->source, at, pages->end - at, &rest, err)) < 0)
		return r;
	struct cursor c = cursor_over(rest);
	*ret = (struct page_data){.end = pages->end};
	if ((r = pq_page_header(&c, &ret->header, err)) < 0)
		return r;
	struct slice payload = cursor_take(&c, (uint64_t)ret->header.stored);
	if (c.failed)
		return error_set(err, EBADMSG, "the page of %d bytes exceeds its chunk", ret->header.stored);
	ret->end = at + cursor_at(&c);
	if (ret->header.has_crc && !a->options->no_verify &&
	    libdeflate_crc32(0, payload.data, payload.len) != (uint32_t)ret->header.crc)
		return error_set(err, EBADMSG, "the checksum of the page at %" PRIu64 " is wrong", at);
	if (ret->header.dictionary) {
		ret->in_place = pages->codec == CODEC_NONE;
		ret->values = payload;
		if (!ret->in_place)
			return decompress(pages, payload, (size_t)ret->header.size, scratch, straight, &ret->values, err);
		return 0;
	}
	if (!ret->header.data)
		return error_set(err, EBADMSG, "a page of type %d among data pages", ret->header.type);
	r = ret->header.v2 ? load_v2(pages, payload, scratch, levels_only, straight, ret, err)
			   : load_v1(pages, leaf, payload, scratch, straight, ret, err);
	ret->at = r == 0 && ret->in_place ? at + (uint64_t)(ret->values.data - rest.data) : 0;
	return r;
}

int pq_page_leave(struct archive *a, uint64_t at, const struct page_data *page, struct error *err)
{
	return source_leave(&a->source, page->end ? at : 0, page->end ? page->end - at : 0, err);
}

/* --- levels --------------------------------------------------------------------- */

int pq_page_levels(struct slice s, int32_t encoding, unsigned max, uint64_t n, uint8_t *ret, struct error *err)
{
	unsigned width = max ? 32u - (unsigned)__builtin_clz(max) : 0;
	uint8_t most = 0;

	if (max == 0) {
		memset(ret, 0, (size_t)n);
		return 0;
	}
	if (encoding == BIT_PACKED) { /* most significant bit first */
		if (s.len < (n * width + 7) / 8)
			return error_set(err, EBADMSG, "%zu bytes of levels for %" PRIu64 " values", s.len, n);
		for (uint64_t i = 0; i < n; i++) {
			unsigned value = 0;
			for (uint64_t bit = i * width; bit < (i + 1) * width; bit++)
				value = value << 1 | (s.data[bit / 8] >> (7 - bit % 8) & 1u);
			ret[i] = (uint8_t)value;
		}
	} else if (encoding == RLE) {
		struct rle r = pq_rle_over(s, width);
		if (!pq_rle_bytes(&r, ret, n))
			return error_set(err, EBADMSG, "fewer levels than %" PRIu64 " values", n);
	} else {
		return error_set(err, ENOTSUP, "levels in encoding %d", encoding);
	}
	for (uint64_t i = 0; i < n; i++)
		most = ret[i] > most ? ret[i] : most;
	return most <= max ? 0 : error_set(err, EBADMSG, "a level of %u, though the highest is %u", most, max);
}
