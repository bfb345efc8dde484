/* SPDX-License-Identifier: MIT */
/* Attributes and fill values as text: a scalar string verbatim, everything else as JSON. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"

struct teller {
	const struct h5_file *f;
	struct text *t;
	struct error *err;
};

/* --- numbers ------------------------------------------------------------------------- */

static unsigned __int128 bits_of(const struct h5_type *t, const uint8_t *p)
{
	unsigned __int128 v = 0;
	for (uint32_t i = 0; i < t->size; i++)
		v = v << 8 | p[t->big ? i : t->size - 1 - i];
	return v;
}

static uint64_t field(unsigned __int128 v, unsigned at, unsigned bits)
{
	uint64_t low = at < 128 ? (uint64_t)(v >> at) : 0;
	return bits >= 64 ? low : low & ((UINT64_C(1) << bits) - 1);
}

/* The number may use fewer bits than its bytes have. */
static void put_integer(struct text *t, const struct h5_type *type, const uint8_t *p)
{
	if (type->size > 8 || type->precision == 0 || type->offset + type->precision > type->size * 8u) {
		text_hex(t, (struct slice){p, type->size});
		return;
	}
	uint64_t v = field(bits_of(type, p), type->offset, type->precision);
	unsigned unused = 64u - type->precision;
	if (type->class == H5_FIXED && type->sign)
		text_print(t, "%lld", (long long)((int64_t)(v << unused) >> unused));
	else
		text_print(t, "%llu", (unsigned long long)v);
}

/* A float of any layout; `gap` is the distance to its nearest neighbour. */
static bool any_float(const struct h5_type *t, const uint8_t *p, bool all_finite, long double *ret, long double *gap)
{
	unsigned implied = t->norm == 2;
	if (t->size > 16 || t->vax || t->exp_bits == 0 || t->exp_bits > 15 || t->man_bits == 0 || t->man_bits > 64 ||
	    t->man_bits + implied > LDBL_MANT_DIG || t->bias > 16384)
		return false;
	unsigned __int128 v = bits_of(t, p);
	uint64_t man = field(v, t->man_at, t->man_bits), exp = field(v, t->exp_at, t->exp_bits);
	uint64_t exp_max = (UINT64_C(1) << t->exp_bits) - 1, fraction = man;
	if (!implied) /* the leading bit is stored */
		fraction &= ~(UINT64_C(1) << (t->man_bits - 1));
	int scale = (int)(exp ? exp : 1) - (int)t->bias - (int)t->man_bits + !implied;
	*gap = ldexpl(1, scale - (fraction == 0));
	*ret = ldexpl((long double)man + (implied && exp ? ldexpl(1, t->man_bits) : 0), scale);
	if (all_finite && exp == exp_max && man == (UINT64_C(1) << t->man_bits) - 1)
		*ret = NAN;
	else if (!all_finite && exp == exp_max)
		*ret = fraction ? NAN : INFINITY;
	if (field(v, t->sign_at, 1))
		*ret = -*ret;
	return true;
}

/* The shortest text that is nearer to v than to any other value of its type. */
static void put_shortest(struct text *t, long double v, long double gap)
{
	char s[64];
	if (!isfinite(v)) {
		text_double(t, (double)v);
		return;
	}
	for (int digits = 1; digits <= 21; digits++) {
		snprintf(s, sizeof s, "%.*Lg", digits, v);
		if (fabsl(strtold(s, NULL) - v) < gap / 2)
			break;
	}
	text_add(t, s);
	if (!strpbrk(s, ".e"))
		text_add(t, ".0");
}

static void put_float(struct text *t, const struct h5_type *type, const uint8_t *p)
{
	struct array array = {0};
	struct arena none = {.limit = 4096};
	long double v, gap;
	h5_describe(&none, type, &array);
	arena_free(&none);
	bool known = array.dtype == DTYPE_FLOAT32 || array.dtype == DTYPE_FLOAT64;
	if (!any_float(type, p, array.dtype == DTYPE_FLOAT8_E4M3FN, &v, &gap))
		text_hex(t, (struct slice){p, type->size});
	else if (known && type->size == 4)
		text_float(t, (float)v);
	else if (known)
		text_double(t, (double)v);
	else
		put_shortest(t, v, gap);
}

/* --- strings, references ------------------------------------------------------------- */

static struct slice strip(const struct h5_type *t, const uint8_t *p)
{
	struct slice s = {p, t->size};
	const uint8_t *end = memchr(p, 0, s.len);
	if (end && t->padding == 0)
		s.len = (size_t)(end - p);
	while (s.len && (s.data[s.len - 1] == 0 || (t->padding == 2 && s.data[s.len - 1] == ' ')))
		s.len--;
	return s;
}

static int put_reference(struct teller *a, const struct h5_type *t, const uint8_t *p)
{
	struct slice element = {p, t->size};
	struct text path = {0};
	enum referred known = h5_refer(a->f, t->ref, element, &path);
	if (known == REFERRED_NULL)
		text_add(a->t, "null");
	else if (known == REFERRED_KNOWN && !path.failed)
		text_json(a->t, text_slice(&path));
	else
		text_hex(a->t, element);
	text_free(&path);
	return 0;
}

/* --- any value ------------------------------------------------------------------------- */

static int put_value(struct teller *a, const struct h5_type *t, const uint8_t *p, unsigned depth);

static int put_list(struct teller *a, const struct h5_type *t, const uint8_t **p, const uint64_t *dims, uint32_t rank,
		    unsigned depth)
{
	int r = 0;
	if (rank == 0) {
		r = put_value(a, t, *p, depth + 1);
		*p += t->size;
		return r;
	}
	text_add(a->t, "[");
	for (uint64_t i = 0; r == 0 && i < *dims && !a->t->failed; i++) {
		if (i)
			text_add(a->t, ", ");
		r = put_list(a, t, p, dims + 1, rank - 1, depth);
	}
	text_add(a->t, "]");
	return r;
}

/* A string or sequence in a global heap; `bare`: a string that is the whole value. */
static int put_vlen(struct teller *a, const struct h5_type *t, const uint8_t *p, bool bare, unsigned depth)
{
	struct h5_vlen vlen = {.of.file = a->f, .base = t->base->size, .string = t->vlen_string};
	struct slice bytes;
	struct block *block;
	int r = h5_vlen_sequence(&vlen, NULL, p, &bytes, &block, a->err);
	if (r < 0)
		return r;
	const uint8_t *at = bytes.data;
	uint64_t len = bytes.len / t->base->size;
	if (!t->vlen_string)
		r = put_list(a, t->base, &at, &len, 1, depth);
	else if (bare)
		text_put(a->t, bytes);
	else
		text_json(a->t, bytes);
	if (block)
		blocks_release(block);
	return r;
}

static int put_compound(struct teller *a, const struct h5_type *t, const uint8_t *p, unsigned depth)
{
	int r = 0;
	text_add(a->t, "{");
	for (uint32_t i = 0; r == 0 && i < t->nmembers && !a->t->failed; i++) {
		if (i)
			text_add(a->t, ", ");
		text_json(a->t, t->members[i].name);
		text_add(a->t, ": ");
		r = put_value(a, t->members[i].type, p + t->members[i].offset, depth + 1);
	}
	text_add(a->t, "}");
	return r;
}

static int put_value(struct teller *a, const struct h5_type *t, const uint8_t *p, unsigned depth)
{
	static const uint64_t two = 2;
	const uint8_t *at = p;
	if (depth > 3 * H5_DEPTH_MAX)
		return error_set(a->err, EBADMSG, "a value nested too deep");
	switch ((enum h5_class)t->class) {
	case H5_STRING:
		text_json(a->t, strip(t, p));
		return 0;
	case H5_VLEN:
		return put_vlen(a, t, p, false, depth);
	case H5_COMPOUND:
		if (!h5_is_complex(t))
			return put_compound(a, t, p, depth);
		return put_list(a, t->members[0].type, &at, &two, 1, depth);
	case H5_ENUM:
		return put_value(a, t->base, p, depth + 1);
	case H5_ARRAY:
		return put_list(a, t->base, &at, t->dims, t->rank, depth);
	case H5_COMPLEX:
		return put_list(a, t->base, &at, &two, 1, depth);
	case H5_REFERENCE:
		return put_reference(a, t, p);
	case H5_FIXED:
	case H5_BITFIELD:
		put_integer(a->t, t, p);
		return 0;
	case H5_FLOAT:
		put_float(a->t, t, p);
		return 0;
	case H5_OPAQUE:
	case H5_TIME:
	case H5_UNKNOWN:
		break;
	}
	text_hex(a->t, (struct slice){p, t->size});
	return 0;
}

int h5_value(const struct h5_file *f, const struct h5_type *t, const struct h5_space *space, struct slice data,
	     struct text *ret, bool *ret_json, struct error *err)
{
	struct teller a = {f, ret, err};
	uint64_t size;
	*ret_json = true;
	if (space->null) {
		text_add(ret, "null");
		return 0;
	}
	if (__builtin_mul_overflow(space->count, t->size, &size) || size > data.len)
		return error_set(err, EBADMSG, "%zu bytes for %llu elements of %u", data.len, (unsigned long long)space->count,
				 (unsigned)t->size);
	*ret_json = space->rank > 0 || !(t->class == H5_STRING || (t->class == H5_VLEN && t->vlen_string));
	if (!*ret_json && t->class == H5_VLEN)
		return put_vlen(&a, t, data.data, true, 0);
	if (!*ret_json) {
		text_put(ret, strip(t, data.data));
		return 0;
	}
	const uint8_t *at = data.data;
	return put_list(&a, t, &at, space->dims, space->rank, 0);
}
