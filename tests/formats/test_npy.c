/* SPDX-License-Identifier: MIT */
/* What numpy.save() of NumPy 2.4 wrote; every value is compared with numpy's own by
 * tests/interop/test_numpy.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_npy;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_npy);
}

static void the_array_is_a_range_of_the_file(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npy, "trailing.npy");
	(void)state;
	assert_string_equal(test_list(&a, ""), "data");
	assert_int_equal(test_node(&a, "data")->kind, NODE_RANGE);
	assert_string_equal(test_dtype(&a, "data"), "float32");
	assert_string_equal(test_shape(&a, "data"), "[2,3]");
	assert_string_equal(test_attr(&a, "data", "array.type"), "<f4");
	check_bytes(&a, "data", file.data + 128, 24); /* not the four bytes behind */
	archive_close(&a);
	test_unload(file);
}

static void fortran_order_is_told_and_bytes_are_as_stored(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npy, "fortran.npy");
	(void)state;
	assert_string_equal(test_attr(&a, "data", "array.order"), "F");
	assert_string_equal(test_shape(&a, "data"), "[2,3,4]");
	check_bytes(&a, "data", file.data + 128, 48);
	archive_close(&a);
	test_unload(file);
}

static void a_structured_array_is_a_directory_of_its_fields(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npy, "records.npy");
	uint8_t rgb[7 * 3];
	(void)state;
	assert_string_equal(test_list(&a, "data"), "id pos rgb f3 name pair when");
	assert_string_equal(test_dtype(&a, "data/pair"), "struct");
	assert_string_equal(test_shape(&a, "data/pair/a"), "[7,2,2]");
	assert_string_equal(test_dtype(&a, "data/when"), "timestamp[ms]");
	for (size_t i = 0; i < 7; i++) /* records of 47 bytes at the end of the file; rgb is behind id and pos */
		memcpy(rgb + i * 3, file.data + file.len - 7 * 47 + i * 47 + 16, 3);
	check_bytes(&a, "data/rgb", rgb, sizeof rgb);
	archive_close(&a);
	test_unload(file);
}

static void python_objects_are_listed_and_not_read(void **state)
{
	struct archive a;
	struct answer answer;
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_npy, "objects.npy");
	(void)state;
	assert_string_equal(test_dtype(&a, "data"), "object");
	assert_string_equal(test_shape(&a, "data"), "[2]");
	assert_string_equal(test_attr(&a, "data", "arrayfs.error"), "an array of Python objects, which are pickled");
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "data"), 0, 1, &answer, &err), -EIO);
	answer_close(&answer);
	archive_close(&a);
	test_unload(file);
}

static void an_array_that_is_not_all_there_is_refused(void **state)
{
	struct slice file = test_data("float32.npy");
	(void)state;
	file.len--;
	check_refused(&format_npy, file, -EBADMSG, "an array of 24 bytes, of which the file has 23; it is cut short or still being written");
	file.len = 9;
	check_refused(&format_npy, file, -EBADMSG, "NumPy's header is cut short at byte 8");
	file.len = 152;
	test_unload(file);
}

static void headers_that_break_the_rules_are_refused(void **state)
{
#define IN_HEADER(what, at) "NumPy's header: " what " at byte " #at " of its text"
	static const struct {
		const char *name;
		int code;
		const char *sentence;
	} bad[] = {
		{"call", -EBADMSG, IN_HEADER("a string is missing", 10)},
		{"sum", -EBADMSG, IN_HEADER("',' is missing", 52)},
		{"deep", -EBADMSG, IN_HEADER("records nested more than 32 deep", 234)},
		{"deep-brackets", -EBADMSG, IN_HEADER("'(' is missing", 11)},
		{"giant-extent", -EBADMSG, IN_HEADER("an extent of more than 63 bits", 70)},
		{"giant-shape", -EBADMSG, "NumPy's header: a shape of 2^63 bytes or more"},
		{"giant-item", -EBADMSG, "|S99999999999999999999 is not a NumPy type"},
		{"repeated-key", -EBADMSG, IN_HEADER("a repeated key", 25)},
		{"other-key", -EBADMSG, IN_HEADER("a key other than descr, fortran_order and shape", 60)},
		{"missing-key", -EBADMSG, IN_HEADER("one of descr, fortran_order and shape is missing", 43)},
		{"nul", -EBADMSG, IN_HEADER("text after the dictionary", 58)},
		{"nul-within", -EBADMSG, IN_HEADER("a string that does not end on its line", 11)},
		{"text-behind", -EBADMSG, IN_HEADER("text after the dictionary", 57)},
		{"not-utf8", -EBADMSG, IN_HEADER("invalid UTF-8", 0)},
		{"top-shape", -EBADMSG, IN_HEADER("a type with a shape of its own", 10)},
		{"long-shape", -EBADMSG, IN_HEADER("a shape of more than 64 dimensions", 179)},
		{"too-short", -EBADMSG, "an array of 12000 bytes, of which the file has 64; it is cut short or still being written"},
		{"negative", -EBADMSG, IN_HEADER("an extent that is not a non-negative integer", 51)},
		{"same-field", -EBADMSG, IN_HEADER("two fields of the same name before the end", 38)},
		{"endless-string", -EBADMSG, IN_HEADER("a string that does not end", 11)},
		{"long-header", -ENOTSUP, "NumPy's header of 1048577 bytes; at most 1048576 are read"},
		{"cut-header", -EBADMSG, "NumPy's header is cut short at byte 10"},
		{"future", -ENOTSUP, "version 4.0 of NumPy's format; only 1.0, 2.0 and 3.0 are known"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[64];
		snprintf(name, sizeof name, "bad/%s.npy", bad[i].name);
		struct slice file = test_data(name);
		check_refused(&format_npy, file, bad[i].code, bad[i].sentence);
		test_unload(file);
	}
}

/* Without a shape there is nothing to copy. */
static void one_record_is_a_structured_scalar(void **state)
{
	static const char text[] = "\x93NUMPY\1\0\x3e\0{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': ()}\1\0\0\0";
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(test_open(&a, &format_npy, (struct slice){(const uint8_t *)text, sizeof text - 1}, &err), 0);
	assert_string_equal(test_shape(&a, "data/a"), "[]");
	check_bytes(&a, "data/a", "\1\0\0\0", 4);
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(the_array_is_a_range_of_the_file),
		cmocka_unit_test(fortran_order_is_told_and_bytes_are_as_stored),
		cmocka_unit_test(a_structured_array_is_a_directory_of_its_fields),
		cmocka_unit_test(python_objects_are_listed_and_not_read),
		cmocka_unit_test(an_array_that_is_not_all_there_is_refused),
		cmocka_unit_test(headers_that_break_the_rules_are_refused),
		cmocka_unit_test(one_record_is_a_structured_scalar),
	};
	return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
