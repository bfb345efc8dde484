/* SPDX-License-Identifier: MIT */
/* HDF5: what is told of numbers, and of types that do not open. */
#include "tests/support.h"

extern const struct format format_hdf5;

static void open_fixture(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(test_data_folder(), name);
	assert_int_equal(test_open_file(a, &format_hdf5, path, &err), 0);
	free(path);
}

static void every_number_has_a_byteorder(void **state)
{
	static const struct {
		const char *name, *dtype, *type;
	} want[] = {
		{"ld", "V16", "H5T_FLOAT (80 bits from bit 0: sign at 79, exponent of 15 at 64 less 16383, mantissa of 64 at 0)"},
		{"cld", "V32", "H5T_COMPLEX_FLOAT (80 bits from bit 0: sign at 79, exponent of 15 at 64 less 16383, mantissa of 64 at 0)"},
		{"three", "V3", NULL},
		{"n17", "V4", NULL},
	};
	char name[20], type[60];
	struct archive a;
	(void)state;
	open_fixture(&a, "numbers.h5");
	for (unsigned i = 0; i < 8; i++) {
		const char *order = i % 2 ? "be" : "le", *upper = i % 2 ? "BE" : "LE";
		snprintf(name, sizeof name, "%s%s", want[i / 2].name, order);
		snprintf(type, sizeof type, i / 2 == 2 ? "H5T_STD_I24%s" : "H5T_STD_I32%s (17 bits from bit 3)", upper);
		assert_int_equal(test_node(&a, name)->kind != NODE_DIR, 1);
		assert_int_equal(test_node(&a, name)->array->byteorder, i % 2 ? BYTEORDER_BIG : BYTEORDER_LITTLE);
		assert_string_equal(test_dtype(&a, name), want[i / 2].dtype);
		assert_string_equal(test_node(&a, name)->array->type, want[i / 2].type ? want[i / 2].type : type);
	}
	archive_close(&a);
}

/* As for the library, which cannot open it. */
static void a_compound_of_no_members_does_not_open(void **state)
{
	static const uint8_t header[] = {0x26, 4, 0, 0};
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("old.h5");
	uint8_t *at = memmem(file.data, file.len, header, sizeof header);
	(void)state;
	assert_non_null(at);
	at[1] = 0;
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	assert_int_equal(test_node(&a, "k")->kind, NODE_FAULT);
	assert_string_equal(test_attr(&a, "k", "arrayfs.error"), "a compound datatype without members");
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_a_byteorder),
		cmocka_unit_test(a_compound_of_no_members_does_not_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
