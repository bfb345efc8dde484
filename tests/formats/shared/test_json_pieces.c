/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "formats/shared/json_pieces.h"
#include "tests/support.h"

/* Larger than some pieces; a list of numbers and strings, each read in a step. */
enum { SIZE = 1 << 20 };

struct list {
	struct json j;
	struct slice string;
	uint64_t number;
	size_t steps, limit;
};

static bool begin(void *arg)
{
	struct list *l = arg;
	l->steps++;
	return json_array(&l->j);
}

static bool element(void *arg)
{
	struct list *l = arg;
	l->steps++;
	if (!json_element(&l->j))
		return false;
	if (json_peek(&l->j) == JSON_STRING)
		l->string = json_string(&l->j);
	else
		l->number = json_u64(&l->j);
	return true;
}

/* Reads it all; the sentence, "" if it is sound. */
static const char *read_all(struct list *l, struct slice text, size_t *ret_count, int found)
{
	static struct error err;
	struct arena arena = {.limit = 8 << 20};
	struct source s = source_memory(text);
	struct json_pieces p;
	size_t count = 0;
	err.text[0] = '\0';
	*l = (struct list){0};
	int r = json_pieces_open(&p, &s, 0, text.len, &arena, &l->j, &err);
	if (r == 0) {
		json_pieces_step(&p, begin, l);
		while (json_pieces_step(&p, element, l) && !l->j.failed)
			count++;
		if (found)
			error_set(&err, -found, "it was found");
		r = json_pieces_end(&p, found, "it");
	}
	assert_int_equal(r < 0, err.text[0] != '\0');
	l->limit = arena.used;
	arena_free(&arena);
	source_close(&s);
	if (ret_count)
		*ret_count = count;
	return err.text;
}

static uint8_t *numbers(size_t *ret_len, size_t *ret_count)
{
	uint8_t *text = malloc(SIZE + 100);
	size_t n = 1, count = 0;
	assert_non_null(text);
	text[0] = '[';
	while (n < SIZE)
		n += (size_t)snprintf((char *)text + n, 64, count % 7 ? "%zu, " : "\"%zu\\u00e9\xc3\xa9\",\n", count * 37), count++;
	n += (size_t)snprintf((char *)text + n, 64, "0 ]  ");
	*ret_len = n, *ret_count = count + 1;
	return text;
}

static void a_text_takes_the_memory_of_a_piece(void **state)
{
	struct list l;
	size_t len, count, read;
	uint8_t *text = numbers(&len, &count);
	(void)state;
	assert_string_equal(read_all(&l, (struct slice){text, len}, &read, 0), "");
	assert_int_equal(read, count);
	assert_int_equal(l.steps, count + 2); /* none twice */
	assert_true(l.limit < SIZE / 2);
	free(text);
}

static void faults_are_told_by_their_place_in_the_text(void **state)
{
	struct list l;
	size_t len, count;
	uint8_t *text = numbers(&len, &count);
	char said[100];
	(void)state;
	for (size_t at = 1000; at < len - 100; at += 99991) {
		size_t k = at;
		while (text[k] != ',')
			k++;
		text[k] = ';';
		snprintf(said, sizeof said, "a comma or the array's end is expected at byte %zu of it", k);
		assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, 0), said);
		text[k] = ',';
	}
	text[len - 1] = 'x';
	snprintf(said, sizeof said, "something follows the end at byte %zu of it", len - 1);
	assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, 0), said);
	free(text);
}

static void what_is_not_utf8_comes_before_all_else(void **state)
{
	struct list l;
	size_t len, count;
	uint8_t *text = numbers(&len, &count);
	(void)state;
	for (size_t at = 262140; at < 262150; at++) { /* around a piece's end */
		uint8_t was = text[at];
		text[at] = 0xe2;
		assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, 0), "it is not UTF-8");
		text[at] = was;
	}
	text[1] = '?', text[len - 1] = 0xc3;
	assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, 0), "it is not UTF-8");
	assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, -EBADMSG), "it is not UTF-8");
	text[len - 1] = ' ';
	assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, -EBADMSG), "it was found");
	assert_string_equal(read_all(&l, (struct slice){text, len}, NULL, 0), "a value is expected at byte 1 of it");
	free(text);
}

/* One string, of characters of three bytes, that is longer than all pieces. */
static void a_step_may_take_any_length(void **state)
{
	struct list l;
	size_t len = 3 * (SIZE / 3) + 4, count;
	uint8_t *text = malloc(len);
	(void)state;
	assert_non_null(text);
	for (size_t i = 2; i < len - 2; i++)
		text[i] = "\xe2\x82\xac"[(i - 2) % 3];
	text[0] = '[', text[1] = text[len - 2] = '"', text[len - 1] = ']';
	assert_string_equal(read_all(&l, (struct slice){text, len}, &count, 0), "");
	assert_int_equal(count, 1);
	assert_int_equal(l.string.len, len - 4);
	for (size_t cut = 0; cut < 8; cut++) {
		const char *said = read_all(&l, (struct slice){text, len - cut}, NULL, 0);
		assert_true(cut == 0 ? !*said : strstr(said, cut == 1 ? "a comma or" : cut % 3 == 2 ? "has no end" : "UTF-8") != NULL);
	}
	free(text);
}

static void spaces_of_any_length(void **state)
{
	struct list l;
	size_t count;
	uint8_t *text = malloc(SIZE);
	char said[100];
	(void)state;
	assert_non_null(text);
	memset(text, ' ', SIZE);
	for (size_t k = 0; k < 4; k++)
		text[k * (SIZE - 1) / 3] = (uint8_t)"[7] "[k];
	assert_string_equal(read_all(&l, (struct slice){text, SIZE}, &count, 0), "");
	assert_int_equal(count, 1);
	assert_int_equal(l.number, 7);
	text[SIZE - 1] = ']';
	snprintf(said, sizeof said, "something follows the end at byte %d of it", SIZE - 1);
	assert_string_equal(read_all(&l, (struct slice){text, SIZE}, NULL, 0), said);
	assert_string_equal(read_all(&l, (struct slice){text, 0}, NULL, 0), "an array is expected at byte 0 of it");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_takes_the_memory_of_a_piece),
		cmocka_unit_test(faults_are_told_by_their_place_in_the_text),
		cmocka_unit_test(what_is_not_utf8_comes_before_all_else),
		cmocka_unit_test(a_step_may_take_any_length),
		cmocka_unit_test(spaces_of_any_length),
	};
	return cmocka_run_group_tests_name("json_pieces", tests, NULL, NULL);
}
