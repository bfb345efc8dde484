/* SPDX-License-Identifier: MIT */
/* JSON lines as several writers write them; every value is compared with Python's by tests/interop/test_jsonl.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_jsonl;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_jsonl);
}

static void columns_are_the_union_of_fields_in_order_of_first_appearance(void **state)
{
	static const char text[] = "{\"b\":1}\n{\"a\":[1,2.5],\"b\":2}\n\n{\"c\":{\"d\":\"x\"},\"a\":[]}\n";
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(test_open(&a, &format_jsonl, slice_text(text), &err), 0);
	assert_string_equal(test_list(&a, ""), "b b.validity a a.validity c c.validity");
	assert_string_equal(test_dtype(&a, "b"), "int64");
	assert_string_equal(test_dtype(&a, "a"), "list");
	assert_string_equal(test_dtype(&a, "a/values"), "float64");
	assert_string_equal(test_dtype(&a, "c"), "struct");
	assert_string_equal(test_shape(&a, "b"), "[3]");
	check_bytes(&a, "b.validity", "\1\1\0", 3);
	check_bytes(&a, "a/offsets", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 32);
	check_bytes(&a, "c/d/values", "x", 1);
	archive_close(&a);
}

static void what_breaks_a_line_is_told_with_its_number(void **state)
{
	static const struct {
		const char *text, *why;
	} lines[] = {
		{"{}\n\n1\n", "line 3: a line that is no object"},
		{"{\"a\":1} 2\n", "line 1: a second value on the line"},
		{"{\"a\":[1\n]}\n", "line 1: the line ends within a record"},
		{"{\"a\":\"\\ud800\"}\n", "line 1: half a surrogate pair in a string"},
		{"{\"a\":\"\\q\"}\n", "line 1: an escape that JSON does not have"},
		{"{\"a\":01}\n", "line 1: a number that JSON does not have"},
		{"{a:1}\n", "line 1: a key that is no string"},
		{"{\"a\" 1}\n", "line 1: a key without a colon behind it"},
		{"{\"a\":1,}\n", "line 1: a key that is no string"},
		{"{\"a\":1 \"b\":2}\n", "line 1: neither a comma nor a } behind a value"},
		{"[{\"a\":1}\n{\"a\":2}]", "line 2: two records without a comma between them"},
		{"[{\"a\":1},\n1]", "line 2: an element that is no object"},
		{"[{\"a\":1}", "line 1: the file ends within the array"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct archive a;
		struct error err = {0};
		assert_int_equal(test_open(&a, &format_jsonl, slice_text(lines[i].text), &err), -EBADMSG);
		assert_string_equal(err.text, lines[i].why);
	}
}

static void a_broken_line_is_left_out_if_the_user_says_so(void **state)
{
	struct archive a;
	struct error err = {0};
	struct archive_options options = test_options();
	const struct format *const only[] = {&format_jsonl, NULL};
	(void)state;
	options.records.skip_bad = true;
	struct source s = source_memory(slice_text("{\"a\":1}\n{\"b\":\n{\"a\":2}\n"));
	assert_int_equal(archive_open_source(&a, only, s, "f.jsonl", &options, &err), 0);
	assert_string_equal(test_list(&a, ""), "a");
	assert_string_equal(test_attr(&a, "", "arrayfs.bad_records"), "1");
	check_bytes(&a, "a", "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16);
	archive_close(&a);
}

static void a_last_line_that_is_not_whole_is_left_out(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_jsonl, "tail.jsonl");
	(void)state;
	assert_string_equal(test_shape(&a, "id"), "[3]");
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(columns_are_the_union_of_fields_in_order_of_first_appearance),
		cmocka_unit_test(what_breaks_a_line_is_told_with_its_number),
		cmocka_unit_test(a_broken_line_is_left_out_if_the_user_says_so),
		cmocka_unit_test(a_last_line_that_is_not_whole_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
