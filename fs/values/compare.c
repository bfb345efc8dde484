/* SPDX-License-Identifier: MIT */
#include "fs/values/compare.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "fs/values/compare_impl.h"

/* Elements are processed in batches, so that the compiler vectorises the loops. */
enum { BLOCK = 512, WIDEST_NUMBER = 16 };

struct block {
	size_t n;
	const uint8_t *a, *b;    /* little-endian */
	uint8_t differs[BLOCK], nan[BLOCK];
	union {
		double distance[BLOCK];
		uint64_t whole[BLOCK];
	};
};

/* --- types ---------------------------------------------------------------- */

static enum compare_kind kind_of(enum dtype dtype, bool *ret_signed, bool *ret_time)
{
	enum dtype_kind kind = dtype_kind(dtype);
	*ret_signed = kind != KIND_UNSIGNED;
	*ret_time = kind >= KIND_DATE && kind <= KIND_DURATION;
	if (kind == KIND_SIGNED || kind == KIND_UNSIGNED || *ret_time)
		return COMPARE_WHOLE;
	return kind == KIND_COMPLEX ? COMPARE_COMPLEX : kind == KIND_FLOAT ? COMPARE_REAL : COMPARE_OPAQUE;
}

/* A type that numpy has no name for may hold several numbers; U holds several characters. */
static bool is_turned(const struct array *a, unsigned bytes)
{
	return a && dtype_kind(a->dtype) != KIND_RAW && dtype_kind(a->dtype) != KIND_UNICODE && a->byteorder == BYTEORDER_BIG && bytes > 1 && bytes <= WIDEST_NUMBER;
}

static void init_side(struct compare_side *s, const struct array *a)
{
	s->dtype = a->dtype;
	s->bytes = (unsigned)(dtype_bits(a) / 8);
	s->turn = is_turned(a, s->bytes);
	compare_prepare(s);
}

void compare_init(struct compare *ret, const struct array *a, const struct array *b, const struct tolerance *tolerance)
{
	uint64_t bits = a && a->dtype < DTYPE_STRING ? dtype_bits(a) : 0;
	bool time = false;
	*ret = (struct compare){.a.bytes = 1, .b.bytes = 1};
	if (bits == 0 || bits % 8 || bits / 8 > COMPARE_WIDEST)
		return;
	ret->elements = true;
	ret->kind = kind_of(a->dtype, &ret->is_signed, &time);
	init_side(&ret->a, a);
	ret->b = ret->a;
	ret->b.turn = is_turned(b, ret->b.bytes);
	ret->close = tolerance && ret->kind != COMPARE_OPAQUE && !time;
	if (tolerance)
		ret->tolerance = *tolerance;
}

bool compare_is_number(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	return (kind == KIND_SIGNED || kind == KIND_UNSIGNED || kind == KIND_FLOAT) && dtype_bits(a) % 8 == 0;
}

void compare_init_values(struct compare *ret, const struct array *a, const struct array *b, const struct tolerance *tolerance)
{
	*ret = (struct compare){.kind = COMPARE_REAL, .elements = true, .mixed = true, .close = true, .tolerance = *tolerance};
	init_side(&ret->a, a);
	init_side(&ret->b, b);
}

/* --- which differ, and by how much ---------------------------------------- */

static void mark_bits(const struct compare *c, struct block *k)
{
#define MARK(type)                              \
	for (size_t i = 0; i < k->n; i++)       \
		k->differs[i] = LOAD(type, k->a, i) != LOAD(type, k->b, i)
	switch (c->a.bytes) {
	case 1:
		MARK(uint8_t);
		break;
	case 2:
		MARK(uint16_t);
		break;
	case 4:
		MARK(uint32_t);
		break;
	case 8:
		MARK(uint64_t);
		break;
	default:
		for (size_t i = 0; i < k->n; i++)
			k->differs[i] = memcmp(k->a + i * c->a.bytes, k->b + i * c->a.bytes, c->a.bytes) != 0;
	}
#undef MARK
}

static void measure_reals(const struct compare *c, struct block *k)
{
	double a[BLOCK], b[BLOCK], atol = c->tolerance.atol, rtol = c->tolerance.rtol;
	compare_reals(&c->a, k->a, k->n, a);
	compare_reals(&c->b, k->b, k->n, b);
	for (size_t i = 0; i < k->n; i++) {
		k->distance[i] = fabs(a[i] - b[i]);
		k->nan[i] = (a[i] != a[i]) != (b[i] != b[i]);
	}
	for (size_t i = 0; c->close && i < k->n; i++) {
		bool near = (k->distance[i] <= atol + rtol * fabs(b[i])) & (fabs(b[i]) <= DBL_MAX);
		k->differs[i] = !(near | (a[i] == b[i]) | ((a[i] != a[i]) & (b[i] != b[i])));
	}
}

/* Equal infinities are 0 apart, though inf - inf is NaN. */
static double part_distance(double a, double b)
{
	return a == b ? 0 : a - b;
}

static void measure_complex(const struct compare *c, struct block *k)
{
	double a[BLOCK * 2], b[BLOCK * 2];
	compare_reals(&c->a, k->a, k->n * 2, a);
	compare_reals(&c->b, k->b, k->n * 2, b);
	for (size_t i = 0; i < k->n; i++) {
		const double *p = a + 2 * i, *q = b + 2 * i;
		bool nan_p = isnan(p[0]) || isnan(p[1]), nan_q = isnan(q[0]) || isnan(q[1]);
		k->nan[i] = nan_p != nan_q;
		k->distance[i] = nan_p || nan_q ? (double)NAN : hypot(part_distance(p[0], q[0]), part_distance(p[1], q[1]));
		if (!c->close)
			continue;
		bool near = k->distance[i] <= c->tolerance.atol + c->tolerance.rtol * hypot(q[0], q[1]) &&
			    isfinite(q[0]) && isfinite(q[1]);
		k->differs[i] = !(near || (p[0] == q[0] && p[1] == q[1]) || (nan_p && nan_q));
	}
}

static void measure_wholes(const struct compare *c, struct block *k)
{
	uint64_t a[BLOCK], b[BLOCK];
	const uint64_t flip = c->is_signed ? UINT64_C(1) << 63 : 0; /* orders signed integers, too */
	compare_wholes(&c->a, c->is_signed, k->a, k->n, a);
	compare_wholes(&c->b, c->is_signed, k->b, k->n, b);
	for (size_t i = 0; i < k->n; i++)
		k->whole[i] = (a[i] ^ flip) > (b[i] ^ flip) ? a[i] - b[i] : b[i] - a[i];
	for (size_t i = 0; c->close && i < k->n; i++) {
		double to = c->is_signed ? fabs((double)(int64_t)b[i]) : (double)b[i];
		k->differs[i] = k->whole[i] != 0 && !((double)k->whole[i] <= c->tolerance.atol + c->tolerance.rtol * to);
	}
}

/* --- the sum --------------------------------------------------------------- */

static void add_largest_whole(const struct block *k, uint64_t first, struct compare_result *r)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->differs[i] && (!r->measured || k->whole[i] > r->whole)) {
			r->measured = true;
			r->whole = k->whole[i];
			r->at = first + i;
		}
}

static void add_largest(const struct block *k, uint64_t first, struct compare_result *r)
{
	double largest = -1; /* most blocks do not raise the maximum */
	for (size_t i = 0; i < k->n; i++) {
		double d = k->differs[i] ? k->distance[i] : -1; /* a NaN is never larger */
		largest = d > largest ? d : largest;
		r->nan += k->differs[i] & k->nan[i];
	}
	if (largest < 0 || (r->measured && largest <= r->largest))
		return;
	for (size_t i = 0; i < k->n; i++)
		if (k->differs[i] && k->distance[i] == largest) {
			r->measured = true;
			r->largest = largest;
			r->at = first + i;
			return;
		}
}

/* --- the usual case: finite floats, many of which differ ---------------------- */

#define COUNT(bits)                                                                  \
	static uint32_t count_##bits(const uint8_t *a, const uint8_t *b)             \
	{                                                                            \
		uint##bits##_t n = 0; /* BLOCK fits in 16 bits */                     \
		for (size_t i = 0; i < BLOCK; i++)                                   \
			n = (uint##bits##_t)(n + (LOAD(uint##bits##_t, a, i) != LOAD(uint##bits##_t, b, i))); \
		return (uint32_t)n;                                                  \
	}
COUNT(16)
COUNT(32)
COUNT(64)

static uint32_t count_8(const uint8_t *a, const uint8_t *b)
{
	uint32_t n = 0;
	for (size_t i = 0; i < BLOCK; i++)
		n += a[i] != b[i];
	return n;
}

/* A maximum in lanes, which the compiler can vectorise; floating-point rules forbid
 * that for a plain loop.  False if there is an infinity or NaN. */
static bool largest_of(const double d[BLOCK], double *ret)
{
	enum { LANES = 8 };
	double m[LANES] = {0}, odd[LANES] = {0};
	for (size_t i = 0; i < BLOCK; i += LANES)
		for (size_t j = 0; j < LANES; j++) {
			m[j] = d[i + j] > m[j] ? d[i + j] : m[j];
			odd[j] += d[i + j] * 0;
		}
	for (size_t j = 1; j < LANES; j++) {
		m[0] = m[j] > m[0] ? m[j] : m[0];
		odd[0] += odd[j];
	}
	*ret = m[0];
	return odd[0] == 0;
}

static uint32_t count_bits(const struct compare *c, const struct block *k)
{
	switch (c->a.bytes) {
	case 1:
		return count_8(k->a, k->b);
	case 2:
		return count_16(k->a, k->b);
	case 4:
		return count_32(k->a, k->b);
	default:
		return count_64(k->a, k->b);
	}
}

/* Counts those further apart than the tolerance; the others' distance becomes 0. */
static uint32_t count_far(const struct compare *c, struct block *k, const double *b)
{
	double atol = c->tolerance.atol, rtol = c->tolerance.rtol;
	uint64_t n = 0;
	for (size_t i = 0; i < BLOCK; i++) {
		double d = k->distance[i], most = atol + rtol * fabs(b[i]);
		k->distance[i] = d > most ? d : 0;
		n += d > most;
	}
	return (uint32_t)n;
}

/* Handles a whole block that changes nothing but the count; false if it needs the full comparison. */
static bool run_finite(const struct compare *c, struct block *k, struct compare_result *r)
{
	double a[BLOCK], b[BLOCK], largest;
	if (k->n < BLOCK)
		return false;
	compare_reals(&c->a, k->a, BLOCK, a);
	compare_reals(&c->b, k->b, BLOCK, b);
	for (size_t i = 0; i < BLOCK; i++)
		k->distance[i] = fabs(a[i] - b[i]);
	if (!largest_of(k->distance, &largest))
		return false;
	uint32_t differ = c->close ? count_far(c, k, b) : count_bits(c, k);
	if (c->close)
		largest_of(k->distance, &largest);
	if (differ && (r->differ == 0 || !r->measured || largest > r->largest))
		return false;
	r->differ += differ;
	return true;
}

static void run_block(const struct compare *c, struct block *k, uint64_t first, struct compare_result *r)
{
	uint64_t differ = 0;
	if (c->kind == COMPARE_REAL && run_finite(c, k, r))
		return;
	if (!c->close)
		mark_bits(c, k);
	if (c->kind == COMPARE_REAL)
		measure_reals(c, k);
	else if (c->kind == COMPARE_COMPLEX)
		measure_complex(c, k);
	else if (c->kind == COMPARE_WHOLE)
		measure_wholes(c, k);
	for (size_t i = 0; i < k->n; i++)
		differ += k->differs[i];
	if (differ && r->differ == 0)
		r->first = first + (uint64_t)((const uint8_t *)memchr(k->differs, 1, k->n) - k->differs);
	r->differ += differ;
	if (differ && c->kind == COMPARE_WHOLE)
		add_largest_whole(k, first, r);
	else if (differ && c->kind != COMPARE_OPAQUE)
		add_largest(k, first, r);
}

/* Swaps the bytes of every element, or of each part of a complex one. */
static const uint8_t *turn(const struct compare *c, const struct compare_side *s, const uint8_t *from, size_t n, uint8_t *to)
{
	unsigned part = c->kind == COMPARE_COMPLEX ? s->bytes / 2 : s->bytes;
	for (size_t i = 0; i < n * s->bytes; i += part)
		for (unsigned j = 0; j < part; j++)
			to[i + j] = from[i + part - 1 - j];
	return to;
}

void compare_run(const struct compare *c, const uint8_t *a, const uint8_t *b, size_t count, uint64_t first,
		 struct compare_result *r)
{
	uint8_t turned_a[BLOCK * WIDEST_NUMBER], turned_b[BLOCK * WIDEST_NUMBER];
	bool alike = !c->mixed && c->a.turn == c->b.turn;
	if (alike && memcmp(a, b, count * c->a.bytes) == 0)
		return;
	for (size_t i = 0; i < count;) {
		struct block k = {.n = count - i < BLOCK ? count - i : BLOCK, .a = a + i * c->a.bytes, .b = b + i * c->b.bytes};
		if (!alike || memcmp(k.a, k.b, k.n * c->a.bytes) != 0) {
			if (c->a.turn)
				k.a = turn(c, &c->a, k.a, k.n, turned_a);
			if (c->b.turn)
				k.b = turn(c, &c->b, k.b, k.n, turned_b);
			run_block(c, &k, first + i, r);
		}
		i += k.n;
	}
}

void compare_join(struct compare_result *r, const struct compare_result *part)
{
	if (part->differ && (r->differ == 0 || part->first < r->first))
		r->first = part->first;
	bool larger = part->whole > r->whole || part->largest > r->largest;
	bool equal = part->whole == r->whole && part->largest == r->largest;
	if (part->measured && (!r->measured || larger || (equal && part->at < r->at))) {
		r->measured = true;
		r->at = part->at;
		r->largest = part->largest;
		r->whole = part->whole;
	}
	r->differ += part->differ;
	r->nan += part->nan;
}
