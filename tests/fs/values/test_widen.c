/* SPDX-License-Identifier: MIT */
#include "fs/values/widen.h"
#include "tests/support.h"

static void run(const struct array *a, const void *bytes, size_t len, uint64_t at, size_t n, uint32_t *ret)
{
	static uint8_t copy[4096];
	static float values[4096];
	struct widen w;
	assert_true(widen_exists(a));
	widen_init(&w, a);
	assert_int_equal(len % w.bytes, 0);
	memcpy(copy, bytes, len);
	widen_run(&w, copy, at, len / w.bytes, values);
	assert_true(n <= len / w.bytes * w.elements);
	memcpy(ret, values, n * sizeof *ret);
}

#define CHECK(array, bytes, at, ...)                                                     \
	do {                                                                             \
		const uint32_t expected_[] = {__VA_ARGS__};                              \
		uint32_t got_[sizeof expected_ / 4];                                     \
		run(array, bytes, sizeof(bytes), at, sizeof expected_ / 4, got_);        \
		assert_memory_equal(got_, expected_, sizeof expected_);                  \
	} while (0)

/* The bits that NumPy's astype(float32) gives. */
static void halves_keep_every_bit(void **state)
{
	(void)state;
	const uint8_t little[] = {0, 0x3c, 1, 0, 0xff, 3, 0, 0x80, 0xff, 0x7b, 0, 0xfc, 1, 0x7d, 0x01, 0x84};
	const uint8_t big[] = {0x3c, 0, 0, 1, 0x7d, 1};
	struct array half = {.dtype = DTYPE_FLOAT16, .byteorder = BYTEORDER_LITTLE, .unshaped = true};
	CHECK(&half, little, 0, 0x3f800000, 0x33800000, 0x387fc000, 0x80000000, 0x477fe000, 0xff800000, 0x7fa02000, 0xb8802000);
	half.byteorder = BYTEORDER_BIG;
	CHECK(&half, big, 0, 0x3f800000, 0x33800000, 0x7fa02000);
	half.dtype = DTYPE_BFLOAT16;
	CHECK(&half, big, 0, 0x3c000000, 0x00010000, 0x7d010000);
	half.byteorder = BYTEORDER_LITTLE;
	CHECK(&half, little, 0, 0x3c000000, 0x00010000, 0x03ff0000);
}

/* The bits that ml_dtypes' astype(float32) gives. */
static void small_floats_are_ml_dtypes(void **state)
{
	(void)state;
	const uint8_t few[] = {0x00, 0x01, 0x38, 0x7e, 0x7f, 0x80, 0xff, 0x7c};
	struct array a = {.dtype = DTYPE_FLOAT8_E4M3FN, .unshaped = true};
	CHECK(&a, few, 0, 0, 0x3b000000, 0x3f800000, 0x43e00000, 0x7fc00000, 0x80000000, 0xffc00000, 0x43c00000);
	a.dtype = DTYPE_FLOAT8_E4M3FNUZ;
	CHECK(&a, few, 0, 0, 0x3a800000, 0x3f000000, 0x43600000, 0x43700000, 0xffc00000, 0xc3700000, 0x43400000);
	a.dtype = DTYPE_FLOAT8_E5M2;
	CHECK(&a, few, 0, 0, 0x37800000, 0x3f000000, 0x7fc00000, 0x7fc00000, 0x80000000, 0xffc00000, 0x7f800000);
	a.dtype = DTYPE_FLOAT8_E5M2FNUZ;
	CHECK(&a, few, 0, 0, 0x37000000, 0x3e800000, 0x47400000, 0x47600000, 0xffc00000, 0xc7600000, 0x47000000);
	a.dtype = DTYPE_FLOAT8_E8M0FNU;
	CHECK(&a, few, 0, 0x00400000, 0x00800000, 0x1c000000, 0x3f000000, 0x3f800000, 0x40000000, 0x7fc00000, 0x3e000000);
}

static void packed_floats_begin_at_the_lowest_bit(void **state)
{
	(void)state;
	const uint8_t nibbles[] = {0x21, 0xf8}, sixes[] = {0x81, 0xf0, 0x83}; /* 1, 2; 1, 2, 63, 32 */
	struct array a = {.dtype = DTYPE_FLOAT4_E2M1FN, .unshaped = true};
	CHECK(&a, nibbles, 0, 0x3f000000, 0x3f800000, 0x80000000, 0xc0c00000);
	a.dtype = DTYPE_FLOAT6_E2M3FN;
	CHECK(&a, sixes, 0, 0x3e000000, 0x3e800000, 0xc0f00000, 0x80000000);
	a.dtype = DTYPE_FLOAT6_E3M2FN;
	CHECK(&a, sixes, 0, 0x3d800000, 0x3e000000, 0xc1e00000, 0x80000000);
}

#define FLOATS(array, bytes, at, ...)                                                    \
	do {                                                                             \
		const float floats_[] = {__VA_ARGS__};                                   \
		uint32_t got_[sizeof floats_ / 4];                                       \
		run(array, bytes, sizeof(bytes), at, sizeof floats_ / 4, got_);          \
		assert_memory_equal(got_, floats_, sizeof floats_);                      \
	} while (0)

static void integers_have_a_scale_and_a_zero_point(void **state)
{
	(void)state;
	const float scale = 0.1f;
	const int64_t zero = -3, far = INT64_C(1) << 40;
	const uint8_t bytes[] = {0, 1, 0x80, 0xff}, wide[] = {0, 0, 0, 0x80, 1, 0, 0, 1}, nibbles[] = {0x71, 0xf8}, twos[] = {0xe4};
	struct quant q = {.count = 1, .scales = &scale, .zero_points = &zero};
	struct array a = {.dtype = DTYPE_INT8, .unshaped = true, .quant = &q};
	FLOATS(&a, bytes, 0, 0.1f * 3, 0.1f * 4, 0.1f * -125, 0.1f * 2);
	a.dtype = DTYPE_UINT8;
	FLOATS(&a, bytes, 0, 0.1f * 3, 0.1f * 4, 0.1f * 131, 0.1f * 258);
	a.dtype = DTYPE_INT16, a.byteorder = BYTEORDER_LITTLE;
	FLOATS(&a, bytes, 0, 0.1f * 259, 0.1f * (-128 + 3));
	a.dtype = DTYPE_INT16, a.byteorder = BYTEORDER_BIG;
	FLOATS(&a, bytes, 0, 0.1f * 4, 0.1f * (-32513 + 3));
	a.dtype = DTYPE_INT32, a.byteorder = BYTEORDER_LITTLE; /* in doubles, rounded once */
	FLOATS(&a, wide, 0, (float)((double)scale * -2147483645.0), (float)((double)scale * 16777220.0));
	a.dtype = DTYPE_INT64;
	FLOATS(&a, wide, 0, (float)((double)scale * (72057601185611776.0 + 3)));
	a.dtype = DTYPE_INT4, a.byteorder = BYTEORDER_NONE;
	FLOATS(&a, nibbles, 0, 0.1f * 4, 0.1f * 10, 0.1f * -5, 0.1f * 2);
	a.dtype = DTYPE_UINT4;
	FLOATS(&a, nibbles, 0, 0.1f * 4, 0.1f * 10, 0.1f * 11, 0.1f * 18);
	a.dtype = DTYPE_INT2;
	FLOATS(&a, twos, 0, 0.1f * 3, 0.1f * 4, 0.1f * 1, 0.1f * 2);
	q.zero_points = &far;
	a.dtype = DTYPE_INT8;
	FLOATS(&a, bytes, 0, (float)((double)scale * -0x1p40), (float)((double)scale * (1 - 0x1p40)));
}

/* Each index of the axis has a scale, wherever decoding begins. */
static void scales_follow_the_axis(void **state)
{
	(void)state;
	const float scales[] = {1, 10, 100};
	const int64_t zeros[] = {0, 1, 2};
	const uint64_t shape[] = {2, 3, 2}, last[] = {2, 3};
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct quant q = {.axis = 1, .count = 3, .scales = scales, .zero_points = zeros};
	struct array a = {.dtype = DTYPE_UINT8, .rank = 3, .shape = shape, .quant = &q};
	FLOATS(&a, bytes, 0, 1, 2, 20, 30, 300, 400, 7, 8, 80);
	FLOATS(&a, bytes, 3, 0, 0, 100, 4, 5, 50, 60, 600, 700);
	a.rank = 2, a.shape = last, q.zero_points = NULL;
	FLOATS(&a, bytes, 2, 100, 2, 30, 400, 5, 60, 700, 8, 90);
}

static void others_have_no_such_values(void **state)
{
	(void)state;
	const float scales[] = {1, 2};
	const uint64_t shape[] = {2, 144}, odd[] = {2, 145}, rows[] = {2, 34};
	struct quant two = {.axis = 1, .count = 2, .scales = scales}, blocks = {.blocks = QUANT_Q4_K}, none = {0};
	struct quant unordered = {.blocks = QUANT_Q8_0, .unordered = true}, bytes = {.blocks = QUANT_NVFP4, .unordered = true};
	struct array a = {.dtype = DTYPE_UINT8, .rank = 2, .shape = shape};
	assert_false(widen_exists(&a));
	a.quant = &none;
	assert_false(widen_exists(&a));
	a.quant = &two; /* of another extent */
	assert_false(widen_exists(&a));
	two.axis = 5;
	assert_false(widen_exists(&a));
	two.axis = 0;
	assert_true(widen_exists(&a));
	a.fortran = true;
	assert_false(widen_exists(&a));
	a.fortran = false, a.quant = &blocks;
	assert_true(widen_exists(&a));
	assert_int_equal(widen_last_extent(&a), 256);
	a.shape = odd;
	assert_false(widen_exists(&a));
	a.shape = shape, a.dtype = DTYPE_INT8;
	assert_false(widen_exists(&a));
	a.dtype = DTYPE_UINT8, a.shape = rows, a.quant = &unordered; /* which of two */
	assert_false(widen_exists(&a));
	unordered.unordered = false;
	assert_true(widen_exists(&a));
	a.shape = shape, a.quant = &bytes;
	assert_true(widen_exists(&a));
	for (enum dtype d = DTYPE_NONE; d < DTYPE_COUNT; d++) {
		bool is = dtype_kind(d) == KIND_FLOAT && d != DTYPE_FLOAT32 && d != DTYPE_FLOAT64;
		assert_int_equal(widen_exists(&(struct array){.dtype = d}), is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_keep_every_bit),
		cmocka_unit_test(small_floats_are_ml_dtypes),
		cmocka_unit_test(packed_floats_begin_at_the_lowest_bit),
		cmocka_unit_test(integers_have_a_scale_and_a_zero_point),
		cmocka_unit_test(scales_follow_the_axis),
		cmocka_unit_test(others_have_no_such_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
