/* SPDX-License-Identifier: MIT */
#include "fs/base/list.h"

#include "tests/support.h"

static void it_has_room_for_one_more_and_keeps_the_others(void **state)
{
	uint32_t *list = NULL;
	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		uint32_t *grown = list_grow(list, n, sizeof *grown);
		assert_non_null(grown);
		list = grown;
		list[n] = n * 3;
	}
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(list[n], n * 3);
	free(list);
}

static void in_an_arena_the_old_list_stays(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	uint32_t *list = NULL, *old = NULL;
	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		uint32_t *grown = list_grow_in(&arena, list, n, sizeof *grown);
		assert_non_null(grown);
		assert_true(grown == list || n == 0 || (n >= LIST_FIRST && (n & (n - 1)) == 0));
		if (grown != list)
			old = list;
		list = grown;
		list[n] = n * 3;
	}
	for (uint32_t n = 0; n < 512; n++)
		assert_int_equal(old[n], n * 3);
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(list[n], n * 3);
	arena_free(&arena);
}

static void what_does_not_fit_leaves_the_list(void **state)
{
	struct arena arena = {.limit = 1 << 12};
	char list[1];
	(void)state;
	assert_null(list_grow(NULL, 1u << 31, 1));
	assert_null(list_grow_in(&arena, list, 1u << 31, 1));
	assert_null(list_grow(NULL, 1u << 30, SIZE_MAX / 2)); /* the product would wrap around */
	assert_null(list_grow_in(&arena, NULL, 0, 1 << 12));
	assert_ptr_equal(list_grow(list, 9, 1), list); /* there is room */
	assert_ptr_equal(list_grow(list, 1, 1), list);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_room_for_one_more_and_keeps_the_others),
		cmocka_unit_test(in_an_arena_the_old_list_stays),
		cmocka_unit_test(what_does_not_fit_leaves_the_list),
	};
	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
