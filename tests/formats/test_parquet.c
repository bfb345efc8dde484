/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "fs/blocks.h"
#include "tests/support.h"

extern const struct format format_parquet;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_parquet);
}

static struct archive open_fixture(const char *name, const struct archive_options *options, struct slice *ret_file)
{
	static const struct format *const only[] = {&format_parquet, NULL};
	struct error err = {""};
	struct archive a;
	*ret_file = test_data(name);
	assert_int_equal(archive_open_source(&a, only, source_memory(*ret_file), name, options, &err), 0);
	return a;
}

/* As pyarrow 26 reads the file. */
static void values_are_as_the_reference_reads_them(void **state)
{
	struct archive_options options = test_options();
	struct slice file;
	struct archive a = open_fixture("pyarrow-required.parquet", &options, &file);
	int32_t x[50];
	double y[50];
	(void)state;
	for (int i = 0; i < 50; i++) {
		x[i] = i;
		y[i] = .5;
	}
	check_bytes(&a, "x", x, sizeof x);
	check_bytes(&a, "y", y, sizeof y);
	assert_string_equal(test_list(&a, ""), "x y"); /* required: no validity */
	assert_string_equal(test_dtype(&a, "x"), "int32");
	assert_string_equal(test_shape(&a, "x"), "[50]");
	assert_string_equal(test_node(&a, "y")->array->type, "DOUBLE");
	archive_close(&a);
	test_unload(file);
}

static void lists_are_offsets_and_values(void **state)
{
	struct archive_options options = test_options();
	struct slice file;
	struct archive a = open_fixture("polars.parquet", &options, &file);
	(void)state;
	check_bytes(&a, "i", ((int64_t[]){1, 0, 3}), 24);
	check_bytes(&a, "i.validity", "\1\0\1", 3);
	check_bytes(&a, "s/offsets", ((int64_t[]){0, 1, 1, 4}), 32);
	check_bytes(&a, "s/values", "accc", 4);
	check_bytes(&a, "l/offsets", ((int64_t[]){0, 1, 1, 1}), 32);
	check_bytes(&a, "l/values", ((int64_t[]){1}), 8);
	check_bytes(&a, "l.validity", "\1\1\0", 3);
	assert_string_equal(test_dtype(&a, "l"), "list");
	archive_close(&a);
	test_unload(file);
}

static void what_is_no_parquet_is_told(void **state)
{
	(void)state;
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\0\0\0\0PARE"), -ENOTSUP, "its footer is encrypted");
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\xff\0\0\0PAR1"), -EBADMSG, "footer of 255 bytes in a file of 16");
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\0\0\0\0PARX"), -EBADMSG, "no PAR1 at its end");
}

/* A page that is broken costs its own rows. */
static void a_broken_page_is_a_fault_of_its_rows(void **state)
{
	struct archive_options options = test_options();
	struct slice file = test_data("pyarrow-v2-zstd.parquet");
	static const struct format *const only[] = {&format_parquet, NULL};
	struct error err = {""};
	struct answer answer;
	struct archive a;
	(void)state;

	/* Within the first page of the first column, whose checksum tells. */
	((uint8_t *)(uintptr_t)file.data)[60] ^= 0xff;
	assert_int_equal(archive_open_source(&a, only, source_memory(file), "x", &options, &err), 0);
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "i8"), 0, 12, &answer, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "row group 0: "));
	answer_close(&answer);
	struct slice f64 = test_bytes(&a, "f64");
	assert_int_equal(f64.len, 96);
	test_unload(f64);
	archive_close(&a);
	test_unload(file);
}

struct reader {
	struct archive *a;
	const char *const *paths;
	struct slice *whole;
	unsigned seed, failed;
};

static void *read_pieces(void *arg)
{
	struct reader *r = arg;
	for (unsigned i = 0; i < 300; i++) {
		r->seed = r->seed * 1103515245 + 12345;
		unsigned k = (r->seed >> 16) % 6;
		uint64_t at = (r->seed >> 8) % (r->whole[k].len + 1), len = (r->seed >> 20) % 97;
		uint8_t bytes[97];
		struct error err = {""};
		struct answer answer;
		answer_init(&answer);
		if (archive_read(r->a, test_node(r->a, r->paths[k]), at, len, &answer, &err) < 0)
			r->failed++;
		answer_copy(&answer, bytes);
		r->failed += memcmp(bytes, r->whole[k].data + at, (size_t)answer.len) != 0;
		answer_close(&answer);
	}
	return NULL;
}

static void many_readers_of_a_small_cache_read_the_same(void **state)
{
	static const char *const paths[] = {"ll/offsets", "ll/values/values/values", "ls/values/x", "map/values/key/offsets",
					    "ls/values/y/values", "map.validity"};
	struct archive_options options = test_options();
	struct blocks *blocks;
	struct slice file, whole[6];
	struct reader readers[16];
	pthread_t threads[16];
	(void)state;

	assert_int_equal(blocks_open(&blocks, 8000, 3), 0);
	options.blocks = blocks;
	struct archive a = open_fixture("pyarrow-nested.parquet", &options, &file);
	for (unsigned k = 0; k < 6; k++)
		whole[k] = test_bytes(&a, paths[k]);
	for (unsigned i = 0; i < 16; i++) {
		readers[i] = (struct reader){&a, paths, whole, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, read_pieces, &readers[i]), 0);
	}
	for (unsigned i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].failed, 0);
	}
	for (unsigned k = 0; k < 6; k++)
		test_unload(whole[k]);
	archive_close(&a);
	blocks_close(blocks);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_as_the_reference_reads_them),
		cmocka_unit_test(lists_are_offsets_and_values),
		cmocka_unit_test(what_is_no_parquet_is_told),
		cmocka_unit_test(a_broken_page_is_a_fault_of_its_rows),
		cmocka_unit_test(many_readers_of_a_small_cache_read_the_same),
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
