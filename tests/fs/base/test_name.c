/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "fs/base/name.h"
#include "tests/support.h"

/* Names as docs/shown.md has them. */
static const char *shown(struct slice raw)
{
	static char ret[NAME_ROOM];
	memset(ret, 'Z', sizeof ret);
	size_t n = name_show(raw, ret);
	assert_int_equal(strlen(ret), n);
	return ret;
}

static void ordinary_names_stay(void **state)
{
	(void)state;
	assert_string_equal(shown(SLICE("model.layers.0.mlp.weight")), "model.layers.0.mlp.weight");
	assert_string_equal(shown(SLICE(" a b ~2 % %41 \\ \" * ? : ")), " a b ~2 % %41 \\ \" * ? : ");
	assert_string_equal(shown(SLICE("gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x98\x80")), "gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x98\x80");
	assert_string_equal(shown(SLICE("u\xcc\x88")), "u\xcc\x88"); /* no normalisation */
	assert_string_equal(shown(SLICE("\xc2\x80\xe2\x80\xae\xef\xbb\xbf")), "\xc2\x80\xe2\x80\xae\xef\xbb\xbf");
	assert_string_equal(shown(SLICE("...")), "...");
	assert_string_equal(shown(SLICE(".a")), ".a");
	assert_string_equal(shown(SLICE("..a")), "..a");
}

static void offending_bytes_are_escaped_and_only_they(void **state)
{
	(void)state;
	assert_string_equal(shown(SLICE("a\0b")), "a%00b");
	assert_string_equal(shown(SLICE("\x01\x1f\x7f\n")), "%01%1F%7F%0A");
	assert_string_equal(shown(SLICE(".")), "%2E");
	assert_string_equal(shown(SLICE("..")), "%2E%2E");
	assert_string_equal(shown(SLICE("a\xff" "b")), "a%FFb");
	assert_string_equal(shown(SLICE("\xc3")), "%C3");
	assert_string_equal(shown(SLICE("\xc3(")), "%C3(");
	assert_string_equal(shown(SLICE("\xe2\x82")), "%E2%82");
	assert_string_equal(shown(SLICE("\xc0\xaf")), "%C0%AF");                 /* overlong '/' */
	assert_string_equal(shown(SLICE("\xe0\x80\xaf")), "%E0%80%AF");
	assert_string_equal(shown(SLICE("\xed\xa0\x80")), "%ED%A0%80");          /* a surrogate */
	assert_string_equal(shown(SLICE("\xf4\x90\x80\x80")), "%F4%90%80%80");   /* past U+10FFFF */
	assert_string_equal(shown(SLICE("\xf8\x88\x80\x80\x80")), "%F8%88%80%80%80");
	assert_string_equal(shown(SLICE("\xf0\x9f\x98x")), "%F0%9F%98x");
}

static void a_name_of_nothing_is_an_underscore(void **state)
{
	(void)state;
	assert_string_equal(shown((struct slice){NULL, 0}), "_");
}

static void up_to_240_bytes_stay(void **state)
{
	char raw[241];
	(void)state;
	memset(raw, 'x', sizeof raw);
	assert_int_equal(strlen(shown((struct slice){(uint8_t *)raw, 240})), 240);
	assert_int_equal(strlen(shown((struct slice){(uint8_t *)raw, 241})), 240); /* 223 + 1 + 16 */
}

/* The expected hashes are FNV-1a's of the raw bytes, from a second implementation:
 * python3 -c 'h=0xcbf29ce484222325
 * for b in b"x"*300: h=(h^b)*0x100000001b3%2**64' */
static void longer_names_are_cut_and_hashed(void **state)
{
	char raw[300], expect[256];
	(void)state;
	memset(raw, 'x', sizeof raw);
	snprintf(expect, sizeof expect, "%.223s~e78ddf9f1ba85555", raw);
	assert_string_equal(shown((struct slice){(uint8_t *)raw, 300}), expect);

	/* 150 two-byte characters: 223 is in the middle of one */
	for (size_t i = 0; i < 300; i += 2)
		memcpy(raw + i, "\xc3\xa9", 2);
	snprintf(expect, sizeof expect, "%.222s~68f95dee7a64a70d", raw);
	assert_string_equal(shown((struct slice){(uint8_t *)raw, 300}), expect);

	/* escapes count as they are shown, and are not split: 74 of three bytes fit */
	memset(raw, '\x01', sizeof raw);
	const char *name = shown((struct slice){(uint8_t *)raw, 81}); /* 243 shown */
	assert_int_equal(strlen(name), 222 + 17);
	assert_memory_equal(name + 219, "%01~c12a77af8f23d8dc", 20);
}

static void shown_names_fit_with_every_suffix(void **state)
{
	uint64_t seed = 1;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t raw[400];
		size_t n = (size_t)(round % 400);
		for (size_t i = 0; i < n; i++) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			raw[i] = (uint8_t)(seed >> 56) == '/' ? '.' : (uint8_t)(seed >> (round % 3 ? 56 : 60));
		}
		const char *name = shown((struct slice){raw, n});
		assert_true(strlen(name) <= NAME_LONGEST);
		assert_true(utf8_valid(slice_text(name)));
		assert_null(strchr(name, '/'));
	}
}

static void utf8_is_judged_by_the_byte(void **state)
{
	(void)state;
	assert_true(utf8_valid((struct slice){NULL, 0}));
	assert_true(utf8_valid(SLICE("12345678\xc3\xbc" "12345678")));
	assert_false(utf8_valid(SLICE("12345678\xc3" "12345678")));
	assert_false(utf8_valid(SLICE("1234567\x80")));
	assert_false(utf8_valid(SLICE("12345678\xe2\x82")));
	assert_true(utf8_valid(SLICE("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\0")));
	assert_int_equal(utf8_length(SLICE("\xf0\x90\x80\x80z")), 4);
	assert_int_equal(utf8_length(SLICE("\xf0\x8f\xbf\xbf")), 0);
	assert_int_equal(utf8_length(SLICE("\xc1\xbf")), 0);
}

/* Characters of every length, cut at every byte, at every place around a word's end. */
static void a_prefix_ends_before_what_is_no_character(void **state)
{
	static const char *const characters[] = {"a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	char text[100];
	(void)state;
	for (size_t at = 0; at < 70; at++)
		for (size_t n = 1; n <= 4; n++)
			for (size_t cut = 0; cut <= n; cut++) {
				memset(text, 'x', sizeof text);
				memcpy(text + at, characters[n - 1], n);
				struct slice whole = {(const uint8_t *)text, at + cut};
				assert_int_equal(utf8_prefix(whole), cut == n ? at + n : at);
				whole.len = sizeof text;
				assert_int_equal(utf8_prefix(whole), sizeof text);
				text[at + n - 1] = '\xff';
				assert_int_equal(utf8_prefix(whole), at + (n - 1) * (n == 1));
			}
}

static void a_name_that_shows_itself_is_shown_so(void **state)
{
	(void)state;
	static const char *const itself[] = {"a", "...", "model.layers.0.mlp.weight", "a~2", "%2E", ".arrayfs", " "};
	static const char *const changed[] = {"", ".", "..", "a\x7f", "a\n", "\xff", "model.layers.0.mlp\x01"};
	for (size_t i = 0; i < sizeof itself / sizeof *itself; i++) {
		assert_true(name_shows_itself(slice_text(itself[i])));
		assert_string_equal(shown(slice_text(itself[i])), itself[i]);
	}
	for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
		assert_false(name_shows_itself(slice_text(changed[i])));
	static char longest[NAME_LONGEST + 2];
	memset(longest, 'x', NAME_LONGEST + 1);
	assert_false(name_shows_itself(slice_text(longest)));
	assert_true(name_shows_itself(slice_text(longest + 1)));
}

/* Each byte counts, and where it stands, and the length; and the seed. */
static void the_tables_hash_tells_texts_apart(void **state)
{
	static uint8_t text[80];
	static int seeds[2];
	(void)state;
	for (size_t len = 0; len < sizeof text; len++) {
		struct slice s = {text, len}, shorter = {text, len ? len - 1 : 0};
		uint64_t was = slice_hash(s, seeds);
		assert_true(was == slice_hash(s, seeds));
		assert_true(was != slice_hash(s, seeds + 1));
		assert_true(len == 0 || was != slice_hash(shorter, seeds));
		for (size_t i = 0; i < len; i++) {
			text[i] ^= 1;
			assert_true((uint32_t)was != (uint32_t)slice_hash(s, seeds));
			for (size_t k = 0; k < i; k++) {
				text[k] ^= 1;
				assert_true(was != slice_hash(s, seeds));
				text[k] ^= 1;
			}
			text[i] ^= 1;
		}
	}
}

static void the_hash_is_fnv_1a(void **state)
{
	(void)state; /* from the tables of Fowler, Noll and Vo */
	assert_int_equal(name_hash(SLICE("")), 0xcbf29ce484222325);
	assert_int_equal(name_hash(SLICE("a")), 0xaf63dc4c8601ec8c);
	assert_int_equal(name_hash(SLICE("foobar")), 0x85944171f73967e8);
}

static void characters_become_utf8(void **state)
{
	static const struct {
		uint32_t c;
		const char *bytes;
	} cases[] = {{'a', "a"}, {0x7f, "\x7f"}, {0x80, "\xc2\x80"}, {0x7ff, "\xdf\xbf"}, {0x800, "\xe0\xa0\x80"},
		     {0xffff, "\xef\xbf\xbf"}, {0x1f600, "\xf0\x9f\x98\x80"}, {0x10ffff, "\xf4\x8f\xbf\xbf"},
		     {0xd800, "\xef\xbf\xbd"}, {0xdfff, "\xef\xbf\xbd"}, {0x110000, "\xef\xbf\xbd"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t out[5] = {0};
		assert_int_equal(utf8_put(cases[i].c, out), strlen(cases[i].bytes));
		assert_string_equal((char *)out, cases[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_names_stay),
		cmocka_unit_test(offending_bytes_are_escaped_and_only_they),
		cmocka_unit_test(a_name_of_nothing_is_an_underscore),
		cmocka_unit_test(up_to_240_bytes_stay),
		cmocka_unit_test(longer_names_are_cut_and_hashed),
		cmocka_unit_test(shown_names_fit_with_every_suffix),
		cmocka_unit_test(utf8_is_judged_by_the_byte),
		cmocka_unit_test(a_prefix_ends_before_what_is_no_character),
		cmocka_unit_test(a_name_that_shows_itself_is_shown_so),
		cmocka_unit_test(the_tables_hash_tells_texts_apart),
		cmocka_unit_test(the_hash_is_fnv_1a),
		cmocka_unit_test(characters_become_utf8),
	};
	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
