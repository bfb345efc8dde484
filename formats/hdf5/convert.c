/* SPDX-License-Identifier: MIT */
/* Converts numbers between datatypes, as the library does between a virtual dataset and
 * its sources. A number that does not fit an integer type becomes the nearest that does. */
#include "formats/hdf5/virtual.h"

enum kind { UNSIGNED, SIGNED, FLOATING, OTHER };

struct h5_convert {
	uint8_t from, to;           /* enum kind; OTHER: only swap the bytes */
	uint8_t from_size, to_size;
	bool from_big, to_big;
};

/* The kind, if it is one of the processor's own number formats; else OTHER. */
static enum kind kind_of(const struct h5_type *t)
{
	if (t->class == H5_FIXED && t->offset == 0 && t->precision == t->size * 8 &&
	    (t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8))
		return t->sign ? SIGNED : UNSIGNED;
	if (t->class != H5_FLOAT || t->vax || t->offset || t->precision != t->size * 8 || t->man_at || t->norm != 2 ||
	    t->exp_at != t->man_bits || t->sign_at != t->size * 8 - 1)
		return OTHER;
	bool single = t->size == 4 && t->exp_bits == 8 && t->man_bits == 23 && t->bias == 127;
	bool twice = t->size == 8 && t->exp_bits == 11 && t->man_bits == 52 && t->bias == 1023;
	return single || twice ? FLOATING : OTHER;
}

/* Do the types differ only in byte order? */
static bool turned(const struct h5_type *from, const struct h5_type *to)
{
	struct h5_type other = *from, base;
	if (from->class == H5_ENUM && to->class == H5_ENUM) {
		base = *from->base;
		base.big = to->base->big;
		other.base = &base;
		/* An enumeration's values are stored in its base type's byte order. */
		for (uint32_t i = 0; to->size > 1 && i < from->nmembers && i < to->nmembers; i++)
			for (uint32_t k = 0; k < to->size; k++)
				if (from->members[i].value.data[k] != to->members[i].value.data[to->size - 1 - k])
					return false;
		other.nmembers = 0;
		struct h5_type bare = *to;
		bare.nmembers = 0;
		return from->nmembers == to->nmembers && from->base->big != to->base->big && h5_type_equal(&other, &bare);
	}
	if (from->class == H5_FIXED || from->class == H5_BITFIELD) /* the library ignores the sign here */
		return to->class == from->class && from->size == to->size && from->big != to->big && !from->offset && !to->offset;
	other.big = to->big;
	return from->class == H5_FLOAT && !from->vax && !to->vax && h5_type_equal(&other, to);
}

const struct h5_convert *h5_convert(struct arena *s, const struct h5_type *from, const struct h5_type *to)
{
	struct h5_convert c = {(uint8_t)kind_of(from), (uint8_t)kind_of(to), 0, 0, from->big, to->big};
	if (from->size <= 16 && turned(from, to))
		c.from = c.to = OTHER;
	else if (c.from == OTHER || c.to == OTHER || (c.from == FLOATING && c.to != FLOATING))
		return NULL;
	c.from_size = (uint8_t)from->size;
	c.to_size = (uint8_t)to->size;
	struct h5_convert *kept = arena_alloc(s, sizeof *kept);
	if (kept)
		*kept = c;
	return kept;
}

/* --- one number ---------------------------------------------------------------- */

union number {
	uint64_t u;
	int64_t i;
	double f;
};

static union number load(const struct h5_convert *c, const uint8_t *in)
{
	struct cursor at = cursor_over((struct slice){in, c->from_size});
	union number n = {.u = c->from_big ? cursor_be(&at, c->from_size) : cursor_le(&at, c->from_size)};
	unsigned unused = 64 - c->from_size * 8u;
	if (c->from == SIGNED) {
		n.i = (int64_t)(n.u << unused) >> unused;
	} else if (c->from == FLOATING && c->from_size == 4) {
		uint32_t bits = (uint32_t)n.u;
		float f;
		memcpy(&f, &bits, 4);
		n.f = f;
	}
	return n;
}

static void store(const struct h5_convert *c, uint64_t bits, uint8_t *out)
{
	for (unsigned i = 0; i < c->to_size; i++)
		out[c->to_big ? c->to_size - 1u - i : i] = (uint8_t)(bits >> 8 * i);
}

static uint64_t nearest_integer(const struct h5_convert *c, union number n)
{
	unsigned unused = 64 - c->to_size * 8u;
	uint64_t most = UINT64_MAX >> unused >> (c->to == SIGNED);
	if (c->from == UNSIGNED || n.i >= 0)
		return n.u < most ? n.u : most;
	if (c->to == UNSIGNED)
		return 0;
	return n.i < -(int64_t)most - 1 ? most + 1 : n.u;
}

static uint64_t floating(const struct h5_convert *c, union number n)
{
	uint64_t bits;
	if (c->to_size == 4) {
		float f = c->from == FLOATING ? (float)n.f : c->from == SIGNED ? (float)n.i : (float)n.u;
		uint32_t word;
		memcpy(&word, &f, 4);
		return word;
	}
	double f = c->from == FLOATING ? n.f : c->from == SIGNED ? (double)n.i : (double)n.u;
	memcpy(&bits, &f, 8);
	return bits;
}

void h5_convert_run(const struct h5_convert *c, const uint8_t *in, size_t count, uint8_t *out)
{
	for (size_t i = 0; i < count; i++, in += c->from_size, out += c->to_size) {
		if (c->to == OTHER) {
			for (unsigned k = 0; k < c->to_size; k++)
				out[k] = in[c->to_size - 1u - k];
			continue;
		}
		union number n = load(c, in);
		store(c, c->to == FLOATING ? floating(c, n) : nearest_integer(c, n), out);
	}
}
