/* SPDX-License-Identifier: MIT */
/* Numbers as pages tell them; pages are tests/mount/cases/info.py's. */
#include "mount/commands/page.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void counts_have_units_from_a_million_on(void **state)
{
	static const struct {
		uint64_t n;
		const char *said;
	} cases[] = {
		{0, "0"},
		{999, "999"},
		{1000, "1,000"},
		{999999, "999,999"},
		{1000000, "1.0 M (1,000,000)"},
		{999949999, "999.9 M (999,949,999)"},
		{999950000, "1.0 B (999,950,000)"},
		{70553706496, "70.6 B (70,553,706,496)"},
		{1099511627783, "1.1 T (1,099,511,627,783)"},
		{UINT64_MAX, "18446.7 Q (18,446,744,073,709,551,615)"},
	};
	char text[COUNT_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(count_text(cases[i].n, text), cases[i].said);
}

static void bytes_are_in_powers_of_1024(void **state)
{
	char text[COUNT_TEXT];
	(void)state;
	assert_string_equal(bytes_text(0, text), "0 bytes");
	assert_string_equal(bytes_text(1, text), "1 byte");
	assert_string_equal(bytes_text(1023, text), "1,023 bytes");
	assert_string_equal(bytes_text(1024, text), "1.0K (1,024 bytes)");
	assert_string_equal(bytes_text(141107412992, text), "132G (141,107,412,992 bytes)");
	assert_string_equal(bytes_text(UINT64_MAX, text), "16E (18,446,744,073,709,551,615 bytes)");
}

/* Nothing is 0% that is there, nor 100% beside which there is more. */
static void shares_do_not_round_to_nothing_or_all(void **state)
{
	char text[COUNT_TEXT];
	(void)state;
	assert_string_equal(share_text(0, 0, text), "0.0%");
	assert_string_equal(share_text(0, 7, text), "0.0%");
	assert_string_equal(share_text(1, 8, text), "12.5%");
	assert_string_equal(share_text(7, 7, text), "100.0%");
	assert_string_equal(share_text(1, 1000000, text), "<0.1%");
	assert_string_equal(share_text(999999, 1000000, text), ">99.9%");
	assert_string_equal(share_text(UINT64_MAX - 1, UINT64_MAX, text), ">99.9%");
}

/* What a page has no room for is lost, and nothing else. */
static void sections_that_are_too_many_are_left_out(void **state)
{
	struct page p = page_new();
	(void)state;
	for (unsigned i = 0; i < PAGE_SECTIONS + 3; i++)
		page_field(&p, "label", "%u", i);
	page_section(&p, "lost")->lines = 1;
	PAGE_ROW(&p, "a", "b");
	assert_int_equal(p.count, PAGE_SECTIONS);
	assert_string_equal(p.sections[PAGE_SECTIONS - 1].rows[0].cells[0], "39");
	assert_false(p.failed);
	page_free(&p);
}

static void lines_left_out_leave_one_to_say_so(void **state)
{
	struct page p = page_new();
	struct page_section *s = page_section(&p, "rows");
	(void)state;
	for (unsigned i = 0; i < 9; i++)
		PAGE_ROW(&p, "x");
	assert_int_equal(page_lines(s), 9);
	s->lines = 4;
	assert_int_equal(page_lines(s), 4);
	s->total = 1000;
	s->lines = 0;
	assert_int_equal(page_lines(s), 1000);
	page_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_have_units_from_a_million_on),
		cmocka_unit_test(bytes_are_in_powers_of_1024),
		cmocka_unit_test(shares_do_not_round_to_nothing_or_all),
		cmocka_unit_test(sections_that_are_too_many_are_left_out),
		cmocka_unit_test(lines_left_out_leave_one_to_say_so),
	};
	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
