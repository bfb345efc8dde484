/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "fs/values/summary_impl.h"

/* --- of 256 bits ---------------------------------------------------------------------------- */

bool summary_whole_less(const struct summary_whole *a, const struct summary_whole *b)
{
	if (a->limb[3] != b->limb[3])
		return (int64_t)a->limb[3] < (int64_t)b->limb[3];
	for (int i = 2; i > 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i];
	return a->limb[0] < b->limb[0];
}

static struct summary_whole minus(const struct summary_whole *a, const struct summary_whole *b)
{
	struct summary_whole ret;
	unsigned borrow = 0;
	for (int i = 0; i < 4; i++) {
		unsigned first = __builtin_sub_overflow(a->limb[i], b->limb[i], &ret.limb[i]);
		borrow = first | __builtin_sub_overflow(ret.limb[i], (uint64_t)borrow, &ret.limb[i]);
	}
	return ret;
}

/* To the last bit of a long double, of a number that is not negative. */
static long double magnitude(const struct summary_whole *w)
{
	long double v = 0;
	for (int i = 3; i >= 0; i--)
		v = v * 0x1p64L + (long double)w->limb[i];
	return v;
}

static long double value(const struct summary_whole *w)
{
	struct summary_whole opposite = minus(&(struct summary_whole){0}, w);
	return (int64_t)w->limb[3] < 0 ? -magnitude(&opposite) : magnitude(w);
}

double summary_whole_value(const struct summary_whole *w)
{
	return (double)value(w);
}

static struct summary_whole whole_of(uint64_t low, bool has_sign)
{
	uint64_t sign = has_sign && (int64_t)low < 0 ? UINT64_MAX : 0;
	return (struct summary_whole){{low, sign, sign, sign}};
}

static struct summary_whole load_wide(const uint8_t *from, unsigned width, bool is_signed)
{
	struct summary_whole w = whole_of(is_signed && from[width - 1] & 0x80 ? UINT64_MAX : 0, is_signed);
	for (unsigned i = 0; i < width; i++) {
		unsigned shift = i % 8 * 8;
		w.limb[i / 8] = (w.limb[i / 8] & ~((uint64_t)0xff << shift)) | (uint64_t)from[i] << shift;
	}
	return w;
}

/* --- a block --------------------------------------------------------------------------------- */

static void add_range(struct summary *r, const struct summary_whole *least, const struct summary_whole *most, uint64_t zeros)
{
	bool first = r->parts[0].count == 0;
	r->zeros += zeros;
	if (first || summary_whole_less(least, &r->least_whole))
		r->least_whole = *least;
	if (first || summary_whole_less(&r->most_whole, most))
		r->most_whole = *most;
}

static bool is_signed(const struct summary_plan *p)
{
	return dtype_kind(p->dtype) != KIND_UNSIGNED && p->dtype != DTYPE_BOOL && p->dtype != DTYPE_UINT128;
}

void summary_whole_code(const struct summary_plan *p, uint8_t code, uint64_t times, struct summary *r)
{
	int v = is_signed(p) ? (int8_t)code : code;
	struct summary_whole w = whole_of((uint64_t)v, true);
	add_range(r, &w, &w, v == 0 ? times : 0);
	summary_merge(&r->parts[0], &(struct summary_moments){times, v, 0});
}

/* Distances from the least, which as an element bounds what the subtraction of sums loses. */
static void add_wide(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	bool with_sign = is_signed(p);
	struct summary_whole least = load_wide(block, p->width, with_sign), most = least;
	double sum = 0, squares = 0;
	uint64_t zeros = 0;
	for (size_t i = 0; i < n; i++) {
		struct summary_whole w = load_wide(block + i * p->width, p->width, with_sign);
		zeros += !(w.limb[0] | w.limb[1] | w.limb[2] | w.limb[3]);
		least = summary_whole_less(&w, &least) ? w : least;
		most = summary_whole_less(&most, &w) ? w : most;
	}
	for (size_t i = 0; i < n; i++) {
		struct summary_whole w = load_wide(block + i * p->width, p->width, with_sign), apart = minus(&w, &least);
		double d = (double)magnitude(&apart);
		sum += d;
		squares += d * d;
	}
	add_range(r, &least, &most, zeros);
	summary_add(&r->parts[0], n, value(&least), sum, squares);
}

/* What was found of a block: the range, and distances from the least. */
#define SCAN(type, bits, has_sign)                                                                   \
	type least = (type)le##bits##toh(LOAD(uint##bits##_t, block, 0)), most = least;    \
	uint32_t zeros = 0;                                                                \
	for (size_t i = 0; i < n; i++) {                                                   \
		type v = (type)le##bits##toh(LOAD(uint##bits##_t, block, i));              \
		least = v < least ? v : least;                                             \
		most = v > most ? v : most;                                                \
		zeros += v == 0;                                                           \
	}                                                                                  \
	struct summary_whole low = whole_of((uint64_t)least, has_sign), high = whole_of((uint64_t)most, has_sign); \
	add_range(r, &low, &high, zeros)

/* Of so few bits the sums are exact. */
#define FEW(type, bits, has_sign)                                                                    \
	static void add_##type(const uint8_t *block, size_t n, struct summary *r)          \
	{                                                                                  \
		uint64_t sum = 0, squares = 0;                                             \
		SCAN(type, bits, has_sign);                                                          \
		for (size_t i = 0; i < n; i++) {                                           \
			uint32_t d = (uint32_t)(type)le##bits##toh(LOAD(uint##bits##_t, block, i)) - (uint32_t)least; \
			sum += d;                                                          \
			squares += d * d;                                                  \
		}                                                                          \
		summary_add(&r->parts[0], n, (long double)least, (long double)sum, (double)squares); \
	}
FEW(int16_t, 16, true)
FEW(uint16_t, 16, false)

/* In lanes, which the compiler can take at once; `d` is of n, rounded up to as many, the rest 0. */
static double add_squares(const double *d, size_t n)
{
	enum { LANES = 4 };
	double squares[LANES] = {0};
	for (size_t i = 0; i < n; i += LANES)
		for (size_t j = 0; j < LANES; j++)
			squares[j] += d[i + j] * d[i + j];
	return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

/* Up to 2^52 they fit a double's mantissa as they are. */
static double short_distance(uint64_t d)
{
	const uint64_t one = UINT64_C(0x433) << 52; /* 2^52 */
	double v;
	d |= one;
	memcpy(&v, &d, sizeof v);
	return v - 0x1p52;
}

/* Their sum is exact, too: of distances that are near it fits 64 bits. */
#define MANY(type, bits, has_sign)                                                         \
	static void add_##type(const uint8_t *block, size_t n, struct summary *r)          \
	{                                                                                  \
		double d[SUMMARY_BLOCK + 4];                                               \
		uint64_t sum = 0, carries = 0;                                             \
		SCAN(type, bits, has_sign);                                                \
		bool near = (uint64_t)most - (uint64_t)least < UINT64_C(1) << 52;          \
		for (size_t i = 0; near && i < n; i++) {                                   \
			uint64_t apart = (uint64_t)(type)le##bits##toh(LOAD(uint##bits##_t, block, i)) - (uint64_t)least; \
			d[i] = short_distance(apart);                                      \
			sum += apart;                                                      \
		}                                                                          \
		for (size_t i = 0; !near && i < n; i++) {                                  \
			uint64_t apart = (uint64_t)(type)le##bits##toh(LOAD(uint##bits##_t, block, i)) - (uint64_t)least; \
			d[i] = (double)apart;                                              \
			carries += __builtin_add_overflow(sum, apart, &sum);               \
		}                                                                          \
		memset(d + n, 0, 4 * sizeof *d);                                           \
		summary_add(&r->parts[0], n, (long double)least, (long double)carries * 0x1p64L + (long double)sum, add_squares(d, n)); \
	}
MANY(int32_t, 32, true)
MANY(uint32_t, 32, false)
MANY(int64_t, 64, true)
MANY(uint64_t, 64, false)

/* --- all --------------------------------------------------------------------------------------- */

/* NumPy's NaT and the others apart: these are closed up in `room`. */
static size_t times(const uint8_t *block, size_t n, uint8_t *room)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t v = LOAD(uint64_t, block, i);
		memcpy(room + kept * sizeof v, &v, sizeof v);
		kept += le64toh(v) != UINT64_C(1) << 63;
	}
	return kept;
}

static void add_whole(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	bool with_sign = is_signed(p);
	switch (p->width) {
	case 2:
		(with_sign ? add_int16_t : add_uint16_t)(block, n, r);
		break;
	case 4:
		(with_sign ? add_int32_t : add_uint32_t)(block, n, r);
		break;
	case 8:
		(with_sign ? add_int64_t : add_uint64_t)(block, n, r);
		break;
	default:
		add_wide(p, block, n, r);
	}
}

void summary_wholes(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	uint8_t room[SUMMARY_BLOCK * sizeof(uint64_t)];
	size_t kept = n;
	if (p->not_a_time) {
		kept = times(block, n, room);
		block = room;
	}
	r->nan += n - kept;
	if (kept > 0)
		add_whole(p, block, kept, r);
}

size_t summary_whole_doubles(const struct summary_plan *p, const uint8_t *block, size_t n, double *ret)
{
	uint8_t room[SUMMARY_BLOCK * sizeof(uint64_t)];
	bool with_sign = is_signed(p);
	if (p->not_a_time) {
		n = times(block, n, room);
		block = room;
	}
#define DOUBLES(bits)                                                                                \
	for (size_t i = 0; i < n; i++) {                                                             \
		uint##bits##_t t_ = le##bits##toh(LOAD(uint##bits##_t, block, i));                   \
		ret[i] = with_sign ? (double)(int##bits##_t)t_ : (double)t_;                         \
	}                                                                                            \
	break
	switch (p->width) {
	case 1:
		for (size_t i = 0; i < n; i++)
			ret[i] = with_sign ? (int8_t)block[i] : block[i];
		break;
	case 2: DOUBLES(16);
	case 4: DOUBLES(32);
	case 8: DOUBLES(64);
	default:
		for (size_t i = 0; i < n; i++) {
			struct summary_whole w = load_wide(block + i * p->width, p->width, with_sign);
			ret[i] = summary_whole_value(&w);
		}
	}
#undef DOUBLES
	return n;
}
