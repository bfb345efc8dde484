/* SPDX-License-Identifier: MIT */
/* What numpy.savez(), numpy.savez_compressed() and Python's zipfile wrote; every value is
 * compared with numpy's own by tests/interop/test_numpy.py. */
#include <errno.h>

#include "fs/archive/check.h"
#include "tests/support.h"

extern const struct format format_npz, format_npy;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_npz);
}

static void stored_members_are_ranges_of_the_file(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npz, "stored.npz");
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
	struct slice s = test_open_fixture(&stored, &format_npz, "stored.npz"), d = test_open_fixture(&deflated, &format_npz, "deflated.npz");
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
	struct slice d = test_open_fixture(&deflated, &format_npz, "deflated.npz"), m = test_open_fixture(&a, &format_npz, "methods.npz");
	struct slice right = test_bytes(&deflated, "float32");
	(void)state;
	assert_int_equal(right.len, 6 * 4);
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
	struct slice file = test_open_fixture(&a, &format_npz, "foreign.npz");
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
	struct slice file = test_open_fixture(&a, &format_npz, "foreign.npz");
	(void)state;
	assert_string_equal(test_attr(&a, "fake", "arrayfs.error"), "the NumPy magic is missing");
	assert_string_equal(test_attr(&a, "short", "arrayfs.error"), "an array of 800 bytes, of which the file has 799; it is cut short or still being written");
	archive_close(&a);
	test_unload(file);
}

/* One file each, also of what would be a directory. */
static void what_is_wrong_with_a_member_is_its_own_matter(void **state)
{
	static const struct {
		const char *path, *sentence;
		uint64_t size;
	} faults[] = {
		{"secret", "encrypted", 0},
		{"secret.txt", "encrypted", 12}, /* bytes, of which the directory tells how many */
		{"cut", "an array of 24 bytes, of which the file has 23; it is cut short or still being written", 0},
		{"fake", "the NumPy magic is missing", 0},
		{"none", "the NumPy magic is missing", 0},
		{"stored", "1000 bytes, stored as 152", 0},
		{"far", "its local header is told at byte 18446744073709551615, of 3130 before the directory", 0},
		{"long", "18446744073709551615 bytes at byte 934, of 3130 before the directory", 0},
		{"bomb", "18446744073709551615 bytes, which no file has", 0},
		{"bomb.txt", "18446744073709551615 bytes, which no file has", 0},
		{"data", "deflate is cut short after 60 bytes", 0},
		{"bad", "deflate is broken at byte 8 of 9: invalid block", 0},
		{"unknown", "compressed by an unknown method", 0},
		{"patched", "compressed patched data, which arrayfs does not read", 0},
		{"objects/a", "its records have Python objects, which are pickled", 0},
		{"objects/o", "its records have Python objects, which are pickled", 0},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npz, "broken.npz");
	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct node *n = test_node(&a, faults[i].path);
		struct error err = {0};
		struct answer answer;
		uint64_t size = 0;
		assert_string_equal(test_attr(&a, faults[i].path, "arrayfs.error"), faults[i].sentence);
		assert_int_equal(n->kind, NODE_FAULT);
		int r = archive_size(&a, n, &size, &err);
		assert_true(r == 0 || size == 0);
		assert_int_equal(size, faults[i].size);
		answer_init(&answer);
		assert_int_equal(archive_read(&a, n, 0, 1, &answer, &err), -EIO);
		answer_close(&answer);
	}
	assert_string_equal(test_list(&a, ""),
			    "secret secret.txt cut fake none stored far long bomb bomb.txt data bad unknown patched objects good");
	assert_string_equal(test_shape(&a, "good"), "[3]");
	assert_string_equal(test_shape(&a, "objects/o"), "[2]");
	archive_close(&a);
	test_unload(file);
}

static void names_are_made_safe_and_kept_apart(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_npz, "kinds.npz");
	(void)state;
	assert_string_equal(test_list(&a, ""), "a a~2 c c~2 e %2E%2E abs f _ %FF \xc3\xa9 h");
	assert_string_equal(test_list(&a, "a"), "x y"); /* the member came first: what lies below its name gives way */
	assert_string_equal(test_list(&a, "a~2"), "b x");
	assert_string_equal(test_attr(&a, "a~2/b", "arrayfs.name"), "a/b");
	assert_string_equal(test_list(&a, "c"), "d x");
	assert_string_equal(test_list(&a, "c~2"), "x y");
	assert_string_equal(test_attr(&a, "c~2", "arrayfs.name"), "c");
	assert_string_equal(test_list(&a, "e"), "");
	assert_string_equal(test_attr(&a, "%2E%2E/up", "arrayfs.name"), "../up");
	assert_string_equal(test_attr(&a, "f/g", "arrayfs.name"), "f//g");
	assert_string_equal(test_attr(&a, "h", "arrayfs.name"), "h/");
	archive_close(&a);
	test_unload(file);
}

static void archives_that_break_the_rules_are_refused(void **state)
{
	static const struct {
		const char *name, *sentence;
	} bad[] = {
		{"same-name", "two members are called a.npy"},
		{"overlap", "members a.npy and b.npy overlap"},
		{"overlap-whole", "members a.npy and b.npy overlap"},
		{"overlap-unsorted", "members a.npy and c.npy overlap"},
		{"more-members", "its directory has more members than the 1 that its end record tells"},
		{"fewer-members", "the end record at byte 476 tells a directory of 102 bytes with 3 members, which does not fit before it"},
		{"large-directory", "the end record at byte 238 tells a directory of 5000 bytes with 1 members, which does not fit before it"},
		{"larger-directory", "the end record at byte 314 tells a directory of 18446744073709551615 bytes with "
				     "18446744073709551615 members, which does not fit before it"},
		{"cut", "no end record of a zip archive; it is cut short or still being written"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[64];
		snprintf(name, sizeof name, "bad/%s.npz", bad[i].name);
		struct slice file = test_data(name);
		check_refused(&format_npz, file, -EBADMSG, bad[i].sentence);
		test_unload(file);
	}
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

static int go_on(void *arg, uint64_t bytes)
{
	*(uint64_t *)arg += bytes;
	return 0;
}

/* How many of the archive's checksums are of other bytes; *ret_bytes: that were checked. */
static unsigned failed_checks(struct archive *a, uint64_t *ret_bytes, struct check *ret_last)
{
	struct arena arena = arena_apart(&a->arena);
	struct check *checks;
	uint32_t count;
	unsigned failed = 0;
	*ret_bytes = 0;
	assert_int_equal(a->format->checks(a, &arena, &checks, &count, NULL), 0);
	for (uint32_t i = 0; i < count; i++) {
		struct error err = {0};
		failed += check_run(a, &checks[i], go_on, ret_bytes, &err) < 0;
		*ret_last = checks[i];
	}
	ret_last->name = (struct slice){0};
	arena_free(&arena);
	return failed;
}

static void every_member_has_a_checksum_that_can_be_checked(void **state)
{
	static const char *const names[] = {"stored.npz", "deflated.npz", "methods.npz"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct archive a;
		struct check last;
		uint64_t bytes;
		struct error err = {0};
		struct slice file = test_open_fixture(&a, &format_npz, names[i]);
		assert_int_equal(failed_checks(&a, &bytes, &last), 0);
		assert_true(bytes > 100);
		archive_close(&a);

		uint8_t *bent = malloc(file.len);
		memcpy(bent, file.data, file.len);
		bent[last.offset + last.len - 1] ^= 1;
		assert_int_equal(test_open(&a, &format_npz, (struct slice){bent, file.len}, &err), 0);
		assert_int_equal(failed_checks(&a, &bytes, &last), 1);
		archive_close(&a);
		free(bent);
		test_unload(file);
	}
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
		cmocka_unit_test(what_is_wrong_with_a_member_is_its_own_matter),
		cmocka_unit_test(names_are_made_safe_and_kept_apart),
		cmocka_unit_test(archives_that_break_the_rules_are_refused),
		cmocka_unit_test(a_changed_byte_of_a_deflated_member_is_found),
		cmocka_unit_test(every_member_has_a_checksum_that_can_be_checked),
		cmocka_unit_test(an_empty_one_goes_by_its_name),
	};
	return cmocka_run_group_tests_name("npz", tests, NULL, NULL);
}
