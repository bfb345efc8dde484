/* SPDX-License-Identifier: MIT */
/* A directory of Arrow files as one table: read whole and in pieces it is the same, and what each
 * field has in three copies of a file is what the file has, three times. */
#include <fcntl.h>
#include <unistd.h>

#include "fs/blocks/blocks.h"
#include "tests/look.h"
#include "tests/support.h"

extern const struct format format_table, format_arrow;

struct opened {
	struct archive_options options;
	struct archive a;
	char *folder;
	int fd;
};

static int open_copies(struct opened *o, const char *const *fixtures, struct error *err)
{
	static const struct format *const only[] = {&format_table, NULL};
	char name[] = "0.arrow";
	o->options = test_options();
	assert_int_equal(blocks_open(&o->options.blocks, 16 << 20, 2), 0);
	o->folder = test_folder();
	for (; *fixtures; fixtures++, name[0]++) {
		struct slice file = test_data(*fixtures);
		test_write(o->folder, name, file);
		test_unload(file);
	}
	o->fd = open(o->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(o->fd >= 0);
	return archive_open_folder(&o->a, only, o->fd, true, &o->options, err);
}

static void close_copies(struct opened *o, bool opened)
{
	if (opened)
		archive_close(&o->a);
	blocks_close(o->options.blocks);
	close(o->fd);
	test_folder_remove(o->folder);
}

static void a_table_reads_the_same_in_pieces(void **state)
{
	static const char *const fixtures[] = {"pyarrow-types.arrow", "pyarrow-nested.arrow", "pyarrow-nested-zstd.arrow", "pyarrow-slices.arrows",
					       "pyarrow-dictionary-replaced-lz4.arrows", "message-big-dictionary.arrows", "polars-categories.arrow"};
	(void)state;
	for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
		const char *const copies[] = {fixtures[i], fixtures[i], fixtures[i], NULL};
		struct look l = {.nodes = 1000, .bytes = 4096, .split = true};
		struct error err = {""};
		struct opened o;
		if (open_copies(&o, copies, &err) < 0)
			fail_msg("%s: %s", fixtures[i], err.text);
		if (!look(&l, &o.a))
			fail_msg("%s: %s", fixtures[i], l.broken);
		assert_int_equal(l.refused, 0);
		close_copies(&o, true);
	}
}

static void three_copies_have_three_times_the_rows(void **state)
{
	const char *const copies[] = {"pyarrow-batches.arrows", "pyarrow-batches.arrows", "pyarrow-batches.arrows", NULL};
	struct archive_options options = test_options();
	struct slice file = test_data(copies[0]);
	const struct node *root, *n;
	struct error err = {""};
	struct opened o;
	struct archive one;
	(void)state;
	static const struct format *const only[] = {&format_arrow, NULL};
	assert_int_equal(archive_open_source(&one, only, source_memory(file), copies[0], &options, &err), 0);
	assert_int_equal(open_copies(&o, copies, &err), 0);
	root = tree_node(&one.tree, TREE_ROOT);
	assert_true(root->child != 0);
	for (uint32_t i = root->child; i && (n = tree_node(&one.tree, i)); i = n->next) {
		if (n->kind != NODE_LAZY || n->size == SIZE_UNKNOWN)
			continue;
		struct node *sum = test_node(&o.a, n->name);
		assert_non_null(sum);
		assert_int_equal(sum->size, 3 * n->size);
	}
	close_copies(&o, true);
	archive_close(&one);
	test_unload(file);
}

static void what_cannot_be_united_is_refused(void **state)
{
	static const char *const pairs[][4] = {
		{"pyarrow-types.arrow", "pyarrow-types.arrow", "message-big-types.arrows", NULL},
		{"pyarrow-nested.arrow", "pyarrow-types.arrow", NULL},
	};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct error err = {""};
		struct opened o;
		assert_true(open_copies(&o, pairs[i], &err) < 0);
		assert_non_null(strstr(err.text, i ? " in 0.arrow, and 1.arrow has no such column" : "byte order is little in 1.arrow and big in 2.arrow"));
		close_copies(&o, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_reads_the_same_in_pieces),
		cmocka_unit_test(three_copies_have_three_times_the_rows),
		cmocka_unit_test(what_cannot_be_united_is_refused),
	};
	return cmocka_run_group_tests_name("arrow_dataset", tests, NULL, NULL);
}
