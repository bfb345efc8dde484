/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_known;

#define FILE_OF(bytes) {(const uint8_t *)(bytes), sizeof(bytes) - 1}

/* Whatever is cut or changed, it is refused with a sentence or is nobody's. */
static void never_opens(void **state)
{
	struct slice file = FILE_OF("\x1f\x8b\x08 and what it holds");
	struct error err;
	struct archive a;
	(void)state;
	for (size_t n = 0; n <= file.len; n++) {
		err = (struct error){0};
		assert_true(test_open(&a, &format_known, (struct slice){file.data, n}, &err) < 0);
	}
}

static void says_what_it_is_and_what_to_do(void **state)
{
	static const struct {
		struct slice file;
		const char *sentence;
	} cases[] = {
		{FILE_OF("CDF\001\0\0\0\0"), "a netCDF-3 file, which arrayfs does not read: `nccopy -k nc4 OLD NEW` makes it HDF5"},
		{FILE_OF("\x1f\x8b\x08\0"), "a gzip file, which arrayfs does not read: decompress it first (`gzip -d`)"},
		{FILE_OF("ORC\0\1"), "an ORC file, which arrayfs does not read"},
		{FILE_OF("Obj\1\4"), "an Avro file, which arrayfs does not read"},
		{FILE_OF("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"),
		 "a pointer of Git LFS in place of the file, which arrayfs does not read: `git lfs pull` fetches it"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_refused(&format_known, cases[i].file, -ENOTSUP, cases[i].sentence);
}

static void a_tar_is_known_by_what_stands_in_its_middle(void **state)
{
	uint8_t tar[512] = "name";
	(void)state;
	memcpy(tar + 257, "ustar", 6);
	check_refused(&format_known, ((struct slice){tar, sizeof tar}), -ENOTSUP,
		      "a tar file, which arrayfs does not read: extract it first (`tar -xf`)");
}

static bool takes(struct slice file)
{
	struct error err = {0};
	struct archive a;
	int r = test_open(&a, &format_known, file, &err);
	assert_int_equal(r, -ENOTSUP);
	return err.text[0] != '\0';
}

static void texts_that_begin_so_are_texts(void **state)
{
	struct slice words = FILE_OF("ORCHIDS and other flowers\n"), bytes = FILE_OF("ORCHIDS\0");
	(void)state;
	assert_false(takes(words));
	assert_true(takes(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_opens),
		cmocka_unit_test(says_what_it_is_and_what_to_do),
		cmocka_unit_test(a_tar_is_known_by_what_stands_in_its_middle),
		cmocka_unit_test(texts_that_begin_so_are_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
