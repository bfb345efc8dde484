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

/* Every NaN is one: which of two is the result of an addition, processors do not agree on. */
static bool same_bits(float a, float b)
{
	return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

/* The fixtures hold blocks, and behind them what the library makes of these. */
static void blocks_are_decoded_as_the_library_does(void **state)
{
	(void)state;
	for (enum quant_blocks b = QUANT_NONE + 1; b < QUANT_COUNT; b++) {
		const struct quant_block *each = quant_block(b);
		quant_decode *decode = quant_decoder(b);
		assert_int_equal(decode == NULL, b == QUANT_Q8_1);
		if (!decode)
			continue;
		struct slice file = test_data(each->name);
		size_t count = file.len / (each->bytes + each->elements * sizeof(float)), n = count * each->elements;
		float *values = malloc(n * sizeof(float)), *expected = malloc(n * sizeof(float));
		assert_int_equal(file.len, count * each->bytes + n * sizeof(float));
		memcpy(expected, file.data + count * each->bytes, n * sizeof(float));
		decode(file.data, count, values);
		for (size_t i = 0; i < n; i++)
			if (!same_bits(values[i], expected[i]))
				fail_msg("%s: element %zu is %a, not %a", each->name, i, (double)values[i], (double)expected[i]);
		decode(file.data + each->bytes, 1, expected); /* alone */
		assert_memory_equal(expected, values + each->elements, each->elements * sizeof(float));
		free(values);
		free(expected);
		test_unload(file);
	}
	assert_null(quant_decoder(QUANT_NONE));
	assert_null(quant_decoder(QUANT_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_decoded_as_the_library_does),
		cmocka_unit_test(a_row_is_whole_blocks),
		cmocka_unit_test(equal_by_what_they_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
