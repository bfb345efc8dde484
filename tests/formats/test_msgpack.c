/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

extern const struct format format_msgpack;

static void every_fixture_keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_msgpack);
}

static void documents_and_records_keep_them_too(void **state)
{
	static const char *const names[] = {"doc-python", "records-list"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = test_path(test_data_folder(), names[i]);
		struct slice file = test_load(path);
		check_named(&format_msgpack, file);
		test_unload(file);
		free(path);
	}
}

static void flax_arrays_are_the_files_bytes(void **state)
{
	static const uint8_t fp8[] = {0x00, 0x38, 0x40, 0x44}; /* 0, 1, 2, 3 in float8_e4m3fn */
	(void)state;
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_msgpack, "flax-tree.msgpack");
	assert_string_equal(test_dtype(&a, "params/Dense_0/kernel"), "float32");
	assert_string_equal(test_shape(&a, "params/Dense_0/kernel"), "[3,4]");
	assert_int_equal(test_node(&a, "params/Dense_0/kernel")->kind, NODE_RANGE);
	assert_string_equal(test_dtype(&a, "params/Dense_0/bias"), "bfloat16");
	assert_string_equal(test_attr(&a, "params/Dense_0/bias", "array.type"), "bfloat16");
	check_bytes(&a, "params/fp8", fp8, sizeof fp8);
	assert_string_equal(test_shape(&a, "step"), "[]");
	assert_string_equal(test_dtype(&a, "z"), "complex128");
	assert_string_equal(test_dtype(&a, "when"), "timestamp[ns]");
	assert_string_equal(test_dtype(&a, "name"), "S4");
	check_bytes(&a, "name", "adam", 4);
	assert_string_equal(test_dtype(&a, "none"), "null");
	assert_string_equal(test_list(&a, "layers"), "0 1");
	archive_close(&a);
	test_unload(file);
}

static void chunks_are_joined(void **state)
{
	float wanted[90];
	(void)state;
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_msgpack, "flax-chunks");
	for (int i = 0; i < 90; i++)
		wanted[i] = (float)i;
	assert_string_equal(test_list(&a, ""), "b w");
	assert_string_equal(test_shape(&a, "w"), "[9,10]");
	check_bytes(&a, "w", wanted, sizeof wanted);
	archive_close(&a);
	test_unload(file);
}

static void numpys_maps_are_arrays(void **state)
{
	static const double complex[] = {-1.5, -2};
	(void)state;
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_msgpack, "numpy-arrays");
	assert_string_equal(test_attr(&a, "i2", "array.byteorder"), "big");
	assert_string_equal(test_attr(&a, "i2", "array.type"), ">i2");
	assert_string_equal(test_dtype(&a, "records"), "struct");
	assert_string_equal(test_shape(&a, "records/b"), "[3,2]");
	assert_string_equal(test_dtype(&a, "records/c/d"), "S3");
	check_bytes(&a, "complex", complex, sizeof complex);
	assert_string_equal(test_attr(&a, "object", "arrayfs.error"), "an array of Python objects, which are pickled");
	assert_string_equal(test_dtype(&a, "void"), "V3");
	assert_string_equal(test_list(&a, "list"), "0 1");
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_msgpack, "numpy-single");
	assert_string_equal(test_list(&a, ""), "data");
	assert_string_equal(test_shape(&a, "data"), "[2,3]");
	archive_close(&a);
	test_unload(file);
}

static void lists_are_arrays_or_columns(void **state)
{
	static const int64_t offsets[] = {0, 1, 1, 3}, nulls[] = {1, 0, 3};
	(void)state;
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_msgpack, "doc-python");
	assert_string_equal(test_shape(&a, "matrix"), "[2,3]");
	assert_string_equal(test_list(&a, "ragged"), "offsets values");
	check_bytes(&a, "ragged/offsets", offsets, sizeof offsets);
	check_bytes(&a, "nulls", nulls, sizeof nulls);
	check_bytes(&a, "nulls.validity", "\1\0\1", 3);
	check_bytes(&a, "texts/values", "abc", 3);
	assert_string_equal(test_list(&a, "mixed"), "0 1 2");
	assert_string_equal(test_dtype(&a, "empty"), "null");
	assert_string_equal(test_shape(&a, "empty"), "[0]");
	assert_string_equal(test_list(&a, "maps"), "x x.validity y y.validity z z.validity");
	assert_string_equal(test_attr(&a, "ext", "array.type"), "ext(9)");
	assert_string_equal(test_dtype(&a, "time"), "timestamp[ns]");
	assert_string_equal(test_dtype(&a, "7"), "S5");
	assert_string_equal(test_dtype(&a, "null"), "S7");
	assert_string_equal(test_shape(&a, "deep/er/est"), "[1,2,1]");
	assert_string_equal(test_dtype(&a, "big"), "uint64");
	archive_close(&a);
	test_unload(file);
}

static void several_maps_are_a_table(void **state)
{
	(void)state;
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_msgpack, "records-python");
	assert_string_equal(test_list(&a, ""), "id score name tags maybe maybe.validity mixed in");
	assert_string_equal(test_shape(&a, ""), "[200]");
	assert_string_equal(test_dtype(&a, "score"), "float64");
	assert_string_equal(test_attr(&a, "mixed", "array.type"), "mixed");
	assert_string_equal(test_list(&a, "in/b/values"), "c");
	archive_close(&a);
	test_unload(file);
}

/* What unpackb() has of {"w": 1}, {"w": [], "v": 5, "w": {"x": 2, "x": 3}, "w": 4}. */
static void of_fields_that_come_twice_the_last_counts(void **state)
{
	static const uint8_t bytes[] = "\x81\xa1w\x01\x84\xa1w\x90\xa1v\x05\xa1w\x82\xa1x\x02\xa1x\x03\xa1w\x04";
	static const int64_t w[] = {1, 4}, v[] = {0, 5};
	(void)state;
	struct archive a;
	struct error err = {0};
	assert_int_equal(test_open(&a, &format_msgpack, (struct slice){bytes, sizeof bytes - 1}, &err), 0);
	assert_string_equal(test_list(&a, ""), "w v v.validity");
	check_bytes(&a, "w", w, sizeof w);
	check_bytes(&a, "v", v, sizeof v);
	archive_close(&a);
}

static void check_sentence(const char *bytes, size_t len, int code, const char *sentence)
{
	check_refused(&format_msgpack, ((struct slice){(const uint8_t *)bytes, len}), code, sentence);
}

static void faults_are_told(void **state)
{
	(void)state;
	check_sentence("\x81\xa1z\x01\x02", 5, -EBADMSG, "1 bytes behind the last object, at byte 4");
	check_sentence("\x81\xa1z", 3, -EBADMSG, "MessagePack is cut short at byte 3");
	check_sentence("\x81\xa1z\xc1", 4, -EBADMSG, "byte 0xc1, which MessagePack never uses, at 3");
	check_sentence("\xdf\xff\xff\xff\xff\xa1z", 7, -EBADMSG, "a map of 4294967295 pairs at byte 0, where 2 bytes are left");
	check_sentence("\xc4\x00", 2, -ENOTSUP, "MessagePack that begins with neither a map nor a list");
	check_sentence("\x81\xa1z\x01\x81\xa1z\x02\x03", 9, -ENOTSUP, "a stream of maps and of other objects");
	check_sentence("\x81\xa1z\x01\x82\xa1\x37\x02\x07\x03", 10, -EBADMSG, "record 2: a field twice, once as a string and once not");
}

static void check_lie(const char *ext, size_t len, const char *sentence)
{
	uint8_t bytes[64] = "\x81\xa1w";
	struct archive a;
	struct error err = {0};
	memcpy(bytes + 3, ext, len);
	assert_int_equal(test_open(&a, &format_msgpack, (struct slice){bytes, len + 3}, &err), 0);
	assert_string_equal(test_attr(&a, "w", "arrayfs.error"), sentence);
	archive_close(&a);
}

static void arrays_that_lie_are_faults_of_their_own(void **state)
{
	(void)state;
	check_lie("\xc7\x0a\x01\x93\x91\x03\xa4int8\xc4\x00", 13, "an array with other than the bytes of its shape");
	check_lie("\xc7\x0a\x01\x93\x91\x03\xa4int9\xc4\x00", 13, "an array of a dtype that is not known");
	check_lie("\xc7\x0a\x01\x93\x91\xff\xa4int8\xc4\x00", 13, "an array whose shape is not a list of at most 64 numbers");
	check_lie("\xc7\x02\x03\x93\x91", 5, "an array that is not [shape, dtype, bytes]");
}

static bool probes(const char *bytes, size_t len)
{
	struct source s = source_memory((struct slice){(const uint8_t *)bytes, len});
	struct error err = {0};
	struct peek p;
	assert_int_equal(peek(&p, &s, &err), 0);
	return format_msgpack.probe(&p);
}

#define FLAX "\xc7\x0b\x01\x93\x91\x01\xa4int8\xc4\x01\x07"

static void only_one_map_with_an_array_is_recognised(void **state)
{
	(void)state;
	assert_true(probes("\x81\xa1w" FLAX, 3 + 14));
	assert_false(probes("\x81\x05" FLAX, 2 + 14));            /* a key that is no string */
	assert_false(probes("\x81\xa1w" FLAX "\x00", 3 + 15));    /* more behind it */
	assert_false(probes("\x81\xa1w" FLAX, 3 + 13));           /* cut */
	assert_false(probes("\x81\xa1w\x07", 4));                 /* no array */
	assert_false(probes("\x91" FLAX, 1 + 14));                /* no map */
	assert_false(probes("\x80", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture_keeps_the_promises),
		cmocka_unit_test(documents_and_records_keep_them_too),
		cmocka_unit_test(flax_arrays_are_the_files_bytes),
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(numpys_maps_are_arrays),
		cmocka_unit_test(lists_are_arrays_or_columns),
		cmocka_unit_test(several_maps_are_a_table),
		cmocka_unit_test(of_fields_that_come_twice_the_last_counts),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(arrays_that_lie_are_faults_of_their_own),
		cmocka_unit_test(only_one_map_with_an_array_is_recognised),
	};
	return cmocka_run_group_tests_name("msgpack", tests, NULL, NULL);
}
