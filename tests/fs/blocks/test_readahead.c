/* SPDX-License-Identifier: MIT */
#include "fs/blocks/readahead.h"
#include "tests/support.h"

enum { K = 1024 };

static struct readahead readahead;
static const int array, other;

static int init_readahead(void **state)
{
	(void)state;
	readahead_init(&readahead);
	return 0;
}

static int destroy_readahead(void **state)
{
	(void)state;
	readahead_destroy(&readahead);
	return 0;
}

static enum readahead_kind reads(uint64_t offset, uint64_t len)
{
	return readahead_record(&readahead, &array, offset, len).kind;
}

static void who_goes_on_is_in_order(void **state)
{
	(void)state;
	assert_int_equal(reads(0, K), READ_RANDOM);
	assert_int_equal(reads(K, K), READ_SEQUENTIAL);
	assert_int_equal(reads(2 * K, 7), READ_SEQUENTIAL);
	assert_int_equal(reads(2 * K + 7, K), READ_SEQUENTIAL);
	assert_int_equal(readahead_record(&readahead, &other, 3 * K + 7, K).kind, READ_RANDOM);
	assert_int_equal(readahead_record(&readahead, &array, 3 * K + 7, 9).passed, 3 * K + 16);
	assert_int_equal(readahead_record(&readahead, &array, 3 * K, 5).passed, 5);
}

static void even_distances_are_found_at_the_third(void **state)
{
	(void)state;
	assert_int_equal(reads(10 * K, K), READ_RANDOM);
	assert_int_equal(reads(50 * K, K), READ_RANDOM);
	struct readahead_next next = readahead_record(&readahead, &array, 90 * K, K);
	assert_int_equal(next.kind, READ_STRIDED);
	assert_int_equal(next.offset, 130 * K);
	assert_int_equal(next.len, K);
	assert_int_equal(next.stride, 40 * K);
	assert_int_equal(next.readers, 1);
	assert_int_equal(reads(130 * K, K), READ_STRIDED);
	assert_int_equal(reads(171 * K, K), READ_RANDOM);
}

static void a_piece_may_take_several_reads(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 3000 * K; at += 1000 * K)
		for (uint64_t i = 0; i < 4; i++) {
			struct readahead_next next = readahead_record(&readahead, &array, at + i * K, K);
			assert_int_equal(next.kind, at == 2000 * K ? READ_STRIDED : i == 0 ? READ_RANDOM : READ_SEQUENTIAL);
			if (at == 2000 * K) {
				assert_int_equal(next.offset, 3000 * K);
				assert_int_equal(next.len, 4 * K);
			}
		}
	/* One that is longer than those before is in order again. */
	assert_int_equal(reads(2000 * K + 4 * K, K), READ_SEQUENTIAL);
	assert_int_equal(reads(2000 * K + 5 * K, K), READ_SEQUENTIAL);
}

static void backwards_is_a_distance_too(void **state)
{
	(void)state;
	assert_int_equal(reads(90 * K, K), READ_RANDOM);
	assert_int_equal(reads(89 * K, K), READ_RANDOM);
	struct readahead_next next = readahead_record(&readahead, &array, 88 * K, K);
	assert_int_equal(next.kind, READ_STRIDED);
	assert_int_equal(next.offset, 87 * K);
}

static void readers_are_told_apart(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		for (uint64_t reader = 0; reader < 64; reader++) {
			struct readahead_next next = readahead_record(&readahead, &array, reader * 1000 * K + i * K, K);
			if (i > 0)
				assert_int_equal(next.kind, READ_SEQUENTIAL);
			if (i > 1)
				assert_in_range(next.readers, 63, 64);
		}
}

/* Nor do they push out who reads in order. */
/* As when several threads read for one: each begins in order, but may be overtaken. */
static void who_was_overtaken_is_still_in_order(void **state)
{
	(void)state;
	reads(0, K);
	reads(K, K);
	for (uint64_t at = 2 * K; at < 200 * K; at += 4 * K) {
		assert_int_equal(reads(at, K), READ_SEQUENTIAL);
		assert_int_not_equal(reads(at + 2 * K, K), READ_STRIDED);
		assert_int_equal(reads(at + K, K), READ_SEQUENTIAL);
		struct readahead_next next = readahead_record(&readahead, &array, at + 3 * K, K);
		assert_int_equal(next.kind, READ_SEQUENTIAL);
		assert_int_equal(next.readers, 1);
	}
}

static void random_readers_are_neither(void **state)
{
	uint64_t x = 1, at = 1ull << 50;
	unsigned expected = 0;
	(void)state;
	assert_int_equal(reads(at, K), READ_RANDOM);
	for (unsigned i = 0; i < 2000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		expected += reads((x >> 20) % (1ull << 40), K) != READ_RANDOM;
		if (i % 50 == 0)
			assert_int_equal(reads(at += K, K), READ_SEQUENTIAL);
	}
	assert_int_equal(expected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_goes_on_is_in_order, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(even_distances_are_found_at_the_third, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(a_piece_may_take_several_reads, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(backwards_is_a_distance_too, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(readers_are_told_apart, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(who_was_overtaken_is_still_in_order, init_readahead, destroy_readahead),
		cmocka_unit_test_setup_teardown(random_readers_are_neither, init_readahead, destroy_readahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
