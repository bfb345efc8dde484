/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "fs/archive/attrs.h"
#include "fs/archive/shape.h"
#include "tests/support.h"

/* A format of one archive, below lists: sizes that it tells only when asked, counted. */
static unsigned asked;

static const uint64_t inner[] = {2, 3};
static const struct array offsets = {.dtype = DTYPE_INT64, .unshaped = true, .sized = true},
			  halves = {.dtype = DTYPE_FLOAT16, .unshaped = true, .sized = true, .rank = 2, .shape = inner},
			  bytes = {.dtype = DTYPE_UINT8, .unshaped = true, .sized = true},
			  strings = {.dtype = DTYPE_STRING, .unshaped = true, .sized = true},
			  structs = {.dtype = DTYPE_STRUCT, .unshaped = true, .sized = true},
			  null_space = {.dtype = DTYPE_FLOAT32, .unshaped = true};

static void add(struct archive *a, uint32_t dir, const char *name, const struct array *array, const char *size)
{
	tree_describe(&a->tree, tree_lazy(&a->tree, dir, slice_text(name), size, SIZE_UNKNOWN), array);
}

static bool probe(const struct peek *p)
{
	(void)p;
	return true;
}

static int open_lists(struct archive *a, struct error *err)
{
	(void)err;
	add(a, TREE_ROOT, "halves", &halves, "48");
	add(a, TREE_ROOT, "odd", &halves, "50");
	add(a, TREE_ROOT, "null", &null_space, "0");
	add(a, TREE_ROOT, "lost", &bytes, "");
	uint32_t group = tree_branch(&a->tree, TREE_ROOT, SLICE("struct")), s;
	tree_describe(&a->tree, group, &structs);
	s = tree_branch(&a->tree, group, SLICE("s"));
	tree_describe(&a->tree, s, &strings);
	add(a, s, "offsets", &offsets, "40");
	add(a, s, "values", &bytes, "7");
	add(a, group, "x", &halves, "48");
	uint32_t faulty = tree_lazy(&a->tree, TREE_ROOT, SLICE("faulty"), "4", SIZE_UNKNOWN);
	tree_describe(&a->tree, faulty, &bytes);
	tree_attr(&a->tree, faulty, SLICE("arrayfs.error"), SLICE("cannot be read"));
	return 0;
}

static int size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const char *text = n->lazy;
	(void)a;
	asked++;
	*ret = strtoull(text, NULL, 10);
	return *text ? 0 : error_set(err, EIO, "it is lost");
}

static const struct format lists = {.name = "lists", .probe = probe, .open = open_lists, .size = size};

static struct archive open_archive(void)
{
	static const struct format *const only[] = {&lists, NULL};
	static struct archive_options options;
	struct error err = {""};
	struct archive a;
	options = test_options();
	assert_int_equal(archive_open_source(&a, only, source_memory(SLICE("lists")), "x", &options, &err), 0);
	asked = 0;
	return a;
}

static void a_size_tells_the_first_extent(void **state)
{
	struct archive a = open_archive();
	(void)state;
	assert_string_equal(test_attr(&a, "halves", "array.shape"), "[4,2,3]");
	assert_string_equal(test_attr(&a, "halves", "array.order"), "C");
	assert_string_equal(test_attr(&a, "struct/s/values", "array.shape"), "[7]");
	assert_string_equal(test_attr(&a, "struct/s", "array.shape"), "[4]");
	assert_string_equal(test_attr(&a, "struct", "array.shape"), "[4]"); /* by x, a file, not by s */
	assert_null(test_attr(&a, "struct", "array.order"));
	archive_close(&a);
}

static void what_has_no_shape_is_told_none(void **state)
{
	static const char *const names[] = {"null", "faulty"};
	struct archive a = open_archive();
	struct shaped shaped;
	struct error err = {""};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_false(shape_exists(test_node(&a, names[i])));
		assert_null(test_attr(&a, names[i], "array.shape"));
		assert_null(test_attr(&a, names[i], "array.order"));
	}
	assert_int_equal(shape_find(&a, test_node(&a, "odd"), &shaped, &err), -ENODATA);
	assert_int_equal(shape_find(&a, test_node(&a, "lost"), &shaped, &(struct error){""}), -EIO);
	archive_close(&a);
}

static int count(void *arg, const struct attr *attr)
{
	unsigned *later = arg;
	*later += attr->later && slice_equal(attr->name, SLICE("array.shape")) && attr->value.len == 0;
	return 0;
}

static void nothing_is_decoded_before_somebody_asks_for_the_shape(void **state)
{
	struct archive a = open_archive();
	struct error err = {""};
	struct shaped shaped;
	unsigned later = 0;
	(void)state;
	assert_int_equal(attrs_walk(&a, test_find(&a, "halves"), test_node(&a, "halves"), count, &later, &err), 0);
	assert_string_equal(test_attr(&a, "halves", "array.dtype"), "float16");
	shape_known(&a, test_node(&a, "halves"), &shaped);
	assert_true(shaped.array.unshaped);
	assert_int_equal(later, 1);
	assert_int_equal(asked, 0);
	assert_string_equal(test_attr(&a, "halves", "array.shape"), "[4,2,3]");
	assert_string_equal(test_attr(&a, "halves", "array.shape"), "[4,2,3]");
	assert_int_equal(asked, 1);
	shape_known(&a, test_node(&a, "halves"), &shaped);
	assert_false(shaped.array.unshaped);
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_tells_the_first_extent),
		cmocka_unit_test(what_has_no_shape_is_told_none),
		cmocka_unit_test(nothing_is_decoded_before_somebody_asks_for_the_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
