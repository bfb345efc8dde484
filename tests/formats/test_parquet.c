/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_parquet;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_parquet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
