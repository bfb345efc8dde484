/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/support.h"

extern const struct format format_safetensors_index;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_safetensors_index);
}

/* --- a folder with shards, as a model hub keeps them ------------------- */

static char *top;

/* One tensor of two bytes. */
static void put_shard(const char *path, const char *name, const char *bytes)
{
	char file[200];
	size_t n = (size_t)snprintf(file + 8, sizeof file - 8,
				    "{\"%s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", name);
	memset(file, 0, 8);
	file[0] = (char)n;
	memcpy(file + 8 + n, bytes, 2);
	test_write(top, path, (struct slice){(uint8_t *)file, 8 + n + 2});
}

#define NONE "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"

static int begin(void **state)
{
	(void)state;
	top = test_folder();
	test_mkdir(top, "parts");
	test_mkdir(top, "blobs");
	put_shard("one.safetensors", "a", "aa");
	put_shard("two.safetensors", "b", "bb");
	put_shard("parts/three.safetensors", "c", "cc");
	put_shard("blobs/hash", "d", "dd");
	test_link(top, "link.safetensors", "blobs/hash");
	test_link(top, "way", "parts");
	test_write(top, "twice.safetensors",
		   SLICE("\151\0\0\0\0\0\0\0{\"a\":" NONE ",\"a\":" NONE "}"));
	test_write(top, "broken.safetensors", SLICE("\2\0\0\0\0\0\0\0{}x"));
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_folder_remove(top);
	return 0;
}

static char *put_index(const char *text)
{
	test_write(top, "m.safetensors.index.json", slice_text(text));
	return test_path(top, "m.safetensors.index.json");
}

static void open_index(struct archive *a, const char *text)
{
	struct error err = {0};
	char *path = put_index(text);
	if (test_open_file(a, &format_safetensors_index, path, &err) < 0)
		fail_msg("%s", err.text);
	free(path);
}

static void refused(const char *text, const char *sentence)
{
	char *path = put_index(text);
	check_refused_file(&format_safetensors_index, path, -EBADMSG, sentence);
	free(path);
}

/* --- what is shown ----------------------------------------------------- */

static void exactly_the_tensors_named_in_the_indexs_order(void **state)
{
	struct archive a;
	(void)state;
	open_index(&a, "{\"weight_map\":{\"c\":\"parts/three.safetensors\",\"a\":\"one.safetensors\"}}");
	assert_string_equal(test_list(&a, ""), "c a"); /* and not b, nor d */
	check_bytes(&a, "a", "aa", 2);
	check_bytes(&a, "c", "cc", 2);
	assert_string_equal(test_dtype(&a, "a"), "uint8");
	assert_string_equal(test_shape(&a, "a"), "[2]");
	archive_close(&a);
}

static void a_shard_may_be_a_link_to_a_blob(void **state)
{
	struct archive a;
	(void)state;
	open_index(&a, "{\"weight_map\":{\"d\":\"./link.safetensors\"}}");
	check_bytes(&a, "d", "dd", 2);
	archive_close(&a);
}

/* snapshots/REV/… -> ../../blobs/HASH, the index as well: its folder is that of
 * the path given, not of what its link leads to. */
static void a_hubs_layout(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	test_mkdir(top, "snapshots");
	test_mkdir(top, "snapshots/rev");
	test_link(top, "snapshots/rev/model.safetensors", "../../blobs/hash");
	test_link(top, "snapshots/rev/m.safetensors.index.json", "../../blobs/index");
	test_write(top, "blobs/index", SLICE("{\"weight_map\":{\"d\":\"model.safetensors\"}}"));
	char *path = test_path(top, "snapshots/rev/m.safetensors.index.json");
	if (test_open_file(&a, &format_safetensors_index, path, &err) < 0)
		fail_msg("%s", err.text);
	check_bytes(&a, "d", "dd", 2);
	archive_close(&a);
	free(path);
}

static void the_metadata_are_its_own(void **state)
{
	struct archive a;
	(void)state;
	open_index(&a, "{\"metadata\":{\"total_size\":2,\"by\":\"hand\",\"list\":[1, 2.50,null]},"
		       "\"weight_map\":{\"a\":\"one.safetensors\"}}");
	assert_string_equal(test_attr(&a, "", "attr.total_size"), "2");
	assert_string_equal(test_attr(&a, "", "attr.by"), "hand");
	assert_non_null(test_attr(&a, "", "attr.list"));
	archive_close(&a);
}

static void metadata_that_are_no_object_are_no_attributes(void **state)
{
	static const char *const others[] = {"null", "3", "\"x\"", "[]", "true"};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct archive a;
		char text[200];
		snprintf(text, sizeof text, "{\"metadata\":%s,\"weight_map\":{\"a\":\"one.safetensors\"}}", others[i]);
		open_index(&a, text);
		assert_null(test_node(&a, "")->attrs);
		archive_close(&a);
	}
}

static void shards_that_are_not_named_are_not_opened(void **state)
{
	struct archive a;
	(void)state;
	open_index(&a, "{\"weight_map\":{\"a\":\"one.safetensors\"}}"); /* beside broken.safetensors */
	assert_int_equal(archive_sources(&a), 2);
	assert_int_equal(archive_source(&a, 1)->fd, -1); /* and the open one keeps no descriptor */
	archive_close(&a);
}

/* --- what is refused --------------------------------------------------- */

static void a_missing_shard_is_named(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"a\":\"none.safetensors\"}}", "shard none.safetensors: No such file or directory");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"parts/none.safetensors\"}}",
		"shard parts/none.safetensors: No such file or directory");
}

static void a_tensor_in_another_shard_is_named(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"a\":\"two.safetensors\"}}", "tensor a is not in shard two.safetensors");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\",\"c\":\"one.safetensors\"}}", "tensor c is not in shard one.safetensors");
}

static void a_broken_shard_is_named(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"a\":\"broken.safetensors\"}}",
		"shard broken.safetensors: tensors of 0 bytes in a file with room for 1");
}

static void shards_lie_below_the_indexs_folder(void **state)
{
	static const char *const paths[] = {"../one.safetensors", "parts/../one.safetensors", "/etc/x.safetensors", "..",
					    "parts/..", "a\\u0000.safetensors", "", "one.safetensors/"};
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char text[300], sentence[300];
		snprintf(text, sizeof text, "{\"weight_map\":{\"z\":\"one.safetensors\",\"a\":\"%s\"}}", paths[i]);
		snprintf(sentence, sizeof sentence, "shard %.*s is not a path below the index's folder",
			 (int)strcspn(paths[i], "\\"), paths[i]); /* the sentence ends a name at a NUL */
		refused(text, sentence);
	}
}

static void a_link_on_the_way_is_refused(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"c\":\"way/three.safetensors\"}}",
		"shard way/three.safetensors: its folder is a symbolic link");
}

static void a_shard_is_a_regular_file(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"c\":\"parts\",\"a\":\"one.safetensors\"}}", "shard parts: not a regular file");
	test_link(top, "null.safetensors", "/dev/null");
	refused("{\"weight_map\":{\"c\":\"null.safetensors\"}}", "shard null.safetensors: not a regular file");
	test_link(top, "dangling.safetensors", "nowhere");
	refused("{\"weight_map\":{\"c\":\"dangling.safetensors\"}}",
		"shard dangling.safetensors: No such file or directory");
	test_link(top, "loop.safetensors", "loop.safetensors");
	refused("{\"weight_map\":{\"c\":\"loop.safetensors\"}}",
		"shard loop.safetensors: Too many levels of symbolic links");
}

static void repeated_names_are_refused(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}}", "tensor a appears twice in the index");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\",\"\\u0061\":\"two.safetensors\"}}",
		"tensor a appears twice in the index");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\"},\"weight_map\":{\"a\":\"one.safetensors\"}}",
		"weight_map is repeated at byte 51 of the index");
	refused("{\"metadata\":{},\"metadata\":{},\"weight_map\":{\"a\":\"one.safetensors\"}}",
		"metadata is repeated at byte 26 of the index");
	refused("{\"metadata\":{\"k\":1,\"k\":1},\"weight_map\":{\"a\":\"one.safetensors\"}}",
		"metadata k appears twice in the index");
	refused("{\"weight_map\":{\"a\":\"twice.safetensors\"}}",
		"shard twice.safetensors: tensor a appears twice in the header");
}

static void what_is_no_index_is_refused_with_its_name(void **state)
{
	(void)state;
	refused("{}", "the index has no weight_map");
	refused("[]", "an object is expected at byte 0 of the index");
	refused("{\"weight_map\":[]}", "an object is expected at byte 14 of the index");
	refused("{\"weight_map\":{\"a\":1}}", "a string is expected at byte 19 of the index");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\"}} x", "something follows the end at byte 39 of the index");
	refused("{\"weight_map\":{\"a\":\"one.safetensors\"}", "a comma or the object's end is expected at byte 37 of the index");
	refused("{\"weight_map\":{\"a\xff\":\"one.safetensors\"}}", "the index is not UTF-8");
	refused("once upon a time", "an object is expected at byte 0 of the index");
}

/* A head of a larger file may end within. */
static bool probed(const char *head)
{
	struct peek p = {.head = cursor_over(slice_text(head)), .size = 1 << 20};
	return format_safetensors_index.probe(&p);
}

static void other_json_is_nobodys(void **state)
{
	(void)state;
	assert_false(probed("{\"name\":\"x\",\"weight_map\":{}}"));
	assert_false(probed("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}"));
	assert_true(probed("{\"weight_map\":{\"a\":\"model.safetensors\""));
	assert_false(probed("[]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* --- a first try with little memory ------------------------------------ */

static int open_within(const char *path, size_t soft)
{
	static const struct format *const only[] = {&format_safetensors_index, NULL};
	struct archive_options options = test_options();
	struct folder in = test_root();
	struct archive_at at = {.folder = &in, .path = path + 1, .reach = REACH_HUB, .soft = soft};
	struct error err = {0};
	struct archive a;
	int r = archive_open(&a, only, &at, &options, &err);
	if (r == 0)
		archive_close(&a);
	return r;
}

/* Nothing of such an index is kept but one tensor; its text is only needed on the way. */
static void a_long_index_takes_no_more_than_it_may(void **state)
{
	enum { SPACE = 200000 };
	static char text[SPACE + 100];
	(void)state;
	int n = sprintf(text, "{\"weight_map\":{\"a\":\"one.safetensors\"}");
	memset(text + n, ' ', SPACE);
	strcpy(text + n + SPACE, "}");
	char *path = put_index(text);
	assert_int_equal(open_within(path, SPACE / 4), -E2BIG);
	assert_int_equal(open_within(path, SPACE * 2), 0);
	free(path);
}

/* What is read of the shards is there at once until all are read. */
static void the_shards_take_together_no_more_than_they_may(void **state)
{
	enum { SHARDS = 20, SPACE = 10000 };
	static uint8_t shard[SPACE + 200];
	char text[4000] = "{\"weight_map\":{", name[32];
	(void)state;
	for (unsigned i = 0; i < SHARDS; i++) {
		memset(shard, ' ', sizeof shard);
		int n = sprintf((char *)shard + 8, "{\"t%u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", i);
		shard[8 + n] = ' ';
		memcpy(shard, &(uint64_t){SPACE}, 8);
		snprintf(name, sizeof name, "s%u.safetensors", i);
		test_write(top, name, (struct slice){shard, 8 + SPACE + 2});
		sprintf(text + strlen(text), "%s\"t%u\":\"%s\"", i ? "," : "", i, name);
	}
	strcat(text, "}}");
	char *path = put_index(text);
	assert_int_equal(open_within(path, SHARDS * SPACE / 2), -E2BIG);
	assert_int_equal(open_within(path, SHARDS * SPACE * 2), 0);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		TEST(exactly_the_tensors_named_in_the_indexs_order),
		TEST(a_shard_may_be_a_link_to_a_blob),
		TEST(a_hubs_layout),
		TEST(the_metadata_are_its_own),
		TEST(metadata_that_are_no_object_are_no_attributes),
		TEST(shards_that_are_not_named_are_not_opened),
		TEST(a_missing_shard_is_named),
		TEST(a_tensor_in_another_shard_is_named),
		TEST(a_broken_shard_is_named),
		TEST(shards_lie_below_the_indexs_folder),
		TEST(a_link_on_the_way_is_refused),
		TEST(a_shard_is_a_regular_file),
		TEST(repeated_names_are_refused),
		TEST(what_is_no_index_is_refused_with_its_name),
		TEST(other_json_is_nobodys),
		TEST(a_long_index_takes_no_more_than_it_may),
		TEST(the_shards_take_together_no_more_than_they_may),
	};
	return cmocka_run_group_tests_name("safetensors_index", tests, NULL, NULL);
}
