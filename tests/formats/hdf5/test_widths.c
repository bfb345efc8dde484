/* SPDX-License-Identifier: MIT */
/* HDF5: addresses and lengths of any width, and where a file begins. */
#include "tests/support.h"

extern const struct format format_hdf5;

static void open_fixture(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(test_data_folder(), name);
	assert_int_equal(test_open_file(a, &format_hdf5, path, &err), 0);
	free(path);
}

/* What the library rounds up, or gives another width than the specification, and what only
 * agrees with it where addresses and lengths are of 8 bytes. */
static void addresses_and_lengths_have_any_width(void **state)
{
	static const char *const names[] = {"sizes-4-8.h5", "sizes-8-4.h5", "sizes-2-4.h5"};
	static const uint8_t numbers[24] = {[4] = 1, [8] = 2, [12] = 3, [16] = 4, [20] = 5};
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct archive a;
		open_fixture(&a, names[i]);
		assert_string_equal(test_list(&a, ""), i < 2 ? "chunks filled g ref text x" : "chunks filled g ref text v x");
		check_bytes(&a, "x", numbers, sizeof numbers);
		check_bytes(&a, "g/y", "\0\0\x20\x40", 4);
		check_bytes(&a, "text/values", "onethree", 8);
		check_bytes(&a, "filled/values", "fillfillfill", 12);
		check_bytes(&a, "chunks", "\0\1\2\3\4\5\6\7\10", 9);
		assert_string_equal(test_attr(&a, "x", "attr.unit"), "km");
		assert_string_equal(test_attr(&a, "x", "attr.many"), "[\"a\", \"bc\"]");
		if (i == 2)
			check_bytes(&a, "v", numbers, sizeof numbers);
		archive_close(&a);
	}
}

/* A heap that says of its object, or of itself, more than it has. */
static void heaps_that_disagree_with_their_widths_have_a_sentence(void **state)
{
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("sizes-8-4.h5");
	uint8_t *heap = memmem(file.data, file.len, "GCOL", 4);
	uint64_t size;
	(void)state;
	assert_non_null(heap);
	heap[16 + 8] = 0xff; /* the first object's length: the next is beyond the end */
	heap[16 + 9] = 0xff;
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	assert_int_equal(archive_size(&a, test_node(&a, "text/values"), &size, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "no object"));
	check_bytes(&a, "chunks", "\0\1\2\3\4\5\6\7\10", 9);
	archive_close(&a);
	heap[8] = 20; /* room for no object */
	heap[9] = heap[10] = heap[11] = 0;
	err = (struct error){0};
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	assert_int_equal(archive_size(&a, test_node(&a, "text/values"), &size, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "no object"));
	archive_close(&a);
	test_unload(file);
}

/* Behind a user block of any size, which is a power of two from 512 on, and so nowhere else. */
static void a_file_is_found_behind_a_user_block(void **state)
{
	static const size_t blocks[] = {512, 2048, 4096, 8192, 1 << 20, 1 << 24};
	struct slice file = test_data("dense.h5");
	(void)state;
	for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		uint8_t *bytes = calloc(1, blocks[i] + file.len);
		struct archive a;
		struct error err = {0};
		assert_non_null(bytes);
		memcpy(bytes + blocks[i], file.data, file.len);
		struct archive_options options = test_options();
		const struct format *const only[] = {&format_hdf5, NULL};
		struct source s = source_memory((struct slice){bytes, blocks[i] + file.len});
		assert_int_equal(archive_open_source(&a, only, s, "x.bin", &options, &err), 0);
		check_bytes(&a, "d07", "\7", 1);
		archive_close(&a);
		s = source_memory((struct slice){bytes + 8, blocks[i] - 8 + file.len});
		assert_int_equal(archive_open_source(&a, only, s, "x.bin", &options, &err), -ENOTSUP);
		assert_string_equal(err.text, "");
		free(bytes);
	}
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_lengths_have_any_width),
		cmocka_unit_test(heaps_that_disagree_with_their_widths_have_a_sentence),
		cmocka_unit_test(a_file_is_found_behind_a_user_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
