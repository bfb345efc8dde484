/* SPDX-License-Identifier: MIT */
/* Which numbers are in names, how they are told, and which points make boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mount/commands/boxes.h"
#include "mount/commands/numbers.h"

static void the_numbers_of_a_name(void **state)
{
	(void)state;
	struct numbers n = numbers_of("model.layers.12.experts.007.w1");
	assert_int_equal(n.count, 3);
	assert_int_equal(n.at[0], 13);
	assert_int_equal(n.digits[0], 2);
	assert_int_equal(n.at[1], 24);
	assert_int_equal(n.digits[1], 3);
	assert_int_equal(n.at[2], 29);
	assert_int_equal(n.digits[2], 1);
	assert_int_equal(numbers_of("").count, 0);
	assert_int_equal(numbers_of("weight").count, 0);
	assert_int_equal(numbers_of("123456789012345").count, 1);
	assert_int_equal(numbers_of("1234567890123456").count, 0); /* a hash, or a time */
	assert_int_equal(numbers_of("1.2.3.4.5.6.7.8.9.10").count, NUMBERS_MOST);
}

/* Names that are a number each, told as one; `bare` without braces. */
static void told(const char *names, bool bare, bool utf8, const char *expected)
{
	char copy[1024], *save = NULL;
	uint64_t list[256] = {0};
	size_t n = 0;
	struct text t = {0};
	strcpy(copy, names);
	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
		numbers_read(name, &list[n++]);
	numbers_put(&t, list, n, bare, utf8);
	assert_int_equal(t.failed, 0);
	assert_string_equal(t.bytes, expected);
	text_free(&t);
}

static void numbers_are_told_in_runs(void **state)
{
	(void)state;
	told("7", false, true, "7");
	told("0 1 2 3", false, true, "{0…3}");
	told("3 0 2 1", true, true, "0…3");
	told("0 1 2 3", false, false, "{0...3}");
	told("0 1", false, true, "{0,1}");
	told("8 9 10 11", false, true, "{8…11}");
	told("0 1 2 5 7 8", false, true, "{0…2,5,7,8}");
	told("0 2 4 6 8", false, true, "{0,2…8}");
	told("0 2 4", false, true, "{0,2,4}");
	told("1 2 4 7 11 16 22", false, true, "{1,2,4,7,11,16,22}");
	told("1 3 5 7 9 12 13 14", false, true, "{1,3,5,7,9,12…14}");
	told("1 3 5 7 9 12 13 14 20", false, true, "{1,3,5,7,…,20}");
	told("08 09 10 11", false, true, "{08…11}");
	told("8 09 10", false, true, "{8,09,10}");
	told("0 00 000", false, true, "{0,00,000}");
	told("5 5 6 6 7 7", false, true, "{5…7}");
	told("999999999999998 999999999999999", false, true, "{999999999999998,999999999999999}");
}

/* --- boxes ---------------------------------------------------------------------------- */

/* Which members each box has, as "0,1,2 3": boxes in the order of their first members. */
static void boxed(size_t places, const char *points, const char *expected)
{
	char copy[1024], got[1024] = "", *save = NULL;
	uint64_t list[256] = {0};
	size_t n = 0;
	struct boxes b;
	strcpy(copy, points);
	for (char *number = strtok_r(copy, " ", &save); number; number = strtok_r(NULL, " ", &save))
		list[n++] = strtoull(number, NULL, 10);
	assert_true(boxes_init(&b, n / places, places));
	memcpy(b.points, list, n * sizeof *list);
	boxes_find(&b);
	for (uint32_t i = 0; i < b.count; i++)
		for (size_t k = 0; k < b.found; k++) {
			uint32_t seen = 0;
			for (uint32_t m = b.boxes[k]; b.boxes[k] == i && m != BOXES_END; m = boxes_next(&b, m), seen++)
				sprintf(got + strlen(got), "%s%u", seen ? "," : *got ? " " : "", m);
			if (b.boxes[k] == i)
				assert_int_equal(seen, boxes_size(&b, i));
		}
	assert_string_equal(got, expected);
	boxes_free(&b);
}

static void boxes_of_few_points(void **state)
{
	(void)state;
	boxed(1, "5", "0");
	boxed(1, "5 6 9", "0,1,2");
	boxed(1, "5 5", "0 1");
	boxed(2, "0 0  0 1  1 0  1 1  2 0", "0,1,2,3 4");
	boxed(2, "1 1  0 0  1 0  0 1", "0,2,1,3");
	boxed(2, "0 0  1 1  2 2", "0 1 2");
	boxed(2, "0 7  1 7  2 7", "0,1,2");
	boxed(3, "0 3 0  0 3 1  1 3 0  1 3 1", "0,1,2,3");
	boxed(3, "0 0 0  0 1 0  1 0 1  1 1 1", "0,1 2,3");
}

/* Is every combination of the members' numbers a member? */
static void check_box(const struct boxes *b, uint32_t box, unsigned char *seen)
{
	bool have[3][8] = {{false}};
	size_t expected = 1, n[3] = {0};
	for (uint32_t m = box; m != BOXES_END; m = boxes_next(b, m)) {
		assert_true(m >= box && !seen[m]);
		seen[m] = 1;
		for (size_t p = 0; p < 3; p++)
			n[p] += !have[p][boxes_point(b, m)[p]], have[p][boxes_point(b, m)[p]] = true;
	}
	for (size_t p = 0; p < 3; p++)
		expected *= n[p];
	assert_int_equal(boxes_size(b, box), expected);
}

static void every_box_is_full_and_every_point_in_one(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		unsigned char seen[512] = {0};
		uint64_t points[512][3];
		size_t n = 0, total = 0;
		int share = rand() % 100, most = 1 + rand() % 8;
		for (uint64_t i = 0; i < 512; i++) {
			uint64_t p[3] = {i / 64, i / 8 % 8, i % 8};
			if ((int)p[0] < most && (int)p[1] < most && (n == 0 || rand() % 100 >= share))
				memcpy(points[n++], p, sizeof p);
		}
		for (size_t i = n; i-- > 1;) { /* in any order */
			size_t k = (size_t)rand() % (i + 1);
			uint64_t p[3];
			memcpy(p, points[i], sizeof p), memcpy(points[i], points[k], sizeof p), memcpy(points[k], p, sizeof p);
		}
		struct boxes b;
		assert_true(boxes_init(&b, n, 3));
		memcpy(b.points, points, n * sizeof *points);
		boxes_find(&b);
		for (size_t i = 0; i < b.found; i++)
			check_box(&b, b.boxes[i], seen), total += boxes_size(&b, b.boxes[i]);
		assert_int_equal(total, n);
		if (share == 0)
			assert_int_equal(b.found, 1);
		boxes_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_numbers_of_a_name),
		cmocka_unit_test(numbers_are_told_in_runs),
		cmocka_unit_test(boxes_of_few_points),
		cmocka_unit_test(every_box_is_full_and_every_point_in_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
