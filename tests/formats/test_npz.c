/* SPDX-License-Identifier: MIT */
/* What numpy.savez(), numpy.savez_compressed() and Python's zipfile wrote; every value is
 * compared with numpy's own by tests/interop/test_numpy.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_npz, format_npy;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_npz);
}

static struct slice open_fixture(struct archive *a, const char *name)
{
	struct error err = {0};
	struct slice file = test_data(name);
	if (test_open(a, &format_npz, file, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	return file;
}

static void stored_members_are_ranges_of_the_file(void **state)
{
	struct archive a;
	struct slice file = open_fixture(&a, "stored.npz");
	(void)state;
	assert_int_equal(test_node(&a, "float32")->kind, NODE_RANGE);
	assert_int_equal(test_node(&a, "records/id")->kind, NODE_LAZY);
	assert_string_equal(test_attr(&a, "fortran", "array.order"), "F");
	archive_close(&a);
	test_unload(file);
}

/* The same arrays, stored and deflated. */
static void deflated_members_have_the_same_bytes(void **state)
{
	static const char *const paths[] = {"float32", "text", "records/pos/y", "records/pair/a", "records_fortran/rgb", "empty"};
	struct archive stored, deflated;
	struct slice s = open_fixture(&stored, "stored.npz"), d = open_fixture(&deflated, "deflated.npz");
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct slice bytes = test_bytes(&stored, paths[i]);
		check_bytes(&deflated, paths[i], bytes.data, bytes.len);
		test_unload(bytes);
	}
	assert_string_equal(test_list(&deflated, "a"), "b");
	assert_string_equal(test_attr(&deflated, "float32", "array.codec"), "deflate");
	assert_string_equal(test_attr(&deflated, "records/id", "array.codec"), "deflate");
	assert_null(test_attr(&stored, "float32", "array.codec"));
	archive_close(&stored);
	archive_close(&deflated);
	test_unload(s);
	test_unload(d);
}

static void other_methods_have_the_same_bytes(void **state)
{
	static const char *const methods[] = {"bzip2", "lzma", "zstd", "xz"};
	struct archive deflated, a;
	struct slice d = open_fixture(&deflated, "deflated.npz"), m = open_fixture(&a, "methods.npz");
	struct slice right = test_bytes(&deflated, "long");
	(void)state;
	assert_int_equal(right.len, 3000 * 8);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		check_bytes(&a, methods[i], right.data, right.len);
		assert_string_equal(test_attr(&a, methods[i], "array.codec"), methods[i]);
	}
	test_unload(right);
	archive_close(&deflated);
	archive_close(&a);
	test_unload(d);
	test_unload(m);
}

static void what_is_no_array_is_a_file_of_its_bytes(void **state)
{
	struct archive a;
	struct slice file = open_fixture(&a, "foreign.npz");
	(void)state;
	assert_string_equal(test_list(&a, ""), "x notes.txt stored.txt bare fake short objects dir");
	assert_null(test_dtype(&a, "notes.txt"));
	check_bytes(&a, "stored.txt", "as it is\n", 9);
	assert_string_equal(test_dtype(&a, "bare"), "int16"); /* by its magic */
	assert_string_equal(test_list(&a, "dir/in"), "y");
	archive_close(&a);
	test_unload(file);
}

static void broken_members_are_listed_with_their_error(void **state)
{
	struct archive a;
	struct slice file = open_fixture(&a, "foreign.npz");
	(void)state;
	assert_string_equal(test_attr(&a, "fake", "arrayfs.error"), "the NumPy magic is missing");
	assert_string_equal(test_attr(&a, "short", "arrayfs.error"), "an array of 800 bytes, of which the file has 799");
	archive_close(&a);
	test_unload(file);
}

static void a_changed_byte_of_a_deflated_member_is_found(void **state)
{
	struct archive a;
	struct answer answer;
	struct error err = {0};
	struct slice file = test_data("deflated.npz");
	(void)state;
	/* the CRC-32 of `long`, the last member, in the directory: the last entry's */
	uint8_t *bytes = malloc(file.len);
	memcpy(bytes, file.data, file.len);
	size_t entry = file.len - 4;
	while (memcmp(bytes + entry, "PK\1\2", 4) != 0)
		entry--;
	bytes[entry + 16] ^= 1;
	assert_int_equal(test_open(&a, &format_npz, (struct slice){bytes, file.len}, &err), 0);
	answer_init(&answer);
	assert_true(archive_read(&a, test_node(&a, "long"), 0, 8, &answer, &err) < 0);
	answer_close(&answer);
	archive_close(&a);
	free(bytes);
	test_unload(file);
}

static int open_named(struct archive *a, struct slice bytes, const char *name, struct error *err)
{
	static const struct format *const formats[] = {&format_npy, &format_npz, NULL};
	static struct archive_options options;
	options = test_options();
	return archive_open_source(a, formats, source_memory(bytes), name, &options, err);
}

static void an_empty_one_goes_by_its_name(void **state)
{
	struct archive a;
	struct error err = {0};
	uint8_t end[22] = "PK\5\6";
	(void)state;
	assert_int_equal(open_named(&a, (struct slice){end, sizeof end}, "x.npz", &err), 0);
	assert_string_equal(test_list(&a, ""), "");
	archive_close(&a);
	assert_int_equal(open_named(&a, (struct slice){end, sizeof end}, "x.zip", &err), -ENOTSUP);
	assert_string_equal(err.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(stored_members_are_ranges_of_the_file),
		cmocka_unit_test(deflated_members_have_the_same_bytes),
		cmocka_unit_test(other_methods_have_the_same_bytes),
		cmocka_unit_test(what_is_no_array_is_a_file_of_its_bytes),
		cmocka_unit_test(broken_members_are_listed_with_their_error),
		cmocka_unit_test(a_changed_byte_of_a_deflated_member_is_found),
		cmocka_unit_test(an_empty_one_goes_by_its_name),
	};
	return cmocka_run_group_tests_name("npz", tests, NULL, NULL);
}
