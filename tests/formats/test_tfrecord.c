/* SPDX-License-Identifier: MIT */
/* What TensorFlow's TFRecordWriter wrote; every value is compared by tests/interop/test_tfrecord.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_tfrecord;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_tfrecord);
}

static void features_are_columns(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tfrecord, "example.tfrecord");
	(void)state;
	assert_string_equal(test_dtype(&a, "id"), "int64");
	assert_string_equal(test_shape(&a, "id"), "[12]");
	assert_string_equal(test_dtype(&a, "vector"), "list");
	assert_string_equal(test_dtype(&a, "vector/values"), "float32");
	assert_string_equal(test_shape(&a, "vector/values"), "[24]");
	assert_string_equal(test_dtype(&a, "name"), "bytes");
	assert_string_equal(test_dtype(&a, "tags"), "list");
	check_bytes(&a, "rare.validity", "\1\0\0\0\1\0\0\0\1\0\0\0", 12);
	archive_close(&a);
	test_unload(file);
}

static void other_records_are_bytes(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_tfrecord, "plain.tfrecord");
	(void)state;
	assert_string_equal(test_list(&a, ""), "data");
	assert_string_equal(test_shape(&a, "data"), "[3]");
	check_bytes(&a, "data/offsets", "\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\x2d\0\0\0\0\0\0\0", 32);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises), cmocka_unit_test(features_are_columns), cmocka_unit_test(other_records_are_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
