/* SPDX-License-Identifier: MIT */
#include "fs/values/quant.h"
#include "tests/support.h"

static void a_row_is_whole_blocks(void **state)
{
	(void)state;
	assert_null(quant_block(QUANT_NONE));
	assert_null(quant_block(QUANT_COUNT));
	for (enum quant_blocks b = QUANT_NONE + 1; b < QUANT_COUNT; b++)
		assert_true(quant_block(b)->elements % 32 == 0 && quant_block(b)->bytes > 0);
	assert_string_equal(quant_block(QUANT_Q4_K)->name, "Q4_K");
}

static void equal_by_what_they_say(void **state)
{
	(void)state;
	float half[2] = {0.5f, 0.25f}, other[2] = {0.5f, 0.5f}, again[2] = {0.5f, 0.25f};
	int64_t zero[2] = {0, 3};
	struct quant a = {.count = 2, .scales = half}, b = {.count = 2, .scales = again}, c = {.count = 2, .scales = other};
	assert_true(quant_same(NULL, NULL) && quant_same(&a, &a) && quant_same(&a, &b));
	assert_false(quant_same(&a, NULL) || quant_same(NULL, &a) || quant_same(&a, &c));
	b.zero_points = zero;
	assert_false(quant_same(&a, &b));
	assert_false(quant_same(&(struct quant){.blocks = QUANT_Q4_0}, &(struct quant){.blocks = QUANT_Q4_1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_whole_blocks),
		cmocka_unit_test(equal_by_what_they_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
