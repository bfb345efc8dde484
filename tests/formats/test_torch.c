/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_torch;

static void test_fixtures(void **state)
{
	(void)state;
	check_fixtures(&format_torch);
}

static void test_links(void **state)
{
	(void)state;
	static const char *const parts[] = {"coo/indices", "coo/values", "csr/values", "csc/ccol_indices", "csc/values", "bsr/values", "qint8/values",
					    "quint8/values", "qint32/values", "channels/values", "channels/scale", "nested/values"};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_torch, "kinds.pt");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_int_equal(test_node(&a, parts[i])->links, 0); /* each has one name */
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_torch, "views.pt");
	assert_int_equal(test_node(&a, "x")->links, 2);
	assert_int_equal(test_node(&a, "same")->links, 2);
	assert_int_equal(test_node(&a, "row")->links, 0);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_links),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
