/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "fs/values/json.h"
#include "tests/support.h"

enum { LONGEST = 5 * JSON_INDEX_BLOCK };

static uint32_t random_state = 1;

static uint32_t any(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static bool model(const uint8_t *text, size_t len, size_t at)
{
	return at >= len || text[at] == '"' || text[at] == '\\' || text[at] < 0x20;
}

/* By every way this machine has, in memory that ends where the text ends. */
static void check(const uint8_t *text, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	size_t words = (len + JSON_INDEX_BLOCK - 1) / JSON_INDEX_BLOCK;
	assert_non_null(copy);
	memcpy(copy, text, len);
	for (int way = 0; way < JSON_INDEX_WAYS; way++) {
		uint64_t bits[LONGEST / JSON_INDEX_BLOCK + 1];
		memset(bits, 0xa5, sizeof bits);
		if (!json_index_by(way, copy, len, bits))
			continue;
		for (size_t i = 0; i < words * JSON_INDEX_BLOCK; i++)
			assert_int_equal(bits[i / 64] >> i % 64 & 1, model(copy, len, i));
		assert_true(bits[words] == 0xa5a5a5a5a5a5a5a5); /* nor is more written */
	}
	free(copy);
}

static void every_byte_at_every_place_of_a_block(void **state)
{
	uint8_t text[JSON_INDEX_BLOCK];
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		for (size_t at = 0; at < sizeof text; at++) {
			memset(text, 'x', sizeof text);
			text[at] = (uint8_t)byte;
			check(text, sizeof text);
			memset(text, '"', sizeof text);
			text[at] = (uint8_t)byte;
			check(text, sizeof text);
		}
}

static void every_length(void **state)
{
	static const uint8_t bytes[] = "\"\\ \x1f\x20\x21\x7f\x80\xff\n{}[]:,a0\x9c\xa2\xdc\xa1!#[]";
	uint8_t text[LONGEST];
	(void)state;
	for (size_t round = 0; round < 20; round++)
		for (size_t len = 0; len <= LONGEST; len++) {
			for (size_t i = 0; i < len; i++)
				text[i] = round % 2 ? (uint8_t)any(256) : bytes[any(sizeof bytes)];
			check(text, len);
		}
}

static void one_way_is_always_there(void **state)
{
	uint64_t bits;
	(void)state;
	assert_true(json_index_by(JSON_INDEX_PORTABLE, (const uint8_t *)"\"a", 2, &bits));
	assert_true(bits == ~(uint64_t)2);
	assert_false(json_index_by(JSON_INDEX_WAYS, (const uint8_t *)"\"a", 2, &bits));
}

/* --- the reader over it ------------------------------------------------ */

/* A string whose escape stands at every place around the ends of blocks and of what is
 * indexed at once, and the same with nothing behind the backslash. */
static void escapes_across_blocks(void **state)
{
	static char text[JSON_INDEXED + 3 * JSON_INDEX_BLOCK];
	struct arena arena = {.limit = 64 << 20};
	(void)state;
	for (size_t near = 0; near <= JSON_INDEXED; near += near < 128 ? 64 : JSON_INDEXED - 128)
		for (size_t at = near < 8 ? 1 : near - 8; at < near + 8; at++) {
			size_t len = at + 20;
			memset(text, 'x', sizeof text);
			text[0] = text[len - 1] = '"';
			memcpy(text + at, "\\\"\\\\", 4);
			struct json j = json_over((struct slice){(const uint8_t *)text, len}, &arena);
			struct slice s = json_string(&j);
			assert_false(j.failed);
			assert_int_equal(s.len, len - 4);
			assert_int_equal(s.data[at - 1], '"');
			assert_int_equal(s.data[at], '\\');
			for (size_t cut = at; cut < len; cut++) {
				struct error err = {0};
				j = json_over((struct slice){(const uint8_t *)text, cut}, &arena);
				(void)json_string(&j);
				assert_int_equal(json_end(&j, &err, "it"), -EBADMSG);
				char said[64];
				snprintf(said, sizeof said, "a string has no end at byte %zu of it", cut);
				assert_string_equal(err.text, said);
			}
		}
	arena_free(&arena);
}

static void a_control_byte_is_found_wherever_it_stands(void **state)
{
	static char text[JSON_INDEXED + 200];
	struct arena arena = {.limit = 1 << 20};
	(void)state;
	for (size_t at = 1; at < sizeof text - 1; at++) {
		struct error err = {0};
		char said[80];
		memset(text, ' ', sizeof text);
		text[0] = text[sizeof text - 1] = '"';
		text[at] = '\x1f';
		struct json j = json_over((struct slice){(const uint8_t *)text, sizeof text}, &arena);
		(void)json_string(&j);
		assert_int_equal(json_end(&j, &err, "it"), -EBADMSG);
		snprintf(said, sizeof said, "a string contains a control byte at byte %zu of it", at);
		assert_string_equal(err.text, said);
	}
	arena_free(&arena);
}

/* What the index says of one place must not be taken for another. */
static void strings_behind_one_another(void **state)
{
	static char text[3 * JSON_INDEXED];
	struct arena arena = {.limit = 1 << 20};
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		static struct { size_t from, len; } is[sizeof text];
		size_t n = 0, count = 0;
		text[n++] = '[';
		while (n < sizeof text - 300) {
			size_t len = any(10) ? any(20) : any(200);
			is[count].from = n + 1, is[count++].len = len;
			text[n++] = '"';
			memset(text + n, 'a' + (int)any(26), len);
			n += len;
			text[n++] = '"', text[n++] = ',';
			n += (size_t)snprintf(text + n, 80, "%*s", (int)any(round % 70 + 1), "");
		}
		n += (size_t)snprintf(text + n, 3, "0]");
		struct json j = json_over((struct slice){(const uint8_t *)text, n}, &arena);
		json_array(&j);
		for (size_t i = 0; i < count; i++) {
			assert_true(json_element(&j));
			struct slice s = json_string(&j);
			assert_ptr_equal(s.data, text + is[i].from);
			assert_int_equal(s.len, is[i].len);
		}
		assert_true(json_element(&j));
		assert_int_equal(json_u64(&j), 0);
		assert_false(json_element(&j));
		assert_int_equal(json_end(&j, NULL, "it"), 0);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place_of_a_block),
		cmocka_unit_test(every_length),
		cmocka_unit_test(one_way_is_always_there),
		cmocka_unit_test(escapes_across_blocks),
		cmocka_unit_test(a_control_byte_is_found_wherever_it_stands),
		cmocka_unit_test(strings_behind_one_another),
	};
	return cmocka_run_group_tests_name("json_index", tests, NULL, NULL);
}
