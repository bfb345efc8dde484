/* SPDX-License-Identifier: MIT */
/* Zips of archives, and zips that are none; what they show is compared with what the archives
 * show alone by tests/interop/test_keras.py. */
#include "tests/support.h"

extern const struct format format_archives;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_archives);
}

static void each_archive_is_a_directory_and_the_rest_are_files(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_archives, "each.zip");
	(void)state;
	assert_string_equal(test_attr(&a, "", "arrayfs.format"), "zip");
	assert_string_equal(test_list(&a, ""), "README attributes.h5 paths.h5 names.safetensors module.pt arrays.joblib pyarrow-groups.parquet "
			    "virtual.h5 external.h5 d empty");
	check_bytes(&a, "README", "# one of each\n", 14);
	check_bytes(&a, "d/e/config.json", "{}\n", 3);
	assert_string_equal(test_attr(&a, "names.safetensors", "arrayfs.format"), "safetensors");
	assert_string_equal(test_attr(&a, "module.pt", "arrayfs.format"), "torch");
	assert_string_equal(test_attr(&a, "arrays.joblib", "arrayfs.format"), "joblib");
	assert_string_equal(test_attr(&a, "pyarrow-groups.parquet", "arrayfs.format"), "parquet");
	archive_close(&a);
	test_unload(file);
}

/* All names of an array are one file, and each path to a group has its own number. */
static void nodes_are_told_apart_as_in_their_own_archives(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_archives, "each.zip");
	const struct format *f = &format_archives;
	(void)state;
	uint32_t one = test_find(&a, "attributes.h5/alias"), other = test_find(&a, "attributes.h5/z/y/d");
	assert_int_equal(tree_resolve(&a.tree, one), tree_resolve(&a.tree, other));
	assert_true(f->identity(&a, one, tree_node(&a.tree, one)) == f->identity(&a, other, tree_node(&a.tree, other)));
	assert_int_equal(tree_node(&a.tree, tree_resolve(&a.tree, one))->links, 2);
	uint32_t tied = test_find(&a, "module.pt/0.weight"), again = test_find(&a, "module.pt/2.weight");
	assert_int_equal(tree_resolve(&a.tree, tied), tree_resolve(&a.tree, again));
	uint32_t files = test_find(&a, "attributes.h5"), others = test_find(&a, "paths.h5");
	assert_true(f->identity(&a, files, tree_node(&a.tree, files)) != f->identity(&a, others, tree_node(&a.tree, others)));
	assert_true(f->same(&a, files) != f->same(&a, others));
	archive_close(&a);
	test_unload(file);
}

static void an_archive_within_brings_in_no_files(void **state)
{
	struct archive a;
	struct answer answer;
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_archives, "each.zip");
	(void)state;
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "external.h5/one"), 0, 4, &answer, &err), -EIO);
	assert_string_equal(err.text, "its external file cannot be had: an archive that lies within another brings in no files");
	err.text[0] = '\0';
	assert_int_equal(archive_read(&a, test_node(&a, "virtual.h5/inner"), 0, 4, &answer, &err), -EIO);
	assert_string_equal(err.text, "a virtual dataset's source cannot be opened: an archive that lies within another brings in no files");
	answer_close(&answer);
	archive_close(&a);
	test_unload(file);
}

static void archives_lie_in_one_another_to_a_depth(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_archives, "nested.zip");
	(void)state;
	assert_string_equal(test_attr(&a, "inner.keras", "arrayfs.format"), "keras");
	assert_string_equal(test_attr(&a, "inner.keras/model.weights.h5", "arrayfs.format"), "hdf5");
	assert_int_equal(test_node(&a, "inner.keras/model.weights.h5")->kind, NODE_DIR);
	assert_string_equal(test_attr(&a, "inner.keras/inmost.keras", "arrayfs.format"), "keras");
	assert_int_equal(test_node(&a, "inner.keras/inmost.keras/model.weights.h5")->kind, NODE_RANGE);
	struct slice deep = test_bytes(&a, "inner.keras/inmost.keras/model.weights.h5");
	assert_memory_equal(deep.data, "\x89HDF\r\n\x1a\n", 8);
	test_unload(deep);
	archive_close(&a);
	test_unload(file);
}

static void other_zips_stay_files(void **state)
{
	static const char *const names[] = {"behind", "deflated", "document", "jar", "overlap", "partly-deflated", "picture", "program", "secret",
					    "text", "wheel", "wheel-without-code"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char name[64];
		struct archive a;
		struct error err = {0};
		snprintf(name, sizeof name, "not/%s.zip", names[i]);
		struct slice file = test_data(name);
		if (test_open(&a, &format_archives, file, &err) == 0)
			fail_msg("%s is taken for a zip of archives", name);
		assert_string_equal(err.text, "");
		test_unload(file);
	}
}

static void put(uint8_t *to, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* A name that is longer than what is read of the directory at once is none that is looked at. */
static void a_name_may_be_longer_than_any_that_is_looked_for(void **state)
{
	enum { NAME = 5000, DIRECTORY = 30 + NAME, END = DIRECTORY + 46 + NAME, ALL = END + 22 };
	static uint8_t bytes[ALL];
	struct archive a;
	struct error err = {0};
	(void)state;
	memset(bytes + 30, 'x', NAME);
	memset(bytes + DIRECTORY + 46, 'x', NAME);
	memcpy(bytes, "PK\3\4", 4);
	put(bytes + 26, NAME, 2);
	memcpy(bytes + DIRECTORY, "PK\1\2", 4);
	put(bytes + DIRECTORY + 28, NAME, 2);
	memcpy(bytes + END, "PK\5\6", 4);
	put(bytes + END + 8, 1, 2);
	put(bytes + END + 10, 1, 2);
	put(bytes + END + 12, 46 + NAME, 4);
	put(bytes + END + 16, DIRECTORY, 4);
	assert_true(test_open(&a, &format_archives, (struct slice){bytes, sizeof bytes}, &err) < 0);
	assert_string_equal(err.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(each_archive_is_a_directory_and_the_rest_are_files),
		cmocka_unit_test(nodes_are_told_apart_as_in_their_own_archives),
		cmocka_unit_test(an_archive_within_brings_in_no_files),
		cmocka_unit_test(archives_lie_in_one_another_to_a_depth),
		cmocka_unit_test(other_zips_stay_files),
		cmocka_unit_test(a_name_may_be_longer_than_any_that_is_looked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
