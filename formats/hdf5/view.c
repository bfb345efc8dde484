/* SPDX-License-Identifier: MIT */
/* A file of a dataset's elements, or of a part of each, such as a compound's member. */
#include "formats/hdf5/store.h"

#include <inttypes.h>

static bool is_whole(const struct h5_view *v)
{
	return v->nlevels == 0 && v->offset == 0 && v->width == v->element;
}

static int read_elements(const struct h5_view *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
			 struct error *err)
{
	return v->store ? h5_store_read(v->store, within, offset, len, out, err)
			: h5_vlen_read(v->vlen, within, offset, len, out, err);
}

static uint64_t slot_at(const struct h5_view *v, uint32_t slot)
{
	uint64_t at = v->offset;
	for (uint32_t i = v->nlevels; i-- > 0; slot /= v->levels[i].count)
		at += (uint64_t)(slot % v->levels[i].count) * v->levels[i].stride;
	return at;
}

/* Copies [offset, offset + len) of one element's slots. */
static void gather(const struct h5_view *v, const uint8_t *element, uint64_t offset, uint64_t len, uint8_t *out)
{
	while (len > 0) {
		uint64_t within = offset % v->width, some = v->width - within;
		some = some < len ? some : len;
		memcpy(out, element + slot_at(v, (uint32_t)(offset / v->width)) + within, (size_t)some);
		offset += some;
		out += some;
		len -= some;
	}
}

int h5_view_read(const struct h5_view *v, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		 struct error *err)
{
	if (is_whole(v))
		return read_elements(v, within, offset, len, out, err);
	struct arena scratch = arena_apart(&v->file->a->arena);
	uint64_t per = (uint64_t)v->slots * v->width, batch = 262144 / v->element + 1;
	uint64_t need = (offset + len - 1) / per - offset / per + 1;
	if (batch > need)
		batch = need;
	uint8_t *buf = arena_alloc(&scratch, batch * v->element);
	int r = buf ? 0 : error_set(err, ENOMEM, "no memory for elements of %" PRIu32 " bytes", v->element);
	while (r == 0 && len > 0) {
		uint64_t first = offset / per, count = (offset + len - 1) / per - first + 1;
		if (count > batch)
			count = batch;
		r = read_elements(v, within, first * v->element, count * v->element, buf, err);
		for (uint64_t i = 0; r == 0 && i < count && len > 0; i++) {
			uint64_t in = offset % per, some = per - in < len ? per - in : len;
			gather(v, buf + i * v->element, in, some, out);
			offset += some;
			out += some;
			len -= some;
		}
	}
	arena_free(&scratch);
	return r;
}

int h5_view_size(const struct h5_view *v, uint64_t *ret, struct error *err)
{
	uint64_t elements;
	if (v->store) {
		elements = v->store->count;
	} else {
		int r = h5_vlen_total(v->vlen, NULL, &elements, err);
		if (r < 0)
			return r;
		elements /= v->element;
	}
	if (__builtin_mul_overflow(elements, (uint64_t)v->slots * v->width, ret) || *ret > INT64_MAX / 8)
		return error_set(err, EBADMSG, "%" PRIu64 " elements", elements);
	return 0;
}
