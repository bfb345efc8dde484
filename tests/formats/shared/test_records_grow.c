/* SPDX-License-Identifier: MIT */
/* A file of records that grows shows what it would if it were opened for the first time. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/inherit.h"
#include "tests/support.h"

extern const struct format format_jsonl, format_csv;

static const struct format *const formats[] = {&format_jsonl, &format_csv, NULL};

/* A file, and what each generation of it leaves. */
struct growing {
	char *folder, *path;
	struct inheritance inheritance;
	struct archive_options first, later; /* one that has nothing from others; one that has */
};

static void set_up(struct growing *g, const char *name)
{
	g->folder = test_folder();
	g->path = test_path(g->folder, name);
	inheritance_init(&g->inheritance);
	g->first = test_options();
	g->first.records.on = true;
	g->later = g->first;
	g->later.inheritance = &g->inheritance;
}

static void tear_down(struct growing *g)
{
	inheritance_close(&g->inheritance);
	free(g->path);
	test_folder_remove(g->folder);
}

static bool anything_left(const struct growing *g)
{
	for (unsigned i = 0; i < INHERIT_FILES; i++)
		if (g->inheritance.all[i].what)
			return true;
	return false;
}

static void append(struct growing *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(struct growing *g, const char *format, ...)
{
	va_list args;
	FILE *f = fopen(g->path, "a");
	assert_non_null(f);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	assert_int_equal(fclose(f), 0);
}

static void overwrite(struct growing *g, long at, const char *text)
{
	FILE *f = fopen(g->path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int open_now(struct archive *a, const struct growing *g, const struct archive_options *options, struct error *err)
{
	struct folder root = test_root();
	struct archive_at at = {.folder = &root, .path = g->path + 1, .reach = REACH_HUB, .mirrored = true};
	return archive_open(a, formats, &at, options, err);
}

static void open_with(struct archive *a, const struct growing *g, const struct archive_options *options)
{
	struct error err = {0};
	if (open_now(a, g, options, &err) < 0)
		fail_msg("%s: %s", g->path, err.text);
}

/* As a first look would have it. */
static void check_now(const struct growing *g, const char *const *columns)
{
	struct archive anew, grown;
	open_with(&anew, g, &g->first);
	open_with(&grown, g, &g->later);
	char *names = strdup(test_list(&anew, ""));
	assert_string_equal(test_list(&grown, ""), names);
	free(names);
	for (; *columns; columns++) {
		struct slice bytes = test_bytes(&anew, *columns);
		char *dtype = strdup(test_dtype(&anew, *columns));
		assert_string_equal(test_dtype(&grown, *columns), dtype);
		check_bytes(&grown, *columns, bytes.data, bytes.len);
		test_unload(bytes);
		free(dtype);
	}
	archive_close(&grown);
	archive_close(&anew);
}

enum { ROWS = 10000 }; /* over a MiB: of less nothing is left */

static void append_lines(struct growing *g, unsigned first)
{
	FILE *f = fopen(g->path, "a");
	assert_non_null(f);
	for (unsigned i = first; i < first + ROWS; i++)
		fprintf(f, "{\"id\": %u, \"s\": \"number %0100u\", \"l\": [%u, %u]}\n", i, i, i, i / 2);
	assert_int_equal(fclose(f), 0);
}

static const char *const few[] = {"id", "s/offsets", "s/values", "l/offsets", "l/values", NULL};

static void lines_that_come_are_read_on(void **state)
{
	static const char *const more[] = {"id", "s/values", "s.validity", "l/values", "new", "new.validity", NULL};
	struct growing g;
	(void)state;
	set_up(&g, "log.jsonl");
	append_lines(&g, 0);
	check_now(&g, few);
	assert_true(anything_left(&g));
	append_lines(&g, ROWS);
	check_now(&g, few);
	append(&g, "{\"id\": 2.5, \"new\": true}\n"); /* another type, a missing field, a new column */
	check_now(&g, more);
	append(&g, "{\"id\": 7, \"new\":"); /* not whole yet */
	check_now(&g, more);
	append(&g, " false}\n{\"id\": \"x\"}\n");
	check_now(&g, more);
	append_lines(&g, 2 * ROWS);
	check_now(&g, more);
	tear_down(&g);
}

static void rows_that_come_are_read_on(void **state)
{
	static const char *const columns[] = {"a", "b/offsets", "b/values", NULL};
	struct growing g;
	(void)state;
	set_up(&g, "table.csv");
	append(&g, "a,b\n");
	for (unsigned round = 0; round < 3; round++) {
		FILE *f = fopen(g.path, "a");
		assert_non_null(f);
		for (unsigned i = 0; i < ROWS; i++)
			fprintf(f, "%u,\"row %0100u\nof it\"\n", i, i);
		assert_int_equal(fclose(f), 0);
		check_now(&g, columns);
		assert_true(anything_left(&g));
	}
	append(&g, "word,b\n");
	check_now(&g, (const char *const[]){"a/values", "b/values", NULL});
	tear_down(&g);
}

static long size_of(const struct growing *g)
{
	struct stat st;
	assert_int_equal(stat(g->path, &st), 0);
	return st.st_size;
}

static void what_has_not_only_grown_is_read_anew(void **state)
{
	static const char *const mixed[] = {"id/values", "s/values", "l/values", NULL};
	struct growing g;
	struct archive a;
	(void)state;
	set_up(&g, "log.jsonl");
	append_lines(&g, 0);
	check_now(&g, few);
	overwrite(&g, size_of(&g) - 5, ".5]}"); /* the last number that was passed: of another type now */
	append_lines(&g, ROWS);
	check_now(&g, few);
	open_with(&a, &g, &g.later);
	assert_string_equal(test_dtype(&a, "l/values"), "float64");
	archive_close(&a);

	overwrite(&g, 0, "{\"id\":\"0\",\"s\""); /* and the first, which was {"id": 0, "s" */
	append_lines(&g, 2 * ROWS);
	check_now(&g, mixed);

	assert_int_equal(truncate(g.path, size_of(&g) / 2), 0);
	check_now(&g, mixed);
	assert_int_equal(truncate(g.path, 0), 0);
	append_lines(&g, 5);
	check_now(&g, few);
	tear_down(&g);
}

static void each_option_has_its_own(void **state)
{
	struct growing g;
	(void)state;
	set_up(&g, "log.jsonl");
	append_lines(&g, 0);
	check_now(&g, few);
	append(&g, "{\"id\": 01}\n");
	append_lines(&g, ROWS);
	g.first.records.skip_bad = g.later.records.skip_bad = true;
	check_now(&g, few);
	append_lines(&g, 2 * ROWS);
	check_now(&g, few);

	struct error err = {0};
	struct archive a;
	g.later.records.skip_bad = false; /* what was left out is no longer to be */
	assert_int_equal(open_now(&a, &g, &g.later, &err), -EBADMSG);
	assert_string_equal(err.text, "line 10001: a number that JSON does not have");
	tear_down(&g);
}

static void small_files_leave_nothing(void **state)
{
	struct growing g;
	(void)state;
	set_up(&g, "log.jsonl");
	append(&g, "{\"id\": 1}\n");
	check_now(&g, (const char *const[]){"id", NULL});
	assert_false(anything_left(&g));
	append(&g, "{\"id\": 2}\n");
	check_now(&g, (const char *const[]){"id", NULL});
	tear_down(&g);
}

static void of_many_files_the_last_are_known(void **state)
{
	struct growing g[INHERIT_FILES + 2];
	(void)state;
	for (unsigned i = 0; i < INHERIT_FILES + 2; i++) {
		set_up(&g[i], "log.jsonl");
		g[i].later.inheritance = &g[0].inheritance;
		append_lines(&g[i], i);
		check_now(&g[i], few);
	}
	for (unsigned i = 0; i < INHERIT_FILES + 2; i++) {
		append_lines(&g[i], ROWS);
		check_now(&g[i], few);
	}
	for (unsigned i = INHERIT_FILES + 2; i-- > 0;)
		tear_down(&g[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_come_are_read_on),
		cmocka_unit_test(rows_that_come_are_read_on),
		cmocka_unit_test(what_has_not_only_grown_is_read_anew),
		cmocka_unit_test(each_option_has_its_own),
		cmocka_unit_test(small_files_leave_nothing),
		cmocka_unit_test(of_many_files_the_last_are_known),
	};
	return cmocka_run_group_tests_name("records_grow", tests, NULL, NULL);
}
