/* SPDX-License-Identifier: MIT */
#include "fs/base/text.h"

#include <errno.h>
#include <float.h>
#include <math.h>

#include "tests/support.h"

static void says(struct text *t, const char *expected)
{
	assert_int_equal(t->failed, 0);
	assert_string_equal(t->bytes, expected);
	t->len = 0;
}

static void it_grows(void **state)
{
	struct text t = {0};
	(void)state;
	for (int i = 0; i < 1000; i++)
		text_print(&t, "%d,", i % 10);
	assert_int_equal(t.len, 2000);
	assert_memory_equal(t.bytes + 1980, "0,1,2,3,4,5,6,7,8,9,", 21);
	text_free(&t);
}

static void a_long_print_is_whole(void **state)
{
	struct text t = {0};
	(void)state;
	text_print(&t, "%0500d", 7);
	assert_int_equal(t.len, 500);
	assert_int_equal(t.bytes[499], '7');
	text_free(&t);
}

static void the_limit_sticks(void **state)
{
	struct text t = {.limit = 4};
	(void)state;
	text_add(&t, "abcd");
	says(&t, "abcd");
	t.len = 4;
	text_add(&t, "e");
	assert_int_equal(t.failed, -E2BIG);
	text_add(&t, "");
	assert_int_equal(text_flush(&t), -E2BIG);
	assert_int_equal(t.len, 4);
	text_free(&t);
}

static int count(void *arg, const char *bytes, size_t len)
{
	size_t *sum = arg;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], 'x');
	*sum += len;
	return *sum > 200000 ? -EPIPE : 0;
}

static void what_is_handed_on_is_not_kept(void **state)
{
	size_t sum = 0;
	struct text t = {.flush = count, .arg = &sum};
	(void)state;
	for (int i = 0; i < 150000; i++)
		text_add(&t, "x");
	assert_true(t.room < 200000);
	assert_int_equal(text_flush(&t), 0);
	assert_int_equal(sum, 150000);
	for (int i = 0; i < 100000; i++)
		text_add(&t, "x");
	assert_int_equal(text_flush(&t), -EPIPE);
	text_free(&t);
}

static void strings_are_valid_json(void **state)
{
	struct text t = {0};
	(void)state;
	text_json(&t, SLICE("a\"b\\c\n\x7f\x1b é"));
	says(&t, "\"a\\\"b\\\\c\\u000a\\u007f\\u001b é\"");
	text_json(&t, SLICE("\xff" "A\xed\xa0\x80" "\0"));
	says(&t, "\"%FFA%ED%A0%80\\u0000\"");
	text_json(&t, (struct slice){NULL, 0});
	says(&t, "\"\"");
	text_free(&t);
}

/* Expected: Python's repr() of the float, and of numpy.float32. */
static void numbers_read_back_as_they_were(void **state)
{
	struct text t = {0};
	(void)state;
	text_double(&t, 0.1);
	says(&t, "0.1");
	text_double(&t, 1.0 / 3);
	says(&t, "0.3333333333333333");
	text_double(&t, -0.0);
	says(&t, "-0.0");
	text_double(&t, DBL_TRUE_MIN);
	assert_true(strtod(t.bytes, NULL) == DBL_TRUE_MIN);
	t.len = 0;
	text_float(&t, 0.1f);
	says(&t, "0.1");
	text_float(&t, 16777216.0f);
	assert_true(strtof(t.bytes, NULL) == 16777216.0f);
	t.len = 0;
	text_double(&t, NAN);
	says(&t, "\"NaN\"");
	text_double(&t, -(double)INFINITY);
	says(&t, "\"-Infinity\"");
	text_free(&t);
}

static void bytes_are_two_hex_digits_each(void **state)
{
	struct text t = {0};
	(void)state;
	text_hex(&t, (struct slice){(const uint8_t *)"\x00\x0f\xa1\xff", 4});
	says(&t, "\"000fa1ff\"");
	text_hex(&t, (struct slice){0});
	says(&t, "\"\"");
	text_free(&t);
	t = (struct text){.limit = 4};
	text_hex(&t, (struct slice){(const uint8_t *)"\xab\xcd", 2});
	assert_int_equal(t.failed, -E2BIG);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows),
		cmocka_unit_test(a_long_print_is_whole),
		cmocka_unit_test(the_limit_sticks),
		cmocka_unit_test(what_is_handed_on_is_not_kept),
		cmocka_unit_test(strings_are_valid_json),
		cmocka_unit_test(bytes_are_two_hex_digits_each),
		cmocka_unit_test(numbers_read_back_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
