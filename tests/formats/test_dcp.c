/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/archive/check.h"
#include "tests/support.h"

extern const struct format format_dcp, format_dcp_folder;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_dcp);
}

/* --- checkpoints by torch ------------------------------------------------------------------------ */

static char *top;

static int begin(void **state)
{
	(void)state;
	top = test_folder();
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = {"one", "ranks", "odd"};
		char *from = test_path(test_data_folder(), names[i]), *to = test_path(top, names[i]);
		test_mkdir(top, names[i]);
		test_copy(from, to);
		char hidden[32];
		snprintf(hidden, sizeof hidden, "%s/.metadata", names[i]);
		struct slice metadata = test_data(hidden);
		test_write(top, hidden, metadata);
		test_unload(metadata);
		free(from);
		free(to);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_folder_remove(top);
	return 0;
}

static void open_at(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(top, name);
	if (test_open_file(a, &format_dcp, path, &err) < 0)
		fail_msg("%s", err.text);
	free(path);
}

static void tensors_have_their_names_types_and_shapes(void **state)
{
	struct archive a;
	(void)state;
	open_at(&a, "one/.metadata");
	assert_non_null(strstr(test_list(&a, ""), "types.bfloat16 "));
	assert_string_equal(test_list(&a, "below"), "a");
	assert_string_equal(test_dtype(&a, "types.bfloat16"), "bfloat16");
	assert_string_equal(test_attr(&a, "types.bfloat16", "array.type"), "torch.bfloat16");
	assert_string_equal(test_attr(&a, "types.int16", "array.byteorder"), "little");
	assert_null(test_attr(&a, "types.int8", "array.byteorder"));
	assert_string_equal(test_shape(&a, "transposed"), "[4,3]");
	assert_string_equal(test_shape(&a, "scalar"), "[]");
	assert_string_equal(test_shape(&a, "empty"), "[0,3]");
	assert_string_equal(test_attr(&a, "", "arrayfs.format"), "torch.distributed");
	archive_close(&a);
}

static void elements_are_those_of_the_tensor(void **state)
{
	static const int64_t transposed[] = {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, part[] = {10, 12, 14, 16, 18};
	static const int16_t numbers[] = {0, 1, 2, 3, 4};
	static const float scalar = 3.5;
	struct archive a;
	(void)state;
	open_at(&a, "one/.metadata");
	check_bytes(&a, "types.int16", numbers, sizeof numbers);
	check_bytes(&a, "scalar", &scalar, sizeof scalar);
	check_bytes(&a, "transposed", transposed, sizeof transposed);
	check_bytes(&a, "part", part, sizeof part);
	check_bytes(&a, "empty", "", 0);
	check_bytes(&a, "mixed.1", (int64_t[]){0, 1}, 16);
	archive_close(&a);
}

static void check_counted(struct archive *a, const char *name, unsigned count, unsigned width)
{
	struct slice s = test_bytes(a, name);
	assert_int_equal(s.len, count * width);
	for (unsigned i = 0; i < count; i++) {
		uint64_t number = 0;
		memcpy(&number, s.data + i * width, width);
		assert_int_equal(number, i);
	}
	test_unload(s);
}

static float number_at(struct slice floats, unsigned i)
{
	float number;
	memcpy(&number, floats.data + i * sizeof number, sizeof number);
	return number;
}

static void a_tensor_is_joined_from_the_files_of_all_processes(void **state)
{
	struct archive a;
	(void)state;
	open_at(&a, "ranks/.metadata");
	check_counted(&a, "columns", 42, 8);
	check_counted(&a, "grid", 5 * 7 * 3, 2);
	check_counted(&a, "middle", 3 * 8 * 2, 4);
	check_counted(&a, "bytes", 15, 1);
	struct slice rows = test_bytes(&a, "rows");
	for (unsigned i = 0; i < 40; i++)
		assert_true(number_at(rows, i) == (float)i);
	test_unload(rows);
	archive_close(&a);
}

static void other_values_are_attributes(void **state)
{
	struct archive a;
	(void)state;
	open_at(&a, "one/.metadata");
	assert_string_equal(test_attr(&a, "", "attr.step"), "7");
	assert_string_equal(test_attr(&a, "", "attr.rate"), "0.5");
	assert_string_equal(test_attr(&a, "", "attr.name"), "a run");
	assert_string_equal(test_attr(&a, "", "attr.nothing"), "null");
	assert_string_equal(test_attr(&a, "", "attr.group.0.betas"), "[0.9,0.999]");
	assert_string_equal(test_attr(&a, "", "attr.mixed.0"), "1");
	assert_string_equal(test_attr(&a, "", "attr.mixed.0"), "1"); /* and again */
	archive_close(&a);
}

/* --- files that are not there, or others ----------------------------------------------------------- */

static int read_error(struct archive *a, const char *path, struct error *err)
{
	struct answer answer;
	answer_init(&answer);
	*err = (struct error){0};
	int r = archive_read(a, test_node(a, path), 0, 1 << 20, &answer, err);
	answer_close(&answer);
	return r;
}

static void put(const char *name, struct slice bytes)
{
	char *path = test_path(top, name);
	remove(path);
	free(path);
	test_write(top, name, bytes);
}

static void a_missing_file_is_the_fault_of_its_tensors(void **state)
{
	struct archive a;
	struct error err;
	(void)state;
	char *path = test_path(top, "ranks/__1_0.distcp");
	assert_int_equal(remove(path), 0);
	free(path);
	open_at(&a, "ranks/.metadata");
	assert_int_equal(read_error(&a, "same", &err), -EIO); /* it is in this one alone */
	assert_string_equal(err.text, "its file __1_0.distcp: No such file or directory");
	assert_string_equal(test_attr(&a, "rows", "arrayfs.error"), "its file __1_0.distcp: No such file or directory");
	assert_int_equal(read_error(&a, "rows", &err), -EIO);
	assert_int_equal(read_error(&a, "few", &err), -EIO);
	assert_string_equal(test_shape(&a, "rows"), "[10,4]");
	struct answer answer; /* the first three rows are another's */
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "rows"), 0, 3 * 16, &answer, &err), 0);
	assert_int_equal(answer.len, 3 * 16);
	answer_close(&answer);
	archive_close(&a);
}

static void a_short_file_is_the_fault_of_those_behind_its_end(void **state)
{
	struct archive a;
	struct error err;
	(void)state;
	struct slice all = test_data("one/__0_0.distcp");
	put("one/__0_0.distcp", (struct slice){all.data, 40000});
	open_at(&a, "one/.metadata");
	assert_string_equal(test_attr(&a, "", "attr.step"), "7");
	assert_int_equal(read_error(&a, "large", &err), -EIO);
	assert_non_null(strstr(err.text, "of __0_0.distcp: "));
	test_unload(all);
	archive_close(&a);
}

static void another_file_in_its_place_is_no_slice(void **state)
{
	struct archive a;
	struct error err;
	static uint8_t zeros[65000];
	(void)state;
	put("one/__0_0.distcp", (struct slice){zeros, sizeof zeros});
	open_at(&a, "one/.metadata");
	assert_int_equal(read_error(&a, "large", &err), -EIO);
	assert_non_null(strstr(err.text, "no end record of a zip archive"));
	archive_close(&a);
}

/* Writes the metadata with one text in place of another of the same length. */
static void put_changed(const char *from, const char *to)
{
	struct slice all = test_data("ranks/.metadata");
	uint8_t *bytes = malloc(all.len);
	memcpy(bytes, all.data, all.len);
	uint8_t *at = memmem(bytes, all.len, from, strlen(from));
	assert_non_null(at);
	memcpy(at, to, strlen(to));
	put("ranks/.metadata", (struct slice){bytes, all.len});
	free(bytes);
	test_unload(all);
}

static void slices_lie_below_the_folder(void **state)
{
	static const char *const paths[] = {"../one/x.pt", "/etc/passwd", "one/../../xy"};
	struct archive a;
	struct error err;
	char sentence[100];
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		put_changed("__0_0.distcp", paths[i]);
		snprintf(sentence, sizeof sentence, "its file %.12s: not a path below the checkpoint's folder", paths[i]);
		open_at(&a, "ranks/.metadata");
		assert_int_equal(read_error(&a, "rows", &err), -EIO);
		assert_memory_equal(err.text, sentence, strlen("its file /etc/passwd"));
		assert_non_null(strstr(err.text, ": not a path below the checkpoint's folder"));
		archive_close(&a);
	}
	put_changed("__0_0.distcp", "way/_.distcp");
	test_link(top, "ranks/way", "../one");
	open_at(&a, "ranks/.metadata");
	assert_int_equal(read_error(&a, "rows", &err), -EIO);
	assert_string_equal(err.text, "its file way/_.distcp: its folder is a symbolic link");
	archive_close(&a);
}

static void a_file_may_be_a_link_to_one(void **state)
{
	struct archive a;
	(void)state;
	char *path = test_path(top, "one/__0_0.distcp"), *to = test_path(top, "blob");
	assert_int_equal(rename(path, to), 0);
	free(path);
	free(to);
	test_link(top, "one/__0_0.distcp", "../blob");
	open_at(&a, "one/.metadata");
	check_bytes(&a, "mixed.1", (int64_t[]){0, 1}, 16);
	archive_close(&a);
}

/* --- tensors cut in odd ways ------------------------------------------------------------------------- */

static void chunks_may_lie_in_any_way(void **state)
{
	struct archive a;
	(void)state;
	open_at(&a, "odd/.metadata");
	check_counted(&a, "pinwheel", 9, 2);
	check_counted(&a, "turned", 9, 2); /* and in any order of dimensions */
	check_counted(&a, "old", 9, 2);
	archive_close(&a);
}

static void a_chunk_that_cannot_be_had_is_told(void **state)
{
	static const struct {
		const char *name, *sentence;
	} tensors[] = {
		{"gap", "no chunk covers byte 8"},
		{"twice", "two of its chunks overlap"},
		{"none", "it has no chunks"},
		{"beyond", "a chunk of it leads beyond its shape"},
		{"lost", "no slice has this chunk"},
		{"packed", "transformed (zstd), which arrayfs does not read"},
		{"rank", "a chunk of it has another number of dimensions"},
		{"unknown", "a tensor of an unknown type"},
	};
	struct archive a;
	struct error err;
	(void)state;
	open_at(&a, "odd/.metadata");
	for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
		assert_int_equal(read_error(&a, tensors[i].name, &err), -EIO);
		assert_string_equal(err.text, tensors[i].sentence);
	}
	assert_int_equal(read_error(&a, "shape", &err), -EIO);
	assert_non_null(strstr(err.text, "of __0_0.distcp: its tensor has another shape than the metadata say"));
	assert_int_equal(read_error(&a, "type", &err), -EIO);
	assert_non_null(strstr(err.text, "its tensor is of torch.float32 and not, as the metadata say, of torch.int16"));
	assert_string_equal(test_attr(&a, "gap", "arrayfs.error"), "its chunks do not cover it");
	assert_string_equal(test_attr(&a, "lost", "arrayfs.error"), "no slice has a chunk of it");
	assert_string_equal(test_shape(&a, "twice"), "[3,3]");
	assert_null(test_attr(&a, "pinwheel", "arrayfs.error"));
	archive_close(&a);
}

static void what_can_be_had_is_read(void **state)
{
	struct archive a;
	struct error err = {0};
	struct answer answer;
	(void)state;
	open_at(&a, "odd/.metadata");
	for (unsigned i = 0; i < 9; i++) { /* all but the middle */
		answer_init(&answer);
		assert_int_equal(archive_read(&a, test_node(&a, "gap"), i * 2, 2, &answer, &err), i == 4 ? -EIO : 0);
		assert_int_equal(answer.len, i == 4 ? 0 : 2);
		answer_close(&answer);
	}
	archive_close(&a);
}

static int go_on(void *arg, uint64_t bytes)
{
	(void)arg, (void)bytes;
	return 0;
}

static uint32_t faults_of(struct archive *a, uint32_t *ret_count)
{
	struct arena keep = {.limit = 1 << 20};
	struct check *checks;
	struct error err = {0};
	uint32_t faults = 0;
	assert_int_equal(format_dcp.checks(a, &keep, &checks, ret_count, &err), 0);
	for (uint32_t i = 0; i < *ret_count; i++)
		faults += check_run(a, &checks[i], go_on, NULL, &err) < 0;
	arena_free(&keep);
	return faults;
}

static void the_checksums_of_slices_can_be_checked(void **state)
{
	struct archive a;
	uint32_t count, after;
	(void)state;
	open_at(&a, "ranks/.metadata");
	assert_int_equal(faults_of(&a, &count), 0);
	assert_true(count > 2 * 30); /* of 30 slices the pickle, the elements, and more */
	archive_close(&a);
	struct slice all = test_data("ranks/__0_0.distcp");
	uint8_t *bytes = malloc(all.len);
	memcpy(bytes, all.data, all.len);
	((uint8_t *)memmem(bytes, all.len, "\0\0\x80\x3f\0\0\0\x40", 8))[3] ^= 1; /* 1.0, 2.0 of `rows` */
	put("ranks/__0_0.distcp", (struct slice){bytes, all.len});
	open_at(&a, "ranks/.metadata");
	assert_int_equal(faults_of(&a, &after), 1);
	assert_int_equal(after, count);
	archive_close(&a);
	test_unload(all);
	free(bytes);
}

/* --- what the metadata may say ----------------------------------------------------------------------- */

static void refused(struct slice bytes, const char *sentence)
{
	put("one/.metadata", bytes);
	char *path = test_path(top, "one/.metadata");
	check_refused_file(&format_dcp, path, -EBADMSG, sentence);
	free(path);
}

#define CLASS(name) "ctorch.distributed.checkpoint.metadata\n" name "\n"

static void what_is_no_metadata_is_refused(void **state)
{
	(void)state;
	refused(SLICE("\x80\2" CLASS("Metadata") "."), "no object of class Metadata");
	refused(SLICE("\x80\2" CLASS("Metadata") ")\x81}b."), "it has no state_dict_metadata");
	refused(SLICE("\x80\2" CLASS("Metadata") ")\x81}X\23\0\0\0state_dict_metadata}K\1K\2ssb."),
		"a name of its state_dict_metadata is no text");
	refused(SLICE("\x80\2" CLASS("Metadata") ")\x81}(X\23\0\0\0state_dict_metadata}X\14\0\0\0storage_dataK\1ub."),
		"its storage_data is no dictionary");
}

static bool probed(struct slice head)
{
	struct peek p = {.size = 1 << 20};
	memcpy(p.bytes, head.data, head.len);
	p.head = cursor_over((struct slice){p.bytes, head.len});
	return format_dcp.probe(&p);
}

static void other_pickles_are_nobodys(void **state)
{
	(void)state;
	assert_true(probed(SLICE("\x80\2" CLASS("Metadata") ")\x81.")));
	assert_false(probed(SLICE("\x80\2" CLASS("MetadataIndex") ")\x81.")));
	assert_false(probed(SLICE("\x80\2" CLASS("BytesStorageMetadata") ")\x81.")));
	assert_false(probed(SLICE("\x80\2}.")));
	assert_false(probed(SLICE(CLASS("Metadata"))));
}

/* --- a folder ------------------------------------------------------------------------------------------ */

static void the_folder_shows_the_same(void **state)
{
	static const struct format *const only[] = {&format_dcp_folder, NULL};
	struct archive_options options = test_options();
	struct archive a, b;
	struct error err = {0};
	(void)state;
	char *path = test_path(top, "ranks");
	int dir = open(path, O_PATH | O_DIRECTORY);
	assert_true(dir >= 0);
	assert_int_equal(archive_open_folder(&a, only, dir, true, &options, &err), 0);
	open_at(&b, "ranks/.metadata");
	char *names = strdup(test_list(&a, ""));
	assert_string_equal(test_list(&b, ""), names);
	assert_string_equal(test_attr(&a, "", "attr.step"), "12");
	check_counted(&a, "columns", 42, 8);
	free(names);
	archive_close(&b);
	archive_close(&a);
	close(dir);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		TEST(tensors_have_their_names_types_and_shapes),
		TEST(elements_are_those_of_the_tensor),
		TEST(a_tensor_is_joined_from_the_files_of_all_processes),
		TEST(other_values_are_attributes),
		TEST(a_missing_file_is_the_fault_of_its_tensors),
		TEST(a_short_file_is_the_fault_of_those_behind_its_end),
		TEST(another_file_in_its_place_is_no_slice),
		TEST(slices_lie_below_the_folder),
		TEST(a_file_may_be_a_link_to_one),
		TEST(chunks_may_lie_in_any_way),
		TEST(a_chunk_that_cannot_be_had_is_told),
		TEST(what_can_be_had_is_read),
		TEST(the_checksums_of_slices_can_be_checked),
		TEST(what_is_no_metadata_is_refused),
		cmocka_unit_test(other_pickles_are_nobodys),
		TEST(the_folder_shows_the_same),
	};
	return cmocka_run_group_tests_name("dcp", tests, NULL, NULL);
}
