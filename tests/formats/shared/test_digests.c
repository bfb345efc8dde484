/* SPDX-License-Identifier: MIT */
#include "formats/digests.h"

#include "tests/support.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBbb"

/* What was told: "NAME=aa;NAME=bb;", by the first byte of each digest. */
static char told[1000];

static int each(void *arg, struct slice name, const uint8_t sha256[32])
{
	size_t n = strlen(told);
	(void)arg;
	for (int i = 1; i < 32; i++)
		assert_int_equal(sha256[i], sha256[0]);
	snprintf(told + n, sizeof told - n, "%.*s=%02x;", (int)name.len, name.data, sha256[0]);
	return name.len == 4 && memcmp(name.data, "stop", 4) == 0 ? 9 : 0;
}

static int run(int list, const char *text, const char *wanted, const char *sentence)
{
	struct arena arena = {.limit = 1 << 20};
	struct error err = {0};
	told[0] = '\0';
	int r = digest_lists[list].read(slice_text(text), &arena, each, NULL, &err);
	arena_free(&arena);
	assert_string_equal(told, wanted);
	assert_string_equal(err.text, sentence);
	return r;
}

static void manifests_of_several_kinds_are_read(void **state)
{
	static const struct {
		const char *text, *told;
	} kinds[] = {
		{"{\"a.bin\": \"" A "\", \"sub/b\": \"" B "\"}", "a.bin=aa;sub/b=bb;"},
		{"{\"a\": {\"size\": 3, \"sha256\": \"" A "\"}, \"b\": {\"hash\": \"sha256:" B "\"}}", "a=aa;b=bb;"},
		{"{\"step\": 7, \"files\": {\"a\": \"" A "\", \"b\": {\"sha256\": \"" B "\", \"md5\": \"x\"}}}", "a=aa;b=bb;"},
		{"{\"config\": \"" A "\", \"checkpoint\": {\"Files\": {\"b\": \"" B "\"}}}", "b=bb;"},
		{"{\"files\": [{\"path\": \"a\", \"sha256\": \"" A "\"}, {\"SHA256\": \"" B "\", \"name\": \"b\"}, 3, {\"name\": \"c\"}]}", "a=aa;b=bb;"},
		{"{\"sha256\": {\"a\": \"" A "\"}, \"sizes\": {\"a\": 3}}", "a=aa;"},
		{"{\"a\\u0020\\n\": \"" A "\"}", "a \n=aa;"},
		/* other manifests: of a web application, of a container's image, of packages */
		{"{\"short_name\": \"x\", \"icons\": [{\"src\": \"a.png\"}]}", ""},
		{"[{\"Config\": \"a.json\", \"Layers\": [\"b\"]}]", ""},
		{"{\"files\": {\"main.js\": \"/static/main.js\"}}", ""},
		{"{\"a\": \"d41d8cd98f00b204e9800998ecf8427e\", \"n\": 1e9}", ""},
		{"{\"name\": \"x\", \"sha256\": \"" A "\"}", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		assert_int_equal(run(0, kinds[i].text, kinds[i].told, ""), 0);
}

static void what_is_wrong_in_a_manifest_is_told(void **state)
{
	(void)state;
	assert_int_equal(run(0, "{\"a\": \"" A "\", \"b\": \"" B "0\", \"c\": \"" B "\"}", "a=aa;c=bb;",
			     "the SHA-256 of b is no row of 64 hexadecimal digits"), -EBADMSG);
	assert_int_equal(run(0, "{\"files\": {\"b\": {\"sha256\": \"?\"}}}", "",
			     "the SHA-256 of b is no row of 64 hexadecimal digits"), -EBADMSG);
	assert_int_equal(run(0, "{\"a\": \"\xff\"}", "", "is not UTF-8"), -EBADMSG);
	assert_int_equal(run(0, "{\"stop\": \"" A "\", \"b\": \"" B "\"}", "stop=aa;", ""), 9);
	struct error err = {0};
	struct arena arena = {.limit = 1 << 20};
	assert_int_equal(digest_lists[0].read(SLICE("{\"a\": \"" A "\""), &arena, each, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "at byte 72"));
	arena_free(&arena);
}

static void sums_are_read_as_sha256sum_writes_them(void **state)
{
	(void)state;
	assert_int_equal(run(1, A "  a b\n" B " *sub/b\n", "a b=aa;sub/b=bb;", ""), 0);
	assert_int_equal(run(1, "\\" A "  a\\nb\\\\c\\r\n# a comment\n\n" B "   b", "a\nb\\c\r=aa; b=bb;", ""), 0);
	assert_int_equal(run(1, "SHA256 (a (1) = b) = " A "\r\n\\SHA256 (\\\\) = " B "\n", "a (1) = b=aa;\\=bb;", ""), 0);
	assert_int_equal(run(1, A "  stop\n" B "  b\n", "stop=aa;", ""), 9);
	assert_int_equal(run(1, "", "", ""), 0);
}

static void lines_of_another_kind_are_told(void **state)
{
	static const char *const lines[] = {
		"some text", A, A "  ", A "\ta", "a" A "  a", "SHA256 (a) = " A "0", "SHA1 (a) = " A, "\\" A "  a\\", "\\" A "  a\\t", A "x",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char text[300];
		snprintf(text, sizeof text, B "  b\n%s\n" B "  c\n", lines[i]);
		assert_int_equal(run(1, text, "b=bb;c=bb;", "line 2 is none that sha256sum writes"), -EBADMSG);
	}
}

static void a_digest_has_64_digits(void **state)
{
	uint8_t bytes[32];
	(void)state;
	assert_true(digest_hex(SLICE("00010203040506070809" "0a0B0c0D0e0F" "ffFFffFFffFFffFFffFFffFFffFFffFF"), bytes));
	assert_int_equal(bytes[10], 10);
	assert_int_equal(bytes[31], 255);
	assert_false(digest_hex(SLICE(A "a"), bytes));
	assert_false(digest_hex(SLICE("g" A), bytes));
	assert_false(digest_hex(SLICE(""), bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifests_of_several_kinds_are_read),
		cmocka_unit_test(what_is_wrong_in_a_manifest_is_told),
		cmocka_unit_test(sums_are_read_as_sha256sum_writes_them),
		cmocka_unit_test(lines_of_another_kind_are_told),
		cmocka_unit_test(a_digest_has_64_digits),
	};
	return cmocka_run_group_tests_name("digests", tests, NULL, NULL);
}
