/* SPDX-License-Identifier: MIT */
/* A directory as one table: sizes that take decoding.  The fixture, by pyarrow, has
 * 30 rows of strings, "w0", "w1" …, and tells no sizes. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "fs/blocks/blocks.h"
#include "tests/look.h"
#include "tests/support.h"

extern const struct format format_table;

struct opened {
	struct archive_options options;
	struct slice file;
	struct archive a;
	char *folder;
	int fd;
};

static void open_three(struct opened *o)
{
	static const struct format *const only[] = {&format_table, NULL};
	struct error err = {""};
	o->options = test_options();
	assert_int_equal(blocks_open(&o->options.blocks, 16 << 20, 2), 0);
	o->file = test_data("pyarrow-groups.parquet");
	o->folder = test_folder();
	test_write(o->folder, "a.parquet", o->file);
	test_write(o->folder, "b.parquet", o->file);
	test_write(o->folder, "c.parquet", o->file);
	o->fd = open(o->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(o->fd >= 0);
	assert_int_equal(archive_open_folder(&o->a, only, o->fd, true, &o->options, &err), 0);
}

static void close_three(struct opened *o)
{
	archive_close(&o->a);
	blocks_close(o->options.blocks);
	close(o->fd);
	test_folder_remove(o->folder);
	test_unload(o->file);
}

static void *ask_size(void *arg)
{
	struct opened *o = arg;
	static uint64_t size;
	struct error err = {""};
	return archive_size(&o->a, test_node(&o->a, "s/values"), &size, &err) == 0 ? &size : NULL;
}

/* With the lock held elsewhere it is decoded all the same. */
static void a_size_is_decoded_under_no_lock(void **state)
{
	struct blocks_stats stats = {0};
	struct opened o;
	pthread_t thread;
	void *size;
	(void)state;
	open_three(&o);
	pthread_mutex_lock(&o.a.lock);
	assert_int_equal(pthread_create(&thread, NULL, ask_size, &o), 0);
	for (unsigned i = 0; i < 5000 && stats.bytes < 3 * 80; i++) {
		usleep(1000);
		blocks_stats(o.options.blocks, &stats);
	}
	pthread_mutex_unlock(&o.a.lock);
	pthread_join(thread, &size);
	assert_true(stats.bytes >= 3 * 80);
	assert_non_null(size);
	assert_int_equal(*(uint64_t *)size, 3 * 80);
	close_three(&o);
}

static int read_at(struct opened *o, uint64_t at, uint8_t *ret, size_t len)
{
	struct error err = {""};
	struct answer answer;
	answer_init(&answer);
	int r = archive_read(&o->a, test_node(&o->a, "s/values"), at, len, &answer, &err);
	if (r == 0)
		r = answer_copy(&answer, ret, &err);
	answer_close(&answer);
	return r;
}

/* Its bytes are not left out of the column without a word. */
static void bytes_of_a_file_that_is_gone_are_a_fault(void **state)
{
	struct error err = {""};
	struct opened o;
	uint8_t got[80];
	uint64_t size;
	(void)state;
	open_three(&o);
	char *gone = test_path(o.folder, "b.parquet");
	assert_int_equal(unlink(gone), 0);
	free(gone);
	assert_int_equal(archive_size(&o.a, test_node(&o.a, "s/values"), &size, &err), 0);
	assert_true(size > 160);
	assert_int_equal(read_at(&o, 0, got, 80), 0);
	assert_memory_equal(got, "w0w1w2", 6);
	assert_true(read_at(&o, 80, got, 1) < 0);
	assert_int_equal(read_at(&o, size - 80, got, 80), 0);
	assert_memory_equal(got, "w0w1w2", 6);
	assert_memory_equal(got + 74, "w28w29", 6);
	close_three(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_decoded_under_no_lock),
		cmocka_unit_test(bytes_of_a_file_that_is_gone_are_a_fault),
	};
	return cmocka_run_group_tests_name("parquet_dataset", tests, NULL, NULL);
}
