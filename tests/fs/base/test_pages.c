/* SPDX-License-Identifier: MIT */
#include "fs/base/pages.h"
#include "tests/support.h"

static void all_sizes_are_zeroed_and_whole(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, 100000, PAGES_HUGE - 1, PAGES_HUGE, PAGES_HUGE + 1,
				       2 * PAGES_HUGE - 4096, 3 * PAGES_HUGE + 4097};
	uint8_t *pages[sizeof sizes / sizeof *sizes];
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		pages[i] = pages_new(sizes[i]);
		assert_non_null(pages[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			if (pages[i][k] != 0)
				fail_msg("byte %zu of %zu is not 0", k, sizes[i]);
		memset(pages[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (size_t k = 0; k < sizes[i]; k += 61)
			assert_int_equal(pages[i][k], i + 1);
		pages_free(pages[i], sizes[i]);
	}
}

static void no_memory_is_null(void **state)
{
	(void)state;
	assert_null(pages_new(SIZE_MAX));
	assert_null(pages_new(SIZE_MAX - PAGES_HUGE));
	assert_null(pages_new(SIZE_MAX / 2));
	pages_free(NULL, 100);
	pages_free(NULL, 2 * PAGES_HUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes_are_zeroed_and_whole),
		cmocka_unit_test(no_memory_is_null),
	};
	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
