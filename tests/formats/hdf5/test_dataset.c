/* SPDX-License-Identifier: MIT */
/* HDF5: what is kept of a dataset, and what is read again when it is needed. */
#include <endian.h>
#include <sys/resource.h>
#include <unistd.h>

#include "formats/hdf5/store.h"
#include "tests/support.h"

extern const struct format format_hdf5;

/* --- a file of many datasets ------------------------------------------------------------- */

enum { MANY = 30000, MOST = 250 * MANY, FIRST = 96, HEAD = 16, LINK = 32, DATASET = 128 };

/* Not inlined: gcc 12 with UBSan would see a NULL in the sum of two pointers. */
__attribute__((noinline)) static uint8_t *put(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static uint8_t *put_number(uint8_t *p, uint64_t n, size_t len)
{
	n = htole64(n);
	return put(p, &n, len);
}

static void put_header(uint8_t *p, size_t len)
{
	p = put(p, "\1\0\0\0\1\0\0\0", 8);
	put_number(p, len, 8);
}

static uint8_t *put_message(uint8_t *p, unsigned type, const void *bytes, size_t len)
{
	p = put_number(p, type, 2);
	p = put_number(p, len, 6);
	return put(p, bytes, len);
}

/* Doubles, one dimension; in one piece from the file's first byte, or packed in chunks that
 * were never written. */
static void put_dataset(uint8_t *p, uint64_t extent, bool chunked)
{
	static const uint8_t type[20] = {0x11, 0x20, 0x3f, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3};
	uint8_t space[16] = {1, 1}, piece[18] = {3, 1}, chunks[19] = {3, 2, 2, [11] = 4, [15] = 8};
	put_header(p, DATASET - HEAD);
	put_number(space + 8, extent, 8);
	memset(chunks + 3, 0xff, 8);
	p = put_message(p + HEAD, H5_DATASPACE, space, sizeof space);
	p = put_message(p, H5_DATATYPE, type, sizeof type);
	if (chunked)
		p = put_message(p, H5_FILTERS, "\2\1\1\0\0\0\1\0\4\0\0\0", 12);
	put_message(p, H5_LAYOUT, chunked ? chunks : piece, chunked ? sizeof chunks : sizeof piece);
}

static struct slice many_datasets(bool alike, bool chunked)
{
	size_t len = FIRST + HEAD + (size_t)MANY * (LINK + DATASET);
	uint8_t *file = calloc(1, len), *link = file + FIRST + HEAD, *dataset = link + (size_t)MANY * LINK, *p;
	if (!file)
		abort();
	p = put(file, "\x89HDF\r\n\x1a\n\0\0\0\0\0\10\10", 16);
	put_number(p + 24, len, 8);
	put_number(p + 32, H5_UNDEFINED, 8);
	put_number(p + 48, FIRST, 8);
	put_header(file + FIRST, (size_t)MANY * LINK);
	for (unsigned i = 0; i < MANY; i++, link += LINK, dataset += DATASET) {
		uint8_t text[LINK - 8] = {1, 0, 8};
		snprintf((char *)text + 3, 9, "d%07u", i);
		put_number(text + 11, (uint64_t)(dataset - file), 8);
		put_message(link, H5_LINK, text, sizeof text);
		put_dataset(dataset, alike ? 3 : i + 1, chunked);
	}
	return (struct slice){file, len};
}

static void open_bytes(struct archive *a, struct slice file, const struct archive_options *options)
{
	const struct format *const only[] = {&format_hdf5, NULL};
	struct error err = {0};
	int r = archive_open_source(a, only, source_memory(file), "x.h5", options, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
}

/* Also where no two are described alike. */
static void a_dataset_takes_at_most_250_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct archive_options options = test_options();
		struct archive a;
		struct slice file = many_datasets(i & 1, i & 2);
		options.memory = MOST;
		open_bytes(&a, file, &options);
		assert_int_equal(archive_fill(&a, TREE_ROOT, &(struct error){0}), 0);
		assert_in_range(a.tree.count, MANY, MANY + 8);
		assert_in_range(a.arena.used, MANY, MOST);
		assert_string_equal(test_shape(&a, "d0000002"), "[3]");
		assert_string_equal(test_dtype(&a, "d0000002"), "float64");
		check_bytes(&a, "d0000002", i & 2 ? (uint8_t[24]){0} : file.data, 24);
		archive_close(&a);
		test_unload(file);
	}
}

/* --- stores that are made again ------------------------------------------------------------ */

/* As it was when the dataset was listed, as far as the tree tells; and twice the same. */
static void check_store(struct archive *a, const struct node *n)
{
	const struct h5_node *node = n->lazy;
	const struct h5_store *s, *same;
	struct block *block, *second;
	struct error err = {0};
	if (node->kind != H5_NODE_DATASET)
		return;
	assert_int_equal(h5_node_store(a, node, NULL, &s, &block, &err), 0);
	assert_int_equal(h5_node_store(a, node, NULL, &same, &second, &err), 0);
	assert_ptr_equal(s->node, node);
	assert_int_equal(s->size, n->size);
	assert_true(s->rank <= n->array->rank);
	assert_memory_equal(s->dims, n->array->shape, s->rank * sizeof *s->dims);
	assert_ptr_not_equal(s, same); /* without a cache */
	assert_int_equal(s->address, same->address);
	assert_int_equal(s->storage, same->storage);
	assert_int_equal(s->pipeline.count, same->pipeline.count);
	assert_int_equal(!s->fill, !same->fill);
	if (s->fill)
		assert_memory_equal(s->fill, same->fill, s->element);
	if (s->chunk)
		assert_memory_equal(s->chunk, same->chunk, s->rank * sizeof *s->chunk);
	blocks_release(block);
	blocks_release(second);
}

static void a_store_made_again_is_the_same(void **state)
{
	static const char *const names[] = {"old.h5", "latest.h5", "index.h5", "pack.h5", "shared.h5", "dense.h5", "external.h5", "virtual.h5"};
	(void)state;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct archive a;
		struct error err = {0};
		char *path = test_path(test_data_folder(), names[i]);
		assert_int_equal(test_open_file(&a, &format_hdf5, path, &err), 0);
		for (uint32_t k = TREE_ROOT; k < a.tree.count; k++) {
			const struct node *n = tree_node(&a.tree, k);
			if (n->kind == NODE_DIR)
				archive_fill(&a, k, &err);
			else if (n->kind == NODE_LAZY)
				check_store(&a, n);
		}
		archive_close(&a);
		free(path);
	}
}

static int open_filled(struct archive *a, const char *path, struct error *err)
{
	int r = test_open_file(a, &format_hdf5, path, err);
	if (r == 0 && (r = archive_fill(a, TREE_ROOT, err)) < 0)
		archive_close(a);
	return r;
}

static unsigned count_unreadable(struct archive *a)
{
	unsigned count = 0;
	for (uint32_t i = TREE_ROOT + 1; i < a->tree.count; i++) {
		struct node *n = tree_node(&a->tree, i);
		struct answer answer;
		struct error err = {0};
		answer_init(&answer);
		count += n->kind != NODE_DIR && archive_read(a, n, 0, 1, &answer, &err) < 0;
		answer_close(&answer);
	}
	return count;
}

/* Of files that cannot be opened for want of descriptors nothing is remembered. */
static void a_lack_of_descriptors_passes(void **state)
{
	static const char *const names[] = {"external.h5", "virtual.h5"};
	struct rlimit all;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct archive a;
		struct error err = {0};
		char *path = test_path(test_data_folder(), names[i]);
		assert_int_equal(open_filled(&a, path, &err), 0);
		unsigned unreadable = count_unreadable(&a);
		archive_close(&a);
		int first = dup(0), r = -EMFILE;
		close(first);
		for (rlim_t left = 0; r < 0; left++) {
			struct error why = {0};
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)first + left, all.rlim_max});
			r = open_filled(&a, path, &why);
			setrlimit(RLIMIT_NOFILE, &all);
			assert_true(r == 0 || r == -EMFILE);
		}
		assert_int_equal(count_unreadable(&a), unreadable);
		archive_close(&a);
		free(path);
	}
}

/* Every number of that value; returns how many there were. */
static unsigned replace(struct slice file, uint64_t from, uint64_t to)
{
	unsigned count = 0;
	for (size_t i = 0; i + 8 <= file.len; i++) {
		uint64_t n;
		memcpy(&n, file.data + i, 8);
		if (le64toh(n) != from)
			continue;
		put_number((uint8_t *)(uintptr_t)file.data + i, to, 8);
		count++;
	}
	return count;
}

/* "l": 40 numbers of two bytes.  Overwritten in place, it is not what was listed. */
static void a_dataset_that_changed_is_not_read(void **state)
{
	struct archive_options options = test_options();
	struct archive a;
	struct answer answer;
	struct error err = {0};
	struct slice file = test_data("old.h5");
	(void)state;
	open_bytes(&a, file, &options);
	struct node *n = test_node(&a, "l");
	answer_init(&answer);
	assert_int_equal(archive_read(&a, n, 0, 80, &answer, &err), 0);
	assert_int_equal(answer.len, 80);
	answer_reset(&answer);
	assert_in_range(replace(file, 40, 41), 1, 100);
	assert_int_equal(archive_read(&a, n, 0, 80, &answer, &err), -EIO);
	assert_string_equal(err.text, "82 bytes, not 80 any more");
	answer_close(&answer);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dataset_takes_at_most_250_bytes),
		cmocka_unit_test(a_store_made_again_is_the_same),
		cmocka_unit_test(a_lack_of_descriptors_passes),
		cmocka_unit_test(a_dataset_that_changed_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
