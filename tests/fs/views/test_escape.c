/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

#include "fs/views/escape.h"

static void becomes(const void *p, size_t len, const char *text)
{
	uint8_t from[64], to[256];
	memset(from, '\n', sizeof from); /* what lies behind does not count */
	memcpy(from, p, len);
	uint8_t *end = escape_put(from, len, to);
	assert_int_equal(end - to, strlen(text));
	assert_memory_equal(to, text, strlen(text));
	assert_int_equal(escape_length(from, len), strlen(text));
}

#define IS(string, text) becomes(string, sizeof string - 1, text)

static void what_has_a_letter_is_written_by_it(void **state)
{
	(void)state;
	IS("", "");
	IS("plain words", "plain words");
	IS("a\nb\tc\rd\\e", "a\\nb\\tc\\rd\\\\e");
	IS("\\N", "\\\\N");
	IS("\"',;$ ~", "\"',;$ ~");
	IS("0123456789abcdef0123456789abcde\n", "0123456789abcdef0123456789abcde\\n");
}

static void other_control_bytes_are_hexadecimal(void **state)
{
	(void)state;
	IS("\0", "\\x00");
	IS("\x01\x0b\x1b\x1f\x20\x7e\x7f\x80", "\\x01\\x0b\\x1b\\x1f\x20\x7e\\x7f\x80");
	IS("\b\f\v\a", "\\x08\\x0c\\x0b\\x07");
}

static void what_is_no_utf_8_stays(void **state)
{
	(void)state;
	IS("\xff\xfe\xc3", "\xff\xfe\xc3");
	IS("\xc2\x85 \xe2\x80\xa8 \xc3\xa9", "\xc2\x85 \xe2\x80\xa8 \xc3\xa9");
}

/* One byte after another, as the table in the header has it. */
static size_t slowly(const uint8_t *p, size_t len, char *to)
{
	char *start = to;
	for (size_t i = 0; i < len; i++) {
		switch (p[i]) {
		case '\n': to += sprintf(to, "\\n"); break;
		case '\t': to += sprintf(to, "\\t"); break;
		case '\r': to += sprintf(to, "\\r"); break;
		case '\\': to += sprintf(to, "\\\\"); break;
		case 0 ... 8: case 11: case 12: case 14 ... 31: case 127: to += sprintf(to, "\\x%02x", p[i]); break;
		default: *to++ = (char)p[i];
		}
	}
	return (size_t)(to - start);
}

/* Memory of just the size that is promised, so that what goes beyond it is found. */
static void check_one(const uint8_t *p, size_t len)
{
	char *wanted = malloc(len * 4 + 1);
	uint8_t *from = malloc(len + ESCAPE_MORE);
	size_t n = slowly(p, len, wanted);
	uint8_t *to = malloc(n + ESCAPE_MORE);
	memset(from, '\\', len + ESCAPE_MORE);
	memcpy(from, p, len);
	assert_int_equal(escape_length(from, len), n);
	assert_ptr_equal(escape_put(from, len, to), to + n);
	assert_memory_equal(to, wanted, n);
	free(wanted);
	free(from);
	free(to);
}

static void every_byte_is_right_at_every_place(void **state)
{
	uint8_t bytes[80];
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		for (size_t len = 1; len <= 40; len++) {
			memset(bytes, 'a', sizeof bytes);
			bytes[(c * 7 + len * 3) % len] = (uint8_t)c;
			check_one(bytes, len);
			memset(bytes, (int)c, sizeof bytes);
			check_one(bytes, len);
		}
}

static void any_bytes_are_right(void **state)
{
	uint32_t random = 1;
	uint8_t bytes[300];
	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			random = random * 1664525 + 1013904223;
			uint8_t c = (uint8_t)(random >> 24);
			bytes[i] = round % 3 == 0 || (random >> 20) % 16 == 0 ? c : (uint8_t)(c % 26 + 'a');
		}
		check_one(bytes, round % sizeof bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_a_letter_is_written_by_it),
		cmocka_unit_test(other_control_bytes_are_hexadecimal),
		cmocka_unit_test(what_is_no_utf_8_stays),
		cmocka_unit_test(every_byte_is_right_at_every_place),
		cmocka_unit_test(any_bytes_are_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
