/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "fs/values/quant_impl.h"
#include "fs/values/summary_impl.h"

/* --- as doubles --------------------------------------------------------------------------- */

static float float_of(uint32_t bits)
{
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static double double_of(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static void to_doubles(const struct summary_plan *p, const uint8_t *block, size_t n, double *ret)
{
	switch ((enum dtype)p->dtype) {
	case DTYPE_FLOAT16:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)float_of(quant_widen_half(le16toh(LOAD(uint16_t, block, i))));
		break;
	case DTYPE_BFLOAT16:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)float_of((uint32_t)le16toh(LOAD(uint16_t, block, i)) << 16);
		break;
	case DTYPE_FLOAT32:
	case DTYPE_COMPLEX64:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)float_of(le32toh(LOAD(uint32_t, block, i)));
		break;
	case DTYPE_FLOAT64:
	case DTYPE_COMPLEX128:
		for (size_t i = 0; i < n; i++)
			ret[i] = double_of(le64toh(LOAD(uint64_t, block, i)));
		break;
	default:
		for (size_t i = 0; i < n; i++)
			ret[i] = (double)p->widen.small[block[i]];
	}
}

static bool all_finite(const double *x, size_t n)
{
	enum { LANES = 8 };
	double odd[LANES] = {0}, all = 0;
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (size_t j = 0; j < LANES; j++)
			odd[j] += x[i + j] * 0;
	for (; i < n; i++)
		all += x[i] * 0;
	for (size_t j = 0; j < LANES; j++)
		all += odd[j];
	return all == 0;
}

size_t summary_finite(const struct summary_plan *p, const uint8_t *block, size_t n, double *ret, uint64_t *ret_nan, uint64_t *ret_inf)
{
	size_t kept = 0;
	to_doubles(p, block, n, ret);
	if (all_finite(ret, n))
		return n;
	for (size_t i = 0; i < n; i++) {
		double v = ret[i];
		*ret_nan += v != v;
		*ret_inf += fabs(v) > DBL_MAX;
		ret[kept] = v;
		kept += fabs(v) <= DBL_MAX;
	}
	return kept;
}

/* --- sums of finite numbers ------------------------------------------------------------------ */

/* In lanes, which the compiler can take at once. */
static void add_lanes(const double *x, size_t n, double pivot, struct summary_sums *ret)
{
	enum { LANES = 4 };
	double sum[LANES] = {0}, squares[LANES] = {0}, least[LANES], most[LANES];
	uint64_t zeros = 0;
	size_t i = 0;
	for (size_t j = 0; j < LANES; j++)
		least[j] = most[j] = x[0];
	for (; i + LANES <= n; i += LANES)
		for (size_t j = 0; j < LANES; j++) {
			double v = x[i + j], d = v - pivot;
			sum[j] += d;
			squares[j] += d * d;
			least[j] = v < least[j] ? v : least[j];
			most[j] = v > most[j] ? v : most[j];
		}
	for (; i < n; i++) {
		double v = x[i], d = v - pivot;
		sum[0] += d;
		squares[0] += d * d;
		least[0] = v < least[0] ? v : least[0];
		most[0] = v > most[0] ? v : most[0];
	}
	for (i = 0; i < n; i++)
		zeros += x[i] == 0;
	*ret = (struct summary_sums){0, 0, x[0], x[0], zeros};
	for (size_t j = 0; j < LANES; j++) {
		ret->sum += sum[j];
		ret->squares += squares[j];
		ret->least = least[j] < ret->least ? least[j] : ret->least;
		ret->most = most[j] > ret->most ? most[j] : ret->most;
	}
}

static void add_up(const double *x, size_t n, struct summary_sums *ret)
{
	if (!summary_fast_doubles(x, n, ret))
		add_lanes(x, n, x[0], ret);
}

/* Numbers so large or so close together that a double does not hold their squares. */
static void add_extreme(const double *x, size_t n, struct summary_moments *m)
{
	long double sum = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		sum += (long double)x[i] - (long double)x[0];
	long double mean = x[0] + sum / (long double)n;
	for (size_t i = 0; i < n; i++)
		squares += ((long double)x[i] - mean) * ((long double)x[i] - mean);
	summary_merge(m, &(struct summary_moments){n, mean, squares});
}

static void add_moments(const double *x, size_t n, const struct summary_sums *s, struct summary_moments *m)
{
	const double tiny = 0x1p-480, huge = 0x1p500;
	double apart = s->most - s->least;
	if (apart <= huge && (apart == 0 || apart >= tiny))
		summary_add(m, n, x[0], s->sum, s->squares);
	else
		add_extreme(x, n, m);
}

static void add_range(const struct summary_sums *s, struct summary *r)
{
	bool first = r->parts[0].count == 0;
	double least = s->least + 0.0, most = s->most + 0.0; /* a zero's sign would depend on the order */
	r->zeros += s->zeros;
	r->least = first || least < r->least ? least : r->least;
	r->most = first || most > r->most ? most : r->most;
}

static void add_some(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	double x[SUMMARY_BLOCK];
	struct summary_sums s;
	size_t kept = summary_finite(p, block, n, x, &r->nan, &r->inf);
	if (kept == 0)
		return;
	add_up(x, kept, &s);
	add_range(&s, r);
	add_moments(x, kept, &s, &r->parts[0]);
}

void summary_reals(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	struct summary_sums s;
	double pivot;
	size_t fast = n / SUMMARY_STEP * SUMMARY_STEP;
	if (fast > 0 && summary_fast(p->dtype, block, fast, &pivot, &s)) {
		add_range(&s, r);
		summary_add(&r->parts[0], fast, pivot, s.sum, s.squares);
		block += fast * p->width;
		n -= fast;
	}
	if (n > 0)
		add_some(p, block, n, r);
}

void summary_real_code(const struct summary_plan *p, uint8_t code, uint64_t times, struct summary *r)
{
	double v = (double)p->widen.small[code];
	if (!isfinite(v)) {
		*(isnan(v) ? &r->nan : &r->inf) += times;
		return;
	}
	add_range(&(struct summary_sums){.least = v, .most = v, .zeros = v == 0 ? times : 0}, r);
	summary_merge(&r->parts[0], &(struct summary_moments){times, v, 0});
}

/* --- complex numbers --------------------------------------------------------------------------- */

void summary_complex(const struct summary_plan *p, const uint8_t *block, size_t n, struct summary *r)
{
	double both[2 * SUMMARY_BLOCK], parts[2][SUMMARY_BLOCK];
	size_t kept = 0;
	to_doubles(p, block, 2 * n, both);
	for (size_t i = 0; i < n; i++) {
		double re = both[2 * i], im = both[2 * i + 1];
		bool nan = re != re || im != im, inf = !nan && (fabs(re) > DBL_MAX || fabs(im) > DBL_MAX);
		r->nan += nan;
		r->inf += inf;
		r->zeros += re == 0 && im == 0;
		parts[0][kept] = re;
		parts[1][kept] = im;
		kept += !nan && !inf;
	}
	for (int i = 0; i < 2 && kept > 0; i++) {
		struct summary_sums s;
		add_up(parts[i], kept, &s);
		add_moments(parts[i], kept, &s, &r->parts[i]);
	}
}
