/* SPDX-License-Identifier: MIT */
/* What is lost of a column is not left out in silence, and the rest has its place.
 * The first fixture, by pyarrow: 30 rows in three row groups of one page a column, with
 * checksums; s is "w0", "w1" …, l of row i are i % 3 times {a: 100 i + k, b: "b<i>"}. */
#include "tests/look.h"
#include "tests/support.h"

extern const struct format format_parquet;

struct opened {
	struct archive_options options;
	struct slice file;
	struct archive a;
};

/* Spoils what follows these bytes, where they first stand in the file. */
static void open_spoilt(struct opened *o, const char *name, const void *bytes, size_t len)
{
	struct error err = {""};
	o->options = test_options();
	o->file = test_data(name);
	uint8_t *found = memmem(o->file.data, o->file.len, bytes, len);
	assert_non_null(found);
	found[len - 1] ^= 0x55;
	if (test_open(&o->a, &format_parquet, o->file, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_spoilt(struct opened *o)
{
	archive_close(&o->a);
	test_unload(o->file);
}

/* expected NULL: it cannot be read */
static void check_part(struct opened *o, const char *path, uint64_t at, const void *expected, size_t len)
{
	struct error err = {""};
	struct answer answer;
	uint8_t got[512];
	assert_in_range(len, 1, sizeof got);
	answer_init(&answer);
	int r = archive_read(&o->a, test_node(&o->a, path), at, len, &answer, &err);
	if (!expected) {
		assert_true(r < 0 && err.text[0]);
	} else {
		assert_int_equal(r, 0);
		assert_int_equal(answer_copy(&answer, got, &err), 0);
		assert_memory_equal(got, expected, len);
	}
	answer_close(&answer);
}

static uint64_t size_of(struct opened *o, const char *path)
{
	struct error err = {""};
	uint64_t size;
	assert_int_equal(archive_size(&o->a, test_node(&o->a, path), &size, &err), 0);
	return size;
}

static void bytes_of_a_page_of_strings_that_is_lost_are_a_fault(void **state)
{
	static const char last[] = "w20w21w22w23w24w25w26w27w28w29";
	struct opened o;
	(void)state;
	open_spoilt(&o, "pyarrow-groups.parquet", "\3\0\0\0w10", 7);
	uint64_t size = size_of(&o, "s/values");
	assert_true(size > 50);
	check_part(&o, "s/values", 0, "w0w1w2w3w4w5w6w7w8w9", 20);
	check_part(&o, "s/values", 20, NULL, size - 50);
	check_part(&o, "s/values", size - 30, last, 30);
	check_part(&o, "s/offsets", 20 * 8, ((int64_t[]){(int64_t)size - 30, (int64_t)size - 27}), 16);
	check_part(&o, "s/offsets", 10 * 8, NULL, 8);
	close_spoilt(&o);
}

/* How long its lists are is known from the column beside it. */
static void what_is_lost_below_a_list_moves_nothing(void **state)
{
	static const int64_t lost[] = {1000, 1100};
	struct opened o;
	int64_t last[11];
	(void)state;
	open_spoilt(&o, "pyarrow-groups.parquet", lost, sizeof lost);
	for (int i = 20, n = 0; i < 30; i++)
		for (int k = 0; k < i % 3; k++)
			last[n++] = 100 * i + k;
	assert_int_equal(size_of(&o, "l/values/a"), 30 * 8);
	check_part(&o, "l/values/a", 8 * 8, ((int64_t[]){801}), 8);
	check_part(&o, "l/values/a", 9 * 8, NULL, 10 * 8);
	check_part(&o, "l/values/a", 19 * 8, last, sizeof last);
	check_part(&o, "l/values/b/offsets", 9 * 8, ((int64_t[]){18, 21, 24}), 24);
	check_part(&o, "l/offsets", 20 * 8, ((int64_t[]){19, 21}), 16);
	close_spoilt(&o);
}

/* Empty lists, and below them a chunk that tells entries it does not have, or a page whose values cannot be
 * decoded: pyarrow reads no value where it reads the file. */
static void below_lists_that_hold_nothing_nothing_is_lost(void **state)
{
	static const struct {
		const char *file, *offsets, *values;
	} empty[] = {
		{"lies/entries.parquet", "m/values/value/values/key/offsets", "m/values/value/values/key/values"},
		{"lies/lists.parquet", "m/values/b/offsets", "m/values/b/values"},
		{"lies/encoding.parquet", "l/values/offsets", "l/values/values"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		struct error err = {""};
		struct opened o = {.options = test_options(), .file = test_data(empty[i].file)};
		assert_int_equal(test_open(&o.a, &format_parquet, o.file, &err), 0);
		assert_int_equal(size_of(&o, empty[i].values), 0);
		assert_int_equal(size_of(&o, empty[i].offsets), 8);
		check_part(&o, empty[i].offsets, 0, ((int64_t[]){0}), 8);
		close_spoilt(&o);
	}
}

/* 5000 to 5063: indices first, then the values themselves. */
static void a_dictionary_that_is_lost_costs_what_uses_it(void **state)
{
	static const uint8_t first[] = {0x88, 0x13, 0, 0}; /* 5000 */
	int64_t last[16];
	struct opened o;
	(void)state;
	for (int i = 0; i < 16; i++)
		last[i] = 5048 + i;
	open_spoilt(&o, "pyarrow-fallback.parquet", first, sizeof first);
	check_part(&o, "x", 0, NULL, 8);
	check_part(&o, "x", 48 * 8, last, sizeof last);
	close_spoilt(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_a_page_of_strings_that_is_lost_are_a_fault),
		cmocka_unit_test(what_is_lost_below_a_list_moves_nothing),
		cmocka_unit_test(below_lists_that_hold_nothing_nothing_is_lost),
		cmocka_unit_test(a_dictionary_that_is_lost_costs_what_uses_it),
	};
	return cmocka_run_group_tests_name("parquet_faults", tests, NULL, NULL);
}
