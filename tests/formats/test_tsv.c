/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_tsv;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_tsv);
}

static void tabulators_are_between_the_fields(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(test_open(&a, &format_tsv, SLICE("a,b\tc\n1,5\t2\n"), &err), 0);
	assert_string_equal(test_list(&a, ""), "a,b c");
	check_bytes(&a, "a,b/values", "1,5", 3);
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_the_promises), cmocka_unit_test(tabulators_are_between_the_fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
