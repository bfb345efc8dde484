/* SPDX-License-Identifier: MIT */
#include "fs/archive/archive.h"
#include "tests/support.h"

extern const struct format format_arrow;

/* Bytes [at, at + len) of the node, as far as they are there; -1: it cannot be read. */
static ssize_t read_some(struct archive *a, struct node *n, uint64_t at, uint64_t len, uint8_t *to)
{
	struct error err = {""};
	struct answer answer;
	answer_init(&answer);
	int r = archive_read(a, n, at, len, &answer, &err);
	if (r == 0)
		r = answer_copy(&answer, to, &err);
	ssize_t got = r < 0 ? -1 : (ssize_t)answer.len;
	answer_close(&answer);
	return got;
}

static unsigned tried;

/* In pieces of `piece` bytes, of which nobody asked how many there are. */
static void check_end_found(const char *name, uint32_t index, uint64_t piece)
{
	static uint8_t whole[1 << 20], part[1 << 20];
	struct archive known, a;
	struct error err = {""};
	uint64_t size;
	struct slice file = test_open_fixture(&known, &format_arrow, name), again = test_open_fixture(&a, &format_arrow, name);
	struct node *n = tree_node(&a.tree, index), *of = tree_node(&known.tree, index);
	tried += archive_finds_end(&a, n);
	if (archive_finds_end(&a, n) && archive_size(&known, of, &size, &err) == 0 && read_some(&known, of, 0, sizeof whole, whole) >= 0) {
		assert_false(archive_finds_end(&known, of));
		for (uint64_t at = 0; at <= size; at += piece) {
			uint64_t len = piece < size - at ? piece : size - at;
			assert_int_equal(read_some(&a, n, at, piece, part), len);
			assert_memory_equal(part, whole + at, len);
		}
		assert_int_equal(read_some(&a, n, size + 1, 9, part), 0);
		assert_int_equal(read_some(&a, n, UINT64_MAX / 2, 9, part), 0);
		assert_true(archive_finds_end(&a, n));
		assert_int_equal(archive_size(&a, n, &piece, &err), 0);
		assert_int_equal(piece, size);
	}
	archive_close(&known);
	archive_close(&a);
	test_unload(file);
	test_unload(again);
}

static void what_is_read_in_order_needs_no_size(void **state)
{
	static const char *const names[] = {"pyarrow-types-lz4.arrow", "pyarrow-types.arrows", "polars-lz4.arrow", "polars-zstd.arrows",
					    "pyarrow-nested-zstd.arrow", "pyarrow-batches.arrows", "pyarrow-empty-batches.arrow"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, names[i]);
		uint32_t count = atomic_load(&a.tree.count);
		archive_close(&a);
		test_unload(file);
		for (uint32_t index = TREE_ROOT; index < count; index++) {
			check_end_found(names[i], index, 1 << 19);
			check_end_found(names[i], index, 13);
		}
	}
	assert_true(tried > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_in_order_needs_no_size),
	};
	return cmocka_run_group_tests_name("arrow_ends", tests, NULL, NULL);
}
