/* SPDX-License-Identifier: MIT */
#include "formats/shared/slice_map.h"
#include "tests/support.h"

static void keys_are_numbered_as_they_come(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct slice_map m = {.arena = &arena};
	bool fresh;
	(void)state;
	assert_int_equal(slice_map_find(&m, SLICE("a")), SLICE_MAP_NONE);
	assert_int_equal(slice_map_add(&m, SLICE("b"), &fresh), 0);
	assert_true(fresh);
	assert_int_equal(slice_map_add(&m, SLICE("a"), &fresh), 1);
	assert_true(fresh);
	assert_int_equal(slice_map_add(&m, SLICE("b"), &fresh), 0);
	assert_false(fresh);
	assert_int_equal(m.count, 2);
	assert_true(slice_equal(m.keys[1], SLICE("a")));
	assert_int_equal(slice_map_find(&m, SLICE("a")), 1);
	assert_int_equal(slice_map_find(&m, SLICE("c")), SLICE_MAP_NONE);
	arena_free(&arena);
}

static void keys_are_bytes(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct slice_map m = {.arena = &arena};
	bool fresh;
	(void)state;
	assert_int_equal(slice_map_add(&m, SLICE("a\0b"), &fresh), 0);
	assert_int_equal(slice_map_add(&m, SLICE("a\0c"), &fresh), 1);
	assert_int_equal(slice_map_add(&m, SLICE("a"), &fresh), 2);
	assert_int_equal(slice_map_add(&m, SLICE(""), &fresh), 3);
	assert_int_equal(slice_map_add(&m, (struct slice){NULL, 0}, &fresh), 3);
	arena_free(&arena);
}

static void a_hundred_thousand_keys(void **state)
{
	enum { COUNT = 100000 };
	struct arena arena = {.limit = 64 << 20};
	struct slice_map m = {.arena = &arena};
	static char text[COUNT][8];
	bool fresh;
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof text[i], "%u", i);
		assert_int_equal(slice_map_add(&m, slice_text(text[i]), &fresh), i);
		assert_true(fresh);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(slice_map_find(&m, slice_text(text[i])), i);
	arena_free(&arena);
}

static uint32_t repeated(const struct slice *keys, uint32_t count)
{
	struct arena arena = {.limit = 64 << 20};
	uint32_t ret = 0;
	assert_true(slice_map_repeated(keys, count, &arena, &ret));
	arena_free(&arena);
	return ret;
}

static void the_first_that_repeats_is_found(void **state)
{
	enum { COUNT = 20000 };
	static struct slice keys[COUNT];
	static char text[COUNT][8];
	(void)state;
	assert_int_equal(repeated(NULL, 0), SLICE_MAP_NONE);
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof text[i], "%u", i);
		keys[i] = slice_text(text[i]);
	}
	assert_int_equal(repeated(keys, 1), SLICE_MAP_NONE);
	assert_int_equal(repeated(keys, COUNT), SLICE_MAP_NONE);
	keys[COUNT - 1] = SLICE("0");
	assert_int_equal(repeated(keys, COUNT), COUNT - 1);
	keys[700] = SLICE("699");
	keys[600] = SLICE("1");
	assert_int_equal(repeated(keys, COUNT), 600);
	keys[3] = keys[2] = (struct slice){NULL, 0};
	assert_int_equal(repeated(keys, COUNT), 3);
	for (uint32_t i = 0; i < COUNT; i++)
		keys[i] = SLICE("all the same");
	assert_int_equal(repeated(keys, COUNT), 1);

	struct arena small = {.limit = 100};
	uint32_t ret;
	assert_false(slice_map_repeated(keys, COUNT, &small, &ret));
	arena_free(&small);
}

static void keys_are_made_a_map_at_once(void **state)
{
	enum { COUNT = 1000 };
	static char text[COUNT][8];
	static struct slice keys[COUNT];
	uint32_t repeated;
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof text[i], "%u", i);
		keys[i] = slice_text(text[i]);
	}
	static const uint32_t counts[] = {0, 1, 15, 16, 17, COUNT};
	for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
		struct arena arena = {.limit = 1 << 20};
		struct slice_map m = {.arena = &arena};
		assert_true(slice_map_fill(&m, keys, counts[k], &repeated));
		assert_int_equal(repeated, SLICE_MAP_NONE);
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(slice_map_find(&m, keys[i]), i < counts[k] ? i : SLICE_MAP_NONE);
		arena_free(&arena);
	}
	struct arena arena = {.limit = 1 << 20}, small = {.limit = 1000};
	struct slice_map m = {.arena = &arena}, none = {.arena = &small};
	keys[700] = keys[600], keys[900] = keys[3];
	assert_true(slice_map_fill(&m, keys, COUNT, &repeated));
	assert_int_equal(repeated, 700);
	assert_false(slice_map_fill(&none, keys, COUNT, &repeated));
	arena_free(&arena);
	arena_free(&small);
}

static void no_memory_is_told_and_keeps_what_was_there(void **state)
{
	static char text[100][4];
	bool fresh;
	(void)state;
	for (size_t limit = 0; limit < 4000; limit += 61) {
		struct arena arena = {.limit = limit};
		struct slice_map m = {.arena = &arena};
		uint32_t i = 0;
		for (; i < 100; i++) {
			snprintf(text[i], sizeof text[i], "%u", i);
			if (slice_map_add(&m, slice_text(text[i]), &fresh) == SLICE_MAP_NONE)
				break;
		}
		for (uint32_t k = 0; k < i; k++)
			assert_int_equal(slice_map_find(&m, slice_text(text[k])), k);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_numbered_as_they_come),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(a_hundred_thousand_keys),
		cmocka_unit_test(the_first_that_repeats_is_found),
		cmocka_unit_test(keys_are_made_a_map_at_once),
		cmocka_unit_test(no_memory_is_told_and_keeps_what_was_there),
	};
	return cmocka_run_group_tests_name("slice_map", tests, NULL, NULL);
}
