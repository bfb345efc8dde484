/* SPDX-License-Identifier: MIT */
/* What Keras wrote; every variable is compared with h5py's and Keras' own by
 * tests/interop/test_keras.py. */
#include "fs/archive/check.h"
#include "tests/support.h"

extern const struct format format_keras, format_hdf5;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_keras);
}

static void members_are_files_and_the_weights_a_directory(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_keras, "compiled.keras");
	(void)state;
	assert_string_equal(test_list(&a, ""), "metadata.json config.json model.weights.h5");
	assert_int_equal(test_node(&a, "config.json")->kind, NODE_RANGE);
	assert_memory_equal(file.data + test_node(&a, "metadata.json")->offset, "{\"keras_version\": \"3.15.1\"", 26);
	assert_string_equal(test_attr(&a, "", "arrayfs.format"), "keras");
	assert_string_equal(test_attr(&a, "model.weights.h5", "arrayfs.format"), "hdf5");
	assert_null(test_attr(&a, "config.json", "arrayfs.format"));
	assert_string_equal(test_list(&a, "model.weights.h5"), "layers optimizer vars");
	assert_string_equal(test_attr(&a, "model.weights.h5/layers/dense/vars", "attr.name"), "first");
	assert_string_equal(test_dtype(&a, "model.weights.h5/layers/dense/vars/0"), "float32");
	assert_string_equal(test_shape(&a, "model.weights.h5/layers/dense/vars/0"), "[8,4]");
	archive_close(&a);
	test_unload(file);
}

/* The same model, stored by others. */
static void whoever_stores_it_the_bytes_are_the_same(void **state)
{
	struct archive keras, zip;
	struct slice k = test_open_fixture(&keras, &format_keras, "compiled.keras"), z = test_open_fixture(&zip, &format_keras, "stored-again.keras");
	(void)state;
	for (const char *const *path = (const char *const[]){"config.json", "model.weights.h5/layers/dense/vars/0", "model.weights.h5/optimizer/vars/3", NULL}; *path; path++) {
		struct slice right = test_bytes(&keras, *path);
		check_bytes(&zip, *path, right.data, right.len);
		test_unload(right);
	}
	archive_close(&keras);
	archive_close(&zip);
	test_unload(k);
	test_unload(z);
}

static void compressed_weights_are_a_directory_that_is_not_read(void **state)
{
	const char *sentence = "an archive of format hdf5 that is compressed in the zip (deflate): only stored ones are read there";
	struct archive a, stored;
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_keras, "deflated.keras"), s = test_open_fixture(&stored, &format_keras, "compiled.keras");
	struct slice right = test_bytes(&stored, "config.json");
	(void)state;
	check_bytes(&a, "config.json", right.data, right.len);
	uint32_t dir = tree_find(&a.tree, tree_node(&a.tree, TREE_ROOT), TREE_ROOT, SLICE("model.weights.h5"));
	assert_int_equal(tree_node(&a.tree, dir)->kind, NODE_DIR);
	assert_int_equal(archive_fill(&a, dir, &err), -EIO);
	assert_string_equal(err.text, sentence);
	assert_string_equal(test_attr(&a, "model.weights.h5", "arrayfs.error"), sentence);
	test_unload(right);
	archive_close(&a);
	archive_close(&stored);
	test_unload(file);
	test_unload(s);
}

static void what_is_no_archive_after_all_is_a_file_with_an_error(void **state)
{
	static const struct {
		const char *path, *error;
	} files[] = {
		{"model.weights.h5", "8 bytes at 680 in a file of 600; it is cut short or still being written"},
		{"text.h5", NULL},
		{"zeros.h5", "no HDF5 signature at 0, 512, 1024 \u2026 of 100 bytes"},
		{"none.h5", NULL},
		{"model.safetensors.index.json", "shard a.safetensors: an archive that lies within another brings in no files"},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_keras, "broken.keras");
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const struct node *n = test_node(&a, files[i].path);
		const char *error = test_attr(&a, files[i].path, "arrayfs.error");
		assert_int_equal(n->kind, NODE_RANGE);
		if (files[i].error)
			assert_string_equal(error, files[i].error);
		else
			assert_null(error);
	}
	check_bytes(&a, "text.h5", "no HDF5 but a text\n", 19);
	assert_string_equal(test_list(&a, "a"), "whole.h5 whole.h5~2");
	check_bytes(&a, "a/whole.h5~2/below", "beside", 6);
	assert_string_equal(test_attr(&a, "weights.npz", "arrayfs.format"), "npz");
	assert_int_equal(test_node(&a, "secret.h5")->kind, NODE_FAULT);
	assert_string_equal(test_attr(&a, "secret.h5", "arrayfs.error"), "encrypted");
	archive_close(&a);
	test_unload(file);
}

static void a_zip_that_is_called_a_model_is_one(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_keras, "named/other.keras");
	(void)state;
	assert_string_equal(test_list(&a, ""), "notes.txt image.png");
	check_bytes(&a, "notes.txt", "not a model\n", 12);
	assert_null(test_attr(&a, "image.png", "arrayfs.error"));
	archive_close(&a);
	test_unload(file);
	check_refused(&format_keras, SLICE("PK\3\4 and so on \0"), -EBADMSG, "no end record of a zip archive; it is cut short or still being written");
}

static int whole(void *arg, uint64_t bytes)
{
	*(uint64_t *)arg += bytes;
	return 0;
}

static void stored_weights_have_the_checksum_of_the_zip(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_keras, "npz.keras");
	struct arena arena = arena_apart(&a.arena);
	struct check *checks;
	struct error err = {0};
	uint32_t count;
	uint64_t bytes = 0;
	(void)state;
	assert_int_equal(format_keras.checks(&a, &arena, &checks, &count, &err), 0);
	assert_int_equal(count, 3 + 5); /* its members, and those of the weights */
	assert_true(slice_equal(checks[2].name, SLICE("model.weights.npz")));
	assert_true(slice_equal(checks[3].name, SLICE("model.weights.npz/__root__.npy")));
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(check_run(&a, &checks[i], whole, &bytes, &err), 0);
	arena_free(&arena);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(members_are_files_and_the_weights_a_directory),
		cmocka_unit_test(whoever_stores_it_the_bytes_are_the_same),
		cmocka_unit_test(compressed_weights_are_a_directory_that_is_not_read),
		cmocka_unit_test(what_is_no_archive_after_all_is_a_file_with_an_error),
		cmocka_unit_test(a_zip_that_is_called_a_model_is_one),
		cmocka_unit_test(stored_weights_have_the_checksum_of_the_zip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
