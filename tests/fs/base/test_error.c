/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/base/name.h"
#include "tests/support.h"

static void the_code_comes_back_negative_with_the_sentence(void **state)
{
	struct error err = {0};
	(void)state;
	assert_int_equal(error_set(&err, EBADMSG, "header of %d bytes", 7), -EBADMSG);
	assert_string_equal(err.text, "header of 7 bytes");
}

static void the_first_sentence_stays(void **state)
{
	struct error err = {0};
	(void)state;
	error_set(&err, EBADMSG, "near the fault");
	assert_int_equal(error_set(&err, EIO, "further off"), -EIO);
	assert_string_equal(err.text, "near the fault");
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ENOMEM, "x"), -ENOMEM);
	assert_int_equal(error_prefix(NULL, -EIO, "x"), -EIO);
}

static void control_bytes_become_question_marks(void **state)
{
	struct error err = {0};
	(void)state;
	error_set(&err, EBADMSG, "tensor %s", "a\nb\x1b[31mc\x7f");
	assert_string_equal(err.text, "tensor a?b?[31mc?");
}

/* Whatever a file brings into a sentence, the sentence stays text. */
static void what_is_not_utf8_stays_off_the_terminal(void **state)
{
	struct error err = {0};
	(void)state;
	error_set(&err, EBADMSG, "name %s here", "\xff\xfe");
	assert_true(utf8_valid(slice_text(err.text)));
	assert_non_null(strstr(err.text, "here"));
	err.text[0] = '\0';
	error_set(&err, EBADMSG, "cut %.*s in two", 1, "\xc3\xbc");
	assert_true(utf8_valid(slice_text(err.text)));
}

static void a_long_sentence_ends_at_a_whole_character(void **state)
{
	(void)state;
	for (int lead = 240; lead < 256; lead++) {
		struct error err = {0};
		error_set(&err, EBADMSG, "%*s\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", lead, "x");
		assert_true(utf8_valid(slice_text(err.text)));
		assert_true(strlen(err.text) < sizeof err.text);
	}
}

static void a_prefix_names_the_part(void **state)
{
	struct error err = {0};
	(void)state;
	error_set(&err, EIO, "cut short");
	assert_int_equal(error_prefix(&err, -EIO, "shard b"), -EIO);
	assert_string_equal(err.text, "shard b: cut short");
}

static void a_long_prefix_does_not_cost_the_fault(void **state)
{
	struct error err = {0};
	char name[1000];
	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	error_set(&err, EIO, "the fault");
	error_prefix(&err, -EIO, name);
	assert_non_null(strstr(err.text, ": the fault"));

	/* also not one of characters that would be cut */
	for (size_t i = 0; i + 2 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xbc", 3);
	for (int pad = 0; pad < 2; pad++) {
		err.text[0] = '\0';
		error_set(&err, EIO, "the fault%.*s", pad, "x");
		error_prefix(&err, -EIO, name);
		assert_non_null(strstr(err.text, ": the fault"));
		assert_true(utf8_valid(slice_text(err.text)));
	}
}

static void no_memory_says_for_what(void **state)
{
	struct error err = {0};
	(void)state;
	assert_int_equal(error_no_memory(&err, "a list"), -ENOMEM);
	assert_string_equal(err.text, "no memory for a list");
	assert_int_equal(error_no_memory(NULL, "a list"), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_comes_back_negative_with_the_sentence),
		cmocka_unit_test(the_first_sentence_stays),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(control_bytes_become_question_marks),
		cmocka_unit_test(what_is_not_utf8_stays_off_the_terminal),
		cmocka_unit_test(a_long_sentence_ends_at_a_whole_character),
		cmocka_unit_test(a_prefix_names_the_part),
		cmocka_unit_test(no_memory_says_for_what),
		cmocka_unit_test(a_long_prefix_does_not_cost_the_fault),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
