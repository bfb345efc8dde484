/* SPDX-License-Identifier: MIT */
#include "fs/views/picture.h"

#include <endian.h>
#include <math.h>

#include "fs/views/text.h"

/* Stored bytes that are asked for at a time. */
enum { STRETCH = 1 << 20 };

/* --- which arrays -------------------------------------------------------------------------------- */

bool picture_is_numeric(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	return !a->reference && (widen_exists(a) || (kind >= KIND_BOOL && kind <= KIND_COMPLEX));
}

/* Integers of up to 16 bits are made floats with a scale of 1, where none has a scale of its own. */
static bool is_plain(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	return !widen_exists(a) && (kind == KIND_SIGNED || kind == KIND_UNSIGNED) && dtype_bits(a) <= 16;
}

unsigned picture_bits(const struct array *a)
{
	const struct quant_block *b = widen_exists(a) && a->quant ? quant_block(a->quant->blocks) : NULL;
	unsigned bits = b ? b->bytes * 8 / b->elements : (unsigned)dtype_bits(a);
	return bits ? bits : 1;
}

static int find_validity(struct picture_values *v, struct archive *a, struct node *n, uint64_t count, struct error *err)
{
	uint64_t slots;
	v->validity = view_nulls(a, n);
	int r = v->validity ? archive_size(a, v->validity, &slots, err) : 0;
	if (r < 0 || !v->validity)
		return r;
	v->slot = slots ? count / slots : 0;
	if (v->slot == 0 || v->slot * slots != count)
		v->validity = NULL;
	return 0;
}

int picture_values(struct picture_values *ret, struct archive *a, struct node *n, uint64_t count, struct error *err)
{
	static const float one = 1;
	*ret = (struct picture_values){.array = *n->array, .plain = {.count = 1, .scales = &one}};
	if (is_plain(n->array))
		ret->array.quant = &ret->plain;
	ret->widened = widen_exists(&ret->array);
	ret->elements = 1;
	ret->bytes = (uint32_t)(dtype_bits(n->array) / 8);
	if (ret->widened) {
		widen_init(&ret->widen, &ret->array);
		ret->elements = ret->widen.elements;
		ret->bytes = ret->widen.bytes;
	}
	ret->all = count / ret->elements * ret->bytes + (count % ret->elements * ret->bytes + ret->elements - 1) / ret->elements;
	return find_validity(ret, a, n, count, err);
}

/* --- numbers of elements -------------------------------------------------------------------------- */

#define EACH(type, bits)                                                                               \
	for (size_t i = 0; i < n; i++) {                                                               \
		union {                                                                                \
			uint##bits##_t whole;                                                          \
			type value;                                                                    \
		} u_;                                                                                  \
		memcpy(&u_, from + i * sizeof u_, sizeof u_);                                          \
		u_.whole = big ? be##bits##toh(u_.whole) : le##bits##toh(u_.whole);                    \
		to[i] = (double)u_.value;                                                              \
	}

static void wholes(enum dtype dtype, bool big, const uint8_t *restrict from, size_t n, double *restrict to)
{
	switch (dtype) {
	case DTYPE_INT32:
		EACH(int32_t, 32)
		break;
	case DTYPE_UINT32:
		EACH(uint32_t, 32)
		break;
	case DTYPE_INT64:
		EACH(int64_t, 64)
		break;
	case DTYPE_UINT64:
		EACH(uint64_t, 64)
		break;
	default:
		for (size_t i = 0; i < n; i++)
			to[i] = from[i] != 0;
	}
}

static void floats(bool wide, bool big, const uint8_t *restrict from, size_t n, double *restrict to)
{
	if (wide)
		EACH(double, 64)
	else
		EACH(float, 32)
}

/* Pairs, into memory for both of each; the first half is the answer. */
static void magnitudes(bool wide, bool big, const uint8_t *from, size_t n, double *to)
{
	floats(wide, big, from, 2 * n, to);
	for (size_t i = 0; i < n; i++)
		to[i] = hypot(to[2 * i], to[2 * i + 1]);
}

static void widened(const struct picture_values *v, uint64_t at, size_t groups, struct picture_room *room)
{
	size_t n = groups * v->elements;
	widen_run(&v->widen, room->stored, at, groups, room->floats);
	for (size_t i = 0; i < n; i++)
		room->numbers[i] = room->floats[i];
}

/* Whole groups from element `at` on, as room->stored has them, into room->numbers. */
static void convert(const struct picture_values *v, uint64_t at, size_t groups, struct picture_room *room)
{
	enum dtype dtype = v->array.dtype;
	bool big = v->array.byteorder == BYTEORDER_BIG;
	if (v->widened)
		widened(v, at, groups, room);
	else if (dtype_kind(dtype) == KIND_COMPLEX)
		magnitudes(dtype == DTYPE_COMPLEX128, big, room->stored, groups, room->numbers);
	else if (dtype_kind(dtype) == KIND_FLOAT)
		floats(dtype == DTYPE_FLOAT64, big, room->stored, groups, room->numbers);
	else
		wholes(dtype, big, room->stored, groups, room->numbers);
}

/* --- reading ------------------------------------------------------------------------------------- */

static int read_exactly(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	int r = archive_read(a, n, offset, len, ret, err);
	return r == 0 && ret->len != len ? error_set(err, EIO, "the array ends early") : r;
}

/* Elements that are null become NaN. */
static int drop_nulls(const struct picture_values *v, struct archive *a, uint64_t at, size_t n, struct picture_room *room, struct error *err)
{
	struct answer answer;
	uint64_t first = at / v->slot, slots = (at + n - 1) / v->slot - first + 1;
	answer_init(&answer);
	int r = read_exactly(a, v->validity, first, slots, &answer, err);
	if (r == 0)
		r = answer_copy(&answer, room->valid, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!room->valid[(at + i) / v->slot - first])
			room->numbers[i] = __builtin_nan("");
	answer_close(&answer);
	return r;
}

/* Groups, some at a time, of which the elements from `first` to `end` are wanted. */
static int pass(const struct picture_values *v, struct archive *a, struct answer_place *from, uint64_t group, uint64_t first, uint64_t end,
		struct picture_room *room, picture_take *take, void *arg, struct error *err)
{
	int r = 0;
	for (uint64_t at = group * v->elements; r == 0 && at < end;) {
		uint64_t left = (end - at - 1) / v->elements + 1, most = PICTURE_STEP / v->elements;
		size_t groups = (size_t)(left < most ? left : most), skip = at < first ? (size_t)(first - at) : 0;
		uint64_t stop = at + groups * v->elements < end ? at + groups * v->elements : end;
		r = answer_take(from, groups * v->bytes, room->stored, err);
		if (r == 0)
			convert(v, at, groups, room);
		if (r == 0 && v->validity)
			r = drop_nulls(v, a, at, (size_t)(stop - at), room, err);
		if (r == 0)
			take(arg, room->numbers + skip, (size_t)(stop - at) - skip);
		at = stop;
	}
	return r;
}

int picture_read(const struct picture_values *v, struct archive *a, struct node *n, uint64_t first, uint64_t count,
		 struct picture_room *room, picture_take *take, void *arg, struct error *err)
{
	uint64_t end = first + count, stretch = STRETCH / v->bytes;
	int r = 0;
	while (r == 0 && first < end) {
		uint64_t group = first / v->elements, groups = (end - 1) / v->elements - group + 1;
		groups = groups < stretch ? groups : stretch;
		uint64_t begin = group * v->bytes, bytes = groups * v->bytes, stop = (group + groups) * v->elements;
		struct answer answer;
		answer_init(&answer);
		bytes = bytes < v->all - begin ? bytes : v->all - begin; /* the last group may lack some */
		stop = stop < end ? stop : end;
		r = read_exactly(a, n, begin, bytes, &answer, err);
		if (r == 0)
			r = pass(v, a, &(struct answer_place){.from = &answer}, group, first, stop, room, take, arg, err);
		answer_close(&answer);
		first = stop;
	}
	return r;
}
