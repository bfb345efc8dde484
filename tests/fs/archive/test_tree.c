/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/archive/tree.h"
#include "fs/base/name.h"
#include "tests/support.h"

/* A tree that is being filled at its root. */
static struct arena arena;
static struct tree tree;

static int begin(void **state)
{
	(void)state;
	arena = (struct arena){.limit = 256 << 20};
	assert_int_equal(tree_init(&tree, &arena), 0);
	assert_int_equal(tree_fill(&tree, TREE_ROOT, NULL), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_free(&tree);
	arena_free(&arena);
	return 0;
}

static uint32_t leaf(const char *name)
{
	return tree_bytes(&tree, TREE_ROOT, slice_text(name), "x", 1);
}

static const char *name_of(uint32_t id)
{
	return tree_edit(&tree, id)->name;
}

/* As a format adds a member by its whole name. */
static uint32_t member(const char *name, char split)
{
	struct tree_path path = tree_path(&tree, TREE_ROOT, slice_text(name), split);
	uint32_t id = tree_bytes(&tree, path.parent, path.leaf, "x", 1);
	tree_path_end(&tree, &path, id);
	return id;
}

/* The shown path of a node. */
static const char *path_of(uint32_t id)
{
	static char text[4][2048];
	static int k;
	char *ret = text[k = (k + 1) % 4], whole[2048];
	ret[0] = '\0';
	for (; id != TREE_ROOT; id = tree_edit(&tree, id)->parent) {
		snprintf(whole, sizeof whole, "%s%s%s", name_of(id), ret[0] ? "/" : "", ret);
		strcpy(ret, whole);
	}
	return ret;
}

static const char *attr(uint32_t id, const char *name)
{
	static char text[1024];
	for (const struct attr *a = tree_edit(&tree, id)->attrs; a; a = a->next)
		if (slice_equal(a->name, slice_text(name))) {
			snprintf(text, sizeof text, "%.*s", (int)a->value.len, a->value.data);
			return text;
		}
	return NULL;
}

static uint32_t find(uint32_t dir, const char *name)
{
	return tree_find(&tree, tree_node(&tree, dir), dir, slice_text(name));
}

/* --- names ------------------------------------------------------------- */

static void of_equal_names_the_later_gets_a_suffix(void **state)
{
	(void)state;
	uint32_t a = leaf("a");
	assert_false(tree.gave_way);
	uint32_t b = leaf("a"), c = leaf("a");
	assert_true(tree.gave_way);
	assert_string_equal(name_of(a), "a");
	assert_string_equal(name_of(b), "a~2");
	assert_string_equal(name_of(c), "a~3");
	assert_null(attr(a, "arrayfs.name"));
	assert_string_equal(attr(b, "arrayfs.name"), "a");
	assert_string_equal(attr(c, "arrayfs.name"), "a");
}

static void a_suffix_that_is_taken_is_passed_over(void **state)
{
	(void)state;
	uint32_t two = leaf("a~2"), a = leaf("a"), b = leaf("a"), again = leaf("a~2");
	assert_string_equal(name_of(two), "a~2");
	assert_string_equal(name_of(a), "a");
	assert_string_equal(name_of(b), "a~3");
	assert_string_equal(name_of(again), "a~2~2");
	assert_string_equal(attr(again, "arrayfs.name"), "a~2");
}

static void names_that_are_escaped_alike_collide(void **state)
{
	(void)state;
	uint32_t a = tree_bytes(&tree, TREE_ROOT, SLICE("\x01"), "x", 1), b = leaf("%01");
	assert_string_equal(name_of(a), "%01");
	assert_string_equal(name_of(b), "%01~2");
	assert_string_equal(attr(a, "arrayfs.name"), "\x01");
}

static void a_name_of_nothing_collides_with_an_underscore(void **state)
{
	(void)state;
	uint32_t a = leaf(""), b = leaf("_");
	assert_string_equal(name_of(a), "_");
	assert_string_equal(name_of(b), "_~2");
	assert_string_equal(attr(a, "arrayfs.name"), "");
}

static void the_views_name_is_kept_free(void **state)
{
	(void)state;
	uint32_t a = leaf(".arrayfs"), dir = tree_dir(&tree, TREE_ROOT, SLICE("d"));
	uint32_t below = tree_bytes(&tree, dir, SLICE(".arrayfs"), "x", 1);
	assert_string_equal(name_of(a), ".arrayfs~2");
	assert_string_equal(name_of(below), ".arrayfs"); /* at the root alone */
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_equal(find(TREE_ROOT, ".arrayfs"), 0);
	assert_int_equal(find(TREE_ROOT, ".arrayfs~2"), a);
	assert_int_equal(tree_node(&tree, TREE_ROOT)->child, a); /* nor is it listed */
}

static void a_directory_called_as_the_views_gives_way_with_all_below(void **state)
{
	(void)state;
	assert_string_equal(path_of(member(".arrayfs/a", 0)), ".arrayfs~2/a");
	assert_string_equal(path_of(member(".arrayfs/b", 0)), ".arrayfs~2/b");
	assert_string_equal(path_of(member(".arrayfs", 0)), ".arrayfs~3");
}

static void names_of_300_bytes_are_cut_apart(void **state)
{
	char a[301], b[301];
	(void)state;
	memset(a, 'x', sizeof a), memset(b, 'x', sizeof b);
	a[300] = b[300] = '\0', b[299] = 'y';
	uint32_t first = leaf(a), second = leaf(b), third = leaf(a);
	assert_int_equal(strlen(name_of(first)), 240);
	assert_string_not_equal(name_of(first), name_of(second));
	assert_int_equal(strlen(name_of(third)), 242);
	assert_memory_equal(name_of(third), name_of(first), 240);
	assert_string_equal(attr(first, "arrayfs.name"), a);
}

/* --- paths ------------------------------------------------------------- */

static void slashes_make_directories_that_merge(void **state)
{
	(void)state;
	uint32_t x = member("a/b/x", 0), y = member("a/b/y", 0), z = member("a/z", 0);
	assert_string_equal(path_of(x), "a/b/x");
	assert_string_equal(path_of(y), "a/b/y");
	assert_int_equal(tree_edit(&tree, x)->parent, tree_edit(&tree, y)->parent);
	assert_string_equal(path_of(z), "a/z");
	assert_null(attr(x, "arrayfs.name"));
}

static void empty_components_are_dropped(void **state)
{
	(void)state;
	uint32_t a = member("//a///b/", 0);
	assert_string_equal(path_of(a), "a/b");
	assert_string_equal(attr(a, "arrayfs.name"), "//a///b/");
	uint32_t none = member("///", 0), empty = member("", 0);
	assert_string_equal(path_of(none), "_");
	assert_string_equal(attr(none, "arrayfs.name"), "///");
	assert_string_equal(path_of(empty), "_~2");
	assert_string_equal(attr(empty, "arrayfs.name"), "");
}

static void dots_separate_only_on_request(void **state)
{
	(void)state;
	assert_string_equal(path_of(member("layers.0.weight", 0)), "layers.0.weight");
	uint32_t a = member("model.layers.0.weight", '.');
	assert_string_equal(path_of(a), "model/layers/0/weight");
	assert_string_equal(attr(a, "arrayfs.name"), "model.layers.0.weight");
	assert_string_equal(path_of(member("..", '.')), "_");
	assert_string_equal(path_of(member("a..b/c.", '.')), "a/b/c");
}

static void dot_components_are_escaped(void **state)
{
	(void)state;
	uint32_t a = member("../x/./y", 0);
	assert_string_equal(path_of(a), "%2E%2E/x/%2E/y");
	assert_string_equal(attr(a, "arrayfs.name"), "../x/./y");
}

static void a_leaf_before_the_directory_keeps_its_name(void **state)
{
	(void)state;
	uint32_t a = member("a", 0), b = member("a/b", 0), c = member("a/c/d", 0);
	assert_string_equal(path_of(a), "a");
	assert_string_equal(path_of(b), "a~2/b");
	assert_string_equal(path_of(c), "a~2/c/d"); /* one suffix for all its children */
	assert_string_equal(attr(b, "arrayfs.name"), "a/b");
	assert_null(attr(a, "arrayfs.name"));
}

static void a_directory_before_the_leaf_keeps_its_name(void **state)
{
	(void)state;
	uint32_t b = member("a/b", 0), a = member("a", 0), c = member("a/c", 0);
	assert_string_equal(path_of(b), "a/b");
	assert_string_equal(path_of(a), "a~2");
	assert_string_equal(path_of(c), "a/c");
	assert_string_equal(attr(a, "arrayfs.name"), "a");
}

static void directories_merge_by_their_shown_names(void **state)
{
	(void)state;
	assert_string_equal(path_of(member("\x01/a", 0)), "%01/a");
	assert_string_equal(path_of(member("%01/b", 0)), "%01/b"); /* merged, as it is shown */
	assert_string_equal(path_of(member("%01/a", 0)), "%01/a~2");
}

static void two_leaves_and_a_directory_of_one_name(void **state)
{
	(void)state;
	uint32_t a = member("a", 0), b = member("a", 0), c = member("a/x", 0), d = member("a/y", 0), e = member("a", 0);
	assert_string_equal(path_of(a), "a");
	assert_string_equal(path_of(b), "a~2");
	assert_string_equal(path_of(c), "a~3/x");
	assert_string_equal(path_of(d), "a~3/y");
	assert_string_equal(path_of(e), "a~4");
}

/* A member called "a~2" must not be taken for the directory that gave way. */
static void a_suffix_of_the_archives_own_is_not_ours(void **state)
{
	(void)state;
	uint32_t own = member("a~2/own", 0), a = member("a", 0), b = member("a/b", 0), more = member("a~2/more", 0);
	assert_string_equal(path_of(own), "a~2/own");
	assert_string_equal(path_of(a), "a");
	assert_string_equal(path_of(b), "a~3/b");
	assert_string_equal(path_of(more), "a~2/more");
	assert_string_equal(path_of(member("a/c", 0)), "a~3/c");
}

/* And what merges into a directory by its shown name is in it. */
static void the_shown_name_of_a_suffixed_directory_merges(void **state)
{
	(void)state;
	member("a", 0);
	assert_string_equal(path_of(member("a/b", 0)), "a~2/b");
	assert_string_equal(path_of(member("a~2/c", 0)), "a~2/c");
	assert_string_equal(path_of(member("a/d", 0)), "a~2/d");
}

static uint32_t branch(const char *name)
{
	return tree_branch(&tree, TREE_ROOT, slice_text(name));
}

/* A directory that stands for an array is one of two kinds, as a file is: the later gives way. */
static void nothing_merges_with_a_directory_of_its_own(void **state)
{
	(void)state;
	uint32_t first = branch("s"), below = member("s/x", 0), more = member("s/y/z", 0);
	assert_string_equal(path_of(first), "s");
	assert_string_equal(path_of(below), "s~2/x");
	assert_string_equal(path_of(more), "s~2/y/z"); /* one suffix for all its children */
	assert_string_equal(attr(below, "arrayfs.name"), "s/x");

	below = member("t/x", 0), first = branch("t"), more = member("t/y", 0);
	assert_string_equal(path_of(below), "t/x");
	assert_string_equal(path_of(first), "t~2");
	assert_string_equal(path_of(more), "t/y");

	member("u", 0), first = branch("u"), below = member("u/x", 0), more = member("u/y", 0);
	assert_string_equal(path_of(first), "u~2");
	assert_string_equal(path_of(below), "u~3/x");
	assert_string_equal(path_of(more), "u~3/y");
	assert_string_equal(path_of(member("u~2/x", 0)), "u~2~2/x");
}

static void suffixes_are_per_directory(void **state)
{
	(void)state;
	member("p/a", 0);
	assert_string_equal(path_of(member("p/a", 0)), "p/a~2");
	assert_string_equal(path_of(member("q/a", 0)), "q/a");
}

/* --- fillings ---------------------------------------------------------- */

static void nothing_is_seen_before_it_is_published(void **state)
{
	(void)state;
	uint32_t a = leaf("a");
	assert_null(tree_node(&tree, a));
	assert_int_equal(find(TREE_ROOT, "a"), 0);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_non_null(tree_node(&tree, a));
	assert_int_equal(find(TREE_ROOT, "a"), a);
	assert_int_equal(find(TREE_ROOT, "b"), 0);
	assert_null(tree_node(&tree, 0));
	assert_null(tree_node(&tree, a + 1));
	assert_null(tree_node(&tree, UINT64_MAX));
	assert_int_equal(tree_find(&tree, tree_node(&tree, TREE_ROOT), TREE_ROOT, SLICE("a\0")), 0);
}

static void an_open_directory_is_filled_later(void **state)
{
	(void)state;
	uint32_t dir = tree_open_dir(&tree, TREE_ROOT, SLICE("d"), "mine");
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_false(node_filled(tree_node(&tree, dir)));
	assert_int_equal(find(dir, "a"), 0);

	assert_int_equal(tree_fill(&tree, dir, NULL), 0);
	uint32_t a = tree_bytes(&tree, dir, SLICE("a"), "x", 1);
	uint32_t sub = tree_dir(&tree, dir, SLICE("sub"));
	tree_bytes(&tree, sub, SLICE("b"), "x", 1);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_true(node_filled(tree_node(&tree, dir)));
	assert_true(node_filled(tree_node(&tree, sub)));
	assert_int_equal(find(dir, "a"), a);
	assert_int_not_equal(find(sub, "b"), 0);
	assert_int_equal(find(TREE_ROOT, "d"), dir); /* the first filling is as it was */
}

/* A name with a '/' may imply a directory that is there, but not yet what it holds. */
static void what_a_name_implies_is_no_open_directory(void **state)
{
	(void)state;
	uint32_t open = tree_open_dir(&tree, TREE_ROOT, SLICE("d"), "mine");
	uint32_t implied = tree_dir(&tree, TREE_ROOT, SLICE("d"));
	assert_string_equal(name_of(implied), "d~2");
	assert_int_equal(tree_dir(&tree, TREE_ROOT, SLICE("d")), implied);
	uint32_t a = tree_bytes(&tree, implied, SLICE("a"), "x", 1);
	assert_int_equal(tree_publish(&tree, NULL), 0);

	assert_int_equal(tree_fill(&tree, open, NULL), 0);
	uint32_t b = tree_bytes(&tree, open, SLICE("a"), "x", 1);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_equal(find(open, "a"), b);
	assert_int_equal(find(implied, "a"), a);
}

static void a_filling_that_failed_leaves_no_trace(void **state)
{
	struct error err = {0};
	(void)state;
	uint32_t dir = tree_open_dir(&tree, TREE_ROOT, SLICE("d"), NULL);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	uint32_t made = tree.made;

	assert_int_equal(tree_fill(&tree, dir, NULL), 0);
	assert_int_not_equal(tree_bytes(&tree, dir, SLICE("half"), "x", 1), 0);
	tree.failed = -ENOMEM;
	assert_int_equal(tree_bytes(&tree, dir, SLICE("more"), "x", 1), 0);
	assert_int_equal(tree_publish(&tree, &err), -ENOMEM);
	assert_int_not_equal(err.text[0], 0);
	assert_false(node_filled(tree_node(&tree, dir)));
	assert_int_equal(tree_node(&tree, dir)->child, 0);
	assert_null(tree_node(&tree, made));

	assert_int_equal(tree_fill(&tree, dir, NULL), 0);
	uint32_t whole = tree_bytes(&tree, dir, SLICE("whole"), "x", 1);
	assert_int_equal(whole, made); /* the numbers are used again */
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_equal(find(dir, "whole"), whole);
	assert_int_equal(find(dir, "half"), 0);
	assert_int_equal(tree_node(&tree, whole)->next, 0);
}

static void the_root_may_be_filled_later(void **state)
{
	(void)state;
	tree_open_root(&tree, "mine");
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_false(node_filled(tree_node(&tree, TREE_ROOT)));
	assert_int_equal(tree_fill(&tree, TREE_ROOT, NULL), 0);
	uint32_t a = leaf("a");
	assert_string_equal(name_of(leaf(".arrayfs")), ".arrayfs~2");
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_equal(find(TREE_ROOT, "a"), a);
	assert_int_equal(tree_node(&tree, TREE_ROOT)->child, a);
	assert_int_equal(find(TREE_ROOT, ".arrayfs"), 0);
}

static void adding_below_nobody_is_harmless(void **state)
{
	(void)state;
	assert_int_equal(tree_dir(&tree, 0, SLICE("a")), 0);
	assert_int_equal(tree_bytes(&tree, 0, SLICE("a"), "x", 1), 0);
	tree_describe(&tree, 0, NULL);
	tree_attr(&tree, 0, SLICE("a"), SLICE("b"));
	assert_null(tree_edit(&tree, 0));
	assert_int_equal(tree_publish(&tree, NULL), 0);
}

static void memory_runs_out_at_any_point(void **state)
{
	(void)state;
	end(state);
	for (size_t limit = 0; limit < 40000; limit += 111) {
		arena = (struct arena){.limit = limit};
		int r = tree_init(&tree, &arena);
		if (r == 0)
			r = tree_fill(&tree, TREE_ROOT, NULL);
		for (int i = 0; i < 100 && r == 0; i++) {
			char name[16];
			snprintf(name, sizeof name, "d%d/t%d", i % 3, i);
			uint32_t id = member(name, 0);
			tree_attr(&tree, id, SLICE("k"), SLICE("v"));
		}
		if (r == 0)
			r = tree_publish(&tree, NULL);
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(arena.used <= arena.limit);
		tree_free(&tree);
		arena_free(&arena);
	}
	begin(state);
}

/* --- what nodes hold --------------------------------------------------- */

static void every_kind_of_node(void **state)
{
	(void)state;
	uint32_t range = tree_range(&tree, TREE_ROOT, SLICE("range"), 0, 8, 16);
	uint32_t bytes = tree_bytes(&tree, TREE_ROOT, SLICE("bytes"), "abc", 3);
	uint32_t lazy = tree_lazy(&tree, TREE_ROOT, SLICE("lazy"), "mine", SIZE_UNKNOWN);
	uint32_t link = tree_link(&tree, TREE_ROOT, SLICE("link"), "../x");
	uint32_t hard = tree_hard(&tree, TREE_ROOT, SLICE("hard"), bytes);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_equal(tree_node(&tree, range)->offset, 8);
	assert_int_equal(tree_node(&tree, range)->size, 16);
	assert_int_equal(tree_node(&tree, lazy)->size, SIZE_UNKNOWN);
	assert_string_equal(tree_node(&tree, link)->target, "../x");
	assert_int_equal(tree_node(&tree, link)->size, 4);
	assert_int_equal(tree_resolve(&tree, hard), bytes);
	assert_int_equal(tree_resolve(&tree, range), range);
	assert_int_equal(find(TREE_ROOT, "hard"), hard);
}

/* Of names in a text that stays, what ends where it ends is not copied. */
static void names_that_stay_are_borrowed(void **state)
{
	char *text = arena_text(&arena, SLICE("one/two")), *odd = arena_text(&arena, SLICE("three\n"));
	struct slice two = {(const uint8_t *)text + 4, 3}, one = {(const uint8_t *)text, 3};
	(void)state;
	assert_true(tree_expect(&tree, 1000));
	uint32_t hash = tree_expect_name(&tree, TREE_ROOT, two), other = tree_expect_name(&tree, TREE_ROOT, one);
	uint32_t last = tree_expect_name(&tree, TREE_ROOT, slice_text(odd));
	uint32_t a = tree_range_named(&tree, TREE_ROOT, two, hash, 0, 1, 2);
	uint32_t b = tree_range_named(&tree, TREE_ROOT, one, other, 0, 3, 4);
	uint32_t c = tree_range_named(&tree, TREE_ROOT, two, hash, 0, 5, 6);
	uint32_t d = tree_range_named(&tree, TREE_ROOT, slice_text(odd), last, 0, 7, 8);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_ptr_equal(tree_node(&tree, a)->name, two.data);
	assert_int_equal(find(TREE_ROOT, "two"), a);
	assert_int_equal(find(TREE_ROOT, "one"), b);
	assert_int_equal(find(TREE_ROOT, "three%0A"), d);
	assert_string_equal(tree_node(&tree, b)->name, "one");
	assert_string_equal(tree_node(&tree, c)->name, "two~2");
	assert_string_equal(tree_node(&tree, d)->name, "three%0A");
	assert_int_equal(tree_node(&tree, c)->offset, 5);
	assert_int_equal(tree_node(&tree, c)->size, 6);
	assert_true(slice_equal(tree_node(&tree, d)->attrs->value, slice_text(odd)));
	assert_null(tree_node(&tree, a)->attrs);
}

static void too_many_to_expect_is_no_memory(void **state)
{
	(void)state;
	assert_false(tree_expect(&tree, UINT32_MAX));
	assert_int_equal(tree_range(&tree, TREE_ROOT, SLICE("a"), 0, 0, 0), 0);
	assert_int_equal(tree_publish(&tree, NULL), -ENOMEM);
}

static void attributes_keep_their_order(void **state)
{
	(void)state;
	uint32_t a = leaf("a"), b = leaf("b");
	tree_attr(&tree, a, SLICE("1"), SLICE("one"));
	tree_attr(&tree, b, SLICE("1"), SLICE("eins"));
	tree_attr(&tree, a, SLICE("2"), SLICE("two"));
	tree_attr(&tree, a, SLICE("3"), SLICE("\0\n"));
	tree_attr(&tree, TREE_ROOT, SLICE("root"), SLICE("r"));
	const struct attr *at = tree_edit(&tree, a)->attrs;
	assert_true(slice_equal(at->value, SLICE("one")));
	assert_true(slice_equal(at->next->value, SLICE("two")));
	assert_true(slice_equal(at->next->next->value, SLICE("\0\n")));
	assert_null(at->next->next->next);
	assert_string_equal(attr(b, "1"), "eins");
	assert_string_equal(attr(TREE_ROOT, "root"), "r");
}

static void a_hundred_thousand_nodes(void **state)
{
	(void)state;
	char name[32];
	enum { COUNT = 100000 };
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "t%d", i);
		assert_int_not_equal(leaf(name), 0);
	}
	assert_int_equal(tree_publish(&tree, NULL), 0);
	const struct node *root = tree_node(&tree, TREE_ROOT);
	uint32_t count = 0;
	for (uint32_t id = root->child; id; id = tree_node(&tree, id)->next, count++) {
		snprintf(name, sizeof name, "t%u", count);
		assert_string_equal(tree_node(&tree, id)->name, name); /* in archive order */
	}
	assert_int_equal(count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "t%d", i);
		assert_string_equal(tree_node(&tree, find(TREE_ROOT, name))->name, name);
	}
	assert_int_equal(find(TREE_ROOT, "t100000"), 0);
}

/* Equal names must not cost the square of their number. */
static void a_hundred_thousand_equal_names(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_int_not_equal(leaf("same"), 0);
	assert_int_equal(tree_publish(&tree, NULL), 0);
	assert_int_not_equal(find(TREE_ROOT, "same~100000"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_equal_names_the_later_gets_a_suffix),
		TEST(a_suffix_that_is_taken_is_passed_over),
		TEST(names_that_are_escaped_alike_collide),
		TEST(a_name_of_nothing_collides_with_an_underscore),
		TEST(the_views_name_is_kept_free),
		TEST(a_directory_called_as_the_views_gives_way_with_all_below),
		TEST(names_of_300_bytes_are_cut_apart),
		TEST(slashes_make_directories_that_merge),
		TEST(empty_components_are_dropped),
		TEST(dots_separate_only_on_request),
		TEST(dot_components_are_escaped),
		TEST(a_leaf_before_the_directory_keeps_its_name),
		TEST(a_directory_before_the_leaf_keeps_its_name),
		TEST(directories_merge_by_their_shown_names),
		TEST(two_leaves_and_a_directory_of_one_name),
		TEST(a_suffix_of_the_archives_own_is_not_ours),
		TEST(the_shown_name_of_a_suffixed_directory_merges),
		TEST(nothing_merges_with_a_directory_of_its_own),
		TEST(suffixes_are_per_directory),
		TEST(nothing_is_seen_before_it_is_published),
		TEST(an_open_directory_is_filled_later),
		TEST(what_a_name_implies_is_no_open_directory),
		TEST(a_filling_that_failed_leaves_no_trace),
		TEST(the_root_may_be_filled_later),
		TEST(adding_below_nobody_is_harmless),
		TEST(memory_runs_out_at_any_point),
		TEST(every_kind_of_node),
		TEST(names_that_stay_are_borrowed),
		TEST(too_many_to_expect_is_no_memory),
		TEST(attributes_keep_their_order),
		TEST(a_hundred_thousand_nodes),
		TEST(a_hundred_thousand_equal_names),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
