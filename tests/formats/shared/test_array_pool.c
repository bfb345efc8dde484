/* SPDX-License-Identifier: MIT */
#include "formats/shared/array_pool.h"
#include "tests/support.h"

static void equal_descriptions_are_one(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct array_pool pool = {.arena = &arena};
	uint64_t shape[2] = {2, 3};
	char type[] = "F32";
	struct array array = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .rank = 2, .shape = shape, .type = type};
	(void)state;
	const struct array *first = array_pool_keep(&pool, &array);
	assert_non_null(first);
	size_t used = arena.used;
	assert_ptr_equal(array_pool_keep(&pool, &array), first);
	assert_int_equal(arena.used, used);
	shape[1] = 4, type[0] = 'G'; /* it keeps what it was given */
	assert_int_equal(first->shape[1], 3);
	assert_string_equal(first->type, "F32");
	assert_ptr_not_equal(array_pool_keep(&pool, &array), first);
	shape[1] = 3, type[0] = 'F';
	assert_ptr_equal(array_pool_keep(&pool, &array), first);
	arena_free(&arena);
}

#define DIFFERS(field, value)                                                                                        \
	do {                                                                                                         \
		struct array other = array;                                                                          \
		other.field = value;                                                                                 \
		const struct array *kept = array_pool_keep(&pool, &other);                                           \
		assert_non_null(kept);                                                                               \
		assert_true(kept->field == other.field && kept->dtype == other.dtype && kept->rank == other.rank);   \
		assert_ptr_not_equal(kept, array_pool_keep(&pool, &array));                                          \
	} while (0)

static void whatever_differs_is_another(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct array_pool pool = {.arena = &arena};
	uint64_t shape[2] = {2, 3};
	struct array array = {.dtype = DTYPE_DECIMAL, .rank = 2, .shape = shape};
	(void)state;
	DIFFERS(dtype, DTYPE_FLOAT32);
	DIFFERS(byteorder, BYTEORDER_BIG);
	DIFFERS(fortran, true);
	DIFFERS(unshaped, true);
	DIFFERS(sized, true);
	DIFFERS(reference, true);
	DIFFERS(precision, 3);
	DIFFERS(scale, -3);
	DIFFERS(rank, 1);
	DIFFERS(rank, 0);
	DIFFERS(width, 16);
	DIFFERS(codec, "gzip");
	struct array typed = array;
	typed.type = "decimal";
	assert_string_equal(array_pool_keep(&pool, &typed)->type, "decimal");
	assert_null(array_pool_keep(&pool, &array)->type);
	arena_free(&arena);
}

static void many_do_not_mix(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct array_pool pool = {.arena = &arena};
	(void)state;
	for (uint64_t round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 1000; i++) {
			struct array array = {.dtype = DTYPE_INT8, .rank = 1, .shape = &i, .type = "I8"};
			const struct array *kept = array_pool_keep(&pool, &array);
			assert_int_equal(kept->rank, 1);
			assert_int_equal(kept->shape[0], i);
		}
	arena_free(&arena);
}

static void no_memory_is_null(void **state)
{
	uint64_t shape[2] = {2, 3};
	struct array array = {.dtype = DTYPE_INT8, .rank = 2, .shape = shape, .type = "I8"};
	(void)state;
	for (size_t limit = 0; limit < 200; limit++) {
		struct arena arena = {.limit = limit};
		struct array_pool pool = {.arena = &arena};
		const struct array *kept = array_pool_keep(&pool, &array);
		assert_true(!kept || kept->shape[1] == 3);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_descriptions_are_one),
		cmocka_unit_test(whatever_differs_is_another),
		cmocka_unit_test(many_do_not_mix),
		cmocka_unit_test(no_memory_is_null),
	};
	return cmocka_run_group_tests_name("array_pool", tests, NULL, NULL);
}
