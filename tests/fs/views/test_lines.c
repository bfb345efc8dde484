/* SPDX-License-Identifier: MIT */
/* The text of columns whose strings follow from a rule, however many and however long they are. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>

#include "fs/archive/column.h"
#include "fs/views/lines.h"
#include "tests/support.h"

/* Of row i: its length, and whether it is null. */
struct rule {
	uint64_t rows;
	uint64_t (*offset)(uint64_t row);
	uint8_t (*byte)(uint64_t at); /* of the values */
	bool (*valid)(uint64_t row);  /* NULL: there is no validity */
	uint64_t each;                /* rows of a slot of the validity; 0: one */
};
static const struct rule *rule;
static enum file { OFFSETS, VALUES, VALIDITY } files[] = {OFFSETS, VALUES, VALIDITY};
static _Atomic uint64_t read_values; /* bytes that were asked for */
static _Atomic int resizes;          /* so often a size turns out to be wrong */

static int open_ruled(struct archive *a, struct error *err)
{
	uint64_t count = rule->rows, bytes = rule->offset(rule->rows), slots = count / (rule->each ? rule->each : 1);
	struct array strings = column_of((struct array){.dtype = DTYPE_STRING}, &count);
	struct column_file offsets = {.kind = NODE_LAZY, .lazy = &files[OFFSETS], .size = (count + 1) * 8};
	struct column_file values = {.kind = NODE_LAZY, .lazy = &files[VALUES], .size = bytes};
	struct column_file validity = {.kind = NODE_LAZY, .lazy = &files[VALIDITY], .size = SIZE_UNKNOWN};
	(void)err;
	struct column c = column_list(&a->tree, (struct column_at){.parent = TREE_ROOT, .name = SLICE("s")}, &strings, count, offsets);
	struct array all = column_of((struct array){.dtype = DTYPE_UINT8}, &bytes);
	column_array(&a->tree, c.rest, &all, values);
	if (rule->valid)
		column_validity(&a->tree, c.dir, slots, validity);
	return 0;
}

static uint8_t feeds(uint64_t at)
{
	(void)at;
	return '\n';
}

static void fill(enum file what, uint64_t offset, uint64_t len, uint8_t *to)
{
	bool same = what == VALUES && rule->byte == feeds; /* of which there are many */
	if (same)
		memset(to, '\n', (size_t)len);
	for (uint64_t i = offset; i < offset + len && !same; i++) {
		uint64_t word = what == OFFSETS ? rule->offset(i / 8) : 0;
		*to++ = what == OFFSETS ? (uint8_t)(word >> (8 * (i % 8))) : what == VALUES ? rule->byte(i) : rule->valid(i);
	}
}

static int read_ruled(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	enum file what = *(const enum file *)n->lazy;
	uint8_t *to;
	(void)err;
	read_values += what == VALUES ? len : 0;
	if (what == VALUES && resizes > 0 && resizes-- > 0)
		archive_resize(a);
	int r = answer_own(ret, (size_t)len, &to);
	if (r == 0)
		fill(what, offset, len, to);
	return r;
}

static int size_ruled(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)a, (void)err;
	enum file what = *(const enum file *)n->lazy;
	*ret = what == OFFSETS ? (rule->rows + 1) * 8 : what == VALUES ? rule->offset(rule->rows) : rule->rows;
	return 0;
}

static bool probe(const struct peek *p)
{
	(void)p;
	return true;
}

static const struct format ruled = {.name = "ruled", .probe = probe, .open = open_ruled, .size = size_ruled, .read = read_ruled};

static struct archive_options options;

static void open_with(struct archive *a, const struct rule *what, size_t cache)
{
	static const struct format *const only[] = {&ruled, NULL};
	struct error err = {""};
	rule = what;
	read_values = 0;
	options = test_options();
	options.blocks = NULL;
	if (cache)
		assert_int_equal(blocks_open(&options.blocks, cache, 3), 0);
	if (archive_open_source(a, only, source_memory(SLICE("-")), "x", &options, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_all(struct archive *a)
{
	archive_close(a);
	blocks_close(options.blocks);
}

static uint64_t size_of(struct archive *a)
{
	struct error err = {""};
	uint64_t size;
	if (view_lines_size(a, test_node(a, "s"), &size, &err) < 0)
		fail_msg("%s", err.text);
	return size;
}

/* Returns how much there was. */
static uint64_t read_at(struct archive *a, uint64_t offset, uint64_t len, uint8_t *to)
{
	struct error err = {""};
	struct answer answer;
	answer_init(&answer);
	int r = view_lines_read(a, test_node(a, "s"), offset, len, &answer, &err);
	if (r == 0)
		r = answer_copy(&answer, to, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	uint64_t n = answer.len;
	assert_true(n <= len);
	answer_close(&answer);
	return n;
}

static void is_refused(struct archive *a, const char *sentence)
{
	struct error err = {""}, other = {""};
	struct answer answer;
	uint64_t size;
	assert_int_equal(view_lines_size(a, test_node(a, "s"), &size, &err), -EIO);
	assert_string_equal(err.text, sentence);
	answer_init(&answer);
	assert_int_equal(view_lines_read(a, test_node(a, "s"), 0, 10, &answer, &other), -EIO);
	assert_string_equal(other.text, sentence);
	assert_int_equal(answer.len, 0);
	answer_close(&answer);
}

/* --- what it should be ------------------------------------------------------------------------- */

static size_t line_of(uint64_t row, uint8_t *to)
{
	uint8_t *start = to;
	if (rule->valid && !rule->valid(row / (rule->each ? rule->each : 1))) {
		memcpy(to, "\\N\n", 3);
		return 3;
	}
	for (uint64_t i = rule->offset(row); i < rule->offset(row + 1); i++) {
		uint8_t c = rule->byte(i);
		if (c == '\n' || c == '\\') {
			*to++ = '\\';
			c = c == '\n' ? 'n' : '\\';
		}
		*to++ = c;
	}
	*to++ = '\n';
	return (size_t)(to - start);
}

static uint8_t *text_of(const struct rule *what, uint64_t *ret_size)
{
	rule = what;
	uint8_t *text = malloc((size_t)(2 * what->offset(what->rows) + 3 * what->rows + 1));
	*ret_size = 0;
	for (uint64_t i = 0; i < what->rows; i++)
		*ret_size += line_of(i, text + *ret_size);
	return text;
}

static void check_parts(struct archive *a, const uint8_t *text, uint64_t size, unsigned parts)
{
	static const uint64_t lengths[] = {1, 17, 4096, 131072, 1 << 20};
	uint8_t *part = malloc(1 << 20);
	uint32_t random = 7;
	for (unsigned i = 0; i < parts; i++) {
		random = random * 1664525 + 1013904223;
		uint64_t offset = random % (size + 100), len = lengths[i % 5], wanted = offset >= size ? 0 : size - offset < len ? size - offset : len;
		assert_int_equal(read_at(a, offset, len, part), wanted);
		assert_memory_equal(part, text + offset, wanted);
	}
	free(part);
}

static void check_whole(struct archive *a, const uint8_t *text, uint64_t size)
{
	uint8_t *part = malloc(4 << 20);
	uint64_t at = 0, n;
	for (; (n = read_at(a, at, 4 << 20, part)) > 0; at += n) {
		assert_true(at + n <= size);
		assert_memory_equal(part, text + at, n);
	}
	assert_int_equal(at, size);
	free(part);
}

/* From the start before the size is known; parts alone; with no cache, and with little. */
static void check_rule(const struct rule *what)
{
	uint64_t size;
	uint8_t *text = text_of(what, &size);
	struct archive a;
	open_with(&a, what, 24 << 20);
	check_whole(&a, text, size);
	assert_int_equal(size_of(&a), size);
	check_parts(&a, text, size, 20);
	close_all(&a);
	open_with(&a, what, 24 << 20);
	assert_int_equal(size_of(&a), size);
	assert_false(view_lines_finds_end(&a, test_node(&a, "s")));
	check_whole(&a, text, size);
	close_all(&a);
	open_with(&a, what, 24 << 20);
	check_parts(&a, text, size, 5);
	close_all(&a);
	if (size < 100000) {
		open_with(&a, what, 0);
		check_parts(&a, text, size, 20);
		assert_int_equal(size_of(&a), size);
		close_all(&a);
	}
	free(text);
}

/* --- rules --------------------------------------------------------------------------------------- */

static uint8_t words(uint64_t at)
{
	return at % 23 == 11 ? '\n' : at % 101 == 7 ? '\\' : (uint8_t)('a' + at % 26);
}

static uint64_t short_ones(uint64_t row) { return row * 5 + row % 5; }
static uint64_t one_long(uint64_t row) { return row * (5 << 20); }
static uint64_t mixed(uint64_t row) { return row < 1000 ? row : row < 1003 ? 1000 + (row - 1000) * (2 << 20) : 1000 + (6 << 20) + (row - 1003) * 3; }
static uint64_t around(uint64_t row) { return row * ((1 << 20) - 1) + (row > 3) + (row > 6); } /* the length that a part may have, and one off */
static uint64_t none(uint64_t row) { (void)row; return 0; }
static bool some(uint64_t row) { return row % 3 != 1; }
static bool never(uint64_t row) { (void)row; return false; }
static bool not_1001(uint64_t row) { return row != 1001; }

static void short_strings_are_lines(void **state)
{
	(void)state;
	check_rule(&(struct rule){.rows = 150000, .offset = short_ones, .byte = words});
	check_rule(&(struct rule){.rows = 1000, .offset = short_ones, .byte = words});
	check_rule(&(struct rule){.rows = 1, .offset = short_ones, .byte = words});
	check_rule(&(struct rule){.rows = 0, .offset = none, .byte = words});
	check_rule(&(struct rule){.rows = 200000, .offset = none, .byte = words});
}

static void nulls_are_told_and_what_they_hide_is_not(void **state)
{
	(void)state;
	check_rule(&(struct rule){.rows = 100000, .offset = short_ones, .byte = words, .valid = some});
	check_rule(&(struct rule){.rows = 100000, .offset = none, .byte = words, .valid = never});
	check_rule(&(struct rule){.rows = 3, .offset = one_long, .byte = words, .valid = some});
	check_rule(&(struct rule){.rows = 1010, .offset = mixed, .byte = words, .valid = not_1001});
	check_rule(&(struct rule){.rows = 9000, .offset = short_ones, .byte = words, .valid = some, .each = 3});
}

static void strings_of_any_length_are_lines(void **state)
{
	(void)state;
	check_rule(&(struct rule){.rows = 1, .offset = one_long, .byte = words});
	check_rule(&(struct rule){.rows = 3, .offset = one_long, .byte = words});
	check_rule(&(struct rule){.rows = 1500, .offset = mixed, .byte = words});
	check_rule(&(struct rule){.rows = 10, .offset = around, .byte = words});
}

/* --- what it costs ------------------------------------------------------------------------------ */

static uint64_t longest(uint64_t row) { return row * (100ull << 20); }

static void a_long_string_takes_little_memory(void **state)
{
	const struct rule what = {.rows = 1, .offset = longest, .byte = feeds};
	struct archive a;
	struct blocks_stats stats;
	uint8_t part[4096];
	(void)state;
	open_with(&a, &what, 12 << 20);
	assert_int_equal(size_of(&a), (200ull << 20) + 1);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(read_at(&a, i * 26000000, sizeof part, part), sizeof part);
		assert_int_equal(part[0], '\\');
		assert_int_equal(part[1], 'n');
	}
	blocks_stats(options.blocks, &stats);
	assert_true(stats.used <= 12 << 20);
	close_all(&a);
}

static void reading_from_the_start_decodes_once(void **state)
{
	const struct rule what = {.rows = 1500000, .offset = short_ones, .byte = words};
	struct archive a;
	uint8_t *part = malloc(4 << 20);
	uint64_t n, at = 0;
	(void)state;
	open_with(&a, &what, 64 << 20);
	assert_true(view_lines_finds_end(&a, test_node(&a, "s")));
	assert_int_equal(read_at(&a, 0, 4096, part), 4096);
	assert_true(read_values < what.offset(what.rows) / 2);
	for (; (n = read_at(&a, at, 4 << 20, part)) > 0; at += n)
		;
	assert_int_equal(read_values, what.offset(what.rows));
	assert_int_equal(size_of(&a), at);
	assert_false(view_lines_finds_end(&a, test_node(&a, "s")));
	assert_int_equal(read_values, what.offset(what.rows));
	close_all(&a);
	free(part);
}

/* --- readers at once, and what changes ---------------------------------------------------------- */

struct reader {
	pthread_t thread;
	struct archive *archive;
	const uint8_t *text;
	uint64_t size;
	unsigned number;
};

static void *read_some(void *arg)
{
	struct reader *r = arg;
	if (r->number % 3 == 0)
		check_whole(r->archive, r->text, r->size);
	else if (r->number % 3 == 1)
		check_parts(r->archive, r->text, r->size, 20 + r->number);
	else
		assert_int_equal(size_of(r->archive), r->size);
	return NULL;
}

static void check_readers(const struct rule *what, int resized)
{
	struct reader readers[6];
	struct archive a;
	uint64_t size;
	uint8_t *text = text_of(what, &size);
	open_with(&a, what, 24 << 20);
	resizes = resized;
	for (unsigned i = 0; i < 6; i++) {
		readers[i] = (struct reader){.archive = &a, .text = text, .size = size, .number = i};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_some, &readers[i]), 0);
	}
	for (unsigned i = 0; i < 6; i++)
		pthread_join(readers[i].thread, NULL);
	resizes = 0;
	close_all(&a);
	free(text);
}

static void several_readers_get_the_same(void **state)
{
	(void)state;
	check_readers(&(struct rule){.rows = 150000, .offset = short_ones, .byte = words, .valid = some}, 0);
	check_readers(&(struct rule){.rows = 1500, .offset = mixed, .byte = words}, 0);
	check_readers(&(struct rule){.rows = 150000, .offset = short_ones, .byte = words}, 5);
}

/* --- what is wrong -------------------------------------------------------------------------------- */

static uint64_t backwards(uint64_t row) { return row == 700 ? 1 : row; }
static uint64_t negative(uint64_t row) { return row == 3 ? (uint64_t)-1 : row; }
static uint64_t beyond(uint64_t row) { return row == 5 ? 100 : row * 10; }

static void offsets_that_lie_are_refused(void **state)
{
	struct archive a;
	(void)state;
	open_with(&a, &(struct rule){.rows = 1000, .offset = backwards, .byte = words}, 24 << 20);
	is_refused(&a, "offsets that go backwards, of the rows from 0 on");
	close_all(&a);
	open_with(&a, &(struct rule){.rows = 10, .offset = negative, .byte = words}, 24 << 20);
	is_refused(&a, "offsets that go backwards, of the rows from 0 on");
	close_all(&a);
	const struct rule what = {.rows = 5, .offset = beyond, .byte = words};
	open_with(&a, &what, 24 << 20);
	atomic_store(&test_node(&a, "s/values")->size, 50);
	is_refused(&a, "the column ends early");
	close_all(&a);
	open_with(&a, &(struct rule){.rows = 10, .offset = short_ones, .byte = words, .valid = some, .each = 3}, 24 << 20);
	is_refused(&a, "10 strings, and 3 times whether one is null");
	close_all(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_strings_are_lines),
		cmocka_unit_test(nulls_are_told_and_what_they_hide_is_not),
		cmocka_unit_test(strings_of_any_length_are_lines),
		cmocka_unit_test(a_long_string_takes_little_memory),
		cmocka_unit_test(reading_from_the_start_decodes_once),
		cmocka_unit_test(several_readers_get_the_same),
		cmocka_unit_test(offsets_that_lie_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
