/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_hdf5;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_hdf5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("hdf5", tests, NULL, NULL);
}
