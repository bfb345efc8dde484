/* SPDX-License-Identifier: MIT */
#include "fs/values/array.h"
#include "tests/support.h"

static const char *name(struct array a)
{
	static char buf[DTYPE_NAME_MAX];
	return dtype_name(&a, buf);
}

static void types_go_by_the_names_of_numpy_and_arrow(void **state)
{
	(void)state;
	assert_string_equal(name((struct array){.dtype = DTYPE_FLOAT32}), "float32");
	assert_string_equal(name((struct array){.dtype = DTYPE_BFLOAT16}), "bfloat16");
	assert_string_equal(name((struct array){.dtype = DTYPE_FLOAT8_E4M3FN}), "float8_e4m3fn");
	assert_string_equal(name((struct array){.dtype = DTYPE_FLOAT4_E2M1FN}), "float4_e2m1fn");
	assert_string_equal(name((struct array){.dtype = DTYPE_DATE32}), "date32[day]");
	assert_string_equal(name((struct array){.dtype = DTYPE_DURATION_NS}), "duration[ns]");
	assert_string_equal(name((struct array){.dtype = DTYPE_FIXED_STRING, .width = 12}), "S12");
	assert_string_equal(name((struct array){.dtype = DTYPE_VOID, .width = 16}), "V16");
	assert_string_equal(name((struct array){.dtype = DTYPE_DECIMAL, .width = 16, .precision = 38, .scale = 2}),
			    "decimal128(38, 2)");
	assert_string_equal(name((struct array){.dtype = DTYPE_DECIMAL, .width = 4, .precision = 9, .scale = -3}),
			    "decimal32(9, -3)");
	assert_string_equal(name((struct array){.dtype = DTYPE_INT128, .width = 16}), "int128");
	assert_string_equal(name((struct array){.dtype = DTYPE_NULL}), "null");
	assert_string_equal(name((struct array){.dtype = DTYPE_RUN_END}), "run_end");
	assert_string_equal(name((struct array){0}), "");
	assert_string_equal(name((struct array){.dtype = 255}), "");
}

static void every_name_fits_its_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DTYPE_COUNT; i++)
		assert_true(strlen(name((struct array){.dtype = (uint8_t)i, .width = UINT32_MAX / 8, .precision = 255,
						       .scale = -128})) < DTYPE_NAME_MAX - 1);
}

static void widths_are_in_bits(void **state)
{
	(void)state;
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_FLOAT4_E2M1FN}), 4);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_FLOAT6_E3M2FN}), 6);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_BOOL}), 8);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_COMPLEX128}), 128);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_VOID, .width = UINT32_MAX}), (uint64_t)UINT32_MAX * 8);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_UINT128, .width = 16}), 128);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_NULL}), 0);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_STRING}), 0);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_NONE}), 0);
	assert_int_equal(dtype_bits(&(struct array){.dtype = DTYPE_COUNT}), 0);
}

static void a_scalar_is_one_element(void **state)
{
	uint64_t n;
	(void)state;
	assert_true(shape_elements(NULL, 0, &n));
	assert_int_equal(n, 1);
	assert_true(shape_elements((const uint64_t[]){2, 3, 4}, 3, &n));
	assert_int_equal(n, 24);
	assert_true(shape_elements((const uint64_t[]){5, 0, 4}, 3, &n));
	assert_int_equal(n, 0);
}

/* As the reference reader of safetensors does: from the left, and a zero further
 * right does not mend it. */
static void a_product_that_overflows_is_none(void **state)
{
	uint64_t n;
	(void)state;
	assert_true(shape_elements((const uint64_t[]){UINT64_MAX}, 1, &n));
	assert_int_equal(n, UINT64_MAX);
	assert_false(shape_elements((const uint64_t[]){UINT64_MAX, 2}, 2, &n));
	assert_false(shape_elements((const uint64_t[]){(uint64_t)1 << 63, 2, 0}, 3, &n));
	assert_true(shape_elements((const uint64_t[]){0, (uint64_t)1 << 63, 2}, 3, &n));
}

/* As numpy.float16 has them. */
static void a_half_has_its_value(void **state)
{
	(void)state;
	assert_true(float16_value(0x3c00) == 1.0);
	assert_true(float16_value(0xc100) == -2.5);
	assert_true(float16_value(0x0001) == 0x1p-24);
	assert_true(float16_value(0x7bff) == 65504.0);
	assert_true(float16_value(0xfc00) < -1e300);
	assert_true(float16_value(0x7e00) != float16_value(0x7e00));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_go_by_the_names_of_numpy_and_arrow),
		cmocka_unit_test(every_name_fits_its_room),
		cmocka_unit_test(widths_are_in_bits),
		cmocka_unit_test(a_scalar_is_one_element),
		cmocka_unit_test(a_half_has_its_value),
		cmocka_unit_test(a_product_that_overflows_is_none),
	};
	return cmocka_run_group_tests_name("array", tests, NULL, NULL);
}
