/* SPDX-License-Identifier: MIT */
#include "fs/blocks.h"
#include "tests/support.h"

extern const struct format format_hdf5;

static void open_fixture(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(test_data_folder(), name);
	assert_int_equal(test_open_file(a, &format_hdf5, path, &err), 0);
	free(path);
}

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_hdf5);
}

/* Values as h5py reads them. */
static void old_and_new_groups_show_the_same(void **state)
{
	static const char *const names[] = {"old.h5", "latest.h5"};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct archive a;
		open_fixture(&a, names[i]);
		static const uint8_t big[24] = {[7] = 1, [11] = 2, [15] = 3, [19] = 4, [23] = 5};
		assert_string_equal(test_list(&a, ""), "a b c en g k l nul ref s t v z");
		assert_string_equal(test_list(&a, "g"), "ext hard soft up");
		check_bytes(&a, "a", big, sizeof big);
		check_bytes(&a, "g/hard", big, sizeof big);
		assert_string_equal(test_dtype(&a, "a"), "int32");
		assert_string_equal(test_shape(&a, "a"), "[2,3]");
		assert_int_equal(test_node(&a, "a")->array->byteorder, BYTEORDER_BIG);
		assert_string_equal(test_node(&a, "a")->array->type, "H5T_STD_I32BE");
		assert_string_equal(test_node(&a, "c")->array->codec, "shuffle+deflate+fletcher32");
		archive_close(&a);
	}
}

static void attributes_are_text_or_json(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "old.h5");
	assert_string_equal(test_attr(&a, "", "attr.title"), "a file");
	assert_string_equal(test_attr(&a, "", "attr.numbers"), "[0.0, 0.1, 0.2]");
	assert_string_equal(test_attr(&a, "", "attr.n"), "-7");
	assert_string_equal(test_attr(&a, "", "attr.one"), "[1]");
	assert_string_equal(test_attr(&a, "", "attr.vs"), "[\"a\", \"bc\"]");
	assert_string_equal(test_attr(&a, "", "attr.e"), "null");
	archive_close(&a);
}

static void types_become_files_and_directories(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "latest.h5");
	static const uint8_t offsets[32] = {[8] = 1, [16] = 1, [24] = 4};
	static const uint8_t sequences[32] = {[8] = 2, [16] = 2, [24] = 3};
	check_bytes(&a, "s/offsets", offsets, 32);
	check_bytes(&a, "s/values", "xy\303\251", 4);
	check_bytes(&a, "v/offsets", sequences, 32);
	check_bytes(&a, "v/values", "\1\0\2\0\3\0", 6);
	assert_string_equal(test_list(&a, "k"), "a b s m");
	check_bytes(&a, "k/b/c", "\x40\x20\0\0", 4);
	check_bytes(&a, "k/s", "ab", 3);
	assert_string_equal(test_shape(&a, "k/m"), "[1,2]");
	assert_string_equal(test_dtype(&a, "b"), "bool");
	assert_string_equal(test_dtype(&a, "z"), "complex64");
	assert_string_equal(test_dtype(&a, "ref"), "V8");
	assert_string_equal(test_attr(&a, "en", "array.enum"), "{\"GREEN\": 1, \"RED\": 0}");
	check_bytes(&a, "nul", "", 0);
	assert_null(test_shape(&a, "nul"));
	archive_close(&a);
}

static void hard_links_are_one_file(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "old.h5");
	assert_int_equal(tree_resolve(&a.tree, test_find(&a, "g/hard")), tree_resolve(&a.tree, test_find(&a, "a")));
	assert_int_equal(test_node(&a, "a")->links, 2);
	assert_string_equal(test_node(&a, "g/up")->target, "..");
	assert_string_equal(test_node(&a, "g/soft")->target, "../a");
	archive_close(&a);
}

static void every_index_and_packing_is_read(void **state)
{
	uint8_t counted[60];
	static const char *const wide[] = {"zstd", "lz4", "bs", "bz", "bl"};
	(void)state;
	for (unsigned i = 0; i < sizeof counted; i++)
		counted[i] = (uint8_t)i;
	struct archive a;
	open_fixture(&a, "index.h5");
	check_bytes(&a, "fixed", counted, 30);
	check_bytes(&a, "extensible", counted, 60);
	check_bytes(&a, "second", counted, 60);
	check_bytes(&a, "btree", counted, 60);
	check_bytes(&a, "single", counted, 60);
	const int32_t holes[10] = {5, 5, 5, 5, 9, 5, 5, 5, 5, 5};
	check_bytes(&a, "holes", holes, sizeof holes);
	archive_close(&a);

	int32_t numbers[64];
	for (int i = 0; i < 64; i++)
		numbers[i] = i;
	open_fixture(&a, "pack.h5");
	check_bytes(&a, "so", numbers, 50 * 4);
	for (unsigned i = 0; i < sizeof wide / sizeof *wide; i++)
		check_bytes(&a, wide[i], numbers, sizeof numbers);
	archive_close(&a);
}

static void read_from(struct archive *a, const char *path, uint64_t offset, uint64_t len, const void *expected)
{
	struct error err = {0};
	struct answer answer;
	uint8_t bytes[64];
	assert_in_range(len, 1, sizeof bytes);
	answer_init(&answer);
	assert_int_equal(archive_read(a, test_node(a, path), offset, len, &answer, &err), 0);
	assert_int_equal(answer.len, len);
	answer_copy(&answer, bytes);
	assert_memory_equal(bytes, expected, len);
	answer_close(&answer);
}

/* "l": 40 numbers of two bytes in chunks of 16. */
static void a_read_makes_one_chunk_and_the_next_in_it_none(void **state)
{
	struct archive_options options = test_options();
	struct blocks_stats stats;
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("old.h5");
	(void)state;
	assert_int_equal(blocks_open(&options.blocks, 1 << 20, 2), 0);
	const struct format *const only[] = {&format_hdf5, NULL};
	assert_int_equal(archive_open_source(&a, only, source_memory(file), "old.h5", &options, &err), 0);
	test_node(&a, "l");
	blocks_stats(options.blocks, &stats); /* attributes may have made some */
	uint64_t before = stats.decoded;
	read_from(&a, "l", 50, 4, "\31\0\32\0");
	read_from(&a, "l", 40, 4, "\24\0\25\0");
	read_from(&a, "l", 58, 2, "\35\0");
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded - before, 1);
	read_from(&a, "l", 6, 2, "\3\0");
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded - before, 2);
	archive_close(&a);
	blocks_close(options.blocks);
	test_unload(file);
}

static void dense_links_and_attributes_are_found(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "dense.h5");
	assert_string_equal(test_list(&a, ""), "d00 d01 d02 d03 d04 d05 d06 d07 d08 d09 d10 d11");
	assert_string_equal(test_attr(&a, "", "attr.a11"), "11");
	check_bytes(&a, "d07", "\7", 1);
	archive_close(&a);
}

/* --- what is wrong is said ----------------------------------------------------- */

static void a_signature_alone_is_refused(void **state)
{
	static const char head[] = "\x89HDF\r\n\x1a\n\t";
	(void)state;
	check_refused(&format_hdf5, (struct slice){(const uint8_t *)head, 9}, -ENOTSUP, "superblock version 9");
}

/* The chunks' rank must be the dataset's (CVE-2026-19025): one byte of the layout
 * message of "c" is the rank, which is followed by the address and 4, 4, 8. */
static void chunks_of_another_rank_are_a_fault(void **state)
{
	static const uint8_t dims[12] = {4, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0};
	struct archive a;
	struct error err = {0};
	(void)state;
	struct slice file = test_data("old.h5");
	uint8_t *bytes = (uint8_t *)(uintptr_t)file.data;
	uint8_t *at = memmem(bytes, file.len, dims, sizeof dims);
	assert_non_null(at);
	assert_int_equal(at[-9], 3);
	at[-9] = 2;
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	assert_string_equal(test_attr(&a, "c", "arrayfs.error"), "chunks of rank 1 in a dataset of rank 2");
	check_bytes(&a, "en", "\0\1", 2);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_and_new_groups_show_the_same),
		cmocka_unit_test(attributes_are_text_or_json),
		cmocka_unit_test(types_become_files_and_directories),
		cmocka_unit_test(hard_links_are_one_file),
		cmocka_unit_test(every_index_and_packing_is_read),
		cmocka_unit_test(a_read_makes_one_chunk_and_the_next_in_it_none),
		cmocka_unit_test(dense_links_and_attributes_are_found),
		cmocka_unit_test(a_signature_alone_is_refused),
		cmocka_unit_test(chunks_of_another_rank_are_a_fault),
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("hdf5", tests, NULL, NULL);
}
