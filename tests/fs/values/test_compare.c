/* SPDX-License-Identifier: MIT */
/* The values of the small floats are those of ml_dtypes 0.5; what is close is what
 * numpy.isclose(a, b, equal_nan=True) says of float64. */
#include "tests/support.h"

#include <math.h>

#include "fs/values/compare.h"

#define ARRAY(t, order) (&(struct array){.dtype = t, .byteorder = order})
#define LITTLE(t) ARRAY(t, BYTEORDER_LITTLE)

static struct compare_result compared(const struct array *a, const struct array *b, const struct tolerance *t,
				      const void *p, const void *q, size_t n)
{
	struct compare c;
	struct compare_result r = {0};
	compare_init(&c, a, b, t);
	compare_run(&c, p, q, n, 0, &r);
	return r;
}

#define SAME_TYPE(t, tolerance, p, q) compared(LITTLE(t), LITTLE(t), tolerance, p, q, sizeof(p) / sizeof *(p))

static void every_float_of_a_byte_has_its_value(void **state)
{
	static const struct {
		enum dtype dtype;
		uint8_t zero, bits;
		double distance; /* -1: NaN */
	} cases[] = {
		{DTYPE_FLOAT8_E4M3FN, 0, 0x01, 0x1p-9},  {DTYPE_FLOAT8_E4M3FN, 0, 0x38, 1},
		{DTYPE_FLOAT8_E4M3FN, 0, 0x7e, 448},     {DTYPE_FLOAT8_E4M3FN, 0, 0x7f, -1},
		{DTYPE_FLOAT8_E4M3FN, 0, 0x80, 0},       {DTYPE_FLOAT8_E4M3FN, 0, 0xff, -1},
		{DTYPE_FLOAT8_E4M3FNUZ, 0, 0x01, 0x1p-10}, {DTYPE_FLOAT8_E4M3FNUZ, 0, 0x7f, 240},
		{DTYPE_FLOAT8_E4M3FNUZ, 0, 0x80, -1},    {DTYPE_FLOAT8_E4M3FNUZ, 0, 0xff, 240},
		{DTYPE_FLOAT8_E5M2, 0, 0x01, 0x1p-16},   {DTYPE_FLOAT8_E5M2, 0, 0x7c, (double)INFINITY},
		{DTYPE_FLOAT8_E5M2, 0, 0x7f, -1},        {DTYPE_FLOAT8_E5M2, 0, 0xc3, 3.5},
		{DTYPE_FLOAT8_E5M2, 0, 0xfc, (double)INFINITY},
		{DTYPE_FLOAT8_E5M2FNUZ, 0, 0x7f, 57344}, {DTYPE_FLOAT8_E5M2FNUZ, 0, 0x80, -1},
		{DTYPE_FLOAT8_E5M2FNUZ, 0, 0xc3, 1.75},
		{DTYPE_FLOAT8_E8M0FNU, 0x7f, 0x80, 1},   {DTYPE_FLOAT8_E8M0FNU, 0x7f, 0xff, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const uint8_t a[] = {cases[i].zero, cases[i].zero}, b[] = {cases[i].zero, cases[i].bits};
		struct compare_result r = SAME_TYPE(cases[i].dtype, NULL, a, b);
		assert_int_equal(r.differ, 1);
		assert_int_equal(r.first, 1);
		assert_int_equal(r.nan, cases[i].distance < 0);
		assert_int_equal(r.measured, cases[i].distance >= 0);
		if (r.measured) {
			assert_int_equal(r.at, 1);
			assert_true(r.largest == cases[i].distance);
		}
	}
}

static void halves_and_brains(void **state)
{
	/* 1, 1.5, 65504, subnormal 2^-24, inf, NaN */
	const uint16_t zeros[6] = {0}, halves[] = {0x3c00, 0x3e00, 0xfbff, 0x0001, 0x7c00, 0x7e00};
	struct compare_result r = SAME_TYPE(DTYPE_FLOAT16, NULL, zeros, halves);
	(void)state;
	assert_int_equal(r.differ, 6);
	assert_int_equal(r.nan, 1);
	assert_int_equal(r.at, 4);
	assert_true(isinf(r.largest));
	const uint16_t zero[1] = {0};
	const double values[] = {1, 1.5, 65504, 0x1p-24};
	for (size_t i = 0; i < 4; i++) {
		const uint16_t one[1] = {halves[i]};
		assert_true(SAME_TYPE(DTYPE_FLOAT16, NULL, zero, one).largest == values[i]);
	}
	const uint16_t brain[1] = {0xc040}; /* -3 */
	assert_true(SAME_TYPE(DTYPE_BFLOAT16, NULL, zero, brain).largest == 3);
}

static void bit_by_bit_zeros_and_nans_differ(void **state)
{
	const float a[] = {0, NAN, NAN, 1, INFINITY}, b[] = {-0.0f, -NAN, 1, 1, INFINITY};
	struct compare_result r = SAME_TYPE(DTYPE_FLOAT32, NULL, a, b);
	(void)state;
	assert_int_equal(r.differ, 3);
	assert_int_equal(r.nan, 1);
	assert_true(r.measured && r.largest == 0 && r.at == 0);
	r = SAME_TYPE(DTYPE_FLOAT32, &(struct tolerance){0}, a, b);
	assert_int_equal(r.differ, 1);
	assert_int_equal(r.first, 2);
	assert_false(r.measured);
}

static void close_is_what_numpy_finds_close(void **state)
{
	const double a[] = {1, 1, -2, INFINITY, INFINITY, 1, NAN, 1e308}, b[] = {1.1, 1.1000001, -2.2, INFINITY, -INFINITY, INFINITY, NAN, -1e308};
	struct compare_result r = SAME_TYPE(DTYPE_FLOAT64, (&(struct tolerance){.atol = 0.05, .rtol = 0.0454546}), a, b);
	(void)state;
	assert_int_equal(r.differ, 5); /* all but the first, inf and inf, NaN and NaN */
	assert_int_equal(r.first, 1);
	assert_true(isinf(r.largest) && r.at == 4);
}

static void the_tolerance_goes_by_b(void **state)
{
	const double small[] = {1}, large[] = {2};
	const struct tolerance half = {.rtol = 0.5};
	(void)state;
	assert_int_equal(SAME_TYPE(DTYPE_FLOAT64, &half, small, large).differ, 0);
	assert_int_equal(SAME_TYPE(DTYPE_FLOAT64, &half, large, small).differ, 1);
}

static void whole_differences_are_exact(void **state)
{
	const int64_t a[] = {INT64_MIN, (INT64_C(1) << 60) + 1, 0}, b[] = {INT64_MAX, INT64_C(1) << 60, 0};
	struct compare_result r = SAME_TYPE(DTYPE_INT64, NULL, a, b);
	(void)state;
	assert_int_equal(r.differ, 2);
	assert_true(r.whole == UINT64_MAX && r.at == 0);
	r = SAME_TYPE(DTYPE_INT64, &(struct tolerance){0}, a, b);
	assert_int_equal(r.differ, 2);
	r = SAME_TYPE(DTYPE_INT64, &(struct tolerance){.atol = 1}, a, b);
	assert_int_equal(r.differ, 1);
	const uint64_t u[] = {UINT64_MAX}, v[] = {0};
	assert_true(SAME_TYPE(DTYPE_UINT64, NULL, u, v).whole == UINT64_MAX);
	const int8_t c[] = {-128}, d[] = {127};
	assert_true(SAME_TYPE(DTYPE_INT8, NULL, c, d).whole == 255);
	const uint8_t e[] = {255}, f[] = {1};
	assert_true(SAME_TYPE(DTYPE_UINT8, NULL, e, f).whole == 254);
	const int16_t g[] = {-3}, h[] = {4};
	assert_true(SAME_TYPE(DTYPE_INT16, NULL, g, h).whole == 7);
	const uint16_t i[] = {65535}, j[] = {0};
	assert_true(SAME_TYPE(DTYPE_UINT16, NULL, i, j).whole == 65535);
	const int32_t k[] = {INT32_MIN}, l[] = {INT32_MAX};
	assert_true(SAME_TYPE(DTYPE_INT32, NULL, k, l).whole == UINT32_MAX);
	const uint32_t m[] = {5}, n[] = {UINT32_MAX};
	assert_true(SAME_TYPE(DTYPE_UINT32, NULL, m, n).whole == UINT32_MAX - 5);
}

static void complex_numbers_are_one(void **state)
{
	const float a[][2] = {{0, 0}, {1, 2}, {INFINITY, 0}, {NAN, 1}}, b[][2] = {{3, 4}, {1, 2}, {INFINITY, 0}, {1, NAN}};
	const struct tolerance t = {.atol = 4.9}, u = {.atol = 5};
	struct compare_result r = SAME_TYPE(DTYPE_COMPLEX64, NULL, a, b);
	(void)state;
	assert_int_equal(r.differ, 2);
	assert_true(r.largest == 5 && r.at == 0);
	assert_int_equal(SAME_TYPE(DTYPE_COMPLEX64, &t, a, b).differ, 1);
	assert_int_equal(SAME_TYPE(DTYPE_COMPLEX64, &u, a, b).differ, 0);
	const double p[][2] = {{1, -1}}, q[][2] = {{1, 1}};
	assert_true(SAME_TYPE(DTYPE_COMPLEX128, NULL, p, q).largest == 2);
}

static void byte_order_does_not_matter(void **state)
{
	const uint8_t big[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0}, little[] = {0, 0, 0x80, 0x3f, 0, 0, 0x40, 0x40};
	const struct array *a = ARRAY(DTYPE_FLOAT32, BYTEORDER_BIG), *b = LITTLE(DTYPE_FLOAT32);
	struct compare_result r = compared(a, b, NULL, big, little, 2);
	(void)state;
	assert_int_equal(r.differ, 1); /* 1 and 1, 2 and 3 */
	assert_true(r.largest == 1 && r.at == 1);
	r = compared(b, a, NULL, little, big, 2);
	assert_true(r.differ == 1 && r.largest == 1);
	const uint8_t more[] = {0x3f, 0x80, 0, 0, 0x40, 0x40, 0, 0};
	r = compared(a, a, NULL, big, more, 2);
	assert_true(r.differ == 1 && r.largest == 1 && r.at == 1);
	/* of a complex number, each part */
	r = compared(ARRAY(DTYPE_COMPLEX64, BYTEORDER_BIG), LITTLE(DTYPE_COMPLEX64), NULL, big, little, 1);
	assert_true(r.differ == 1 && r.largest == 1);
}

static void what_is_no_number_is_compared_bit_by_bit(void **state)
{
	const struct tolerance t = {.atol = 100};
	const uint8_t a[] = "abcabd", b[] = "abcabc", zero[] = {0}, one[] = {1};
	const struct array string = {.dtype = DTYPE_FIXED_STRING, .width = 3};
	struct compare_result r = compared(&string, &string, &t, a, b, 2);
	(void)state;
	assert_true(r.differ == 1 && r.first == 1 && !r.measured);
	assert_int_equal(SAME_TYPE(DTYPE_BOOL, &t, zero, one).differ, 1);
	const int32_t day[] = {1}, next[] = {2};
	r = SAME_TYPE(DTYPE_DATE32, &t, day, next);
	assert_true(r.differ == 1 && r.whole == 1);
	const struct array decimal = {.dtype = DTYPE_DECIMAL, .width = 4, .precision = 4};
	r = compared(&decimal, &decimal, &t, day, next, 1);
	assert_true(r.differ == 1 && !r.measured);
}

static void without_elements_bytes_are_compared(void **state)
{
	struct compare c;
	const struct array packed = {.dtype = DTYPE_FLOAT4_E2M1FN}, wide = {.dtype = DTYPE_VOID, .width = COMPARE_WIDEST + 1};
	(void)state;
	compare_init(&c, NULL, NULL, NULL);
	assert_true(!c.elements && c.a.bytes == 1);
	compare_init(&c, &packed, &packed, NULL);
	assert_true(!c.elements && c.a.bytes == 1);
	compare_init(&c, &wide, &wide, NULL);
	assert_true(!c.elements && c.a.bytes == 1);
}

/* Differences at both ends of blocks and parts; the sums are the same however it
 * is cut. */
static void parts_add_up(void **state)
{
	enum { N = 5000 };
	static float a[N], b[N];
	(void)state;
	for (size_t i = 0; i < N; i++)
		a[i] = b[i] = (float)i;
	b[511] += 1, b[512] += 4, b[3000] += 4, b[N - 1] = NAN;
	struct compare_result whole = SAME_TYPE(DTYPE_FLOAT32, NULL, a, b);
	assert_true(whole.differ == 4 && whole.nan == 1 && whole.first == 511 && whole.at == 512 && whole.largest == 4);
	for (size_t cut = 1; cut < N; cut += 497) {
		struct compare c;
		struct compare_result r = {0};
		compare_init(&c, LITTLE(DTYPE_FLOAT32), LITTLE(DTYPE_FLOAT32), NULL);
		for (size_t end = N; end > 0;) { /* the last first */
			struct compare_result part = {0};
			size_t begin = end > cut ? end - cut : 0;
			compare_run(&c, (const uint8_t *)(a + begin), (const uint8_t *)(b + begin), end - begin, begin, &part);
			compare_join(&r, &part);
			end = begin;
		}
		assert_memory_equal(&r, &whole, sizeof r);
	}
}

/* However the loops are cut up, all agree with one that is plain. */
static void every_way_through_the_loops_tells_the_same(void **state)
{
	enum { N = 4096 };
	static float a[N], b[N];
	const struct tolerance tolerances[] = {{.atol = 0.25}, {.rtol = 0.3}, {0}};
	unsigned seed = 1;
	(void)state;
	for (size_t i = 0; i < N; i++) {
		seed = seed * 1103515245 + 12345;
		a[i] = (float)(seed >> 16 & 1023) / 64;
		seed = seed * 1103515245 + 12345;
		b[i] = i % 3 ? a[i] + (float)(seed >> 16 & 63) / 64 : a[i];
	}
	a[1500] = INFINITY, b[2500] = NAN;
	for (size_t t = 0; t < 4; t++) {
		const struct tolerance *tolerance = t < 3 ? &tolerances[t] : NULL;
		struct compare_result want = {0}, got = SAME_TYPE(DTYPE_FLOAT32, tolerance, a, b);
		for (size_t i = N; i-- > 0;) {
			double x = (double)a[i], y = (double)b[i], d = fabs(x - y);
			bool near = tolerance && (d <= tolerance->atol + tolerance->rtol * fabs(y)) && isfinite(y);
			if (x == y || near)
				continue;
			want.differ++;
			want.first = i;
			want.nan += isnan(y) != 0;
			if (!isnan(y) && d >= want.largest)
				want.largest = d, want.at = i, want.measured = true;
		}
		assert_memory_equal(&got, &want, sizeof got);
	}
}

/* Of a U only each character has a byte order: an element is not turned as a whole. */
static void characters_are_not_turned_as_one(void **state)
{
	static const uint8_t a[] = {0, 0, 0, 'a', 0, 0, 0, 'b'}, b[] = {'b', 0, 0, 0, 'a', 0, 0, 0};
	struct array big = {.dtype = DTYPE_UNICODE, .byteorder = BYTEORDER_BIG, .width = 8}, little = big;
	(void)state;
	little.byteorder = BYTEORDER_LITTLE;
	assert_int_equal(compared(&big, &little, NULL, a, b, 1).differ, 1);
}

/* What numpy.isclose() says of the values as float64. */
static void numbers_of_two_types_are_compared_by_value(void **state)
{
	(void)state;
	static const struct tolerance t = {.atol = 0.25};
	const int16_t a[] = {1, -2, 300, 7};
	const double b[] = {1.25, -2.5, 300, NAN};
	const uint16_t halves[] = {0x003c, 0x00c1, 0x007c, 0x007e}; /* big-endian 1, -2.5, inf, NaN */
	struct compare c;
	struct compare_result r = {0};
	compare_init_values(&c, LITTLE(DTYPE_INT16), LITTLE(DTYPE_FLOAT64), &t);
	compare_run(&c, (const uint8_t *)a, (const uint8_t *)b, 4, 0, &r);
	assert_int_equal(r.differ, 2);
	assert_int_equal(r.first, 1);
	assert_int_equal(r.nan, 1);
	assert_true(r.measured && r.at == 1 && r.largest == 0.5);
	r = (struct compare_result){0};
	compare_init_values(&c, ARRAY(DTYPE_FLOAT16, BYTEORDER_BIG), LITTLE(DTYPE_FLOAT64), &t);
	compare_run(&c, (const uint8_t *)halves, (const uint8_t *)b, 4, 0, &r);
	assert_int_equal(r.differ, 1);
	assert_true(r.first == 2 && isinf(r.largest) && r.nan == 0);
	assert_true(compare_is_number(LITTLE(DTYPE_UINT64)) && compare_is_number(LITTLE(DTYPE_FLOAT8_E5M2)));
	assert_false(compare_is_number(LITTLE(DTYPE_BOOL)) || compare_is_number(LITTLE(DTYPE_INT4)) ||
		     compare_is_number(LITTLE(DTYPE_COMPLEX64)) || compare_is_number(LITTLE(DTYPE_DATE32)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_two_types_are_compared_by_value),
		cmocka_unit_test(every_float_of_a_byte_has_its_value),
		cmocka_unit_test(halves_and_brains),
		cmocka_unit_test(characters_are_not_turned_as_one),
		cmocka_unit_test(bit_by_bit_zeros_and_nans_differ),
		cmocka_unit_test(close_is_what_numpy_finds_close),
		cmocka_unit_test(the_tolerance_goes_by_b),
		cmocka_unit_test(whole_differences_are_exact),
		cmocka_unit_test(complex_numbers_are_one),
		cmocka_unit_test(byte_order_does_not_matter),
		cmocka_unit_test(what_is_no_number_is_compared_bit_by_bit),
		cmocka_unit_test(without_elements_bytes_are_compared),
		cmocka_unit_test(parts_add_up),
		cmocka_unit_test(every_way_through_the_loops_tells_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
