/* SPDX-License-Identifier: MIT */
/* Further details of a dataset: how it may grow, its layout, its filters, its fill value. */
#include <inttypes.h>

#include "formats/hdf5/store.h"

/* With more chunks than this, it is not worth looking each up just to add up their sizes. */
enum { CHUNKS_MAX = 4096, FILL_MAX = 65536 };

static const char *layout_name(const struct h5_store *s)
{
	switch ((enum h5_storage)s->storage) {
	case H5_COMPACT:
		return "compact";
	case H5_CONTIGUOUS:
	case H5_UNWRITTEN:
		return "contiguous";
	case H5_CHUNKED:
		return "chunked";
	case H5_VIRTUAL:
		return "virtual";
	case H5_EXTERNALS:
		return "external";
	case H5_FAULT:
		break;
	}
	return s->chunk ? "chunked" : NULL;
}

static void put_chunks(struct text *t, const struct h5_store *s)
{
	static const char *const indexes[] = {"btree1", "single", "implicit", "fixed_array", "extensible_array", "btree2"};
	for (uint32_t i = 0; i < s->rank; i++)
		text_print(t, "%s%" PRIu64, i ? "," : ",\"chunks\":[", s->chunk[i]);
	text_add(t, "]");
	if (s->index < sizeof indexes / sizeof *indexes)
		text_print(t, ",\"index\":\"%s\"", indexes[s->index]);
}

static void put_filters(struct text *t, const struct h5_pipeline *p)
{
	for (uint32_t i = 0; i < p->count && !t->failed; i++) {
		const struct h5_filter *f = &p->filters[i];
		text_add(t, i ? ",{\"name\":" : ",\"filters\":[{\"name\":");
		text_json(t, slice_text(f->name ? f->name : ""));
		text_print(t, ",\"id\":%u,\"options\":[", f->id);
		for (uint32_t k = 0; k < f->nvalues && !t->failed; k++)
			text_print(t, "%s%" PRIu32, k ? "," : "", f->values[k]);
		text_add(t, f->optional ? "],\"optional\":true}" : "]}");
	}
	if (p->count)
		text_add(t, "]");
}

/* Bytes in the file; false if that is unknown, or would take looking up very many chunks. */
static bool storage_size(const struct h5_store *s, uint64_t *ret)
{
	uint64_t at[H5_RANK_MAX] = {0};
	*ret = 0;
	if (s->storage == H5_COMPACT || s->storage == H5_CONTIGUOUS)
		*ret = s->size;
	if (s->storage == H5_FAULT || s->storage == H5_EXTERNALS || (s->storage == H5_CHUNKED && s->nchunks > CHUNKS_MAX))
		return false;
	for (uint64_t n = s->storage == H5_CHUNKED ? s->nchunks : 0; n > 0; n--) {
		struct h5_chunk_at chunk;
		struct error why = {0};
		if (h5_chunk_find(s, at, &chunk, &why) < 0)
			return false;
		if (chunk.address != H5_UNDEFINED)
			*ret += chunk.size;
		for (uint32_t i = s->rank; i-- > 0 && ++at[i] == s->chunks[i];)
			at[i] = 0;
	}
	return true;
}

static void put_fill(const struct h5_store *s, const struct h5_type *type, struct arena *scratch, struct text *t)
{
	static const struct h5_space scalar = {.count = 1};
	struct text value = {.limit = 16 * FILL_MAX};
	struct error why = {0};
	bool json;
	const uint8_t *fill = s->fill ? s->fill : arena_alloc(scratch, type->size);
	if (fill && h5_value(s->file, type, &scalar, (struct slice){fill, type->size}, &value, &json, &why) == 0 && !value.failed) {
		text_add(t, ",\"fill_value\":");
		if (json)
			text_put(t, text_slice(&value));
		else
			text_json(t, text_slice(&value));
	}
	text_free(&value);
}

/* The extents that the dataset may grow to, null where that is without limit; nothing if it cannot grow. */
static void put_maxshape(const struct h5_space *space, struct text *t)
{
	if (memcmp(space->dims, space->max, space->rank * sizeof *space->dims) == 0)
		return;
	text_add(t, ",\"maxshape\":");
	for (uint32_t i = 0; i < space->rank; i++)
		if (space->max[i] == H5_UNDEFINED)
			text_print(t, "%snull", i ? "," : "[");
		else
			text_print(t, "%s%" PRIu64, i ? "," : "[", space->max[i]);
	text_add(t, "]");
}

/* The store does not have all that the dataset's header says. */
static int put_store(const struct h5_store *s, uint64_t address, struct arena *scratch, struct text *t, struct error *err)
{
	const char *layout = layout_name(s);
	struct h5_header h;
	struct h5_type type;
	struct h5_space space;
	uint64_t size;
	int r = h5_header(s->file, scratch, address, &h, err);
	if (r < 0 || !h5_elements(s->file, scratch, &h, &type, &space, &r, err))
		return r;
	put_maxshape(&space, t);
	if (layout)
		text_print(t, ",\"layout\":\"%s\"", layout);
	if (s->chunk && s->rank)
		put_chunks(t, s);
	put_filters(t, &s->pipeline);
	if (storage_size(s, &size))
		text_print(t, ",\"storage_size\":%" PRIu64, size);
	if (s->storage == H5_VIRTUAL && (r = h5_virtual_details(s, t, err)) < 0)
		return r;
	if (s->element <= FILL_MAX && type.size == s->element && !type.has_vlen)
		put_fill(s, &type, scratch, t);
	return 0;
}

int h5_details(struct archive *a, uint32_t index, const struct node *n, struct text *t, struct error *err)
{
	struct h5_archive *h = a->priv;
	struct h5_place place = h5_place_of(a, index);
	struct arena s = arena_apart(&a->arena);
	struct h5_store again;
	int r = 0;
	(void)n;
	if (place.store) {
		r = put_store(place.store, place.address, &s, t, err);
	} else if (place.address && tree_node(&a->tree, index)->kind != NODE_DIR) { /* no group */
		r = h5_dataset(&h->file, &s, place.address, &again, err);
		if (r == 0 && again.file)
			r = put_store(&again, place.address, &s, t, err);
	}
	arena_free(&s);
	return r;
}
