/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/archive/parts.h"
#include "fs/blocks/blocks.h"
#include "tests/look.h"
#include "tests/support.h"

extern const struct format format_parquet, format_table;

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

/* The statistics of the file are wrong, so only decoding tells how much there is; as
 * pyarrow 26 reads it. */
static void what_lies_below_lists_has_a_shape(void **state)
{
	struct archive_options options = test_options();
	struct slice file;
	struct archive a = open_fixture("clickhouse-lists.parquet", &options, &file);
	(void)state;
	assert_string_equal(test_attr(&a, "a", "array.shape"), "[60]");
	assert_string_equal(test_attr(&a, "a/offsets", "array.shape"), "[61]");
	assert_string_equal(test_attr(&a, "a/values", "array.shape"), "[90]");
	assert_string_equal(test_attr(&a, "a/values/offsets", "array.shape"), "[91]");
	assert_string_equal(test_attr(&a, "a/values/values", "array.shape"), "[219]");
	assert_string_equal(test_attr(&a, "a/values/values", "array.order"), "C");
	assert_string_equal(test_attr(&a, "a/values.validity", "array.shape"), "[90]");
	archive_close(&a);
	test_unload(file);
}

static void what_is_no_parquet_is_told(void **state)
{
	(void)state;
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\0\0\0\0PARE"), -ENOTSUP, "its footer is encrypted");
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\xff\0\0\0PAR1"), -EBADMSG, "footer of 255 bytes in a file of 16");
	check_refused(&format_parquet, SLICE("PAR1\1\2\3\4\0\0\0\0PARX"), -EBADMSG, "no PAR1 at its end; it is cut short or still being written");
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

/* Where nobody told how long the strings of a row group are, and it is lost: who reads
 * what they say is told so, too, and not just given less. */
static void strings_that_are_lost_are_missed(void **state)
{
	struct slice file = test_data("duckdb.parquet");
	static const char *const lost[] = {"s/values", "s/offsets", "l/values", "l/values.validity"};
	struct error err = {""};
	struct answer answer;
	struct archive a;
	uint64_t size;
	(void)state;

	/* The first byte of the page of s, and of l: no header begins so. */
	((uint8_t *)(uintptr_t)file.data)[67] = 0xff;
	((uint8_t *)(uintptr_t)file.data)[135] = 0xff;
	assert_int_equal(test_open(&a, &format_parquet, file, &err), 0);
	for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
		struct node *n = test_node(&a, lost[i]);
		assert_int_equal(archive_size(&a, n, &size, &err), 0);
		assert_true(size > 0);
		answer_init(&answer);
		assert_int_equal(archive_read(&a, n, 0, 1, &answer, &err), -EBADMSG);
		answer_close(&answer);
	}
	test_unload(test_bytes(&a, "i"));
	archive_close(&a);
	test_unload(file);
}

/* Size statistics by which there are no strings at all: nobody would come to see that
 * there are. */
static void statistics_of_nothing_are_not_believed(void **state)
{
	static const uint8_t bytes[] = {0x16, 0x94, 1}; /* 74, as zigzag and in sevens */
	struct slice file = test_data("pyarrow-v1-snappy.parquet");
	struct error err = {""};
	struct archive a;
	(void)state;

	assert_int_equal(test_open(&a, &format_parquet, file, &err), 0);
	struct slice strings = test_bytes(&a, "str/values");
	assert_int_equal(strings.len, 74);
	archive_close(&a);

	uint8_t *at = memmem(file.data, file.len, bytes, sizeof bytes);
	assert_non_null(at);
	memcpy(at + 1, "\x80", 2);
	assert_int_equal(test_open(&a, &format_parquet, file, &err), 0);
	check_bytes(&a, "str/values", strings.data, strings.len);
	test_unload(strings);
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
		answer_copy(&answer, bytes, NULL);
		r->failed += answer.len != (len < whole.len - at ? len : whole.len - at);
		r->failed += memcmp(bytes, whole.data + at, (size_t)answer.len) != 0;
		answer_close(&answer);
	}
	return NULL;
}

static struct slice read_node(struct archive *a, uint32_t id)
{
	struct answer answer;
	struct error err = {""};
	answer_init(&answer);
	assert_int_equal(archive_read(a, tree_node(&a->tree, id), 0, 1 << 20, &answer, &err), 0);
	uint8_t *bytes = malloc((size_t)answer.len + 1);
	answer_copy(&answer, bytes, NULL);
	struct slice whole = {bytes, (size_t)answer.len};
	answer_close(&answer);
	return whole;
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
		whole[id] = n->kind == NODE_LAZY ? read_node(&a, id) : (struct slice){NULL, 0};
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

/* --- a directory as one table ------------------------------------------------------ */

static int open_dataset(struct archive *a, const char *folder, const struct archive_options *options, int *ret_fd, struct error *err)
{
	static const struct format *const only[] = {&format_table, NULL};
	*ret_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(*ret_fd >= 0);
	int r = archive_open_folder(a, only, *ret_fd, true, options, err);
	if (r < 0) {
		close(*ret_fd);
		*ret_fd = -1;
	}
	return r;
}

static char *two_files(struct slice first, struct slice second)
{
	char *folder = test_folder();
	test_mkdir(folder, "k=1");
	test_mkdir(folder, "k=2");
	test_write(folder, "k=1/a.parquet", first);
	test_write(folder, "k=2/b.parquet", second);
	return folder;
}

static void files_of_a_directory_are_one_table(void **state)
{
	struct slice required = test_data("pyarrow-required.parquet");
	char *folder = two_files(required, required);
	struct archive_options options = test_options();
	struct error err = {""};
	struct archive a;
	int32_t x[100];
	int64_t k[100];
	int fd;
	(void)state;
	for (int i = 0; i < 100; i++) {
		x[i] = i % 50;
		k[i] = 1 + i / 50;
	}
	assert_int_equal(open_dataset(&a, folder, &options, &fd, &err), 0);
	assert_string_equal(test_list(&a, ""), "x y k");
	check_bytes(&a, "x", x, sizeof x);
	check_bytes(&a, "k", k, sizeof k);
	assert_string_equal(test_shape(&a, "x"), "[100]");
	assert_int_equal(archive_bytes(&a), 2 * required.len);
	archive_close(&a);
	close(fd);
	test_folder_remove(folder);
	test_unload(required);
}

/* Whatever the second file holds: it opens or is refused with a sentence, and what
 * is shown keeps its promises. */
static void a_broken_file_breaks_no_promise(void **state)
{
	struct slice sound = test_data("pyarrow-nested.parquet");
	struct slice other = test_data("pyarrow-v1-snappy.parquet");
	struct archive_options options = test_options();
	char *folder = two_files(sound, other);
	struct look l = {.nodes = 1000, .bytes = 1 << 16, .split = true};
	uint8_t *changed = malloc(sound.len);
	unsigned opened = 0;
	int fd;
	(void)state;

	for (size_t i = 0; i < 1200; i++) {
		struct error err = {""};
		struct archive a;
		size_t at = i * 7919 % sound.len, len = i % 4 ? sound.len : at;
		memcpy(changed, sound.data, sound.len);
		changed[at] = (uint8_t)(changed[at] + 1 + i * 13 % 255);
		test_write(folder, "k=2/b.parquet", (struct slice){changed, len});
		int r = open_dataset(&a, folder, &options, &fd, &err);
		if (r < 0) {
			assert_string_not_equal(err.text, "");
			continue;
		}
		opened++;
		if (!look(&l, &a))
			fail_msg("byte %zu changed: %s", at, l.broken);
		archive_close(&a);
		close(fd);
	}
	assert_true(opened > 100);
	free(changed);
	test_folder_remove(folder);
	test_unload(sound);
	test_unload(other);
}

static void without_memory_a_directory_is_refused(void **state)
{
	struct slice sound = test_data("pyarrow-nested.parquet");
	struct archive_options options = test_options();
	char *folder = two_files(sound, sound);
	int r = -ENOMEM, fd;
	(void)state;
	for (options.memory = 0; r < 0; options.memory += 211) {
		struct error err = {""};
		struct archive a;
		r = open_dataset(&a, folder, &options, &fd, &err);
		if (r == 0) {
			archive_close(&a);
			close(fd);
		} else {
			assert_int_equal(r, -ENOMEM);
			assert_string_not_equal(err.text, "");
		}
	}
	test_folder_remove(folder);
	test_unload(sound);
}

/* More files than stay open, read by many at once, from a cache that holds little. */
static void many_readers_of_many_files_read_the_same(void **state)
{
	struct slice sound = test_data("pyarrow-nested.parquet"), whole[FILES_MAX] = {{NULL, 0}};
	struct archive_options options = test_options();
	struct error err = {""};
	struct reader readers[8];
	pthread_t threads[8];
	struct archive a;
	char *folder = test_folder(), name[40];
	uint32_t nodes = 0;
	int fd;
	(void)state;

	for (int i = 0; i < 90; i++) {
		snprintf(name, sizeof name, "k=%c%d", 'a' + i % 26, i);
		test_mkdir(folder, name);
		strcat(name, "/f.parquet");
		test_write(folder, name, sound);
	}
	assert_int_equal(open_dataset(&a, folder, &options, &fd, &err), 0);
	for (uint32_t id = TREE_ROOT; id < FILES_MAX && tree_node(&a.tree, id); nodes = ++id)
		if (tree_node(&a.tree, id)->kind == NODE_LAZY)
			whole[id] = read_node(&a, id);
	archive_close(&a);
	close(fd);
	assert_int_equal(blocks_open(&options.blocks, 8000, 3), 0);
	assert_int_equal(open_dataset(&a, folder, &options, &fd, &err), 0);
	for (unsigned i = 0; i < 8; i++) {
		readers[i] = (struct reader){&a, whole, nodes, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, read_pieces, &readers[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].failed, 0);
	}
	for (unsigned i = 0; i < FILES_MAX; i++)
		free((void *)(uintptr_t)whole[i].data);
	archive_close(&a);
	close(fd);
	blocks_close(options.blocks);
	test_folder_remove(folder);
	test_unload(sound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_below_lists_has_a_shape),
		cmocka_unit_test(values_are_as_the_reference_reads_them),
		cmocka_unit_test(lists_are_offsets_and_values),
		cmocka_unit_test(what_is_no_parquet_is_told),
		cmocka_unit_test(a_broken_page_is_a_fault_of_its_rows),
		cmocka_unit_test(strings_that_are_lost_are_missed),
		cmocka_unit_test(statistics_of_nothing_are_not_believed),
		cmocka_unit_test(lzo_is_named_and_refused),
		cmocka_unit_test(many_readers_of_a_small_cache_read_the_same),
		cmocka_unit_test(files_of_a_directory_are_one_table),
		cmocka_unit_test(a_broken_file_breaks_no_promise),
		cmocka_unit_test(without_memory_a_directory_is_refused),
		cmocka_unit_test(many_readers_of_many_files_read_the_same),
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
