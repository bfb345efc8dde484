/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_torch;

static void test_fixtures(void **state)
{
	(void)state;
	check_fixtures(&format_torch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixtures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
