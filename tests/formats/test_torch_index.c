/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "tests/support.h"

extern const struct format format_torch_index, format_torch;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_torch_index);
}

/* --- a folder with shards ---------------------------------------------------------------------------- */

static char *top;

static int begin(void **state)
{
	(void)state;
	top = test_folder();
	test_copy(test_data_folder(), top);
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_folder_remove(top);
	return 0;
}

static void open_at(struct archive *a, const struct format *f, const char *name)
{
	struct error err = {0};
	char *path = test_path(top, name);
	if (test_open_file(a, f, path, &err) < 0)
		fail_msg("%s", err.text);
	free(path);
}

static char *put_index(const char *text)
{
	test_write(top, "m.bin.index.json", slice_text(text));
	return test_path(top, "m.bin.index.json");
}

static void refused(const char *text, const char *sentence)
{
	char *path = put_index(text);
	check_refused_file(&format_torch_index, path, -EBADMSG, sentence);
	free(path);
}

#define ONE "pytorch_model-00001-of-00002.bin"
#define TWO "pytorch_model-00002-of-00002.bin"

/* --- what is shown ------------------------------------------------------------------------------------ */

static void exactly_the_tensors_named_in_the_indexs_order(void **state)
{
	static const float embedding[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, turned[] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11};
	struct archive a;
	(void)state;
	open_at(&a, &format_torch_index, "pytorch_model.bin.index.json");
	assert_string_equal(test_list(&a, ""), "bias embed.weight head.weight layers.0.weight layers.1.weight layers turned");
	check_bytes(&a, "embed.weight", embedding, sizeof embedding);
	check_bytes(&a, "head.weight", embedding, sizeof embedding);
	check_bytes(&a, "layers.0.weight", turned, sizeof turned);
	check_bytes(&a, "layers/0", (int64_t[]){0, 1, 2}, 24);
	check_bytes(&a, "bias", "\0\0\x80\x3f", 4); /* in the older stream */
	assert_string_equal(test_dtype(&a, "bias"), "bfloat16");
	assert_string_equal(test_shape(&a, "layers.0.weight"), "[3,4]");
	archive_close(&a);
	open_at(&a, &format_torch_index, "other.bin.index.json");
	assert_string_equal(test_list(&a, ""), "tail bias embed.weight");
	assert_string_equal(test_attr(&a, "", "attr.by"), "hand");
	archive_close(&a);
}

/* So that a mirrored directory can tell that they are one file. */
static void a_tensor_has_the_number_that_it_has_in_its_shard(void **state)
{
	static const char *const names[] = {"embed.weight", "head.weight", "layers/0"};
	struct archive index, shard;
	(void)state;
	open_at(&index, &format_torch_index, "pytorch_model.bin.index.json");
	open_at(&shard, &format_torch, ONE);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t here = test_find(&index, names[i]), there = test_find(&shard, names[i]);
		const struct node *n = tree_node(&index.tree, here), *m = tree_node(&shard.tree, there);
		assert_int_equal(format_torch_index.ordinal(&index, here, n), format_torch.ordinal(&shard, there, m));
		assert_int_equal(n->links, m->links);
	}
	archive_close(&shard);
	archive_close(&index);
}

static void what_is_made_comes_from_its_shard(void **state)
{
	struct archive a;
	uint32_t count;
	(void)state;
	open_at(&a, &format_torch_index, "pytorch_model.bin.index.json");
	const uint32_t *sources = format_torch_index.sources(&a, test_node(&a, "layers.0.weight"), &count);
	assert_int_equal(count, 1);
	assert_int_equal(sources[0], test_node(&a, "embed.weight")->source);
	assert_int_equal(test_node(&a, "layers.0.weight")->links, 2); /* one tensor, of two names */
	assert_int_equal(tree_resolve(&a.tree, test_find(&a, "turned")), test_find(&a, "layers.0.weight"));
	archive_close(&a);
}

/* --- what is refused ---------------------------------------------------------------------------------- */

static void shards_and_tensors_that_are_missing_are_named(void **state)
{
	(void)state;
	refused("{\"weight_map\":{\"a\":\"none.bin\"}}", "shard none.bin: No such file or directory");
	refused("{\"weight_map\":{\"a\":\"" TWO "\"}}", "tensor a is not in shard " TWO);
	refused("{\"weight_map\":{\"tail\":\"" TWO "\"}}", "tensor tail is not in shard " TWO);
	refused("{\"weight_map\":{\"epoch\":\"" ONE "\"}}", "tensor epoch is not in shard " ONE);
	refused("{\"weight_map\":{\"bias\":\"" TWO "\",\"bias\":\"" TWO "\"}}", "tensor bias appears twice in the index");
	refused("{\"weight_map\":{\"bias\":\"../" TWO "\"}}", "shard ../" TWO " is not a path below the index's folder");
	test_link(top, "way", "parts");
	refused("{\"weight_map\":{\"tail\":\"way/tail.bin\"}}", "shard way/tail.bin: its folder is a symbolic link");
}

static void a_broken_shard_is_named(void **state)
{
	(void)state;
	test_write(top, "text.bin", SLICE("no checkpoint"));
	refused("{\"weight_map\":{\"a\":\"text.bin\"}}", "shard text.bin: no end record of a zip archive; it is cut short or still being written");
}

static bool probed(const char *head)
{
	struct peek p = {.head = cursor_over(slice_text(head)), .size = 1 << 20};
	return format_torch_index.probe(&p);
}

static void other_indexes_are_others(void **state)
{
	(void)state;
	assert_true(probed("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}"));
	assert_true(probed("{\"weight_map\":{\"a\":\"model.pth\""));
	assert_false(probed("{\"weight_map\":{\"a\":\"model.safetensors\"}}"));
	assert_false(probed("{\"weight_map\":{}}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		TEST(exactly_the_tensors_named_in_the_indexs_order),
		TEST(a_tensor_has_the_number_that_it_has_in_its_shard),
		TEST(what_is_made_comes_from_its_shard),
		TEST(shards_and_tensors_that_are_missing_are_named),
		TEST(a_broken_shard_is_named),
		cmocka_unit_test(other_indexes_are_others),
	};
	return cmocka_run_group_tests_name("torch_index", tests, NULL, NULL);
}
