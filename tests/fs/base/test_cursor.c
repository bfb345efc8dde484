/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/base/cursor.h"
#include "tests/support.h"

static void integers_of_both_orders(void **state)
{
	struct slice s = SLICE("\x01\x02\x03\x04\x05\x06\x07\x88");
	struct cursor c = cursor_over(s);
	(void)state;
	assert_int_equal(cursor_u64le(&c), 0x8807060504030201);
	assert_int_equal(cursor_left(&c), 0);
	c = cursor_over(s);
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16le(&c), 0x0302);
	assert_int_equal(cursor_u32le(&c), 0x07060504);
	assert_int_equal(cursor_at(&c), 7);
	c = cursor_over(s);
	assert_int_equal(cursor_be(&c, 3), 0x010203);
	assert_int_equal(cursor_le(&c, 0), 0);
	assert_int_equal(cursor_be(&c, 5), 0x0405060788);
	assert_false(c.failed);
}

static void past_the_end_is_zero_and_sticks(void **state)
{
	struct cursor c = cursor_over(SLICE("\x01\x02\x03"));
	struct error err = {0};
	(void)state;
	assert_int_equal(cursor_u16le(&c), 0x0201);
	assert_int_equal(cursor_check(&c, &err, "record"), 0);
	assert_int_equal(cursor_u32le(&c), 0);
	assert_int_equal(cursor_u8(&c), 0); /* one byte is left, and out of reach */
	assert_int_equal(cursor_take(&c, 0).len, 0);
	assert_int_equal(cursor_check(&c, &err, "record"), -EBADMSG);
	assert_string_equal(err.text, "record is cut short at byte 2");
}

static void lengths_beyond_all_bounds_fail(void **state)
{
	struct cursor c = cursor_over(SLICE("abc"));
	(void)state;
	assert_int_equal(cursor_take(&c, UINT64_MAX).len, 0);
	assert_true(c.failed);
	c = cursor_over(SLICE("abc"));
	cursor_skip(&c, 4);
	assert_true(c.failed);
	c = cursor_over(SLICE("abc"));
	cursor_skip(&c, 3);
	assert_false(c.failed);
	assert_int_equal(cursor_left(&c), 0);
}

static void a_sub_cursor_keeps_to_its_record(void **state)
{
	struct cursor c = cursor_over(SLICE("abcdef"));
	struct cursor sub = cursor_sub(&c, 2);
	(void)state;
	assert_int_equal(cursor_u8(&sub), 'a');
	assert_int_equal(cursor_u8(&sub), 'b');
	assert_int_equal(cursor_u8(&sub), 0);
	assert_true(sub.failed);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 'c');

	sub = cursor_sub(&c, 100); /* not all there: nothing, and both failed */
	assert_int_equal(cursor_left(&sub), 0);
	assert_true(sub.failed);
	assert_true(c.failed);
	sub = cursor_sub(&c, 1);
	assert_true(sub.failed);
}

static void counts_are_bounded_by_the_bytes_left(void **state)
{
	struct cursor c = cursor_over(SLICE("12345678"));
	(void)state;
	assert_int_equal(cursor_count(&c, 4, 2), 4);
	assert_false(c.failed);
	assert_int_equal(cursor_count(&c, 5, 2), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_count(&c, 1, 1), 0); /* it sticks */
	c = cursor_over(SLICE("12345678"));
	assert_int_equal(cursor_count(&c, UINT64_MAX, 16), 0);
	assert_true(c.failed);
}

static void what_does_not_match_is_not_stepped_over(void **state)
{
	struct cursor c = cursor_over(SLICE("PAR1"));
	(void)state;
	assert_false(cursor_match(&c, "PARE", 4));
	assert_false(cursor_match(&c, "PAR12", 5));
	assert_false(c.failed);
	assert_int_equal(cursor_at(&c), 0);
	assert_true(cursor_match(&c, "PAR", 3));
	assert_int_equal(cursor_at(&c), 3);
	c.failed = true;
	assert_false(cursor_match(&c, "1", 1));
}

static void nothing_is_a_fine_slice(void **state)
{
	struct cursor c = cursor_over((struct slice){NULL, 0});
	(void)state;
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_take(&c, 0).len, 0);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);
	assert_true(slice_equal((struct slice){NULL, 0}, SLICE("")));
	assert_false(slice_equal(SLICE("a"), SLICE("")));
	assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
}

static void ranges_do_not_overflow(void **state)
{
	(void)state;
	assert_true(range_within(0, 0, 0));
	assert_true(range_within(10, 0, 10));
	assert_true(range_within(3, 7, 10));
	assert_false(range_within(3, 8, 10));
	assert_false(range_within(11, 0, 10));
	assert_false(range_within(UINT64_MAX, 2, 10));
	assert_false(range_within(5, UINT64_MAX, 10));
	assert_true(range_within(UINT64_MAX, 0, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_of_both_orders),
		cmocka_unit_test(past_the_end_is_zero_and_sticks),
		cmocka_unit_test(lengths_beyond_all_bounds_fail),
		cmocka_unit_test(a_sub_cursor_keeps_to_its_record),
		cmocka_unit_test(counts_are_bounded_by_the_bytes_left),
		cmocka_unit_test(what_does_not_match_is_not_stepped_over),
		cmocka_unit_test(nothing_is_a_fine_slice),
		cmocka_unit_test(ranges_do_not_overflow),
	};
	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
