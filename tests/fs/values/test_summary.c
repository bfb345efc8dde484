/* SPDX-License-Identifier: MIT */
#include "fs/values/summary.h"

#include <float.h>
#include <math.h>

#include "tests/support.h"

static struct summary run(const struct array *a, const void *bytes, uint64_t count, const struct summary_valid *valid)
{
	struct summary_plan p;
	struct summary r = {0};
	assert_true(summary_exists(a));
	summary_init(&p, a);
	summary_run(&p, bytes, 0, count, valid, &r);
	return r;
}

static void check_counts(const struct summary *r, uint64_t count, uint64_t zeros, uint64_t nan, uint64_t inf)
{
	assert_int_equal(r->count, count);
	assert_int_equal(r->zeros, zeros);
	assert_int_equal(r->nan, nan);
	assert_int_equal(r->inf, inf);
}

static void is_near(double a, double b)
{
	if (fabs(a - b) > 1e-12 * fabs(b) && !(a != a && b != b))
		fail_msg("%.17g is not %.17g", a, b);
}

static void check_whole(const struct summary_whole *w, uint64_t low, uint64_t rest)
{
	assert_int_equal(w->limb[0], low);
	for (int i = 1; i < 4; i++)
		assert_int_equal(w->limb[i], rest);
}

/* --- floats ---------------------------------------------------------------------- */

static void statistics_are_of_the_finite_values(void **state)
{
	(void)state;
	const double x[] = {1, NAN, -3, INFINITY, 0, -0.0, 6, -INFINITY};
	struct array a = {.dtype = DTYPE_FLOAT64, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, x, 8, NULL);
	check_counts(&r, 8, 2, 1, 2);
	assert_true(r.least == -3 && r.most == 6);
	is_near(summary_mean(&r, 0), 0.8);
	is_near(summary_deviation(&r), sqrt((1 + 9 + 36 - 5 * 0.64) / 5));
}

static void of_no_finite_values_there_is_no_mean(void **state)
{
	(void)state;
	const float x[] = {NAN, INFINITY};
	struct array a = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, x, 2, NULL), none = run(&a, x, 0, NULL);
	check_counts(&r, 2, 0, 1, 1);
	check_counts(&none, 0, 0, 0, 0);
	assert_true(isnan(summary_mean(&r, 0)) && isnan(summary_deviation(&none)));
}

/* bfloat16 from the top bits of floats, each of `at` whole and in parts of any length. */
static void every_length_is_added_up_to_its_end(void **state)
{
	(void)state;
	enum { MOST = 5000 };
	static uint8_t bytes[2 * MOST], big[2 * MOST];
	static float x[MOST];
	struct array little = {.dtype = DTYPE_BFLOAT16, .byteorder = BYTEORDER_LITTLE, .unshaped = true}, turned = little;
	turned.byteorder = BYTEORDER_BIG;
	for (unsigned i = 0; i < MOST; i++) {
		uint16_t bits = (uint16_t)(0x3e00 + i * 7919 % 0x200 + (i % 3 == 0) * 0x8000);
		bits = i % 11 == 0 ? 0x8000 : bits;
		uint32_t all = (uint32_t)bits << 16;
		memcpy(x + i, &all, sizeof all);
		big[2 * i] = bytes[2 * i + 1] = (uint8_t)(bits >> 8);
		big[2 * i + 1] = bytes[2 * i] = (uint8_t)bits;
	}
	for (unsigned n = 1; n <= MOST; n += n < 100 ? 1 : 613) {
		double sum = 0, squares = 0, least = INFINITY, most = -INFINITY;
		for (unsigned i = 0; i < n; i++) {
			sum += (double)x[i];
			least = fmin(least, (double)x[i]);
			most = fmax(most, (double)x[i]);
		}
		for (unsigned i = 0; i < n; i++)
			squares += ((double)x[i] - sum / n) * ((double)x[i] - sum / n);
		struct summary r = run(&little, bytes, n, NULL), s = run(&turned, big, n, NULL);
		check_counts(&r, n, (n + 10) / 11, 0, 0);
		assert_true(r.least == least && r.most == most);
		is_near(summary_mean(&r, 0), sum / n);
		is_near(summary_deviation(&r), sqrt(squares / n));
		assert_true(s.least == least && s.most == most && s.zeros == r.zeros);
		is_near(summary_deviation(&s), sqrt(squares / n));
	}
}

static void one_nan_anywhere_is_found(void **state)
{
	(void)state;
	enum { N = 2100 };
	static uint16_t x[N];
	const struct array halves[] = {{.dtype = DTYPE_FLOAT16, .unshaped = true}, {.dtype = DTYPE_BFLOAT16, .unshaped = true}};
	for (int k = 0; k < 2; k++)
		for (unsigned at = 0; at < N; at += at < 40 || at > 2040 ? 1 : 333) {
			memset(x, 0x22, sizeof x);
			x[at] = 0xffff;
			struct summary r = run(&halves[k], x, N, NULL);
			check_counts(&r, N, 0, 1, 0);
			x[at] = k ? 0x7f80 : 0xfc00;
			r = run(&halves[k], x, N, NULL);
			check_counts(&r, N, 0, 0, 1);
			assert_true(r.least == r.most);
			assert_true(summary_deviation(&r) == 0);
		}
}

/* Subnormals and zeros of either sign among them. */
static void every_half_is_its_value(void **state)
{
	(void)state;
	enum { N = 16 };
	const struct array a = {.dtype = DTYPE_FLOAT16, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	for (uint32_t bits = 0; bits < 1 << 16; bits++) {
		uint16_t x[N];
		double v = float16_value((uint16_t)bits);
		for (int i = 0; i < N; i++)
			x[i] = htole16((uint16_t)bits);
		if (!isfinite(v))
			continue;
		struct summary r = run(&a, x, N, NULL);
		assert_true(r.least == v && r.most == v && summary_mean(&r, 0) == v && r.zeros == (v == 0 ? N : 0));
	}
}

static void squares_of_no_double_are_taken_all_the_same(void **state)
{
	(void)state;
	const double large[] = {DBL_MAX, -DBL_MAX, DBL_MAX, -DBL_MAX}, small[] = {0x1p-1060, 0, 0x1p-1060, 0};
	struct array a = {.dtype = DTYPE_FLOAT64, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, large, 4, NULL);
	assert_true(summary_mean(&r, 0) == 0);
	is_near(summary_deviation(&r), DBL_MAX);
	r = run(&a, small, 4, NULL);
	assert_true(summary_mean(&r, 0) == 0x1p-1061 && summary_deviation(&r) == 0x1p-1061);
}

static void a_great_mean_takes_nothing_from_the_deviation(void **state)
{
	(void)state;
	enum { N = 10000 };
	static float x[N];
	static int64_t whole[N];
	struct array a = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	for (int i = 0; i < N; i++) {
		x[i] = 16777215.0f - (float)(i % 2);
		whole[i] = INT64_MAX - i % 2;
	}
	struct summary r = run(&a, x, N, NULL);
	is_near(summary_deviation(&r), 0.5);
	is_near(summary_mean(&r, 0), 16777214.5);
	a.dtype = DTYPE_INT64;
	r = run(&a, whole, N, NULL);
	is_near(summary_deviation(&r), 0.5);
}

static void floats_of_8_bits_and_less_are_their_values(void **state)
{
	(void)state;
	const uint8_t e4m3[] = {0x38, 0xb8, 0x7f, 0x7e, 0x00}, e2m1[] = {0x21, 0x0f}; /* 0.5 1 -6 0 */
	struct array a = {.dtype = DTYPE_FLOAT8_E4M3FN, .unshaped = true};
	struct summary r = run(&a, e4m3, 5, NULL);
	check_counts(&r, 5, 1, 1, 0);
	assert_true(r.least == -1 && r.most == 448);
	is_near(summary_mean(&r, 0), 112);
	a.dtype = DTYPE_FLOAT4_E2M1FN;
	r = run(&a, e2m1, 3, NULL); /* the fourth is padding */
	check_counts(&r, 3, 0, 0, 0);
	assert_true(r.least == -6 && r.most == 1);
	is_near(summary_mean(&r, 0), -1.5);
}

static void quantized_numbers_are_what_they_stand_for(void **state)
{
	(void)state;
	const uint64_t shape[] = {4};
	const float scale = 0.5f;
	const int64_t zero = 10;
	const struct quant q = {.count = 1, .scales = &scale, .zero_points = &zero};
	const uint8_t x[] = {10, 12, 0, 14};
	const struct array a = {.dtype = DTYPE_UINT8, .rank = 1, .shape = shape, .quant = &q};
	struct summary r = run(&a, x, 4, NULL);
	check_counts(&r, 4, 1, 0, 0);
	assert_true(r.least == -5 && r.most == 2);
	is_near(summary_mean(&r, 0), -0.5);
}

static void complex_numbers_have_a_mean_and_a_deviation(void **state)
{
	(void)state;
	const double x[] = {1, 2, 3, -1, 0, 0, NAN, INFINITY, INFINITY, 0};
	struct array a = {.dtype = DTYPE_COMPLEX128, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, x, 5, NULL);
	check_counts(&r, 5, 1, 1, 1);
	is_near(summary_mean(&r, 0), 4 / 3.0);
	is_near(summary_mean(&r, 1), 1 / 3.0);
	is_near(summary_deviation(&r), sqrt((10 - 16 / 3.0 + 5 - 1 / 3.0) / 3));
}

/* --- integers ---------------------------------------------------------------------- */

static void the_ends_of_integers_are_exact(void **state)
{
	(void)state;
	const int64_t x[] = {INT64_MIN, INT64_MAX, 0, -1};
	struct array a = {.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, x, 4, NULL);
	check_counts(&r, 4, 1, 0, 0);
	check_whole(&r.least_whole, (uint64_t)INT64_MIN, UINT64_MAX);
	check_whole(&r.most_whole, INT64_MAX, 0);
	is_near(summary_mean(&r, 0), -0.5);
	a.dtype = DTYPE_UINT64;
	r = run(&a, x, 4, NULL);
	check_whole(&r.least_whole, 0, 0);
	check_whole(&r.most_whole, UINT64_MAX, 0);
	is_near(summary_deviation(&r), 6521908912666391106.0);
}

static void integers_of_any_width_have_their_sign(void **state)
{
	(void)state;
	const uint8_t x[] = {0xff, 0x80, 0x7f, 0x00, 0x01, 0x02, 0xfe, 0x80};
	static const struct {
		enum dtype dtype;
		uint64_t count, least, most;
	} cases[] = {
		{DTYPE_INT8, 8, (uint64_t)-128, 127},   {DTYPE_UINT8, 8, 0, 255},
		{DTYPE_INT16, 4, (uint64_t)-32514, 513}, {DTYPE_UINT16, 4, 127, 33023},
		{DTYPE_INT32, 2, (uint64_t)-2130836991, 8356095}, {DTYPE_UINT32, 2, 8356095, 2164130305},
		{DTYPE_INT4, 16, (uint64_t)-8, 7},      {DTYPE_UINT2, 32, 0, 3},
		{DTYPE_BOOL, 8, 0, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct array a = {.dtype = (uint8_t)cases[i].dtype, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
		struct summary r = run(&a, x, cases[i].count, NULL);
		assert_int_equal(r.count, cases[i].count);
		check_whole(&r.least_whole, cases[i].least, (int64_t)cases[i].least < 0 ? UINT64_MAX : 0);
		check_whole(&r.most_whole, cases[i].most, 0);
	}
}

static void decimals_of_256_bits_are_exact(void **state)
{
	(void)state;
	uint8_t x[96] = {0};
	x[0] = 5;                  /* 5 */
	x[32 + 20] = 1;            /* 2^160 */
	memset(x + 64, 0xff, 32);  /* -1 */
	struct array a = {.dtype = DTYPE_DECIMAL, .byteorder = BYTEORDER_LITTLE, .width = 32, .precision = 76, .unshaped = true};
	struct summary r = run(&a, x, 3, NULL);
	check_whole(&r.least_whole, UINT64_MAX, UINT64_MAX);
	assert_int_equal(r.most_whole.limb[2], UINT64_C(1) << 32);
	assert_int_equal(r.most_whole.limb[0] | r.most_whole.limb[1] | r.most_whole.limb[3], 0);
	assert_true(summary_whole_value(&r.most_whole) == 0x1p160 && summary_whole_value(&r.least_whole) == -1);
	is_near(summary_mean(&r, 0), 0x1p160 / 3);
}

static void not_a_time_is_no_number(void **state)
{
	(void)state;
	const int64_t x[] = {INT64_MIN, 1000, 0, 2000};
	struct array a = {.dtype = DTYPE_TIMESTAMP_MS, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary r = run(&a, x, 4, NULL);
	check_counts(&r, 4, 1, 1, 0);
	check_whole(&r.least_whole, 0, 0);
	check_whole(&r.most_whole, 2000, 0);
	is_near(summary_mean(&r, 0), 1000);
}

/* --- nulls, parts, types ---------------------------------------------------------------- */

static void nulls_are_left_out(void **state)
{
	(void)state;
	enum { N = 3000 };
	static int32_t x[N];
	static uint8_t valid[N];
	struct array a = {.dtype = DTYPE_INT32, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	for (int i = 0; i < N; i++) {
		x[i] = i;
		valid[i] = i % 3 == 1;
	}
	struct summary r = run(&a, x, N, &(struct summary_valid){valid, 0, 1});
	check_counts(&r, 1000, 0, 0, 0);
	check_whole(&r.least_whole, 1, 0);
	check_whole(&r.most_whole, 2998, 0);
	is_near(summary_mean(&r, 0), 1499.5);
	r = run(&a, x, 10, &(struct summary_valid){valid, 0, 4}); /* of 4 each: the second slot is valid */
	check_counts(&r, 4, 0, 0, 0);
	check_whole(&r.least_whole, 4, 0);
	check_whole(&r.most_whole, 7, 0);
}

static void parts_are_joined(void **state)
{
	(void)state;
	const float x[] = {NAN, 4, 8, -2, 0, 1, INFINITY};
	struct array a = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	struct summary whole = run(&a, x, 7, NULL);
	for (unsigned cut = 0; cut <= 7; cut++) {
		struct summary r = run(&a, x, cut, NULL), rest = run(&a, x + cut, 7 - cut, NULL);
		summary_join(&r, &rest);
		check_counts(&r, 7, 1, 1, 1);
		assert_true(r.least == -2 && r.most == 8);
		is_near(summary_mean(&r, 0), summary_mean(&whole, 0));
		is_near(summary_deviation(&r), summary_deviation(&whole));
	}
}

static void what_is_no_number_has_no_statistics(void **state)
{
	(void)state;
	const struct quant q = {.blocks = QUANT_Q8_1};
	const uint64_t shape[] = {40};
	const struct array none[] = {
		{.dtype = DTYPE_FIXED_STRING, .width = 4}, {.dtype = DTYPE_VOID, .width = 8}, {.dtype = DTYPE_UNICODE, .width = 8},
		{.dtype = DTYPE_STRING}, {.dtype = DTYPE_NULL}, {.dtype = DTYPE_OBJECT}, {.dtype = DTYPE_NONE},
		{.dtype = DTYPE_UINT64, .reference = true}, {.dtype = DTYPE_DECIMAL, .width = 33},
		{.dtype = DTYPE_UINT8, .quant = &q, .rank = 1, .shape = shape},
	};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(summary_exists(&none[i]));
}

/* --- bins ------------------------------------------------------------------------------- */

static void check_bins(enum dtype dtype, const void *x, uint64_t n, unsigned bins, const uint64_t *expected)
{
	const struct array a = {.dtype = (uint8_t)dtype, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	double edges[12];
	uint64_t counts[11] = {0};
	struct summary_plan p;
	struct summary_bins b;
	struct summary r = run(&a, x, n, NULL);
	summary_init(&p, &a);
	assert_true(summary_bins(&p, &r, bins, edges, &b));
	summary_count(&p, &b, x, 0, n, NULL, counts);
	assert_memory_equal(counts, expected, bins * sizeof *counts);
}

static void bins_are_numpys(void **state)
{
	(void)state;
	const int32_t whole[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	const double x[] = {0, 0.1, 0.2, 0.3, 0.30000000000000004, 1, NAN, INFINITY};
	const float same[] = {3, 3, 3};
	check_bins(DTYPE_INT32, whole, 11, 5, (const uint64_t[]){2, 2, 2, 2, 3});
	check_bins(DTYPE_FLOAT64, x, 8, 10, (const uint64_t[]){1, 1, 2, 1, 0, 0, 0, 0, 0, 1});
	check_bins(DTYPE_FLOAT32, same, 3, 2, (const uint64_t[]){0, 3});
}

static void bins_need_a_range(void **state)
{
	(void)state;
	const double wide[] = {-DBL_MAX, DBL_MAX}, close[] = {1, 1 + DBL_EPSILON}, nan[] = {NAN, NAN};
	const double *const none[] = {wide, close, nan};
	const struct array a = {.dtype = DTYPE_FLOAT64, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	double edges[12];
	struct summary_plan p;
	struct summary_bins b;
	summary_init(&p, &a);
	for (int i = 0; i < 3; i++) {
		struct summary r = run(&a, none[i], 2, NULL);
		assert_false(summary_bins(&p, &r, 10, edges, &b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_are_of_the_finite_values),
		cmocka_unit_test(of_no_finite_values_there_is_no_mean),
		cmocka_unit_test(every_length_is_added_up_to_its_end),
		cmocka_unit_test(one_nan_anywhere_is_found),
		cmocka_unit_test(every_half_is_its_value),
		cmocka_unit_test(squares_of_no_double_are_taken_all_the_same),
		cmocka_unit_test(a_great_mean_takes_nothing_from_the_deviation),
		cmocka_unit_test(floats_of_8_bits_and_less_are_their_values),
		cmocka_unit_test(quantized_numbers_are_what_they_stand_for),
		cmocka_unit_test(complex_numbers_have_a_mean_and_a_deviation),
		cmocka_unit_test(the_ends_of_integers_are_exact),
		cmocka_unit_test(integers_of_any_width_have_their_sign),
		cmocka_unit_test(decimals_of_256_bits_are_exact),
		cmocka_unit_test(not_a_time_is_no_number),
		cmocka_unit_test(nulls_are_left_out),
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(what_is_no_number_has_no_statistics),
		cmocka_unit_test(bins_are_numpys),
		cmocka_unit_test(bins_need_a_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
