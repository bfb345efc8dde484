/* SPDX-License-Identifier: MIT */
/* Models made with LiteRT's schema classes and by TensorFlow's converter; every value is compared with
 * these classes' own by tests/interop/test_tflite.py. */
#include "tests/support.h"

extern const struct format format_tflite;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_tflite);
}

static void a_tensor_is_a_range_of_the_file(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tflite, "types.tflite");
	(void)state;
	assert_string_equal(test_dtype(&a, "bfloat16"), "bfloat16");
	assert_string_equal(test_dtype(&a, "int4"), "int4");
	assert_string_equal(test_attr(&a, "float8_e4m3fn", "array.type"), "FLOAT8_E4M3FN");
	assert_string_equal(test_attr(&a, "int64", "array.byteorder"), "little");
	assert_int_equal(test_node(&a, "float32")->kind, NODE_RANGE);
	assert_string_equal(test_attr(&a, "", "attr.description"), "every type");
	assert_string_equal(test_attr(&a, "", "attr.version"), "3");
	archive_close(&a);
	test_unload(file);
}

static void integers_say_what_they_stand_for(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tflite, "types.tflite");
	(void)state;
	assert_string_equal(test_attr(&a, "per_axis", "attr.scale"), "[0.5,0.25]");
	assert_string_equal(test_attr(&a, "per_axis", "attr.zero_point"), "[0,-1]");
	assert_string_equal(test_attr(&a, "per_axis", "attr.quantized_dimension"), "0");
	assert_string_equal(test_attr(&a, "per_tensor", "attr.max"), "[2.5]");
	const struct quant *q = test_node(&a, "per_axis")->array->quant, *one = test_node(&a, "per_tensor")->array->quant;
	assert_true(q && q->count == 2 && q->axis == 0 && q->scales[1] == 0.25f && q->zero_points[1] == -1);
	assert_true(one && one->count == 1 && one->scales[0] == 0.5f && one->zero_points[0] == 3);
	assert_null(test_node(&a, "int8")->array->quant);
	archive_close(&a);
	test_unload(file);
}

static void other_subgraphs_are_directories(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tflite, "subgraphs.tflite");
	(void)state;
	assert_string_equal(test_list(&a, ""), "a b while 2 metadata");
	assert_string_equal(test_list(&a, "while/body/b"), "c c~2");
	assert_string_equal(test_list(&a, "while/body"), "b _");
	assert_string_equal(test_list(&a, "2"), "a");
	assert_string_equal(test_list(&a, "metadata"), "min_runtime_version other");
	assert_string_equal(test_attr(&a, "", "attr.min_runtime_version"), "1.14.0");
	archive_close(&a);
	test_unload(file);
}

/* Values of a sparse tensor are not along an axis, so only one scale is theirs. */
static void sparse_values_have_one_scale_or_none(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tflite, "sparse.tflite");
	(void)state;
	const struct quant *q = test_node(&a, "q/values")->array->quant;
	assert_true(q && q->count == 1 && q->scales[0] == 0.5f && q->zero_points[0] == 3);
	assert_null(test_node(&a, "axis/values")->array->quant);
	assert_null(test_node(&a, "w/values")->array->quant);
	archive_close(&a);
	test_unload(file);
}

static void strings_are_offsets_and_bytes(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tflite, "strings.tflite");
	static const uint8_t offsets[] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0};
	(void)state;
	assert_string_equal(test_dtype(&a, "words"), "string");
	assert_string_equal(test_shape(&a, "words"), "[2,2]");
	check_bytes(&a, "words/offsets", offsets, sizeof offsets);
	check_bytes(&a, "none/offsets", offsets, 8);
	assert_int_equal(test_node(&a, "none/values")->size, 0);
	archive_close(&a);
	test_unload(file);
}

static void only_models_are_taken(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
	} others[] = {
		{"\x08\0\0\0TFL3", 8}, {"abcdTFL3 is what it begins with, and then there is text", 56}, {"\x10\0\0\0TFL3\0\0\0\0\0\0\0\0\1\0\0\0", 20},
		{"\x0c\0\0\0TFL2\4\0\0\0\4\0\0\0", 16},
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct source s = source_memory((struct slice){(const uint8_t *)others[i].bytes, others[i].len});
		struct peek p;
		assert_int_equal(peek(&p, &s, NULL), 0);
		assert_false(format_tflite.probe(&p));
		source_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(a_tensor_is_a_range_of_the_file),
		cmocka_unit_test(integers_say_what_they_stand_for),
		cmocka_unit_test(other_subgraphs_are_directories),
		cmocka_unit_test(sparse_values_have_one_scale_or_none),
		cmocka_unit_test(strings_are_offsets_and_bytes),
		cmocka_unit_test(only_models_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
