/* SPDX-License-Identifier: MIT */
/*
 * HDF5: objects that several paths lead to.  Each file is one node, whose link count is
 * the number of its names, and whose identity does not depend on the order of looks.
 */
#include "tests/support.h"

extern const struct format format_hdf5;

static void opens(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(test_data_folder(), name);
	assert_int_equal(test_open_file(a, &format_hdf5, path, &err), 0);
	free(path);
}

enum { NAMES_MAX = 1024 };

struct shown {
	struct seen {
		char path[200];
		uint64_t identity;
		uint32_t node, links;
		bool dir, file;
	} list[NAMES_MAX];
	unsigned count;
};

/* Every name below the directory; children are filled from the last on if `back`. */
static void collect(struct archive *a, uint32_t dir, const char *path, bool back, struct shown *ret)
{
	uint32_t ids[NAMES_MAX], count = 0;
	assert_int_equal(archive_fill(a, dir, NULL), 0);
	for (uint32_t id = tree_node(&a->tree, dir)->child; id; id = tree_node(&a->tree, id)->next)
		ids[count++] = id;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = ids[back ? count - 1 - i : i], node = tree_resolve(&a->tree, id);
		const struct node *n = tree_node(&a->tree, node);
		struct seen *s = &ret->list[ret->count++];
		assert_true(ret->count < NAMES_MAX);
		snprintf(s->path, sizeof s->path, "%s/%s", path, tree_node(&a->tree, id)->name);
		s->identity = format_hdf5.identity(a, node, n);
		s->node = node;
		s->dir = n->kind == NODE_DIR;
		s->file = n->kind != NODE_DIR && n->kind != NODE_LINK;
		s->links = s->file && n->links ? n->links : 1;
		if (s->dir)
			collect(a, node, s->path, back, ret);
	}
}

static const struct seen *find(const struct shown *n, const char *path)
{
	for (unsigned i = 0; i < n->count; i++)
		if (strcmp(n->list[i].path, path) == 0)
			return &n->list[i];
	fail_msg("no %s", path);
	return NULL;
}

/* Held for every fixture: as many names as links, one identity for each node. */
static void check_names(const struct shown *n)
{
	for (unsigned i = 0; i < n->count; i++) {
		unsigned names = 0;
		for (unsigned k = 0; k < n->count; k++) {
			names += n->list[k].node == n->list[i].node;
			assert_int_equal(n->list[k].node == n->list[i].node, n->list[k].identity == n->list[i].identity);
		}
		assert_int_not_equal(n->list[i].identity, 0);
		assert_int_equal(names, n->list[i].links);
	}
}

static void every_name_counts(void **state)
{
	static const char *const files[] = {"paths.h5", "links.h5", "old.h5", "latest.h5", "dense.h5", "filtered.h5"};
	static struct shown forth, back;
	(void)state;
	for (unsigned f = 0; f < sizeof files / sizeof *files; f++) {
		struct archive a;
		forth.count = back.count = 0;
		opens(&a, files[f]);
		collect(&a, TREE_ROOT, "", false, &forth);
		archive_close(&a);
		opens(&a, files[f]);
		collect(&a, TREE_ROOT, "", true, &back);
		archive_close(&a);
		check_names(&forth);
		assert_int_equal(forth.count, back.count);
		for (unsigned i = 0; i < forth.count; i++) {
			const struct seen *s = find(&back, forth.list[i].path);
			assert_int_equal(s->identity, forth.list[i].identity);
			assert_int_equal(s->links, forth.list[i].links);
		}
	}
}

/* The paths that h5py's visititems would take if it followed every link. */
static void paths_of_groups_are_names(void **state)
{
	static const struct {
		const char *path;
		uint32_t links;
	} want[] = {
		{"a/d", 4}, {"b/d", 4}, {"c/in/d", 4}, {"only/more", 4}, {"a/none", 3}, {"a/type", 3}, {"c/in/pair/i", 3},
		{"b/pair/x/y", 3}, {"a/text/offsets", 3}, {"b/text/values", 3}, {"only/s", 2}, {"only/mine", 2},
		{"p/x", 2}, {"q/to/x", 2}, {"p/to/y", 2},
	};
	struct archive a;
	(void)state;
	opens(&a, "paths.h5");
	for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
		assert_int_equal(test_node(&a, want[i].path)->links, want[i].links);
	assert_ptr_equal(test_node(&a, "a/pair/x/y"), test_node(&a, "b/pair/x/y"));
	assert_ptr_equal(test_node(&a, "a/d"), test_node(&a, "only/more"));
	check_bytes(&a, "c/in/d", "\0\0\0\0\1\0\0\0\2\0\0", 12);
	check_bytes(&a, "b/text/values", "onetwo", 6);
	assert_string_equal(test_node(&a, "p/to/to")->target, "..");
	assert_string_equal(test_node(&a, "c/in/link")->target, "../../only/s");
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_counts),
		cmocka_unit_test(paths_of_groups_are_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
