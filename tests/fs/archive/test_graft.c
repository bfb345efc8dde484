/* SPDX-License-Identifier: MIT */
/*
 * Archives within an archive, with two small formats: OUT is four bytes and an archive behind
 * them, and IN has a node of every kind.
 */
#include <errno.h>
#include <string.h>

#include "fs/archive/check.h"
#include "fs/archive/graft.h"
#include "fs/archive/shape.h"
#include "tests/look.h"
#include "tests/support.h"

/* --- the inner archive ---------------------------------------------------- */

static int fillings, resizes;

static bool in_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "IN", 2);
}

static int in_open(struct archive *a, struct error *err)
{
	static const struct array numbers = {.dtype = DTYPE_UINT8, .width = 1, .unshaped = true, .sized = true};
	struct tree *t = &a->tree;
	char how;
	int r = source_read(&a->source, 2, &how, 1, err);
	if (r < 0 || how == 'b')
		return r < 0 ? r : error_set(err, EBADMSG, "it is broken");
	tree_attr(t, TREE_ROOT, SLICE("attr.of"), SLICE("the root"));
	tree_attr(t, tree_range(t, TREE_ROOT, SLICE("range"), 0, 3, 4), SLICE("attr.of"), SLICE("a range"));
	tree_bytes(t, tree_dir(t, TREE_ROOT, SLICE("made")), SLICE("bytes"), "01234", 5);
	uint32_t lazy = tree_lazy(t, TREE_ROOT, SLICE("lazy"), "lazy", SIZE_UNKNOWN);
	tree_describe(t, lazy, tree_array(t, &numbers));
	tree_edit(t, lazy)->links = 2;
	tree_link(t, TREE_ROOT, SLICE("link"), "made/bytes");
	tree_fault(t, TREE_ROOT, SLICE("fault"), "nobody reads it", NULL);
	tree_sound(t, tree_fault(t, TREE_ROOT, SLICE("sound"), "nobody reads it yet", NULL));
	tree_open_dir(t, TREE_ROOT, SLICE("later"), "later");
	tree_open_dir(t, TREE_ROOT, SLICE("never"), "never");
	tree_dir(t, tree_dir(t, TREE_ROOT, SLICE("a")), SLICE("b"));
	tree_bytes(t, TREE_ROOT, SLICE("\x01"), "x", 1);
	return 0;
}

static int in_list(struct archive *a, uint32_t dir, struct error *err)
{
	struct tree *t = &a->tree;
	fillings++;
	if (strcmp(tree_edit(t, dir)->lazy, "never") == 0)
		return error_set(err, EBADMSG, "a group without a heap");
	tree_hard(t, dir, SLICE("again"), tree_find(t, tree_node(t, TREE_ROOT), TREE_ROOT, SLICE("lazy")));
	for (int i = 0; i < 200; i++) {
		char name[8];
		snprintf(name, sizeof name, "%d", i);
		tree_bytes(t, dir, slice_text(name), "y", 1);
	}
	return 0;
}

static int in_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)a, (void)err;
	assert_string_equal(n->lazy, "lazy");
	*ret = resizes ? 3 : 9;
	return 0;
}

/* It finds at the first read that its size was wrong. */
static int in_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	(void)n, (void)err;
	if (!resizes++)
		archive_resize(a);
	return answer_bytes(ret, &"abcdefghi"[offset], (size_t)len);
}

static int in_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	(void)err;
	assert_ptr_equal(n, tree_node(&a->tree, index));
	return each(arg, &(struct attr){.name = SLICE("attr.name"), .value = slice_text(n->name)});
}

static int in_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	(void)a, (void)n, (void)err;
	text_print(ret, ",\"index\":%u", index);
	return 0;
}

static uint64_t in_same(const struct archive *a, uint32_t index)
{
	return tree_node(&a->tree, index)->kind == NODE_DIR ? index : 0;
}

static int in_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err)
{
	(void)a, (void)err;
	*ret = arena_alloc(keep, sizeof **ret);
	*ret_count = 1;
	**ret = (struct check){.name = SLICE("four"), .offset = 3, .len = 4, .size = 4};
	return 0;
}

static const struct format in = {
	.name = "in", .probe = in_probe, .suffixes = (const char *const[]){".in", NULL}, .open = in_open, .list = in_list, .size = in_size,
	.read = in_read, .attrs = in_attrs, .details = in_details, .same = in_same, .checks = in_checks,
};

/* --- the outer one --------------------------------------------------------- */

static const struct format out;
static const struct format *const both[] = {&out, &in, NULL};
static const char *name = "inner";

static bool out_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "OUT", 3);
}

static int out_open(struct archive *a, struct error *err)
{
	uint32_t id;
	return graft_add(a, TREE_ROOT, slice_text(name), both, 0, 4, a->source.size - 4, &id, err);
}

static const struct format out = {
	.name = "out", .probe = out_probe, .open = out_open, .list = graft_list, .size = graft_size, .extent = graft_extent, .read = graft_read,
	.attrs = graft_attrs, .details = graft_details, .references = &graft_references, .same = graft_same, .identity = graft_identity,
	.unchecked = graft_unchecked,
};

static void open_fine(struct slice file, struct archive *a)
{
	struct error err = {0};
	name = "inner";
	fillings = resizes = 0;
	if (test_open(a, &out, file, &err) < 0)
		fail_msg("%s", err.text);
}

#define FILE_OF(inner) SLICE("OUT\n" inner "wxyz and more")

/* --- tests -------------------------------------------------------------------- */

static void every_kind_of_node_is_shown_as_it_is(void **state)
{
	struct archive a;
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	assert_string_equal(test_list(&a, ""), "inner");
	assert_string_equal(test_list(&a, "inner"), "range made lazy link fault sound later never a %01");
	check_bytes(&a, "inner/range", "wxyz", 4);
	assert_int_equal(test_node(&a, "inner/range")->kind, NODE_RANGE);
	check_bytes(&a, "inner/made/bytes", "01234", 5);
	assert_string_equal(test_node(&a, "inner/link")->target, "made/bytes");
	assert_int_equal(test_node(&a, "inner/fault")->kind, NODE_FAULT);
	assert_false(test_node(&a, "inner/fault")->sound);
	assert_true(test_node(&a, "inner/sound")->sound);
	assert_string_equal(test_list(&a, "inner/a"), "b");
	assert_string_equal(test_list(&a, "inner/a/b"), "");
	assert_string_equal(test_attr(&a, "inner/%01", "arrayfs.name"), "\x01");
	archive_close(&a);
}

static void what_is_told_is_the_inner_formats(void **state)
{
	struct archive a;
	struct text text = {0};
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	assert_string_equal(test_attr(&a, "", "arrayfs.format"), "out");
	assert_string_equal(test_attr(&a, "inner", "arrayfs.format"), "in");
	assert_string_equal(test_attr(&a, "inner", "attr.of"), "the root");
	assert_string_equal(test_attr(&a, "inner/range", "attr.of"), "a range");
	assert_string_equal(test_attr(&a, "inner/range", "attr.name"), "range");
	assert_string_equal(test_attr(&a, "inner/later/7", "attr.name"), "7");
	assert_string_equal(test_attr(&a, "inner/fault", "arrayfs.error"), "nobody reads it");
	assert_null(test_attr(&a, "", "attr.of"));
	assert_int_equal(out.details(&a, test_find(&a, "inner"), NULL, &text, NULL), 0);
	assert_true(slice_equal(text_slice(&text), SLICE(",\"index\":1")));
	text_free(&text);
	archive_close(&a);
}

static void a_directory_is_filled_when_it_is_looked_into(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	uint32_t later = test_find(&a, "inner/later"), never = test_find(&a, "inner/never");
	assert_int_equal(fillings, 0);
	assert_int_equal(archive_fill(&a, later, &err), 0);
	assert_int_equal(fillings, 1);
	check_bytes(&a, "inner/later/199", "y", 1);
	assert_int_equal(archive_fill(&a, never, &err), -EBADMSG);
	assert_string_equal(err.text, "a group without a heap");
	archive_close(&a);
}

/* The inner directory is filled already when the outer one is tried with more memory. */
static void a_filling_that_found_no_memory_is_repeated(void **state)
{
	struct archive a;
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	uint32_t later = test_find(&a, "inner/later");
	size_t most = 1000;
	while (archive_fill_within(&a, later, most, NULL) == -E2BIG)
		most += 100;
	assert_in_range(most, 10000, 200000);
	assert_true(node_filled(tree_node(&a.tree, later)));
	check_bytes(&a, "inner/later/0", "y", 1);
	assert_int_equal(tree_resolve(&a.tree, test_find(&a, "inner/later/again")), test_find(&a, "inner/lazy"));
	archive_close(&a);
}

static void all_names_of_a_file_have_one_identity(void **state)
{
	struct archive a;
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	uint32_t again = test_find(&a, "inner/later/again"), lazy = test_find(&a, "inner/lazy"), range = test_find(&a, "inner/range");
	assert_int_equal(tree_node(&a.tree, again)->kind, NODE_HARD);
	assert_int_equal(tree_node(&a.tree, lazy)->links, 2);
	assert_true(graft_identity(&a, again, NULL) == graft_identity(&a, lazy, NULL));
	assert_true(graft_identity(&a, range, NULL) != graft_identity(&a, lazy, NULL));
	assert_true(graft_identity(&a, TREE_ROOT, NULL) != graft_identity(&a, test_find(&a, "inner"), NULL));
	assert_true(graft_same(&a, test_find(&a, "inner")) != 0);
	assert_true(graft_same(&a, TREE_ROOT) == 0);
	archive_close(&a);
}

static void a_size_that_was_wrong_is_told_to_the_outer_archive(void **state)
{
	struct archive a;
	struct answer answer;
	struct shaped shaped;
	uint64_t size;
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	struct node *n = test_node(&a, "inner/lazy");
	assert_int_equal(archive_size(&a, n, &size, NULL), 0);
	assert_int_equal(size, 9);
	answer_init(&answer);
	assert_int_equal(archive_read(&a, n, 1, 100, &answer, NULL), 0);
	assert_int_equal(answer.len, 2);
	answer_close(&answer);
	check_bytes(&a, "inner/lazy", "abc", 3);
	assert_int_equal(atomic_load(&a.resized), 1);
	assert_int_equal(shape_find(&a, n, &shaped, NULL), 0);
	assert_int_equal(shaped.array.shape[0], 3);
	archive_close(&a);
}

static void checks_are_told_by_their_place_in_the_outer_file(void **state)
{
	struct archive a;
	struct error err = {0};
	struct check *checks = NULL;
	uint32_t count = 0;
	(void)state;
	open_fine(FILE_OF("IN."), &a);
	struct arena arena = arena_apart(&a.arena);
	assert_int_equal(graft_checks(&a, &arena, &checks, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_true(slice_equal(checks->name, SLICE("inner/four")));
	assert_int_equal(checks->offset, 4 + 3);
	assert_false(graft_unchecked(&a, test_find(&a, "inner/lazy")));
	arena_free(&arena);
	archive_close(&a);
}

static void what_cannot_be_opened_is_a_file(void **state)
{
	static const struct {
		const char *name;
		struct slice file;
		const char *error;
	} cases[] = {
		{"x", SLICE("OUT\nnothing\0of a kind"), NULL},
		{"x", SLICE("OUT\nINb"), "it is broken"},
		{"x", SLICE("OUT\n"), NULL},
		{"x.in", SLICE("OUT\na text"), NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct archive a;
		struct error err = {0};
		name = cases[i].name;
		assert_int_equal(test_open(&a, &out, cases[i].file, &err), 0);
		check_bytes(&a, name, cases[i].file.data + 4, cases[i].file.len - 4);
		const char *error = test_attr(&a, name, "arrayfs.error");
		if (cases[i].error)
			assert_string_equal(error, cases[i].error);
		else
			assert_null(error);
		archive_close(&a);
	}
}

static void archives_lie_in_one_another_to_a_depth(void **state)
{
	struct archive a;
	(void)state;
	open_fine(SLICE("OUT\nOUT\nOUT\nOUT\nIN."), &a);
	assert_string_equal(test_attr(&a, "inner/inner", "arrayfs.format"), "out");
	assert_int_equal(test_node(&a, "inner/inner/inner")->kind, NODE_RANGE);
	check_bytes(&a, "inner/inner/inner", "OUT\nIN.", 7);
	archive_close(&a);
	open_fine(SLICE("OUT\nOUT\nIN.wxyz"), &a);
	check_bytes(&a, "inner/inner/range", "wxyz", 4);
	archive_close(&a);
}

static void it_keeps_the_promises(void **state)
{
	(void)state;
	struct archive a;
	struct look l = {.nodes = 2000, .bytes = 100};
	open_fine(FILE_OF("IN."), &a);
	if (!look(&l, &a))
		fail_msg("%s", l.broken);
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_node_is_shown_as_it_is),
		cmocka_unit_test(what_is_told_is_the_inner_formats),
		cmocka_unit_test(a_directory_is_filled_when_it_is_looked_into),
		cmocka_unit_test(a_filling_that_found_no_memory_is_repeated),
		cmocka_unit_test(all_names_of_a_file_have_one_identity),
		cmocka_unit_test(a_size_that_was_wrong_is_told_to_the_outer_archive),
		cmocka_unit_test(checks_are_told_by_their_place_in_the_outer_file),
		cmocka_unit_test(what_cannot_be_opened_is_a_file),
		cmocka_unit_test(archives_lie_in_one_another_to_a_depth),
		cmocka_unit_test(it_keeps_the_promises),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
