/* SPDX-License-Identifier: MIT */
/* joblib's files; every value is compared with joblib's own by tests/interop/test_pickled.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_joblib, format_pickle;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_joblib);
}

static const char *const files[] = {"arrays.joblib", "arrays-zlib.joblib", "arrays-gzip.joblib", "protocol0.joblib", "protocol2.joblib",
				    "joblib1-arrays.joblib", "joblib1-zlib.joblib"};
enum { FILES = sizeof files / sizeof *files };

static void every_file_shows_the_same(void **state)
{
	static const char *const paths[] = {"int32", "big", "fortran", "scalar", "empty", "bool", "bytes", "text", "days", "records/pos/y",
					    "records/rgb", "records_fortran/rgb", "objects/0", "date"};
	struct archive first, a;
	struct slice one = test_open_fixture(&first, &format_joblib, files[0]);
	(void)state;
	for (size_t f = 1; f < FILES; f++) {
		struct slice file = test_open_fixture(&a, &format_joblib, files[f]);
		assert_string_equal(test_list(&a, ""), "int32 big fortran scalar empty bool bytes text days records records_fortran objects date");
		assert_string_equal(test_attr(&a, "", "attr.float32"), "0.1");
		assert_string_equal(test_attr(&a, "fortran", "array.order"), "F");
		assert_string_equal(test_attr(&a, "objects", "attr.1"), "x");
		for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
			struct slice bytes = test_bytes(&first, paths[i]);
			check_bytes(&a, paths[i], bytes.data, bytes.len);
			test_unload(bytes);
		}
		archive_close(&a);
		test_unload(file);
	}
	archive_close(&first);
	test_unload(one);
}

static void arrays_lie_in_the_file_unless_it_is_compressed(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_joblib, "arrays.joblib");
	(void)state;
	assert_int_equal(test_node(&a, "int32")->kind, NODE_RANGE);
	assert_int_equal(test_node(&a, "int32")->offset % 16, 0);
	assert_null(test_attr(&a, "int32", "array.codec"));
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_joblib, "arrays-zlib.joblib");
	assert_string_equal(test_attr(&a, "int32", "array.codec"), "zlib");
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_joblib, "arrays-gzip.joblib");
	assert_string_equal(test_attr(&a, "records/pos/y", "array.codec"), "gzip");
	archive_close(&a);
	test_unload(file);
}

static void estimators_are_objects(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_joblib, "pipeline.joblib");
	(void)state;
	assert_string_equal(test_shape(&a, "steps/1/1/coef_"), "[2]");
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_joblib, "forest.joblib");
	assert_string_equal(test_dtype(&a, "estimators_/0/tree_/nodes/threshold"), "float64");
	archive_close(&a);
	test_unload(file);
}

/* A wrapper behind more than the probe looks at. */
static void an_array_far_behind_makes_it_joblibs(void **state)
{
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("single.joblib");
	struct text all = {0};
	(void)state;
	text_put(&all, SLICE("\x80\x02]T\x20\x4e\0\0"));
	for (int i = 0; i < 20000; i++)
		text_add(&all, "x");
	text_add(&all, "a");
	text_put(&all, (struct slice){file.data + 2, file.len - 3});
	text_add(&all, "a.");
	assert_int_equal(test_open(&a, &format_pickle, text_slice(&all), &err), 0);
	assert_string_equal(a.format->name, "joblib");
	assert_string_equal(test_shape(&a, "1"), "[2,3]");
	archive_close(&a);
	text_free(&all);
	test_unload(file);
}

static void other_compressions_are_named(void **state)
{
	(void)state;
	check_refused(&format_joblib, SLICE("\x5d\0\0\x80\0\0\1"), -ENOTSUP,
		      "compressed with lzma, which arrayfs does not read: joblib.dump(..., compress='zlib')");
	check_refused(&format_joblib, SLICE("\x04\x22\x4d\x18\0\1"), -ENOTSUP,
		      "compressed with lz4, which arrayfs does not read: joblib.dump(..., compress='zlib')");
}

/* What is looked through for each array must be short, since arrays may share it. */
static void wrappers_that_are_wrong_refuse_the_file(void **state)
{
	struct text t = {0};
	(void)state;
	text_add(&t, "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81(d");
	for (int i = 0; i < 40; i++)
		text_print(&t, "Va%d\nI0\ns", i);
	text_add(&t, "b.");
	check_refused(&format_joblib, text_slice(&t), -ENOTSUP, "joblib: an array that is described in more words than joblib has");
	text_free(&t);
	check_refused(&format_joblib, SLICE("cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81(db."), -ENOTSUP, "its NumPy type has no dtype");
	check_refused(&format_joblib,
		      SLICE("cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81(dVdtype\ncnumpy\ndtype\n(Vi4\nI00\nI01\ntRsVshape\n(I9\ntsb."), -ENOTSUP,
		      "joblib: an array at byte 93 that does not fit in the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(every_file_shows_the_same),
		cmocka_unit_test(arrays_lie_in_the_file_unless_it_is_compressed),
		cmocka_unit_test(estimators_are_objects),
		cmocka_unit_test(an_array_far_behind_makes_it_joblibs),
		cmocka_unit_test(wrappers_that_are_wrong_refuse_the_file),
		cmocka_unit_test(other_compressions_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
