/* SPDX-License-Identifier: MIT */
/* The columns that every format shows: what files there are, what they are called when
 * names collide, and what is said of them. */
#include <errno.h>

#include "fs/archive/attrs.h"
#include "fs/archive/column.h"
#include "fs/base/text.h"
#include "tests/look.h"
#include "tests/support.h"

/* A format whose archives are what a test builds.  The owner of a lazy file is a text:
 * its bytes; "?" and a digit: so many zeros, which only size() tells. */
static void (*build)(struct tree *t);

static int open_built(struct archive *a, struct error *err)
{
	(void)err;
	build(&a->tree);
	return 0;
}

static bool probe(const struct peek *p)
{
	(void)p;
	return true;
}

static int size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const char *text = n->lazy;
	(void)a;
	*ret = (uint64_t)(text[1] - '0');
	return text[0] == '?' ? 0 : error_set(err, EIO, "%s is not to be asked", text);
}

static int read_lazy(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const char *text = n->lazy;
	(void)a;
	(void)err;
	return text[0] == '?' ? answer_zeros(ret, len) : answer_bytes(ret, text + offset, (size_t)len);
}

static const struct format built = {.name = "built", .probe = probe, .open = open_built, .size = size, .read = read_lazy};

static const char content[] = "0123456789abcdef0123456789abcdef";

static struct archive open_with(void (*how)(struct tree *t))
{
	static const struct format *const only[] = {&built, NULL};
	static struct archive_options options;
	struct error err = {""};
	struct archive a;
	build = how;
	options = test_options();
	if (archive_open_source(&a, only, source_memory(SLICE(content)), "x", &options, &err) < 0)
		fail_msg("%s", err.text);
	return a;
}

static struct column_at at(uint32_t parent, const char *name)
{
	return (struct column_at){.parent = parent, .name = slice_text(name)};
}

static struct column_file lazy(const char *owner)
{
	return (struct column_file){.kind = NODE_LAZY, .lazy = owner, .size = SIZE_UNKNOWN};
}

/* Of so many elements; or of COLUMN_UNKNOWN. */
static struct array of(enum dtype dtype, uint64_t count)
{
	static uint64_t counts[8];
	static unsigned k;
	uint64_t *kept = &counts[k++ % 8];
	*kept = count;
	return column_of((struct array){.dtype = (uint8_t)dtype}, kept);
}

static uint32_t add_bytes(struct tree *t, struct column_at to, const char *owner, uint64_t count)
{
	struct array array = of(DTYPE_UINT8, count);
	return column_array(t, to, &array, lazy(owner));
}

/* A struct, list or map is of three. */
static uint32_t add_struct(struct tree *t, uint32_t parent, const char *name)
{
	struct array array = of(DTYPE_STRUCT, 3);
	return column_struct(t, at(parent, name), &array);
}

static void check_told(struct archive *a, const char *path, const char *dtype, const char *shape, uint64_t size_of)
{
	uint64_t told;
	assert_string_equal(test_dtype(a, path), dtype);
	assert_string_equal(test_attr(a, path, "array.shape"), shape);
	assert_int_equal(archive_size(a, test_node(a, path), &told, NULL), 0);
	assert_int_equal(told, size_of);
}

/* --- shapes ------------------------------------------------------------------------ */

static void build_arrays(struct tree *t)
{
	static const uint64_t dims[] = {2, 3};
	struct array halves = {.dtype = DTYPE_INT16, .byteorder = BYTEORDER_BIG, .rank = 2, .shape = dims, .type = "INT16", .codec = "zstd"};
	struct array bits = {.dtype = DTYPE_INT4, .rank = 2, .shape = dims}, scalar = {.dtype = DTYPE_FLOAT64};
	column_array(t, at(1, "lazy"), &halves, lazy(content));
	column_array(t, at(1, "range"), &halves, (struct column_file){.kind = NODE_RANGE, .offset = 10, .size = SIZE_UNKNOWN});
	uint32_t bytes = column_array(t, at(1, "bytes"), &bits, (struct column_file){.kind = NODE_BYTES, .bytes = content, .size = SIZE_UNKNOWN});
	column_array(t, at(1, "again"), &scalar, (struct column_file){.kind = NODE_HARD, .twin = bytes});
	column_array(t, at(1, "scalar"), &scalar, lazy(content));
	add_bytes(t, at(1, "unknown"), "?7", COLUMN_UNKNOWN);
}

static void an_array_is_a_file_of_the_size_that_its_shape_tells(void **state)
{
	struct archive a = open_with(build_arrays);
	(void)state;
	assert_string_equal(test_list(&a, ""), "lazy range bytes again scalar unknown");
	check_told(&a, "lazy", "int16", "[2,3]", 12);
	assert_string_equal(test_attr(&a, "lazy", "array.byteorder"), "big");
	assert_string_equal(test_attr(&a, "lazy", "array.type"), "INT16");
	assert_string_equal(test_attr(&a, "lazy", "array.codec"), "zstd");
	check_bytes(&a, "range", content + 10, 12);
	check_bytes(&a, "bytes", content, 3); /* six times four bits */
	check_told(&a, "again", "int4", "[2,3]", 3);
	check_told(&a, "scalar", "float64", "[]", 8);
	check_told(&a, "unknown", "uint8", "[7]", 7);
	archive_close(&a);
}

static void build_columns(struct tree *t)
{
	struct array list = of(DTYPE_LIST, 3), map = of(DTYPE_MAP, 3), string = of(DTYPE_STRING, COLUMN_UNKNOWN), words = of(DTYPE_NONE, COLUMN_UNKNOWN),
		     indices = of(DTYPE_INT32, COLUMN_UNKNOWN), none = of(DTYPE_LIST, 0);
	struct column c = column_list(t, at(1, "list"), &list, 3, lazy(content));
	struct column inner = column_list(t, c.rest, &string, COLUMN_UNKNOWN, lazy("?8"));
	add_bytes(t, inner.rest, "?9", COLUMN_UNKNOWN);
	struct column m = column_map(t, at(1, "map"), &map, 3, lazy(content), 5);
	add_bytes(t, m.rest, "?5", 5);
	add_bytes(t, column_map_value(&m), "?5", 5);
	struct column d = column_dictionary(t, at(1, "dictionary"), &words, &indices, lazy("?8"));
	add_bytes(t, d.rest, content, 6);
	column_list(t, at(1, "none"), &none, 0, lazy("\0\0\0\0\0\0\0\0"));
	column_list(t, at(1, "lost"), &list, 3, (struct column_file){0});
	uint32_t s = add_struct(t, 1, "struct");
	add_bytes(t, at(s, "x"), "xyz", 3);
	column_validity(t, s, 3, (struct column_file){.kind = NODE_LAZY, .lazy = "\1\0\1", .size = SIZE_UNKNOWN});
	column_validity(t, c.dir, COLUMN_UNKNOWN, (struct column_file){.kind = NODE_LAZY, .lazy = "?3", .size = SIZE_UNKNOWN});
	assert_true(t->failed || tree_edit(t, c.index)->parent == c.dir);
	assert_true(t->failed || tree_edit(t, d.index)->parent == d.dir);
}

static void every_shape_has_the_files_of_its_kind(void **state)
{
	struct archive a = open_with(build_columns);
	(void)state;
	assert_string_equal(test_list(&a, ""), "list map dictionary none lost struct struct.validity list.validity");
	assert_string_equal(test_list(&a, "list"), "offsets values");
	assert_string_equal(test_list(&a, "list/values"), "offsets values");
	assert_string_equal(test_list(&a, "map"), "offsets values");
	assert_string_equal(test_list(&a, "map/values"), "key value");
	assert_string_equal(test_list(&a, "dictionary"), "indices dictionary");
	assert_string_equal(test_list(&a, "lost"), "");
	check_told(&a, "list", "list", "[3]", 0);
	check_told(&a, "list/offsets", "int64", "[4]", 32);
	assert_string_equal(test_attr(&a, "list/offsets", "array.byteorder"), "little");
	check_told(&a, "map", "map", "[3]", 0);
	check_told(&a, "map/values", "struct", "[5]", 0);
	check_told(&a, "none/offsets", "int64", "[1]", 8);
	check_bytes(&a, "none/offsets", "\0\0\0\0\0\0\0\0", 8); /* no lists: one 0 */
	check_told(&a, "struct", "struct", "[3]", 0);
	check_told(&a, "struct.validity", "bool", "[3]", 3);
	check_bytes(&a, "struct.validity", "\1\0\1", 3);
	archive_close(&a);
}

static void what_is_not_known_before_is_told_by_the_file_that_leads_into_it(void **state)
{
	struct archive a = open_with(build_columns);
	(void)state;
	assert_null(test_shape(&a, "list/values"));
	check_told(&a, "list/values", "string", "[0]", 0); /* offsets of eight bytes */
	check_told(&a, "list/values/offsets", "int64", "[1]", 8);
	check_told(&a, "list/values/values", "uint8", "[9]", 9);
	assert_string_equal(test_attr(&a, "dictionary", "array.shape"), "[2]"); /* two indices */
	check_told(&a, "list.validity", "bool", "[3]", 3);
	archive_close(&a);
}

static void all_of_it_keeps_what_archives_promise(void **state)
{
	struct look l = {.nodes = 1000, .bytes = 1000, .split = true};
	struct archive a = open_with(build_columns);
	(void)state;
	if (!look(&l, &a))
		fail_msg("%s", l.broken);
	archive_close(&a);
}

/* --- names -------------------------------------------------------------------------- */

static const char *const fields[] = {"a.validity", "offsets", "", "values", "a.validity/x", "a", "values.validity", "b", "a.validity/", "_"};
enum { FIELDS = sizeof fields / sizeof *fields };

/* Each with its validity, as a format adds them. */
static void add_fields(struct tree *t, uint32_t dir)
{
	for (unsigned round = 0; round < COLUMN_ROUNDS; round++)
		for (unsigned i = 0; i < FIELDS; i++)
			if (column_round(slice_text(fields[i])) == round) {
				struct tree_path path = tree_path(t, dir, slice_text(fields[i]), 0);
				uint32_t id = add_bytes(t, (struct column_at){.parent = path.parent, .name = path.leaf}, "xyz", 3);
				tree_path_end(t, &path, id);
				column_validity(t, id, 3, (struct column_file){.kind = NODE_LAZY, .lazy = "\1\1\1", .size = SIZE_UNKNOWN});
			}
}

static void build_names(struct tree *t)
{
	struct array list = of(DTYPE_LIST, 3), structs = of(DTYPE_STRUCT, 3);
	struct column c = column_list(t, at(1, "l"), &list, 3, lazy(content));
	add_fields(t, column_struct(t, c.rest, &structs));
}

static void check_fields(struct archive *a, const char *dir, const char *name, const char *field)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	check_bytes(a, path, "xyz", 3);
	const char *told = test_attr(a, path, "arrayfs.name");
	assert_string_equal(told ? told : name, field);
	snprintf(path, sizeof path, "%s/%s.validity", dir, name);
	check_bytes(a, path, "\1\1\1", 3);
}

static void a_field_may_be_called_as_our_files_are(void **state)
{
	struct archive a = open_with(build_names);
	(void)state;
	assert_string_equal(test_list(&a, "l"), "offsets values");
	check_fields(&a, "l/values", "offsets", "offsets");
	check_fields(&a, "l/values", "values", "values");
	check_told(&a, "l/offsets", "int64", "[4]", 32);
	archive_close(&a);
}

static void a_validity_keeps_its_name_and_a_field_called_so_gives_way(void **state)
{
	struct archive a = open_with(build_names);
	(void)state;
	check_fields(&a, "l/values", "a", "a");
	check_fields(&a, "l/values", "a.validity~2", "a.validity");
	check_fields(&a, "l/values", "a.validity~4", "a.validity/");
	check_fields(&a, "l/values", "a.validity~3/x", "a.validity/x");
	check_fields(&a, "l/values", "values.validity~2", "values.validity");
	check_fields(&a, "l/values", "b", "b");
	archive_close(&a);
}

static void a_name_of_nothing_has_a_validity(void **state)
{
	struct archive a = open_with(build_names);
	(void)state;
	check_fields(&a, "l/values", "_", "");
	check_fields(&a, "l/values", "_~2", "_");
	archive_close(&a);
}

static void only_what_ends_in_validity_comes_later(void **state)
{
	static const char *const later[] = {"a.validity", "a.validity.validity", "x/a.validity", "a.validity/b", "a.validity//"};
	static const char *const not[] = {"", "a", ".validity", "x/.validity", "a.validity2", "validity", "a.validit", "a/validity", "/"};
	(void)state;
	for (unsigned i = 0; i < sizeof later / sizeof *later; i++)
		assert_int_equal(column_round(slice_text(later[i])), 1);
	for (unsigned i = 0; i < sizeof not / sizeof *not; i++)
		assert_int_equal(column_round(slice_text(not[i])), 0);
}

static void build_merged(struct tree *t)
{
	struct array structs = of(DTYPE_STRUCT, 3);
	uint32_t implied = tree_dir(t, 1, SLICE("s"));
	add_bytes(t, at(implied, "x"), "xyz", 3);
	column_struct(t, (struct column_at){.parent = 1, .name = SLICE("s"), .merges = true}, &structs);
	column_struct(t, at(1, "s"), &structs);
}

static void a_directory_may_be_one_that_a_name_implied(void **state)
{
	struct archive a = open_with(build_merged);
	(void)state;
	assert_string_equal(test_list(&a, ""), "s s~2");
	assert_string_equal(test_dtype(&a, "s"), "struct");
	assert_string_equal(test_list(&a, "s"), "x");
	archive_close(&a);
}

enum { MANY = 5000 };

static void build_many(struct tree *t)
{
	uint32_t dir = add_struct(t, 1, "wide");
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof name, "f%u", i % (MANY / 2)); /* each twice */
		column_validity(t, add_bytes(t, at(dir, name), "xyz", 3), 3, (struct column_file){.kind = NODE_LAZY, .lazy = "\1\1\1", .size = SIZE_UNKNOWN});
	}
}

static void of_thousands_of_fields_each_has_its_own_name(void **state)
{
	struct archive a = open_with(build_many);
	(void)state;
	assert_int_equal(a.tree.made, 4 + 2 * MANY); /* nobody, the root, the views' name, wide */
	assert_string_equal(test_attr(&a, "wide/f2499~2", "arrayfs.name"), "f2499");
	check_bytes(&a, "wide/f2499~2.validity", "\1\1\1", 3);
	/* and described alike, they share what describes them */
	assert_ptr_equal(test_node(&a, "wide/f0")->array, test_node(&a, "wide/f2499~2")->array);
	assert_ptr_equal(test_node(&a, "wide/f0.validity")->array, test_node(&a, "wide/f2499~2.validity")->array);
	archive_close(&a);
}

/* --- faults ------------------------------------------------------------------------- */

static void build_faults(struct tree *t)
{
	struct array known = of(DTYPE_INT32, 5), unknown = of(DTYPE_STRING, COLUMN_UNKNOWN), list = of(DTYPE_LIST, 2);
	tree_fault(t, 1, SLICE("known"), "it is encrypted", &known);
	tree_fault(t, 1, SLICE("unknown"), "an unknown type", &unknown);
	tree_fault(t, 1, SLICE("a"), "a user-defined link", NULL);
	tree_fault(t, 1, SLICE("a"), "another", NULL);
	struct column_file file = lazy("?8");
	file.fault = "a codec that is not known";
	struct column c = column_list(t, at(1, "list"), &list, 2, file);
	tree_error(t, c.dir, file.fault);
	struct tree_path path = tree_path(t, c.dir, SLICE("//values"), 0);
	struct array array = of(DTYPE_UINT8, 8);
	uint32_t id = column_array(t, (struct column_at){.parent = path.parent, .name = path.leaf}, &array, file);
	tree_attr(t, id, SLICE("more"), SLICE("1"));
	tree_path_end(t, &path, id);
	tree_attr(t, id, SLICE("last"), SLICE("2"));
	column_validity(t, id, 8, (struct column_file){.kind = NODE_LAZY, .lazy = "?8", .size = SIZE_UNKNOWN, .fault = file.fault});
}

static void check_refusal(struct archive *a, const char *path, const char *sentence)
{
	struct answer answer;
	struct error err = {""};
	answer_init(&answer);
	assert_int_equal(archive_read(a, test_node(a, path), 0, 1, &answer, &err), -EIO);
	assert_string_equal(err.text, sentence);
	answer_close(&answer);
	assert_string_equal(test_attr(a, path, "arrayfs.error"), sentence);
}

static void what_cannot_be_read_is_listed_with_what_is_known(void **state)
{
	struct archive a = open_with(build_faults);
	struct look l = {.nodes = 1000, .bytes = 1000};
	struct error err = {""};
	uint64_t told;
	(void)state;
	check_told(&a, "known", "int32", "[5]", 20);
	check_refusal(&a, "known", "it is encrypted");
	assert_string_equal(test_dtype(&a, "unknown"), "string");
	assert_null(test_attr(&a, "unknown", "array.shape"));
	assert_int_equal(archive_size(&a, test_node(&a, "unknown"), &told, &err), -EIO);
	assert_string_equal(err.text, "an unknown type");
	assert_int_equal(told, 0);
	check_refusal(&a, "unknown", "an unknown type");
	check_refusal(&a, "a", "a user-defined link");
	check_refusal(&a, "a~2", "another");
	assert_string_equal(test_attr(&a, "a~2", "arrayfs.name"), "a");
	if (!look(&l, &a))
		fail_msg("%s", l.broken);
	archive_close(&a);
}

static void why_a_column_cannot_be_read_is_told_of_its_files(void **state)
{
	static const char *const paths[] = {"list", "list/offsets", "list/values", "list/values.validity"};
	struct archive a = open_with(build_faults);
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(test_attr(&a, paths[i], "arrayfs.error"), "a codec that is not known");
	/* also where the name that the archive has for it is told afterwards */
	assert_string_equal(test_attr(&a, "list/values", "arrayfs.name"), "//values");
	assert_string_equal(test_attr(&a, "list/values", "more"), "1");
	assert_string_equal(test_attr(&a, "list/values", "last"), "2");
	archive_close(&a);
}

static void memory_runs_out_at_any_point(void **state)
{
	static void (*const how[])(struct tree *t) = {build_arrays, build_columns, build_names, build_faults};
	static const struct format *const only[] = {&built, NULL};
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		for (size_t limit = 4000; limit < 16000; limit += 16) {
			struct archive_options options = {.memory = limit};
			struct error err = {""};
			struct archive a;
			build = how[i];
			int r = archive_open_source(&a, only, source_memory(SLICE(content)), "x", &options, &err);
			assert_true(r == 0 || r == -ENOMEM);
			if (r == 0)
				archive_close(&a);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_is_a_file_of_the_size_that_its_shape_tells),
		cmocka_unit_test(every_shape_has_the_files_of_its_kind),
		cmocka_unit_test(what_is_not_known_before_is_told_by_the_file_that_leads_into_it),
		cmocka_unit_test(all_of_it_keeps_what_archives_promise),
		cmocka_unit_test(a_field_may_be_called_as_our_files_are),
		cmocka_unit_test(a_validity_keeps_its_name_and_a_field_called_so_gives_way),
		cmocka_unit_test(a_name_of_nothing_has_a_validity),
		cmocka_unit_test(only_what_ends_in_validity_comes_later),
		cmocka_unit_test(a_directory_may_be_one_that_a_name_implied),
		cmocka_unit_test(of_thousands_of_fields_each_has_its_own_name),
		cmocka_unit_test(what_cannot_be_read_is_listed_with_what_is_known),
		cmocka_unit_test(why_a_column_cannot_be_read_is_told_of_its_files),
		cmocka_unit_test(memory_runs_out_at_any_point),
	};
	return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
