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

/* The codec of column x, which is none, is said to be LZO. */
static void lzo_is_named_and_refused(void **state)
{
	static const uint8_t before[] = {0x19, 0x18, 1, 'x', 0x15}; /* path_in_schema; then codec */
	struct archive_options options = test_options();
	static const struct format *const only[] = {&format_parquet, NULL};
	struct slice file = test_data("pyarrow-required.parquet");
	struct error err = {""};
	struct answer answer;
	struct archive a;
	(void)state;

	uint8_t *at = memmem(file.data, file.len, before, sizeof before);
	assert_non_null(at);
	assert_int_equal(at[sizeof before], 0);
	at[sizeof before] = 6;
	assert_int_equal(archive_open_source(&a, only, source_memory(file), "x", &options, &err), 0);
	assert_string_equal(test_attr(&a, "x", "arrayfs.error"), "compressed with lzo, which is not built in");
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "x"), 0, 4, &answer, &err), -ENOTSUP);
	assert_string_equal(err.text, "row group 0: compressed with lzo, which is not built in");
	answer_close(&answer);
	struct slice y = test_bytes(&a, "y");
	assert_int_equal(y.len, 400);
	test_unload(y);
	archive_close(&a);
	test_unload(file);
}

/* --- many readers ------------------------------------------------------------------ */

enum { READERS = 64, FILES_MAX = 64 };

struct reader {
	struct archive *a;
	const struct slice *whole; /* by node number; data is NULL for what is no file */
	uint32_t nodes;
	unsigned seed, failed;
};

static void *read_pieces(void *arg)
{
	struct reader *r = arg;
	for (unsigned i = 0; i < 100; i++) {
		r->seed = r->seed * 1103515245 + 12345;
		uint32_t id = (r->seed >> 16) % r->nodes;
		struct slice whole = r->whole[id];
		uint64_t size, at = (r->seed >> 8) % (whole.len + 1), len = (r->seed >> 20) % 97;
		uint8_t bytes[97];
		struct error err = {""};
		struct answer answer;
		if (!whole.data)
			continue;
		r->failed += archive_size(r->a, tree_node(&r->a->tree, id), &size, &err) < 0 || size != whole.len;
		answer_init(&answer);
		r->failed += archive_read(r->a, tree_node(&r->a->tree, id), at, len, &answer, &err) < 0;
		answer_copy(&answer, bytes);
		r->failed += answer.len != (len < whole.len - at ? len : whole.len - at);
		r->failed += memcmp(bytes, whole.data + at, (size_t)answer.len) != 0;
		answer_close(&answer);
	}
	return NULL;
}

/* Every file of the archive, by whoever reads alone and without a cache. */
static uint32_t read_alone(const char *fixture, struct slice whole[FILES_MAX])
{
	struct archive_options options = test_options();
	struct slice file;
	struct archive a = open_fixture(fixture, &options, &file);
	const struct node *n;
	uint32_t id;
	for (id = TREE_ROOT; id < FILES_MAX && (n = tree_node(&a.tree, id)); id++) {
		struct answer answer;
		struct error err = {""};
		whole[id] = (struct slice){NULL, 0};
		if (n->kind != NODE_LAZY)
			continue;
		answer_init(&answer);
		assert_int_equal(archive_read(&a, tree_node(&a.tree, id), 0, 1 << 20, &answer, &err), 0);
		uint8_t *bytes = malloc((size_t)answer.len + 1);
		answer_copy(&answer, bytes);
		whole[id] = (struct slice){bytes, (size_t)answer.len};
		answer_close(&answer);
	}
	archive_close(&a);
	test_unload(file);
	return id;
}

/* Sizes are asked by all at once, too: nobody has decoded anything before. */
static void many_readers_of_a_small_cache_read_the_same(void **state)
{
	static const char *const fixtures[] = {"pyarrow-nested.parquet", "pyarrow-v1-snappy.parquet", "pyarrow-encodings.parquet",
					       "pyarrow-required.parquet", "duckdb.parquet", "polars.parquet"};
	(void)state;
	for (unsigned k = 0; k < sizeof fixtures / sizeof *fixtures; k++) {
		struct archive_options options = test_options();
		struct slice file, whole[FILES_MAX] = {{NULL, 0}};
		struct reader readers[READERS];
		pthread_t threads[READERS];
		uint32_t nodes = read_alone(fixtures[k], whole);

		assert_int_equal(blocks_open(&options.blocks, 8000, 3), 0);
		struct archive a = open_fixture(fixtures[k], &options, &file);
		for (unsigned i = 0; i < READERS; i++) {
			readers[i] = (struct reader){&a, whole, nodes, i, 0};
			assert_int_equal(pthread_create(&threads[i], NULL, read_pieces, &readers[i]), 0);
		}
		for (unsigned i = 0; i < READERS; i++) {
			pthread_join(threads[i], NULL);
			assert_int_equal(readers[i].failed, 0);
		}
		archive_close(&a);
		blocks_close(options.blocks);
		for (uint32_t id = 0; id < nodes; id++)
			free((void *)(uintptr_t)whole[id].data);
		test_unload(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_as_the_reference_reads_them),
		cmocka_unit_test(lists_are_offsets_and_values),
		cmocka_unit_test(what_is_no_parquet_is_told),
		cmocka_unit_test(a_broken_page_is_a_fault_of_its_rows),
		cmocka_unit_test(lzo_is_named_and_refused),
		cmocka_unit_test(many_readers_of_a_small_cache_read_the_same),
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
