/* SPDX-License-Identifier: MIT */
/* What is marked many bytes at once is what is marked one by one. */
#include "formats/csv/marks.h"

#include "tests/support.h"

static void check(const uint8_t *p, uint8_t delimiter, bool quote)
{
	struct csv_marks m = csv_mark(p, delimiter, quote), n = csv_mark_bytes(p, delimiter, quote);
	struct csv_breaks b = csv_break(p, delimiter, quote), c = csv_break_bytes(p, delimiter, quote);
	assert_int_equal(m.ends, n.ends);
	assert_int_equal(m.others, n.others);
	assert_int_equal(m.quotes, n.quotes);
	assert_int_equal(m.wide, n.wide);
	assert_int_equal(b.delimiters, c.delimiters);
	assert_int_equal(b.feeds, c.feeds);
	assert_int_equal(b.quoted, c.quoted);
}

static void every_byte_at_every_place(void **state)
{
	uint8_t bytes[CSV_MARKED];
	(void)state;
	memset(bytes, '1', sizeof bytes);
	for (unsigned at = 0; at < CSV_MARKED; at++, bytes[at - 1] = '1')
		for (unsigned byte = 0; byte < 256; byte++) {
			bytes[at] = (uint8_t)byte;
			check(bytes, ',', true);
			check(bytes, 0xfe, false);
		}
}

static uint64_t bit(unsigned n)
{
	return UINT64_C(1) << n;
}

static void bits_are_those_of_the_text(void **state)
{
	char text[CSV_MARKED];
	(void)state;
	memset(text, '.', sizeof text);
	memcpy(text, "1,\"x\"\r\n", 7);
	memcpy(text + 59, "\xc3\xa9,\n\"", 5);
	struct csv_marks m = csv_mark((const uint8_t *)text, ',', true);
	struct csv_breaks b = csv_break((const uint8_t *)text, ',', true);
	assert_int_equal(m.ends, bit(1) | bit(5) | bit(6) | bit(61) | bit(62));
	assert_int_equal(m.others, ~bit(0));
	assert_int_equal(m.quotes, bit(2) | bit(4) | bit(63));
	assert_true(m.wide);
	assert_int_equal(b.delimiters, bit(1) | bit(61));
	assert_int_equal(b.feeds, bit(6) | bit(62));
	assert_true(b.quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(bits_are_those_of_the_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
