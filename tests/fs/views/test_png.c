/* SPDX-License-Identifier: MIT */
/* A picture is made once, by many, also while sizes change. */
#include <pthread.h>

#include "fs/views/picture.h"
#include "fs/views/png.h"
#include "tests/support.h"

enum { ROWS = 3000, COLUMNS = 2000, LONG = 1 << 26 };
static _Atomic int resizes, failing;
static _Atomic uint64_t asked;

static int open_planted(struct archive *a, struct error *err)
{
	static const uint64_t shape[] = {ROWS, COLUMNS}, below[] = {COLUMNS}, few[] = {4, LONG};
	static const int here;
	const struct array whole = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .rank = 2, .shape = shape};
	const struct array wide = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .rank = 2, .shape = few};
	const struct array sized = {.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_LITTLE, .unshaped = true, .sized = true, .rank = 1, .shape = below};
	(void)err;
	tree_describe(&a->tree, tree_lazy(&a->tree, TREE_ROOT, SLICE("a"), &here, (uint64_t)ROWS * COLUMNS * 4), tree_array(&a->tree, &whole));
	tree_describe(&a->tree, tree_lazy(&a->tree, TREE_ROOT, SLICE("long"), &here, (uint64_t)LONG * 16), tree_array(&a->tree, &wide));
	tree_describe(&a->tree, tree_lazy(&a->tree, TREE_ROOT, SLICE("sized"), &here, SIZE_UNKNOWN), tree_array(&a->tree, &sized));
	tree_describe(&a->tree, tree_fault(&a->tree, TREE_ROOT, SLICE("fault"), "it is broken", NULL), tree_array(&a->tree, &sized));
	return 0;
}

static int size_planted(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)a, (void)n, (void)err;
	*ret = resizes ? COLUMNS * 4 * 10 : COLUMNS * 4 * 20; /* too few rows, as long as it turns out to be wrong */
	return 0;
}

static int read_planted(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *to;
	(void)n;
	asked += len;
	if (failing)
		return error_set(err, EIO, "byte %llu is gone", (unsigned long long)offset);
	if (resizes > 0 && resizes-- > 0)
		archive_resize(a);
	int r = answer_own(ret, (size_t)len, &to);
	for (uint64_t i = 0; r == 0 && i < len; i += 4) {
		float v = (float)((offset + i) / 4 % 1000);
		memcpy(to + i, &v, 4);
	}
	return r;
}

static bool probe(const struct peek *p)
{
	(void)p;
	return true;
}

static const struct format planted = {.name = "planted", .probe = probe, .open = open_planted, .size = size_planted, .read = read_planted};
static struct archive_options options;

static void open_with(struct archive *a, size_t cache)
{
	static const struct format *const only[] = {&planted, NULL};
	struct error err = {""};
	resizes = failing = 0;
	asked = 0;
	options = test_options();
	options.blocks = NULL;
	if (cache)
		assert_int_equal(blocks_open(&options.blocks, cache, 2), 0);
	assert_int_equal(archive_open_source(a, only, source_memory(SLICE("-")), "x", &options, &err), 0);
}

static void close_all(struct archive *a)
{
	archive_close(a);
	blocks_close(options.blocks);
}

static uint64_t size_of(struct archive *a, const char *name)
{
	struct error err = {""};
	uint64_t size;
	assert_int_equal(view_png_size(a, test_node(a, name), &size, &err), 0);
	return size;
}

static int try_read(struct archive *a, const char *name, uint64_t offset, uint64_t len, uint8_t *to, const _Atomic bool *gone, struct error *err)
{
	struct answer answer;
	answer_init(&answer);
	answer.gone = gone;
	int r = view_png_read(a, test_node(a, name), offset, len, &answer, err);
	if (r == 0)
		assert_int_equal(answer.len, len);
	if (r == 0)
		assert_int_equal(answer_copy(&answer, to, err), 0);
	answer_close(&answer);
	return r;
}

static uint8_t *whole_of(struct archive *a, const char *name)
{
	struct error err = {""};
	uint64_t size = size_of(a, name);
	uint8_t *all = malloc(size);
	if (try_read(a, name, 0, size, all, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return all;
}

static void it_is_the_same_with_any_cache(void **state)
{
	static const size_t caches[] = {64 << 20, 1 << 22};
	struct archive a;
	(void)state;
	open_with(&a, 0);
	uint64_t size = size_of(&a, "a");
	assert_int_equal(asked, 0); /* a size costs nothing */
	uint8_t *want = whole_of(&a, "a");
	assert_int_equal(asked, ROWS * COLUMNS * 4);
	close_all(&a);
	for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
		open_with(&a, caches[i]);
		uint8_t *got = whole_of(&a, "a");
		assert_memory_equal(got, want, size);
		assert_true(caches[i] < 64 << 20 || asked == (uint64_t)ROWS * COLUMNS * 4);
		uint64_t before = asked;
		struct error err = {""};
		assert_int_equal(try_read(&a, "a", size / 2, 100, got, NULL, &err), 0);
		assert_memory_equal(got, want + size / 2, 100);
		assert_true(asked == before); /* it is kept */
		free(got);
		close_all(&a);
	}
	free(want);
}

static void of_long_rows_spots_are_read(void **state)
{
	struct archive a;
	(void)state;
	open_with(&a, 0);
	uint8_t *want = whole_of(&a, "long");
	assert_in_range(asked, 1 << 20, (uint64_t)LONG * 16 / 8);
	close_all(&a);
	open_with(&a, 64 << 20);
	uint8_t *got = whole_of(&a, "long");
	assert_memory_equal(got, want, size_of(&a, "long"));
	free(got);
	free(want);
	close_all(&a);
}

static void *read_all(void *arg)
{
	return whole_of(arg, "a");
}

static void many_readers_make_it_once(void **state)
{
	enum { READERS = 6 };
	pthread_t threads[READERS];
	struct archive a;
	void *got[READERS];
	(void)state;
	open_with(&a, 64 << 20);
	for (int i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_all, &a);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], &got[i]);
	assert_int_equal(asked, ROWS * COLUMNS * 4);
	for (int i = 0; i < READERS; i++) {
		assert_memory_equal(got[i], got[0], size_of(&a, "a"));
		if (i)
			free(got[i]);
	}
	free(got[0]);
	close_all(&a);
}

static void a_size_that_was_wrong_is_found_anew(void **state)
{
	struct archive a;
	struct error err = {""};
	uint8_t few[8];
	(void)state;
	open_with(&a, 64 << 20);
	resizes = 1;
	uint64_t before = size_of(&a, "sized");
	assert_int_equal(before, picture_file_size(1000, 70));
	assert_int_equal(try_read(&a, "sized", 0, sizeof few, few, NULL, &err), 0);
	assert_int_equal(size_of(&a, "sized"), picture_file_size(1000, 80));
	free(whole_of(&a, "sized"));
	close_all(&a);
}

static void faults_are_told(void **state)
{
	struct archive a;
	struct error err = {""};
	uint64_t size;
	uint8_t few[8];
	const _Atomic bool gone = true;
	(void)state;
	open_with(&a, 64 << 20);
	failing = 1;
	assert_int_equal(try_read(&a, "a", 100, sizeof few, few, NULL, &err), -EIO);
	assert_non_null(strstr(err.text, "is gone"));
	failing = 0;
	assert_int_equal(try_read(&a, "a", 100, sizeof few, few, &gone, &err), -EINTR);
	free(whole_of(&a, "a"));
	err.text[0] = '\0';
	assert_int_equal(view_png_size(&a, test_node(&a, "fault"), &size, &err), -EIO);
	assert_string_equal(err.text, "it is broken");
	close_all(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_same_with_any_cache),
		cmocka_unit_test(of_long_rows_spots_are_read),
		cmocka_unit_test(many_readers_make_it_once),
		cmocka_unit_test(a_size_that_was_wrong_is_found_anew),
		cmocka_unit_test(faults_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
