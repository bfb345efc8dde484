/* SPDX-License-Identifier: MIT */
/* Reads one field of each record. */
#include "formats/shared/ndarray_impl.h"

enum { BATCH = 256 << 10 }; /* bytes of records fetched at a time */

/* Where the slot lies in its record. */
static uint64_t slot_at(const struct ndarray_field *f, uint64_t slot)
{
	uint64_t at = f->offset;
	for (const struct ndarray_level *l = f->levels; l; slot /= l->count, l = l->outer)
		at += slot % l->count * l->stride;
	return at;
}

/* The offset of the index-th record as shown. */
static uint64_t record_at(const struct ndarray_field *f, uint64_t index)
{
	const struct ndarray_records *r = f->records;
	uint64_t at = 0;
	if (!f->to_c_order)
		return index * r->size;
	for (uint32_t i = r->rank; i-- > 0; index /= r->shape[i])
		at += index % r->shape[i] * r->strides[i];
	return at * r->size;
}

/* Copies [offset, offset + len) of what one record shows; `record` begins at the field. */
static void copy_slots(const struct ndarray_field *f, const uint8_t *record, uint64_t offset, uint64_t len, uint8_t *out)
{
	while (len > 0) {
		uint64_t in = offset % f->width, some = f->width - in < len ? f->width - in : len;
		memcpy(out, record + (slot_at(f, offset / f->width) - f->offset) + in, (size_t)some);
		offset += some;
		out += some;
		len -= some;
	}
}

/* The same for whole records of one slot each: the common case, for which the compiler knows
 * the common widths. */
static void copy_column(const uint8_t *from, uint64_t stride, uint64_t width, uint64_t count, uint8_t *out)
{
#define COPY(bytes)                                                    \
	case bytes:                                                    \
		for (uint64_t i = 0; i < count; i++)                   \
			memcpy(out + i * bytes, from + i * stride, bytes); \
		return
	switch (width) {
		COPY(1);
		COPY(2);
		COPY(4);
		COPY(8);
	}
#undef COPY
	for (uint64_t i = 0; i < count; i++)
		memcpy(out + i * width, from + i * stride, (size_t)width);
}

/* The state of a read: [offset, offset + len) is still to come. */
struct reading {
	struct archive *a;
	const struct ndarray_field *f;
	uint64_t offset, len;
	uint8_t *out, *buf; /* buf: BATCH bytes */
	const _Atomic bool *gone;
	struct error *err;
};

static void advance(struct reading *r, uint64_t len)
{
	r->offset += len;
	r->out += len;
	r->len -= len;
}

static bool is_gone(const struct reading *r)
{
	return r->gone && atomic_load(r->gone);
}

/* Reads some of one slot. */
static int read_slot(struct reading *r, uint64_t at, uint64_t within)
{
	uint64_t some = r->f->width - within < r->len ? r->f->width - within : r->len;
	int e = content_read(r->a, &r->f->bytes, at + within, (size_t)some, r->out, r->gone, r->err);
	if (e == 0)
		advance(r, some);
	return e;
}

/* Reads from a record too long to be fetched whole: the next slots of the innermost sub-array,
 * which lie at one stride. */
static int read_slots(struct reading *r, uint64_t per)
{
	const struct ndarray_field *f = r->f;
	const struct ndarray_level *l = f->levels;
	uint64_t in = r->offset % per, slot = in / f->width, at = record_at(f, r->offset / per) + slot_at(f, slot);
	if (!l || in % f->width || r->len < f->width || f->width > BATCH)
		return read_slot(r, at, in % f->width);
	uint64_t count = l->count - slot % l->count, most = (BATCH - f->width) / l->stride + 1;
	count = count < most ? count : most;
	count = count < r->len / f->width ? count : r->len / f->width;
	int e = content_read(r->a, &f->bytes, at, (size_t)((count - 1) * l->stride + f->width), r->buf, r->gone, r->err);
	if (e < 0)
		return e;
	copy_column(r->buf, l->stride, f->width, count, r->out);
	advance(r, count * f->width);
	return 0;
}

/* Reads the next records, whose fields span `extent` bytes each. */
static int read_batch(struct reading *r, uint64_t per, uint64_t extent)
{
	const struct ndarray_field *f = r->f;
	uint64_t size = f->records->size, first = r->offset / per, in = r->offset % per;
	uint64_t count = (in + r->len - 1) / per + 1, most = f->to_c_order ? 1 : (BATCH - extent) / size + 1;
	if (count > most)
		count = most;
	int e = content_read(r->a, &f->bytes, record_at(f, first) + f->offset, (size_t)((count - 1) * size + extent), r->buf, r->gone, r->err);
	if (e < 0)
		return e;
	if (f->slots == 1 && in == 0 && r->len >= count * per) {
		copy_column(r->buf, size, per, count, r->out);
		advance(r, count * per);
		return 0;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t skip = r->offset % per, some = per - skip < r->len ? per - skip : r->len;
		copy_slots(f, r->buf + i * size, skip, some, r->out);
		advance(r, some);
	}
	return 0;
}

int ndarray_read_field(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct ndarray_field *f = n->lazy;
	uint64_t per = f->slots * f->width, extent = slot_at(f, f->slots - 1) - f->offset + f->width;
	struct arena scratch = arena_apart(&a->arena);
	struct reading r = {.a = a, .f = f, .offset = offset, .len = len, .gone = ret->gone, .err = err};
	r.buf = arena_alloc(&scratch, BATCH);
	int e = r.buf ? answer_own(ret, (size_t)len, &r.out) : -ENOMEM;
	if (e < 0)
		error_set(err, -e, e == -ENOMEM ? "no memory for its records" : "interrupted");
	while (e == 0 && r.len > 0)
		e = is_gone(&r) ? -EINTR : extent > BATCH ? read_slots(&r, per) : read_batch(&r, per, extent);
	arena_free(&scratch);
	return e;
}
