/* SPDX-License-Identifier: MIT */
/* What is marked many bytes at once is what each of them is. */
#include "formats/csv/marks.h"

#include "tests/support.h"

static void check_marks(const struct csv_marks *m, const uint8_t *p, uint8_t delimiter, bool quote)
{
	bool wide = false;
	for (unsigned i = 0; i < CSV_MARKED; i++) {
		assert_int_equal(m->ends >> i & 1, p[i] == delimiter || p[i] == '\n' || p[i] == '\r');
		assert_int_equal(m->others >> i & 1, p[i] < '0' || p[i] > '9');
		assert_int_equal(m->quotes >> i & 1, quote && p[i] == '"');
		wide |= p[i] > 0x7f;
	}
	assert_int_equal(m->wide, wide);
}

static void check_breaks(const struct csv_breaks *b, const uint8_t *p, uint8_t delimiter, bool quote)
{
	for (unsigned i = 0; i < CSV_MARKED; i++) {
		assert_int_equal(b->delimiters >> i & 1, p[i] == delimiter);
		assert_int_equal(b->feeds >> i & 1, p[i] == '\n');
		assert_int_equal(b->quotes >> i & 1, quote && p[i] == '"');
	}
}

static void check(const uint8_t *p, uint8_t delimiter, bool quote)
{
	struct csv_marks marks[] = {csv_mark(p, delimiter, quote), csv_mark_words(p, delimiter, quote)};
	struct csv_breaks breaks[] = {csv_break(p, delimiter, quote), csv_break_words(p, delimiter, quote)};
	for (unsigned i = 0; i < 2; i++) {
		check_marks(&marks[i], p, delimiter, quote);
		check_breaks(&breaks[i], p, delimiter, quote);
	}
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

static void bytes_beside_each_other(void **state)
{
	static const uint8_t some[] = ",,\n\r\"\"019/:.-\0\x7f\x80\xff+a\xac\x8a";
	uint8_t bytes[CSV_MARKED];
	uint32_t random = 1;
	(void)state;
	for (int i = 0; i < 5000; i++) {
		for (unsigned at = 0; at < CSV_MARKED; at++, random = random * 1664525 + 1013904223)
			bytes[at] = some[(random >> 16) % (sizeof some - 1)];
		check(bytes, ',', i % 2);
		check(bytes, 0x80, i % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(bytes_beside_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
