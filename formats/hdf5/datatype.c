/* SPDX-License-Identifier: MIT */
/* Chapter IV.A.2.d, "The Datatype Message", and IV.A.2.b, "The Dataspace Message". */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

static int parse(const struct h5_file *f, struct arena *s, struct cursor *c, struct h5_type *ret, unsigned depth,
		 struct error *err);

static const struct h5_type *parse_base(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned depth,
					int *ret_code, struct error *err)
{
	struct h5_type *t = arena_alloc(s, sizeof *t);
	*ret_code = t ? parse(f, s, c, t, depth + 1, err) : error_no_memory(err, "a datatype");
	return t;
}

/* A NUL-terminated name, padded to a multiple of 8 before version 3. */
static struct slice parse_name(struct cursor *c, unsigned version)
{
	const uint8_t *end = c->failed ? NULL : memchr(c->pos, 0, cursor_left(c));
	size_t len = end ? (size_t)(end - c->pos) : cursor_left(c) + 1;
	struct slice name = cursor_take(c, len + 1);
	if (version < 3)
		cursor_skip(c, -(len + 1) & 7);
	return (struct slice){name.data, name.len ? name.len - 1 : 0};
}

static void parse_atomic(struct cursor *c, struct h5_type *t, uint32_t bits)
{
	t->big = bits & 1;
	t->ones = bits & 4;
	t->sign = bits & 8;
	t->offset = cursor_u16le(c);
	t->precision = cursor_u16le(c);
}

static void parse_float(struct cursor *c, struct h5_type *t, uint32_t bits)
{
	t->big = bits & 1;
	t->vax = bits & 0x40;
	t->norm = bits >> 4 & 3;
	t->sign_at = (uint8_t)(bits >> 8);
	t->offset = cursor_u16le(c);
	t->precision = cursor_u16le(c);
	t->exp_at = cursor_u8(c);
	t->exp_bits = cursor_u8(c);
	t->man_at = cursor_u8(c);
	t->man_bits = cursor_u8(c);
	t->bias = cursor_u32le(c);
}

/* In version 1 a member has dimensions of its own: an array by another name. */
static const struct h5_type *old_array(struct arena *s, struct cursor dims, const struct h5_type *base, int *ret_code,
				       struct error *err)
{
	unsigned rank = cursor_u8(&dims);
	cursor_skip(&dims, 11);
	if (rank == 0)
		return base;
	struct h5_type *t = arena_alloc(s, sizeof *t);
	if (!t || !(t->dims = arena_array(s, 4, sizeof *t->dims))) {
		*ret_code = error_no_memory(err, "a datatype");
		return base;
	}
	t->class = H5_ARRAY;
	t->base = base;
	t->has_vlen = base->has_vlen;
	t->rank = rank;
	uint64_t size = base->size;
	for (unsigned i = 0; rank <= 4 && i < rank; i++) {
		t->dims[i] = cursor_u32le(&dims);
		if (__builtin_mul_overflow(size, t->dims[i], &size))
			size = UINT64_MAX;
	}
	if (rank > 4 || size > UINT32_MAX || size == 0)
		*ret_code = error_set(err, EBADMSG, "a member of rank %u and %" PRIu64 " bytes", rank, size);
	t->size = (uint32_t)size;
	return t;
}

static int parse_member(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, struct h5_type *t,
			struct h5_member *m, unsigned depth, struct error *err)
{
	int r;
	m->name = parse_name(c, version);
	m->offset = version < 3 ? cursor_u32le(c) : (uint32_t)cursor_le(c, h5_enc_size(t->size));
	struct cursor dims = *c;
	if (version == 1)
		cursor_skip(c, 28);
	m->type = parse_base(f, s, c, depth, &r, err);
	if (r == 0 && version == 1)
		m->type = old_array(s, dims, m->type, &r, err);
	if (r < 0 || (r = cursor_check(c, err, "a compound datatype")) < 0)
		return r;
	if (!range_within(m->offset, m->type->size, t->size))
		return error_set(err, EBADMSG, "a member of %" PRIu32 " bytes at %" PRIu32 " of a compound of %" PRIu32,
				 m->type->size, m->offset, t->size);
	t->has_vlen |= m->type->has_vlen;
	return 0;
}

static int parse_compound(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, uint32_t bits,
			  struct h5_type *t, unsigned depth, struct error *err)
{
	uint64_t count = cursor_count(c, bits & 0xffff, 9);
	int r = cursor_check(c, err, "a compound datatype");
	if (r < 0)
		return r;
	if (count == 0)
		return error_set(err, EBADMSG, "a compound datatype without members");
	t->nmembers = (uint32_t)count;
	t->members = arena_array(s, count, sizeof *t->members);
	if (!t->members)
		return error_no_memory(err, "a datatype");
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = parse_member(f, s, c, version, t, &t->members[i], depth, err);
	return r;
}

static int parse_enum(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, uint32_t bits,
		      struct h5_type *t, unsigned depth, struct error *err)
{
	int r;
	t->base = parse_base(f, s, c, depth, &r, err);
	if (r < 0)
		return r;
	if (t->base->class != H5_FIXED || t->base->size != t->size)
		return error_set(err, EBADMSG, "an enumeration of class %u and %" PRIu32 " bytes in %" PRIu32, t->base->class,
				 t->base->size, t->size);
	uint64_t count = cursor_count(c, bits & 0xffff, 1);
	t->nmembers = (uint32_t)count;
	t->members = arena_array(s, count, sizeof *t->members);
	if (!t->members && count)
		return error_no_memory(err, "a datatype");
	for (uint32_t i = 0; i < count; i++)
		t->members[i].name = parse_name(c, version);
	for (uint32_t i = 0; i < count; i++)
		t->members[i].value = cursor_take(c, t->base->size);
	return cursor_check(c, err, "an enumeration");
}

static int parse_array(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, struct h5_type *t,
		       unsigned depth, struct error *err)
{
	int r;
	uint64_t size;
	t->rank = cursor_u8(c);
	if (version < 3)
		cursor_skip(c, 3);
	if (t->rank == 0 || t->rank > H5_RANK_MAX)
		return error_set(err, EBADMSG, "an array datatype of rank %" PRIu32, t->rank);
	t->dims = arena_array(s, t->rank, sizeof *t->dims);
	if (!t->dims)
		return error_no_memory(err, "a datatype");
	for (uint32_t i = 0; i < t->rank; i++)
		t->dims[i] = cursor_u32le(c);
	if (version < 3)
		cursor_skip(c, 4u * t->rank);
	t->base = parse_base(f, s, c, depth, &r, err);
	if (r < 0)
		return r;
	t->has_vlen = t->base->has_vlen;
	if (!shape_elements(t->dims, t->rank, &size) || __builtin_mul_overflow(size, t->base->size, &size) || size != t->size)
		return error_set(err, EBADMSG, "an array datatype whose dimensions do not make up its %" PRIu32 " bytes", t->size);
	return 0;
}

static int parse_class(const struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, uint32_t bits,
		       struct h5_type *t, unsigned depth, struct error *err)
{
	int r = 0;
	switch ((enum h5_class)t->class) {
	case H5_FIXED:
	case H5_BITFIELD:
		parse_atomic(c, t, bits);
		break;
	case H5_FLOAT:
		parse_float(c, t, bits);
		break;
	case H5_TIME:
		t->big = bits & 1;
		cursor_skip(c, 2);
		break;
	case H5_STRING:
		t->padding = bits & 15;
		break;
	case H5_OPAQUE:
		cursor_skip(c, bits & 0xff);
		break;
	case H5_COMPOUND:
		return parse_compound(f, s, c, version, bits, t, depth, err);
	case H5_REFERENCE:
		t->ref = bits & 15;
		break;
	case H5_ENUM:
		return parse_enum(f, s, c, version, bits, t, depth, err);
	case H5_VLEN:
		t->vlen_string = (bits & 15) == 1;
		t->padding = bits >> 4 & 15;
		t->has_vlen = true;
		t->base = parse_base(f, s, c, depth, &r, err);
		if (r == 0 && t->size != 8u + f->offsets)
			r = error_set(err, EBADMSG, "a variable-length datatype of %" PRIu32 " bytes", t->size);
		return r;
	case H5_ARRAY:
		return parse_array(f, s, c, version, t, depth, err);
	case H5_COMPLEX:
		t->base = parse_base(f, s, c, depth, &r, err);
		if (r == 0 && (t->base->class != H5_FLOAT || (uint64_t)t->base->size * 2 != t->size))
			r = error_set(err, EBADMSG, "a complex datatype of %" PRIu32 " bytes", t->size);
		return r;
	case H5_UNKNOWN:
		break;
	}
	return 0;
}

static int parse(const struct h5_file *f, struct arena *s, struct cursor *c, struct h5_type *t, unsigned depth,
		 struct error *err)
{
	if (depth > H5_DEPTH_MAX)
		return error_set(err, EBADMSG, "a datatype nested more than %u deep", H5_DEPTH_MAX);
	*t = (struct h5_type){0};
	unsigned first = cursor_u8(c), version = first >> 4;
	uint32_t bits = (uint32_t)cursor_le(c, 3);
	t->size = cursor_u32le(c);
	t->class = first & 15;
	int r = cursor_check(c, err, "a datatype");
	if (r < 0)
		return r;
	if (version < 1 || version > 5)
		return error_set(err, ENOTSUP, "a datatype of version %u", version);
	if (t->class >= H5_UNKNOWN) {
		if (depth > 0)
			return error_set(err, ENOTSUP, "a datatype of class %u", t->class);
		t->class = H5_UNKNOWN;
	}
	if (t->size == 0)
		return error_set(err, EBADMSG, "a datatype of 0 bytes");
	r = parse_class(f, s, c, version, bits, t, depth, err);
	return r < 0 ? r : cursor_check(c, err, "a datatype");
}

int h5_datatype(const struct h5_file *f, struct arena *s, struct cursor *c, struct h5_type *ret, struct error *err)
{
	return parse(f, s, c, ret, 0, err);
}

static bool members_equal(const struct h5_type *a, const struct h5_type *b)
{
	if (a->nmembers != b->nmembers)
		return false;
	for (uint32_t i = 0; i < a->nmembers; i++) {
		const struct h5_member *x = &a->members[i], *y = &b->members[i];
		if (!slice_equal(x->name, y->name) || x->offset != y->offset || !slice_equal(x->value, y->value))
			return false;
		if (x->type && !h5_type_equal(x->type, y->type))
			return false;
	}
	return true;
}

bool h5_type_equal(const struct h5_type *a, const struct h5_type *b)
{
	if (a->class != b->class || a->size != b->size || a->big != b->big || a->vax != b->vax || a->sign != b->sign ||
	    a->offset != b->offset || a->precision != b->precision || a->exp_bits != b->exp_bits || a->bias != b->bias ||
	    a->exp_at != b->exp_at || a->man_at != b->man_at || a->man_bits != b->man_bits || a->sign_at != b->sign_at ||
	    a->ref != b->ref || a->vlen_string != b->vlen_string || a->padding != b->padding || a->rank != b->rank)
		return false;
	for (uint32_t i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i])
			return false;
	return members_equal(a, b) && (!a->base || h5_type_equal(a->base, b->base));
}

/* --- dataspaces -------------------------------------------------------------------- */

int h5_dataspace(const struct h5_file *f, struct cursor c, struct h5_space *ret, struct error *err)
{
	unsigned version = cursor_u8(&c), rank = cursor_u8(&c), flags = cursor_u8(&c), type = cursor_u8(&c);
	uint64_t unlimited = f->lengths == 8 ? UINT64_MAX : (UINT64_C(1) << f->lengths * 8) - 1;
	*ret = (struct h5_space){.rank = rank};
	if (version != 1 && version != 2)
		return error_set(err, ENOTSUP, "a dataspace of version %u", version);
	if (version == 1)
		cursor_skip(&c, 4);
	if (rank > H5_RANK_MAX)
		return error_set(err, EBADMSG, "a dataspace of rank %u", rank);
	for (unsigned i = 0; i < rank; i++)
		ret->dims[i] = ret->max[i] = h5_length(f, &c);
	for (unsigned i = 0; flags & 1 && i < rank; i++) {
		ret->max[i] = h5_length(f, &c);
		if (ret->max[i] == unlimited)
			ret->max[i] = H5_UNDEFINED;
	}
	int r = cursor_check(&c, err, "a dataspace");
	if (r < 0)
		return r;
	ret->null = version == 2 && type == 2;
	if (!shape_elements(ret->dims, rank, &ret->count))
		return error_set(err, EBADMSG, "a dataspace of 2^64 elements or more");
	for (unsigned i = 0; i < rank; i++)
		if (ret->dims[i] > ret->max[i])
			return error_set(err, EBADMSG, "dimension %u is %" PRIu64 " and may be at most %" PRIu64, i, ret->dims[i],
					 ret->max[i]);
	if (ret->null)
		ret->count = 0;
	return 0;
}

bool h5_elements(const struct h5_file *f, struct arena *s, const struct h5_header *h, struct h5_type *type,
		 struct h5_space *space, int *ret_code, struct error *err)
{
	struct cursor c;
	return h5_message(f, s, h, H5_DATATYPE, &c, ret_code, err) && (*ret_code = h5_datatype(f, s, &c, type, err)) == 0 &&
	       h5_message(f, s, h, H5_DATASPACE, &c, ret_code, err) && (*ret_code = h5_dataspace(f, c, space, err)) == 0;
}
