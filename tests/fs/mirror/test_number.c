/* SPDX-License-Identifier: MIT */
#include "fs/mirror/number.h"

#include "tests/support.h"

enum { SOURCE = 7, OTHER = 8 };

static void files_of_the_source_keep_their_numbers(void **state)
{
	struct numbers n;
	numbers_init(&n, SOURCE);
	assert_int_equal(numbers_file(&n, SOURCE, 12), 12);
	assert_int_equal(numbers_file(&n, SOURCE, INT64_MAX), INT64_MAX);
	numbers_close(&n);
	(void)state;
}

static void other_files_never_get_a_number_of_the_source(void **state)
{
	struct numbers n;
	numbers_init(&n, SOURCE);
	uint64_t a = numbers_file(&n, OTHER, 12), b = numbers_file(&n, OTHER, 13), c = numbers_file(&n, OTHER + 1, 12);
	uint64_t far = numbers_file(&n, OTHER, (ino_t)1 << 60), high = numbers_file(&n, SOURCE, UINT64_MAX);
	assert_int_equal(b, a + 1);
	uint64_t all[] = {a, b, c, far, high};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_true(all[i] >> 63);
		for (size_t k = 0; k < i; k++)
			assert_true(all[i] != all[k]);
	}
	numbers_close(&n);
	(void)state;
}

static void ranges_depend_on_their_owner_alone(void **state)
{
	struct numbers n, again;
	struct number_owner first = {SOURCE, 1, 100, 5, 0}, second = {SOURCE, 1, 101, 5, 0};
	numbers_init(&n, SOURCE);
	numbers_init(&again, SOURCE);
	uint64_t a = numbers_range(&n, &first, 24), b = numbers_range(&n, &second, 24);
	assert_int_equal(numbers_range(&n, &first, 24), a);
	assert_int_equal(numbers_range(&again, &second, 24), b);
	assert_int_equal(numbers_range(&again, &first, 24), a);
	assert_int_equal(a & 0xffffff, 0);
	assert_true(a >> 63);
	assert_true(a != b);
	/* The source's file system may have another number the next time. */
	struct numbers moved;
	numbers_init(&moved, 99);
	first.dev = 99;
	assert_int_equal(numbers_range(&moved, &first, 24), a);
	numbers_close(&n);
	numbers_close(&again);
	numbers_close(&moved);
	(void)state;
}

/* So large that they cannot but meet: 16 of 2^57 in a space of 2^62. */
static void ranges_never_overlap(void **state)
{
	enum { COUNT = 16, LARGE = 57 };
	struct numbers n;
	uint64_t first[2 * COUNT];
	numbers_init(&n, SOURCE);
	for (uint64_t i = 0; i < COUNT; i++) {
		first[2 * i] = numbers_range(&n, &(struct number_owner){.ino = i}, LARGE);
		first[2 * i + 1] = numbers_range(&n, &(struct number_owner){.ino = i}, 3);
	}
	for (uint64_t i = 0; i < 2 * COUNT; i++) {
		uint64_t last = first[i] + ((uint64_t)1 << (i % 2 ? 3 : LARGE)) - 1;
		for (uint64_t k = 0; k < 2 * COUNT; k++)
			assert_true(k == i || first[k] < first[i] || first[k] > last);
		assert_int_equal(numbers_range(&n, &(struct number_owner){.ino = i / 2}, i % 2 ? 3 : LARGE), first[i]);
	}
	numbers_close(&n);
	(void)state;
}

/* Two nodes of which a hash says that they are one are two all the same. */
static void hashed_numbers_are_distinct_within_an_archive(void **state)
{
	enum { COUNT = 1000 };
	struct numbers n;
	struct numbers_known known = {0}, again = {0};
	struct number_owner owner = {SOURCE, 1, 100, 5, 77};
	numbers_init(&n, SOURCE);
	uint64_t first = numbers_hashed(&n, &known, &owner, 10), second = numbers_hashed(&n, &known, &owner, 11);
	assert_true(first != second);
	assert_true(first >> 62 == 3 && second >> 62 == 3);
	assert_int_equal(first & 7, 0);
	assert_int_equal(numbers_hashed(&n, &known, &owner, 10), first);
	assert_int_equal(numbers_hashed(&n, &known, &owner, 11), second);
	for (uint32_t i = 0; i < COUNT; i++) {
		owner.part = 1000 + i;
		uint64_t number = numbers_hashed(&n, &known, &owner, 100 + i);
		assert_int_equal(numbers_hashed(&n, &again, &owner, 7 + i), number); /* whatever the node is called today */
	}
	assert_int_equal(known.used, COUNT + 2);
	numbers_known_free(&known);
	numbers_known_free(&again);
	numbers_close(&n);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_the_source_keep_their_numbers),
		cmocka_unit_test(other_files_never_get_a_number_of_the_source),
		cmocka_unit_test(ranges_depend_on_their_owner_alone),
		cmocka_unit_test(ranges_never_overlap),
		cmocka_unit_test(hashed_numbers_are_distinct_within_an_archive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
