/* SPDX-License-Identifier: MIT */
#include "fs/blocks/pace.h"
#include "tests/support.h"

enum { K = 1024 };

static struct pace pace;
static const int array, other;

static int open_pace(void **state)
{
	(void)state;
	pace_open(&pace);
	return 0;
}

static int close_pace(void **state)
{
	(void)state;
	pace_close(&pace);
	return 0;
}

static enum pace_kind reads(uint64_t offset, uint64_t len)
{
	return pace_of(&pace, &array, offset, len).kind;
}

static void who_goes_on_is_in_order(void **state)
{
	(void)state;
	assert_int_equal(reads(0, K), PACE_ANYHOW);
	assert_int_equal(reads(K, K), PACE_IN_ORDER);
	assert_int_equal(reads(2 * K, 7), PACE_IN_ORDER);
	assert_int_equal(reads(2 * K + 7, K), PACE_IN_ORDER);
	assert_int_equal(pace_of(&pace, &other, 3 * K + 7, K).kind, PACE_ANYHOW);
}

static void even_distances_are_found_at_the_third(void **state)
{
	(void)state;
	assert_int_equal(reads(10 * K, K), PACE_ANYHOW);
	assert_int_equal(reads(50 * K, K), PACE_ANYHOW);
	struct pace_next next = pace_of(&pace, &array, 90 * K, K);
	assert_int_equal(next.kind, PACE_STRIDED);
	assert_int_equal(next.offset, 130 * K);
	assert_int_equal(next.len, K);
	assert_int_equal(next.stride, 40 * K);
	assert_int_equal(next.readers, 1);
	assert_int_equal(reads(130 * K, K), PACE_STRIDED);
	assert_int_equal(reads(171 * K, K), PACE_ANYHOW);
}

static void a_piece_may_take_several_reads(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 3000 * K; at += 1000 * K)
		for (uint64_t i = 0; i < 4; i++) {
			struct pace_next next = pace_of(&pace, &array, at + i * K, K);
			assert_int_equal(next.kind, at == 2000 * K ? PACE_STRIDED : i == 0 ? PACE_ANYHOW : PACE_IN_ORDER);
			if (at == 2000 * K) {
				assert_int_equal(next.offset, 3000 * K);
				assert_int_equal(next.len, 4 * K);
			}
		}
	/* One that is longer than those before is in order again. */
	assert_int_equal(reads(2000 * K + 4 * K, K), PACE_IN_ORDER);
	assert_int_equal(reads(2000 * K + 5 * K, K), PACE_IN_ORDER);
}

static void backwards_is_a_distance_too(void **state)
{
	(void)state;
	assert_int_equal(reads(90 * K, K), PACE_ANYHOW);
	assert_int_equal(reads(89 * K, K), PACE_ANYHOW);
	struct pace_next next = pace_of(&pace, &array, 88 * K, K);
	assert_int_equal(next.kind, PACE_STRIDED);
	assert_int_equal(next.offset, 87 * K);
}

static void readers_are_told_apart(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		for (uint64_t reader = 0; reader < 64; reader++) {
			struct pace_next next = pace_of(&pace, &array, reader * 1000 * K + i * K, K);
			if (i > 0)
				assert_int_equal(next.kind, PACE_IN_ORDER);
			if (i > 1)
				assert_in_range(next.readers, 63, 64);
		}
}

/* Nor do they push out who reads in order. */
static void random_readers_are_neither(void **state)
{
	uint64_t x = 1, at = 1ull << 50;
	unsigned expected = 0;
	(void)state;
	assert_int_equal(reads(at, K), PACE_ANYHOW);
	for (unsigned i = 0; i < 2000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		expected += reads((x >> 20) % (1ull << 40), K) != PACE_ANYHOW;
		if (i % 50 == 0)
			assert_int_equal(reads(at += K, K), PACE_IN_ORDER);
	}
	assert_int_equal(expected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_goes_on_is_in_order, open_pace, close_pace),
		cmocka_unit_test_setup_teardown(even_distances_are_found_at_the_third, open_pace, close_pace),
		cmocka_unit_test_setup_teardown(a_piece_may_take_several_reads, open_pace, close_pace),
		cmocka_unit_test_setup_teardown(backwards_is_a_distance_too, open_pace, close_pace),
		cmocka_unit_test_setup_teardown(readers_are_told_apart, open_pace, close_pace),
		cmocka_unit_test_setup_teardown(random_readers_are_neither, open_pace, close_pace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
