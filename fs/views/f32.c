/* SPDX-License-Identifier: MIT */
#include "fs/views/f32.h"

#include <endian.h>
#include <inttypes.h>

#include "fs/values/widen.h"

/* Elements decoded at a time, and bytes at most: few enough to stay in the processor's cache. */
enum { STEP = 4096, STEP_BYTES = 1 << 14 };

bool view_f32_exists(const struct array *a)
{
	/* Arrays of more dimensions have no shape anywhere. */
	return widen_exists(a) && a->rank <= SHAPE_MAX;
}

void view_f32_array(const struct array *a, struct shaped *ret)
{
	ret->array = (struct array){.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .fortran = a->fortran, .unshaped = a->unshaped,
				    .sized = a->sized, .rank = a->rank, .shape = ret->dims, .type = a->type};
	for (uint32_t i = 0; i < a->rank; i++)
		ret->dims[i] = a->shape[i];
	if (a->rank > 0 && !a->unshaped)
		ret->dims[a->rank - 1] = widen_last_extent(a);
}

/* As many elements as the shape says, if they fill the file; else as many as the file has. */
static uint64_t count_elements(const struct array *a, const struct widen *w, uint64_t size)
{
	struct shaped shown;
	uint64_t count, groups, rest;
	view_f32_array(a, &shown);
	if (!a->unshaped && shape_elements(shown.dims, a->rank, &count)) {
		groups = count / w->elements;
		rest = (count % w->elements * w->bytes + w->elements - 1) / w->elements;
		if (!__builtin_mul_overflow(groups, (uint64_t)w->bytes, &groups) && size >= rest && size - rest == groups)
			return count;
	}
	return size / w->bytes * w->elements + size % w->bytes * w->elements / w->bytes;
}

static int count_all(struct archive *a, struct node *n, const struct widen *w, uint64_t *ret, uint64_t *ret_bytes, struct error *err)
{
	int r = archive_size(a, n, ret_bytes, err);
	*ret = r == 0 ? count_elements(n->array, w, *ret_bytes) : 0;
	if (r == 0 && *ret > INT64_MAX / sizeof(float))
		r = error_set(err, EIO, "%" PRIu64 " elements would be too many", *ret);
	return r;
}

int view_f32_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct widen w;
	uint64_t bytes;
	widen_init(&w, n->array);
	int r = count_all(a, n, &w, ret, &bytes, err);
	*ret = r == 0 ? *ret * sizeof(float) : 0;
	return r;
}

/* --- reading ----------------------------------------------------------------- */

static void little(float *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, values + i, sizeof bits);
		bits = htole32(bits);
		memcpy(values + i, &bits, sizeof bits);
	}
}

/* Decodes the groups from `group` on into [offset, offset + len) of the view: directly, or, if
 * they are only partly wanted or would be unaligned, by way of a buffer. */
static int decode(const struct widen *w, struct answer_place *from, uint64_t group, uint64_t offset, uint64_t len, uint8_t *to, struct error *err)
{
	uint8_t stored[STEP_BYTES];
	float values[STEP];
	const void *aside = values;
	size_t most = STEP / w->elements < STEP_BYTES / w->bytes ? STEP / w->elements : STEP_BYTES / w->bytes;
	uint64_t end = offset + len, each = w->elements * sizeof(float);
	for (uint64_t at = group * each; at < end;) {
		uint64_t left = (end - at - 1) / each + 1, stop;
		size_t n = left < most ? (size_t)left : most;
		int r = answer_take(from, n * w->bytes, stored, err); /* zeros past the last element do not belong to the array */
		if (r < 0)
			return r;
		stop = at + n * each;
		bool whole = at >= offset && stop <= end && (uintptr_t)(to + (at - offset)) % sizeof(float) == 0;
		float *into = whole ? (float *)(void *)(to + (at - offset)) : values;
		widen_run(w, stored, at / sizeof(float), n, into);
		little(into, n * w->elements);
		if (!whole) {
			uint64_t first = at > offset ? at : offset, last = stop < end ? stop : end;
			memcpy(to + (first - offset), (const uint8_t *)aside + (first - at), (size_t)(last - first));
		}
		at = stop;
	}
	return 0;
}

int view_f32_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct widen w;
	struct answer stored;
	uint64_t count, bytes, size;
	uint8_t *own;
	widen_init(&w, n->array);
	int r = count_all(a, n, &w, &count, &bytes, err);
	size = count * sizeof(float);
	if (r < 0 || offset >= size || len == 0)
		return r;
	len = len < size - offset ? len : size - offset;
	uint64_t first = offset / sizeof(float) / w.elements, last = (offset + len - 1) / sizeof(float) / w.elements;
	uint64_t wanted = (last - first + 1) * w.bytes, there = bytes - first * w.bytes;
	answer_init(&stored);
	stored.gone = ret->gone;
	r = archive_read(a, n, first * w.bytes, wanted < there ? wanted : there, &stored, err);
	if (r == 0 && stored.len != (wanted < there ? wanted : there))
		r = error_set(err, EIO, "the array ends early");
	if (r == 0)
		r = answer_own(ret, (size_t)len, &own);
	if (r == 0)
		r = decode(&w, &(struct answer_place){.from = &stored}, first, offset, len, own, err);
	answer_close(&stored);
	if (r < 0)
		answer_reset(ret);
	return r;
}
