/* SPDX-License-Identifier: MIT */
/* HDF5: how a walk over a B-tree is bounded. */
#include "formats/hdf5/visited.h"
#include "tests/support.h"

static struct h5_visited walk(struct arena *arena, uint64_t file)
{
	return (struct h5_visited){.arena = arena, .file = file, .memory = arena->limit};
}

static void each_node_is_visited_once(void **state)
{
	enum { NODES = 20000 };
	struct arena arena = {.limit = 1 << 24};
	struct h5_visited v = walk(&arena, UINT64_MAX);
	struct error err = {0};
	(void)state;
	for (uint64_t i = 0; i < NODES; i++)
		assert_int_equal(h5_visit(&v, i * 512, &err), 0);
	for (uint64_t i = 0; i < NODES; i++) {
		err = (struct error){0};
		assert_int_equal(h5_visit(&v, i * 512, &err), -EBADMSG);
	}
	assert_string_equal(err.text, "a B-tree's node at 10239488 has two parents");
	assert_int_equal(h5_visit(&v, H5_UNDEFINED, &err), -EBADMSG);
	arena_free(&arena);
}

static void addresses_take_memory(void **state)
{
	struct arena arena = {.limit = 10000};
	struct h5_visited v = walk(&arena, UINT64_MAX);
	struct error err = {0};
	int r = 0;
	uint64_t n = 0;
	(void)state;
	while (r == 0 && n < 10000)
		r = h5_visit(&v, n++, &err);
	assert_int_equal(r, -ENOMEM);
	arena_free(&arena);
}

static void nodes_have_no_more_bytes_than_the_file_or_than_memory(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct h5_visited v = walk(&arena, 1000);
	struct error err = {0};
	(void)state;
	assert_int_equal(h5_visit_bytes(&v, 600, &err), 0);
	assert_int_equal(h5_visit_bytes(&v, 401, &err), -ELOOP);
	assert_int_equal(h5_visit_bytes(&v, 400, &err), 0);

	v = walk(&arena, UINT64_MAX); /* a file of holes */
	int r = 0;
	unsigned n = 0;
	for (; r == 0; n++)
		r = h5_visit_bytes(&v, n % 2 ? 1000 : 0, &err); /* nor of nothing without end */
	assert_int_equal(r, -ENOMEM);
	assert_in_range(n, 1000, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_is_visited_once),
		cmocka_unit_test(addresses_take_memory),
		cmocka_unit_test(nodes_have_no_more_bytes_than_the_file_or_than_memory),
	};
	return cmocka_run_group_tests_name("visited", tests, NULL, NULL);
}
