/* SPDX-License-Identifier: MIT */
#include "fs/base/arena.h"

#include <stdio.h>

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

/* Pages that are mapped. */
static unsigned long mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages;
}

static void large_blocks_are_zeroed_and_given_back(void **state)
{
	const size_t sizes[] = {2 << 20, (2 << 20) - 24, (2 << 20) - 16, (5 << 20) + 1, 3 << 20, 100 << 10};
	unsigned long before = 0;
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		struct arena a = {.limit = 256 << 20};
		for (size_t i = 0; i < 120; i++) {
			size_t n = i < 20 ? sizes[i % 6] : 100 << 10;
			uint8_t *p = arena_alloc(&a, n);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < n; k += 61)
				assert_int_equal(p[k], 0);
			memset(p, 0xaa, n);
		}
		arena_free(&a);
		if (round == 0)
			before = mapped(); /* with what the C library keeps */
	}
	assert_true(mapped() <= before);
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

static void a_lower_limit_is_tried_for_a_while(void **state)
{
	struct arena a = {.limit = 1000};
	(void)state;
	assert_non_null(arena_alloc(&a, 100));
	arena_try(&a, 200);
	assert_non_null(arena_alloc(&a, 200));
	assert_null(arena_alloc(&a, 1));
	assert_false(arena_tried(&a));
	assert_non_null(arena_alloc(&a, 1)); /* it is over */
	arena_try(&a, 10);
	assert_non_null(arena_alloc(&a, 10));
	assert_true(arena_tried(&a));
	arena_try(&a, 0);
	assert_non_null(arena_alloc(&a, 600));
	assert_true(arena_tried(&a));
	arena_free(&a);
}

static void all_scratch_arenas_together_have_what_is_tried(void **state)
{
	struct arena a = {.limit = 1000};
	(void)state;
	arena_try(&a, 100);
	struct arena one = arena_scratch(&a), two = arena_scratch(&one), three = arena_scratch(&two);
	assert_non_null(arena_alloc(&one, 60));
	assert_non_null(arena_alloc(&two, 30));
	assert_null(arena_alloc(&two, 11));
	assert_false(arena_charge(&three, 11));
	assert_int_equal(a.used, 0);
	assert_int_equal(a.lent, 90);
	assert_false(arena_tried(&a));

	arena_try(&a, 100);
	arena_free(&one); /* is to be had again */
	assert_true(arena_charge(&three, 70));
	assert_false(arena_charge(&three, 1));
	arena_refund(&three, 70);
	arena_free(&two);
	assert_int_equal(a.lent, 0);
	assert_false(arena_tried(&a));
	assert_null(arena_alloc(&one, 1001)); /* and the limit is one as ever */
	assert_non_null(arena_alloc(&one, 1000));
	arena_free(&one);
	arena_free(&a);
}

static void what_is_apart_knows_of_no_lower_limit(void **state)
{
	struct arena a = {.limit = 1000};
	(void)state;
	arena_try(&a, 1);
	struct arena apart = arena_apart(&a);
	assert_non_null(arena_alloc(&apart, 1000));
	assert_null(arena_alloc(&apart, 1));
	arena_free(&apart);
	assert_true(arena_tried(&a));
	arena_free(&a);
}

/* However deep a recursion goes, all of it has one limit. */
static void a_scratch_arena_within_another_has_what_is_left(void **state)
{
	struct arena a = {.limit = 1000};
	(void)state;
	struct arena one = arena_scratch(&a);
	assert_non_null(arena_alloc(&one, 600));
	struct arena two = arena_scratch(&one);
	assert_null(arena_alloc(&two, 401));
	assert_non_null(arena_alloc(&two, 300));
	struct arena three = arena_scratch(&two);
	assert_null(arena_alloc(&three, 101));
	assert_non_null(arena_alloc(&three, 100));
	arena_free(&three);
	arena_free(&two);
	arena_free(&one);
	arena_free(&a);
}

static void cleared_it_has_what_it_had(void **state)
{
	(void)state;
	struct arena a = {.limit = 1 << 20}, s = arena_scratch(&a);
	arena_try(&a, 20000);
	for (int i = 0; i < 100; i++) {
		uint8_t *one = arena_alloc(&s, 100), *many = arena_alloc(&s, 6000);
		assert_non_null(one);
		assert_non_null(many);
		for (int k = 0; k < 6000; k++)
			assert_int_equal(many[k] | one[k % 100], 0);
		memset(one, 0xff, 100);
		memset(many, 0xff, 6000);
		arena_clear(&s);
		assert_int_equal(s.used, 0);
	}
	assert_true(arena_tried(&a));
	arena_free(&s);
	arena_clear(&s);
}

/* Also if all it had was one large allocation. */
static void cleared_it_has_its_only_block(void **state)
{
	(void)state;
	struct arena a = {.limit = 1 << 20};
	uint8_t *first = arena_alloc(&a, 700000);
	assert_non_null(first);
	memset(first, 0xff, 700000);
	arena_clear(&a);
	assert_int_equal(a.used, 0);
	for (int i = 0; i < 7; i++) {
		uint8_t *part = arena_alloc(&a, 100000);
		assert_ptr_equal(part, first + i * 100000);
		for (int k = 0; k < 100000; k++)
			assert_int_equal(part[k], 0);
	}
	arena_free(&a);
}

static void numbers_may_lie_closer(void **state)
{
	(void)state;
	struct arena a = {.limit = 1 << 20};
	uint8_t *first = arena_aligned(&a, 12, 4);
	assert_ptr_equal(arena_aligned(&a, 4, 4), first + 12);
	assert_ptr_equal(arena_aligned(&a, 1, 1), first + 16);
	assert_ptr_equal(arena_aligned(&a, 4, 4), first + 20);
	assert_int_equal((uintptr_t)arena_alloc(&a, 1) % _Alignof(max_align_t), 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(blocks_do_not_overlap),
		cmocka_unit_test(large_blocks_are_zeroed_and_given_back),
		cmocka_unit_test(the_limit_is_a_limit),
		cmocka_unit_test(a_product_that_overflows_is_no_memory),
		cmocka_unit_test(texts_are_copies_with_an_end),
		cmocka_unit_test(a_text_needs_room_for_its_end),
		cmocka_unit_test(charges_count_against_the_limit),
		cmocka_unit_test(free_leaves_it_fit_for_use),
		cmocka_unit_test(a_lower_limit_is_tried_for_a_while),
		cmocka_unit_test(all_scratch_arenas_together_have_what_is_tried),
		cmocka_unit_test(a_scratch_arena_within_another_has_what_is_left),
		cmocka_unit_test(what_is_apart_knows_of_no_lower_limit),
		cmocka_unit_test(cleared_it_has_what_it_had),
		cmocka_unit_test(cleared_it_has_its_only_block),
		cmocka_unit_test(numbers_may_lie_closer),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
