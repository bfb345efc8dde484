/* SPDX-License-Identifier: MIT */
/* CSV as several writers write it; every value is compared with Python's by tests/interop/test_csv.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_csv;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_csv);
}

static void types_are_those_of_all_values(void **state)
{
	static const struct {
		const char *values, *dtype;
	} columns[] = {
		{"1\n-2\n", "int64"}, {"1\n18446744073709551615\n", "uint64"}, {"1\n2.5\n", "float64"}, {"9007199254740993\n0.5\n", "string"},
		{"true\nFALSE\n", "bool"}, {"true\n1\n", "string"}, {"007\n1\n", "string"}, {"+5\n1\n", "string"}, {"nan\n1\n", "float64"},
		{"2024-02-29\n2023-01-01\n", "date32[day]"}, {"2023-02-29\n2023-01-01\n", "string"}, {"2024-01-01 10:00\n2024-01-01T10:00:00.5\n", "timestamp[us]"},
		{"2024-01-01 10:00:00.1234567\n2024-01-01T10:00:00\n", "timestamp[ns]"}, {"2024-01-01 10:00Z\n2024-01-01T10:00\n", "string"},
		{"2024-01-01 10:00\n2024-01-01\n", "string"}, {"1e400\n1\n", "string"}, {"\"\"\n1\n", "int64"}, {"\"\"\nx\n", "string"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		struct archive a;
		struct error err = {0};
		char text[128];
		snprintf(text, sizeof text, "c\n%s", columns[i].values);
		assert_int_equal(test_open(&a, &format_csv, slice_text(text), &err), 0);
		print_message("# %zu: %s\n", i, columns[i].dtype);
		assert_string_equal(test_dtype(&a, "c"), columns[i].dtype);
		assert_string_equal(test_shape(&a, "c"), "[2]");
		archive_close(&a);
	}
}

static void what_breaks_a_row_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"a,b\n1,2\n\n3\n", "line 4: 1 fields, where the table has 2"},
		{"a,b\n\"x\ny\",2\n1,2,3\n", "line 4: more than 2 fields, where the table has 2"},
		{"a,b\n\"x\"y,2\n", "line 2: text behind a closing quote"},
		{"a,b\n1,\"2\n3,4\n", "line 2: a quote that is never closed"},
		{"a,b\n1,2\r3,4\n", "line 2: a carriage return without a line feed"},
		{"a\r1\n", "line 1: a carriage return without a line feed"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct archive a;
		struct error err = {0};
		assert_int_equal(test_open(&a, &format_csv, slice_text(rows[i].text), &err), -EBADMSG);
		assert_string_equal(err.text, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(types_are_those_of_all_values),
		cmocka_unit_test(what_breaks_a_row_is_told_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
