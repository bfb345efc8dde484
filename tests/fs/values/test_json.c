/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/values/json.h"
#include "tests/support.h"

static struct arena arena;

static int begin(void **state)
{
	(void)state;
	arena = (struct arena){.limit = 1 << 20};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct json over(const char *text)
{
	return json_over(slice_text(text), &arena);
}

/* Steps over the whole text as one value; the sentence, "" if it is sound. */
static const char *verdict_of(struct slice text)
{
	static struct error err;
	struct json j = json_over(text, &arena);
	err.text[0] = '\0';
	json_skip(&j);
	int r = json_end(&j, &err, "it");
	assert_int_equal(r, err.text[0] ? -EBADMSG : 0);
	return err.text;
}

static const char *verdict(const char *text)
{
	return verdict_of(slice_text(text));
}

static void members_come_in_their_order(void **state)
{
	struct json j = over(" { \"a\" : 1 ,\"b\":[ ] , \"\" : \"x\" } ");
	struct slice name;
	(void)state;
	assert_true(json_object(&j));
	assert_true(json_member(&j, &name));
	assert_true(slice_equal(name, SLICE("a")));
	assert_int_equal(json_u64(&j), 1);
	assert_true(json_member(&j, &name));
	assert_true(slice_equal(name, SLICE("b")));
	assert_true(json_array(&j));
	assert_false(json_element(&j));
	assert_true(json_member(&j, &name));
	assert_int_equal(name.len, 0);
	assert_true(slice_equal(json_string(&j), SLICE("x")));
	assert_false(json_member(&j, &name));
	assert_int_equal(json_end(&j, NULL, "it"), 0);
}

static void elements_come_in_their_order(void **state)
{
	struct json j = over("[1,[2,3],4]");
	(void)state;
	assert_true(json_array(&j));
	assert_true(json_element(&j));
	assert_int_equal(json_u64(&j), 1);
	assert_true(json_element(&j));
	assert_true(json_array(&j));
	assert_true(json_element(&j));
	assert_int_equal(json_u64(&j), 2);
	assert_true(json_element(&j));
	assert_int_equal(json_u64(&j), 3);
	assert_false(json_element(&j));
	assert_true(json_element(&j));
	assert_int_equal(json_u64(&j), 4);
	assert_false(json_element(&j));
	assert_int_equal(json_end(&j, NULL, "it"), 0);
}

static void a_failure_sticks_and_tells_the_first_fault(void **state)
{
	struct json j = over("[1,x]");
	struct error err = {0};
	struct slice name;
	(void)state;
	json_array(&j);
	json_element(&j);
	json_u64(&j);
	json_element(&j);
	assert_int_equal(json_u64(&j), 0);
	assert_int_equal(json_peek(&j), JSON_NONE);
	assert_false(json_object(&j));
	assert_false(json_array(&j));
	assert_false(json_member(&j, &name));
	assert_false(json_element(&j));
	assert_int_equal(json_string(&j).len, 0);
	assert_int_equal(json_skip(&j).len, 0);
	json_fail(&j, "another");
	assert_int_equal(json_end(&j, &err, "the text"), -EBADMSG);
	assert_string_equal(err.text, "a value is expected at byte 3 of the text");
}

static void strings_without_escapes_are_of_the_text(void **state)
{
	static const char text[] = "\"gr\xc3\xbc\xc3\x9f\x7f/\"";
	struct json j = over(text);
	(void)state;
	struct slice s = json_string(&j);
	assert_ptr_equal(s.data, text + 1);
	assert_int_equal(arena.used, 0);
	assert_true(slice_equal(s, SLICE("gr\xc3\xbc\xc3\x9f\x7f/")));
}

static void escapes_are_read(void **state)
{
	static const struct { const char *text; struct slice expect; } cases[] = {
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {(const uint8_t *)"\"\\/\b\f\n\r\t", 8}},
		{"\"\\u0041\\u00e9\\u20AC\"", {(const uint8_t *)"A\xc3\xa9\xe2\x82\xac", 6}},
		{"\"\\ud83d\\ude00\"", {(const uint8_t *)"\xf0\x9f\x98\x80", 4}},
		{"\"\\uDBFF\\uDFFF\"", {(const uint8_t *)"\xf4\x8f\xbf\xbf", 4}},
		{"\"a\\u0000b\"", {(const uint8_t *)"a\0b", 3}},
		{"\"long enough to be read by the word\\n, and behind it as well\"",
		 {(const uint8_t *)"long enough to be read by the word\n, and behind it as well", 58}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json j = over(cases[i].text);
		assert_true(slice_equal(json_string(&j), cases[i].expect));
		assert_int_equal(json_end(&j, NULL, "it"), 0);
	}
}

static void faulty_strings(void **state)
{
	(void)state;
	assert_string_equal(verdict("\"abc"), "a string has no end at byte 4 of it");
	assert_string_equal(verdict("\""), "a string has no end at byte 1 of it");
	assert_string_equal(verdict("\"\\"), "a string has no end at byte 2 of it");
	assert_string_equal(verdict("\"\\\""), "a string has no end at byte 3 of it");
	assert_string_equal(verdict("\"\\u"), "a string has no end at byte 3 of it");
	assert_string_equal(verdict("\"a\nb\""), "a string contains a control byte at byte 2 of it");
	assert_string_equal(verdict("\"0123456789\x1f\""), "a string contains a control byte at byte 11 of it");
	assert_string_equal(verdict_of(SLICE("\"a\0b\"")), "a string contains a control byte at byte 2 of it");
	static const char *const escapes[] = {"\"\\a\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\ud800\"",
					      "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"",
					      "\"\\u-123\"", "\"\\ud800\\u0041\"", "\"\\0\""};
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		assert_string_equal(verdict(escapes[i]), "an escape is not valid at byte 1 of it");
}

/* Every place a quote, a backslash or a control byte can have in an eight-byte word. */
static void words_are_looked_at_byte_by_byte(void **state)
{
	(void)state;
	for (size_t lead = 0; lead < 20; lead++)
		for (size_t trail = 0; trail < 10; trail++) {
			char text[64];
			int n = snprintf(text, sizeof text, "\"%.*s", (int)lead, "\xc3\xbf" "aaaaaaaaaaaaaaaaaa");
			if (lead == 1)
				continue; /* half a character */
			snprintf(text + n, sizeof text - (size_t)n, "\\n%.*s\"", (int)trail, "bbbbbbbbbb");
			struct json j = over(text);
			struct slice s = json_string(&j);
			assert_int_equal(s.len, lead + 1 + trail);
			assert_int_equal(s.data[lead], '\n');
			assert_int_equal(json_end(&j, NULL, "it"), 0);
			text[n] = 0x1f;
			assert_string_not_equal(verdict(text), "");
		}
}

static void whole_numbers(void **state)
{
	static const struct { const char *text; uint64_t value; const char *fault; } cases[] = {
		{"0", 0, NULL}, {"7 ", 7, NULL}, {"18446744073709551615", UINT64_MAX, NULL},
		{"12345678", 12345678, NULL}, {"123456789 ", 123456789, NULL}, {"1234567\n       ", 1234567, NULL},
		{"12345678       ", 12345678, NULL}, {"1234567890123456", 1234567890123456, NULL},
		{"90071992547409930  ", 90071992547409930, NULL}, {"0       ", 0, NULL}, {"10000000000000000000", 10000000000000000000u, NULL},
		{"00000001", 0, "a number begins with 0 at byte 0 of it"},
		{"1844674407370955161600000000", 0, "a number is too large at byte 0 of it"},
		{"1234567.8       ", 0, "a whole number is expected at byte 0 of it"},
		{"1234567:        ", 1234567, "something follows the end at byte 7 of it"},
		{"123456/8        ", 123456, "something follows the end at byte 6 of it"},
		{"1\xff      ", 1, "something follows the end at byte 1 of it"},
		{"18446744073709551616", 0, "a number is too large at byte 0 of it"},
		{"99999999999999999999999", 0, "a number is too large at byte 0 of it"},
		{"-1", 0, "a number without a sign is expected at byte 0 of it"},
		{"-0", 0, "a number without a sign is expected at byte 0 of it"},
		{"+1", 0, "a value is expected at byte 0 of it"},
		{"01", 0, "a number begins with 0 at byte 0 of it"},
		{"1.0", 0, "a whole number is expected at byte 0 of it"},
		{"1e2", 0, "a whole number is expected at byte 0 of it"},
		{"\"1\"", 0, "a number without a sign is expected at byte 0 of it"},
		{"", 0, "a value is expected at byte 0 of it"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json j = over(cases[i].text);
		struct error err = {0};
		assert_int_equal(json_u64(&j), cases[i].value);
		assert_int_equal(json_end(&j, &err, "it"), cases[i].fault ? -EBADMSG : 0);
		assert_string_equal(err.text, cases[i].fault ? cases[i].fault : "");
	}
}

static void digits_alone(void **state)
{
	static const char *const none[] = {"", "a", "-1", "+1", "01", "00", "18446744073709551616", " 1", ",12345678"};
	uint64_t value;
	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct cursor c = cursor_over(slice_text(none[i]));
		assert_false(json_digits(&c, &value));
		assert_ptr_equal(c.pos, none[i]);
	}
	struct cursor c = cursor_over(SLICE("0,18446744073709551615,12345678.5"));
	assert_true(json_digits(&c, &value) && value == 0 && cursor_match(&c, ",", 1));
	assert_true(json_digits(&c, &value) && value == UINT64_MAX && cursor_match(&c, ",", 1));
	assert_true(json_digits(&c, &value) && value == 12345678 && cursor_match(&c, ".5", 2));
}

/* Expected: the verdicts of serde_json 1.0, which the reference reader uses. */
static void numbers_that_nobody_wants(void **state)
{
	static const char *const sound[] = {"0", "-0", "-1", "1.5", "1e5", "1E+5", "1e-5", "-0.0e-0", "1e308", "1e-999",
					    "1.7976931348623157e308", "0e99999999999999999999", "0.0e999",
					    "0.00000001e310", "1e00000000000000000000308", "1e-99999999999999999999"};
	static const char *const range[] = {"1e309", "1e999", "-1e999", "1.7976931348623159e308", "10e308", "1e99999999999999999999"};
	static const char *const bad[] = {"01", "00", "-", "-01", "1.", "1.e5", "1e", "1e+", "-.5"};
	(void)state;
	for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
		assert_string_equal(verdict(sound[i]), "");
	for (size_t i = 0; i < sizeof range / sizeof *range; i++)
		assert_string_equal(verdict(range[i]), "a number is out of range at byte 0 of it");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_string_equal(verdict(bad[i]), "a number is not valid at byte 0 of it");
	assert_string_equal(verdict(".5"), "a value is expected at byte 0 of it");
	assert_string_equal(verdict("0x10"), "something follows the end at byte 1 of it");
}

static void structure_is_strict(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{"[1 2]", "a comma or the array's end is expected at byte 3 of it"},
		{"[1,]", "nothing follows a comma at byte 3 of it"},
		{"[,1]", "a value is expected at byte 1 of it"},
		{"[1", "a comma or the array's end is expected at byte 2 of it"},
		{"[", "a value is expected at byte 1 of it"},
		{"]", "a value is expected at byte 0 of it"},
		{"[1}", "a comma or the array's end is expected at byte 2 of it"},
		{"{\"a\":1]", "a comma or the object's end is expected at byte 6 of it"},
		{"{\"a\":1,}", "nothing follows a comma at byte 7 of it"},
		{"{\"a\"}", "a colon is expected at byte 4 of it"},
		{"{\"a\":}", "a value is expected at byte 5 of it"},
		{"{a:1}", "a string is expected at byte 1 of it"},
		{"{1:1}", "a string is expected at byte 1 of it"},
		{"{", "a string is expected at byte 1 of it"},
		{"1 1", "something follows the end at byte 2 of it"},
		{"tru", "a value is expected at byte 0 of it"},
		{"truex", "something follows the end at byte 4 of it"},
		{"True", "a value is expected at byte 0 of it"},
		{"nul", "a value is expected at byte 0 of it"},
		{"NaN", "a value is expected at byte 0 of it"},
		{"\xef\xbb\xbf[]", "a value is expected at byte 0 of it"},
		{"\f[]", "a value is expected at byte 0 of it"},
		{"[]\v", "something follows the end at byte 2 of it"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(verdict(cases[i].text), cases[i].fault);
	assert_string_equal(verdict_of(SLICE("1\0")), "something follows the end at byte 1 of it");
	assert_string_equal(verdict(" \t\r\n[ \t\r\n] \t\r\n"), "");
	assert_string_equal(verdict("{\"a\":{\"b\":[[],{}]},\"c\":[{\"d\":null},true,false]}"), "");
}

static void a_skipped_value_is_its_text(void **state)
{
	struct json j = over("[ {\"a\": [1, \"]\"]} , 2 ]");
	(void)state;
	json_array(&j);
	json_element(&j);
	assert_true(slice_equal(json_skip(&j), SLICE("{\"a\": [1, \"]\"]}")));
	json_element(&j);
	assert_true(slice_equal(json_skip(&j), SLICE("2")));
	assert_false(json_element(&j));
	assert_int_equal(json_end(&j, NULL, "it"), 0);
}

static void depth_has_an_end(void **state)
{
	char text[400];
	(void)state;
	for (int depth = 1; depth < 180; depth++)
		for (int shape = 0; shape < 2; shape++) {
			size_t n = 0;
			for (int i = 0; i < depth; i++)
				n += (size_t)sprintf(text + n, shape && i == depth - 1 ? "{" : "[");
			for (int i = 0; i < depth; i++)
				n += (size_t)sprintf(text + n, shape && i == 0 ? "}" : "]");
			if (depth <= JSON_DEPTH)
				assert_string_equal(verdict(text), "");
			else
				assert_string_equal(verdict(text), "nesting is too deep at byte 128 of it");
		}
}

static void leaving_gives_the_depth_back(void **state)
{
	char text[5000] = "[";
	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(text, "[],");
	strcat(text, "[]]");
	assert_string_equal(verdict(text), "");
}

static void no_memory_for_a_string_is_told_so(void **state)
{
	struct arena none = {0};
	struct error err = {0};
	struct json j = json_over(SLICE("\"a\\nb\""), &none);
	(void)state;
	json_string(&j);
	assert_int_equal(json_end(&j, &err, "it"), -ENOMEM);
	assert_string_equal(err.text, "there is no memory for a string at byte 1 of it");
}

static void every_cut_of_a_text_is_faulty(void **state)
{
	static const char text[] = "{\"a\":[1,2.5e3,\"x\\u0041\\n\",null,true,{\"b\":-0}],\"c\":\"\xc3\xbc\"}";
	(void)state;
	assert_string_equal(verdict(text), "");
	for (size_t n = 0; n < sizeof text - 1; n++) {
		uint8_t *cut = malloc(n ? n : 1); /* exact, for the sanitizer */
		memcpy(cut, text, n);
		assert_string_not_equal(verdict_of((struct slice){cut, n}), "");
		free(cut);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_come_in_their_order),
		TEST(elements_come_in_their_order),
		TEST(a_failure_sticks_and_tells_the_first_fault),
		TEST(strings_without_escapes_are_of_the_text),
		TEST(escapes_are_read),
		TEST(faulty_strings),
		TEST(words_are_looked_at_byte_by_byte),
		TEST(whole_numbers),
		TEST(digits_alone),
		TEST(numbers_that_nobody_wants),
		TEST(structure_is_strict),
		TEST(a_skipped_value_is_its_text),
		TEST(depth_has_an_end),
		TEST(leaving_gives_the_depth_back),
		TEST(no_memory_for_a_string_is_told_so),
		TEST(every_cut_of_a_text_is_faulty),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
