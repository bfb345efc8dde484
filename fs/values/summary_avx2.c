/* SPDX-License-Identifier: MIT */
/*
 * The usual case, finite floats, where the processor has AVX2.
 *
 * What follows from the bits alone is taken from them: of a float's without its sign, zero is the
 * least and what is not finite the greatest; and with the others turned over where the sign is set,
 * they order as integers do.
 */
#include "fs/values/summary_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))

/* Sums of doubles around a pivot, and what follows from the bits. */
struct lanes {
	__m256d pivot, sum[2], squares[2];
	__m256i least, most, zeros, odd;
};

AVX2 static inline void add(struct lanes *l, int which, __m256d x)
{
	x = _mm256_sub_pd(x, l->pivot);
	l->sum[which] = _mm256_add_pd(l->sum[which], x);
	l->squares[which] = _mm256_fmadd_pd(x, x, l->squares[which]);
}

AVX2 static inline void add_floats(struct lanes *l, __m256 x)
{
	add(l, 0, _mm256_cvtps_pd(_mm256_castps256_ps128(x)));
	add(l, 1, _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
}

AVX2 static inline struct lanes begin(double pivot)
{
	const __m256d none = _mm256_setzero_pd();
	const __m256i zero = _mm256_setzero_si256();
	return (struct lanes){_mm256_set1_pd(pivot), {none, none}, {none, none}, zero, zero, zero, zero};
}

AVX2 static inline double total(const __m256d of[2])
{
	double each[4];
	_mm256_storeu_pd(each, _mm256_add_pd(of[0], of[1]));
	return (each[0] + each[1]) + (each[2] + each[3]);
}

AVX2 static inline __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* --- 16 bits ------------------------------------------------------------------------------- */

AVX2 static inline void look_16(struct lanes *l, __m256i v, int16_t greatest)
{
	__m256i size = _mm256_and_si256(v, _mm256_set1_epi16(0x7fff));
	__m256i order = _mm256_xor_si256(v, _mm256_srli_epi16(_mm256_srai_epi16(v, 15), 1));
	l->odd = _mm256_or_si256(l->odd, _mm256_cmpgt_epi16(size, _mm256_set1_epi16(greatest)));
	l->zeros = _mm256_sub_epi16(l->zeros, _mm256_cmpeq_epi16(size, _mm256_setzero_si256()));
	l->least = _mm256_min_epi16(l->least, order);
	l->most = _mm256_max_epi16(l->most, order);
}

static uint16_t unorder_16(int16_t order)
{
	return (uint16_t)((uint16_t)order ^ (order < 0 ? 0x7fff : 0));
}

/* The results of all lanes, as bits. */
AVX2 static inline void end_16(const struct lanes *l, uint16_t *ret_least, uint16_t *ret_most, uint64_t *ret_zeros)
{
	int16_t least[16], most[16];
	uint16_t zeros[16];
	_mm256_storeu_si256((__m256i *)(void *)least, l->least);
	_mm256_storeu_si256((__m256i *)(void *)most, l->most);
	_mm256_storeu_si256((__m256i *)(void *)zeros, l->zeros);
	*ret_zeros = zeros[0];
	for (int i = 1; i < 16; i++) {
		least[0] = least[i] < least[0] ? least[i] : least[0];
		most[0] = most[i] > most[0] ? most[i] : most[0];
		*ret_zeros += zeros[i];
	}
	*ret_least = unorder_16(least[0]);
	*ret_most = unorder_16(most[0]);
}

AVX2 static inline void begin_16(struct lanes *l)
{
	l->least = _mm256_set1_epi16(INT16_MAX);
	l->most = _mm256_set1_epi16(INT16_MIN);
}

static double upper_half(uint16_t bits)
{
	uint32_t all = (uint32_t)bits << 16;
	float v;
	memcpy(&v, &all, sizeof v);
	return (double)v;
}

/* Numbers of so few digits need no pivot: where they are close together their sums are exact. */
AVX2 static bool brains(const uint8_t *p, size_t n, struct summary_sums *ret)
{
	const __m256i upper = _mm256_set1_epi32((int)0xffff0000);
	struct lanes l = begin(0);
	uint16_t least, most;
	begin_16(&l);
	for (const uint8_t *end = p + n * 2; p < end; p += 32) {
		__m256i v = load(p);
		look_16(&l, v, 0x7f7f);
		add_floats(&l, _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)));
		add_floats(&l, _mm256_castsi256_ps(_mm256_and_si256(v, upper)));
	}
	end_16(&l, &least, &most, &ret->zeros);
	ret->sum = total(l.sum);
	ret->squares = total(l.squares);
	ret->least = upper_half(least);
	ret->most = upper_half(most);
	return _mm256_testz_si256(l.odd, l.odd);
}

/* Of halves that are finite, each in 32 bits: the exponent is moved to its place, and subnormals, which
 * have none, are what is left when 2^-14 is taken away. */
AVX2 static inline __m256 widen(__m256i half)
{
	const __m256i one = _mm256_set1_epi32(1 << 23), least = _mm256_set1_epi32(113 << 23);
	__m256i size = _mm256_slli_epi32(_mm256_and_si256(half, _mm256_set1_epi32(0x7fff)), 13);
	__m256i sign = _mm256_slli_epi32(_mm256_and_si256(half, _mm256_set1_epi32(0x8000)), 16);
	__m256 normal = _mm256_castsi256_ps(_mm256_add_epi32(size, _mm256_sub_epi32(least, one)));
	__m256 small = _mm256_sub_ps(_mm256_castsi256_ps(_mm256_add_epi32(size, least)), _mm256_castsi256_ps(least));
	__m256 value = _mm256_blendv_ps(normal, small, _mm256_castsi256_ps(_mm256_cmpgt_epi32(one, size)));
	return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
}

AVX2 static bool halves(const uint8_t *p, size_t n, struct summary_sums *ret)
{
	struct lanes l = begin(0);
	uint16_t least, most;
	begin_16(&l);
	for (const uint8_t *end = p + n * 2; p < end; p += 32) {
		__m256i v = load(p);
		look_16(&l, v, 0x7bff);
		add_floats(&l, widen(v));
		add_floats(&l, widen(_mm256_srli_epi32(v, 16)));
	}
	end_16(&l, &least, &most, &ret->zeros);
	ret->sum = total(l.sum);
	ret->squares = total(l.squares);
	ret->least = float16_value(least);
	ret->most = float16_value(most);
	return _mm256_testz_si256(l.odd, l.odd);
}

/* --- 32 bits ------------------------------------------------------------------------------- */

AVX2 static inline void look_32(struct lanes *l, __m256i v)
{
	__m256i size = _mm256_and_si256(v, _mm256_set1_epi32(INT32_MAX));
	__m256i order = _mm256_xor_si256(v, _mm256_srli_epi32(_mm256_srai_epi32(v, 31), 1));
	l->odd = _mm256_or_si256(l->odd, _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f7fffff)));
	l->zeros = _mm256_sub_epi32(l->zeros, _mm256_cmpeq_epi32(size, _mm256_setzero_si256()));
	l->least = _mm256_min_epi32(l->least, order);
	l->most = _mm256_max_epi32(l->most, order);
}

static double unorder_32(int32_t order)
{
	uint32_t bits = (uint32_t)order ^ (order < 0 ? (uint32_t)INT32_MAX : 0);
	float v;
	memcpy(&v, &bits, sizeof v);
	return (double)v;
}

AVX2 static bool singles(const uint8_t *p, size_t n, double *ret_pivot, struct summary_sums *ret)
{
	struct lanes l;
	int32_t least[8], most[8];
	uint32_t zeros[8];
	float first;
	memcpy(&first, p, sizeof first);
	*ret_pivot = (double)first;
	l = begin(*ret_pivot);
	l.least = _mm256_set1_epi32(INT32_MAX);
	l.most = _mm256_set1_epi32(INT32_MIN);
	for (const uint8_t *end = p + n * 4; p < end; p += 32) {
		__m256i v = load(p);
		look_32(&l, v);
		add_floats(&l, _mm256_castsi256_ps(v));
	}
	_mm256_storeu_si256((__m256i *)(void *)least, l.least);
	_mm256_storeu_si256((__m256i *)(void *)most, l.most);
	_mm256_storeu_si256((__m256i *)(void *)zeros, l.zeros);
	ret->zeros = zeros[0];
	for (int i = 1; i < 8; i++) {
		least[0] = least[i] < least[0] ? least[i] : least[0];
		most[0] = most[i] > most[0] ? most[i] : most[0];
		ret->zeros += zeros[i];
	}
	ret->sum = total(l.sum);
	ret->squares = total(l.squares);
	ret->least = unorder_32(least[0]);
	ret->most = unorder_32(most[0]);
	return _mm256_testz_si256(l.odd, l.odd);
}

/* --- 64 bits ------------------------------------------------------------------------------- */

struct range {
	__m256d least, most;
	__m256i zeros;
};

AVX2 static inline void look_64(struct range *r, __m256d x)
{
	r->least = _mm256_min_pd(x, r->least);
	r->most = _mm256_max_pd(x, r->most);
	r->zeros = _mm256_sub_epi64(r->zeros, _mm256_castpd_si256(_mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_EQ_OQ)));
}

AVX2 static void doubles(const double *x, size_t n, struct summary_sums *ret)
{
	enum { STEP = 8 };
	struct lanes l = begin(x[0]);
	struct range r = {l.pivot, l.pivot, _mm256_setzero_si256()};
	double last[STEP], least[4], most[4];
	uint64_t zeros[4];
	size_t i = 0, rest = n % STEP;
	for (; i < n - rest; i += STEP)
		for (int k = 0; k < 2; k++) {
			__m256d v = _mm256_loadu_pd(x + i + 4 * k);
			look_64(&r, v);
			add(&l, k, v);
		}
	for (size_t k = 0; k < STEP; k++) /* what is missing adds nothing to the sums */
		last[k] = k < rest ? x[i + k] : x[0];
	for (int k = 0; k < 2; k++) {
		look_64(&r, _mm256_loadu_pd(last + 4 * k));
		add(&l, k, _mm256_loadu_pd(last + 4 * k));
	}
	_mm256_storeu_pd(least, r.least);
	_mm256_storeu_pd(most, r.most);
	_mm256_storeu_si256((__m256i *)(void *)zeros, r.zeros);
	*ret = (struct summary_sums){total(l.sum), total(l.squares), least[0], most[0], zeros[0]};
	for (int k = 1; k < 4; k++) {
		ret->least = least[k] < ret->least ? least[k] : ret->least;
		ret->most = most[k] > ret->most ? most[k] : ret->most;
		ret->zeros += zeros[k];
	}
	ret->zeros -= x[0] == 0 ? STEP - rest : 0;
}

/* --- all ------------------------------------------------------------------------------------- */

static bool is_able(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool summary_fast_doubles(const double *x, size_t n, struct summary_sums *ret)
{
	bool able = is_able();
	if (able)
		doubles(x, n, ret);
	return able;
}

bool summary_fast(enum dtype dtype, const uint8_t *block, size_t n, double *ret_pivot, struct summary_sums *ret)
{
	if (!is_able())
		return false;
	*ret_pivot = 0;
	switch (dtype) {
	case DTYPE_BFLOAT16:
		return brains(block, n, ret);
	case DTYPE_FLOAT16:
		return halves(block, n, ret);
	case DTYPE_FLOAT32:
		return singles(block, n, ret_pivot, ret);
	default:
		return false;
	}
}
#else
bool summary_fast_doubles(const double *x, size_t n, struct summary_sums *ret)
{
	(void)x, (void)n, (void)ret;
	return false;
}

bool summary_fast(enum dtype dtype, const uint8_t *block, size_t n, double *ret_pivot, struct summary_sums *ret)
{
	(void)dtype, (void)block, (void)n, (void)ret_pivot, (void)ret;
	return false;
}
#endif
