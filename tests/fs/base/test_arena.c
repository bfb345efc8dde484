/* SPDX-License-Identifier: MIT */
#include "fs/base/arena.h"
#include "tests/support.h"

static void memory_is_zeroed_and_aligned(void **state)
{
	struct arena a = {.limit = 1 << 20};
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		uint8_t *p = arena_alloc(&a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xaa, n);
		assert_non_null(arena_text(&a, SLICE("off by one"))); /* unaligned, between */
	}
	arena_free(&a);
}

static void blocks_do_not_overlap(void **state)
{
	struct arena a = {.limit = 64 << 20};
	enum { COUNT = 400 };
	uint8_t *p[COUNT];
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		size_t n = 1 + i * i % 5000; /* some larger than a quarter of a block */
		p[i] = arena_alloc(&a, n);
		memset(p[i], (int)i, n);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < 1 + i * i % 5000; k++)
			assert_int_equal(p[i][k], (uint8_t)i);
	arena_free(&a);
}

static void the_limit_is_a_limit(void **state)
{
	struct arena a = {.limit = 100};
	(void)state;
	assert_non_null(arena_alloc(&a, 60));
	assert_null(arena_alloc(&a, 41));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 40));
	assert_null(arena_alloc(&a, 1));
	assert_true(a.used <= a.limit);
	arena_free(&a);

	struct arena none = {0};
	assert_null(arena_alloc(&none, 1));
	arena_free(&none);
}

static void a_product_that_overflows_is_no_memory(void **state)
{
	struct arena a = {.limit = SIZE_MAX};
	(void)state;
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_null(arena_array(&a, SIZE_MAX, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_non_null(arena_array(&a, 3, 5));
	arena_free(&a);
}

static void texts_are_copies_with_an_end(void **state)
{
	struct arena a = {.limit = 1 << 20};
	char from[] = "a\0b";
	char *text = arena_text(&a, (struct slice){(uint8_t *)from, 3});
	(void)state;
	from[0] = 'x';
	assert_memory_equal(text, "a\0b", 4);
	assert_string_equal(arena_text(&a, (struct slice){NULL, 0}), "");
	assert_string_equal(arena_printf(&a, "%d of %s", 3, "four"), "3 of four");
	arena_free(&a);
}

static void a_text_needs_room_for_its_end(void **state)
{
	struct arena a = {.limit = 5};
	(void)state;
	assert_null(arena_text(&a, SLICE("12345")));
	assert_null(arena_printf(&a, "%d", 12345));
	assert_non_null(arena_text(&a, SLICE("1234")));
	arena_free(&a);
}

static void charges_count_against_the_limit(void **state)
{
	struct arena a = {.limit = 100};
	(void)state;
	assert_true(arena_charge(&a, 90));
	assert_false(arena_charge(&a, 11));
	assert_null(arena_alloc(&a, 11));
	arena_refund(&a, 90);
	assert_non_null(arena_alloc(&a, 11));
	assert_false(arena_charge(&a, SIZE_MAX));
	arena_free(&a);
}

static void free_leaves_it_fit_for_use(void **state)
{
	struct arena a = {.limit = 1000};
	(void)state;
	assert_non_null(arena_alloc(&a, 1000));
	arena_free(&a);
	assert_non_null(arena_alloc(&a, 1000));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(blocks_do_not_overlap),
		cmocka_unit_test(the_limit_is_a_limit),
		cmocka_unit_test(a_product_that_overflows_is_no_memory),
		cmocka_unit_test(texts_are_copies_with_an_end),
		cmocka_unit_test(a_text_needs_room_for_its_end),
		cmocka_unit_test(charges_count_against_the_limit),
		cmocka_unit_test(free_leaves_it_fit_for_use),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
