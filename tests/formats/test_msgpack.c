/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_msgpack;

static void every_fixture_keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_msgpack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture_keeps_the_promises),
	};
	return cmocka_run_group_tests_name("msgpack", tests, NULL, NULL);
}
