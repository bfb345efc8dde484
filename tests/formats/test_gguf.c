/* SPDX-License-Identifier: MIT */
/* What gguf's GGUFWriter and mlx wrote; every value is compared with gguf's own by
 * tests/interop/test_gguf.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_gguf;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_gguf);
}

static void a_tensor_is_a_range_of_the_file(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "alignment.gguf");
	(void)state;
	assert_string_equal(test_list(&a, ""), "a b");
	assert_int_equal(test_node(&a, "a")->kind, NODE_RANGE);
	assert_string_equal(test_dtype(&a, "a"), "float32");
	assert_string_equal(test_attr(&a, "a", "array.type"), "F32");
	assert_string_equal(test_attr(&a, "a", "array.byteorder"), "little");
	assert_null(test_attr(&a, "a", "array.logical_shape"));
	check_bytes(&a, "a", file.data + 192, 12); /* multiples of 64, as the pair says */
	check_bytes(&a, "b", file.data + 256, 6);
	archive_close(&a);
	test_unload(file);
}

static void blocks_are_bytes_with_the_shape_in_elements_beside(void **state)
{
	static const struct {
		const char *name, *shape, *logical;
	} some[] = {
		{"q4_k.weight", "[2,144]", "[2,256]"}, {"q8_0.weight", "[2,272]", "[2,256]"}, {"q8_1.weight", "[2,320]", "[2,256]"},
		{"nvfp4.weight", "[2,144]", "[2,256]"}, {"q1_0.weight", "[2,36]", "[2,256]"}, {"tq1_0.weight", "[2,54]", "[2,256]"},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "types.gguf");
	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		assert_string_equal(test_dtype(&a, some[i].name), "uint8");
		assert_string_equal(test_shape(&a, some[i].name), some[i].shape);
		assert_string_equal(test_attr(&a, some[i].name, "array.logical_shape"), some[i].logical);
	}
	assert_string_equal(test_attr(&a, "q4_k.weight", "array.type"), "Q4_K");
	assert_int_equal(test_node(&a, "q4_k.weight")->array->quant->blocks, QUANT_Q4_K);
	assert_string_equal(test_dtype(&a, "bf16.weight"), "bfloat16");
	assert_string_equal(test_shape(&a, "bf16.weight"), "[2,256]");
	archive_close(&a);
	test_unload(file);
}

static void check_metadata(const char *name, const char *version, const char *order)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, name);
	assert_string_equal(test_attr(&a, "", "attr.GGUF.version"), version);
	assert_string_equal(test_attr(&a, "", "attr.general.architecture"), "llama");
	assert_string_equal(test_attr(&a, "", "attr.one.int8.0"), "-128");
	assert_string_equal(test_attr(&a, "", "attr.one.uint64.0"), "18446744073709551615");
	assert_string_equal(test_attr(&a, "", "attr.one.int64.0"), "-9223372036854775808");
	assert_string_equal(test_attr(&a, "", "attr.one.float32.0"), "0.1");
	assert_string_equal(test_attr(&a, "", "attr.one.float32.1"), "\"NaN\"");
	assert_string_equal(test_attr(&a, "", "attr.one.bool.1"), "false");
	assert_string_equal(test_attr(&a, "", "attr.one.string.0"), "");
	assert_string_equal(test_attr(&a, "", "attr.one.string.1"), "h\xc3\xa9 \xe4\xb8\xad\n");
	assert_string_equal(test_attr(&a, "", "attr.many.int16"), "[-32768,5]");
	assert_string_equal(test_attr(&a, "", "attr.many.bool"), "[true,false]");
	assert_string_equal(test_attr(&a, "", "attr.many.string"), "[\"\",\"h\xc3\xa9 \xe4\xb8\xad\\u000a\",\"plain\"]");
	assert_string_equal(test_attr(&a, "", "attr.nested"), "[[1,2],[3]]");
	assert_int_equal(test_find(&a, "metadata/nested"), 0);
	assert_string_equal(test_attr(&a, "metadata/many.int16", "array.byteorder"), order);
	assert_string_equal(test_attr(&a, "metadata/many.int16", "array.type"), "INT16");
	assert_string_equal(test_dtype(&a, "metadata/many.bool"), "bool");
	assert_string_equal(test_dtype(&a, "metadata/many.string"), "string");
	assert_string_equal(test_shape(&a, "metadata/many.string"), "[3]");
	check_bytes(&a, "metadata/many.string/values", "h\xc3\xa9 \xe4\xb8\xad\nplain", 13);
	check_bytes(&a, "metadata/many.string/offsets", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0", 32);
	assert_string_equal(test_dtype(&a, "metadata/a/b"), "int16");
	assert_string_equal(test_attr(&a, "layer.f4", "array.byteorder"), order);
	assert_null(test_attr(&a, "layer.q8_0", "array.byteorder"));
	archive_close(&a);
	test_unload(file);
}

static void metadata_of_both_byte_orders_and_versions(void **state)
{
	(void)state;
	check_metadata("small.gguf", "3", "little");
	check_metadata("big.gguf", "3", "big");
	check_metadata("fugg.gguf", "3", "big");
	check_metadata("version2.gguf", "2", "little");
}

static void tensors_come_before_the_metadata(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "shapes.gguf");
	(void)state;
	assert_string_equal(test_dtype(&a, "metadata"), "float32");
	assert_string_equal(test_list(&a, "metadata~2"), "clip.means");
	assert_string_equal(test_shape(&a, "scalar"), "[]");
	assert_string_equal(test_shape(&a, "four"), "[2,1,3,2]");
	assert_string_equal(test_shape(&a, "none2"), "[3,0]");
	assert_string_equal(test_shape(&a, "v/blk.0/w"), "[2,2]");
	assert_string_equal(test_shape(&a, "_"), "[1]");
	check_bytes(&a, "none", "", 0);
	archive_close(&a);
	test_unload(file);
}

/* Words as scripts/fixtures/gguf.py makes them. */
static size_t word(size_t i, size_t seed, char *ret)
{
	size_t n = (i * 7 + seed) % 13;
	memset(ret, 'w', n);
	return n + (size_t)sprintf(ret + n, "%zu", i * 31 + seed);
}

static void a_vocabulary_longer_than_a_window(void **state)
{
	enum { WORDS = 1500 };
	static char values[WORDS * 20];
	static int64_t offsets[WORDS + 1];
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "vocabulary.gguf");
	(void)state;
	for (size_t i = 0; i < WORDS; i++)
		offsets[i + 1] = offsets[i] + (int64_t)word(i, 0, values + offsets[i]);
	check_bytes(&a, "metadata/tokenizer.ggml.tokens/offsets", offsets, sizeof offsets);
	check_bytes(&a, "metadata/tokenizer.ggml.tokens/values", values, (size_t)offsets[WORDS]);
	assert_string_equal(test_shape(&a, "metadata/tokenizer.ggml.merges/offsets"), "[1104]");
	assert_memory_equal(test_attr(&a, "", "attr.tokenizer.ggml.tokens"), "[\"0\",\"wwwwwww31\",\"w62\",", 22);
	archive_close(&a);
	test_unload(file);
}

static void what_is_of_no_known_type_is_listed_and_not_read(void **state)
{
	struct archive a;
	struct answer answer;
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_gguf, "unknown.gguf");
	(void)state;
	assert_string_equal(test_list(&a, ""), "w new d");
	assert_string_equal(test_attr(&a, "new", "arrayfs.error"), "type 99 of tensors is not known");
	assert_string_equal(test_attr(&a, "new", "array.type"), "99");
	assert_string_equal(test_shape(&a, "new"), "[2,256]");
	assert_string_equal(test_attr(&a, "d/old", "array.type"), "4"); /* Q4_2, which was removed */
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "new"), 0, 1, &answer, &err), -EIO);
	answer_close(&answer);
	check_bytes(&a, "w", (uint8_t[16]){0}, 16);
	archive_close(&a);
	test_unload(file);
}

static void offsets_need_no_order(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "gaps.gguf");
	(void)state;
	assert_string_equal(test_list(&a, ""), "b a same");
	check_bytes(&a, "b", file.data + file.len - 32, 16);
	check_bytes(&a, "same", file.data + file.len - 32, 12);
	archive_close(&a);
	test_unload(file);
}

static void empty_arrays_are_empty(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_gguf, "empty-arrays.gguf");
	(void)state;
	assert_string_equal(test_list(&a, "metadata"), "s n");
	check_bytes(&a, "metadata/s/offsets", "\0\0\0\0\0\0\0\0", 8);
	check_bytes(&a, "metadata/s/values", "", 0);
	check_bytes(&a, "metadata/n", "", 0);
	assert_string_equal(test_attr(&a, "", "attr.s"), "[]");
	assert_string_equal(test_attr(&a, "", "attr.x"), "[[]]");
	archive_close(&a);
	test_unload(file);
}

static void what_breaks_a_rule_is_refused(void **state)
{
#define CUT(at) "GGUF's header is cut short at byte " #at
	static const struct {
		const char *name;
		int code;
		const char *sentence;
	} bad[] = {
		{"version1", -ENOTSUP, "version 1 of GGUF; only 2 and 3 are known"},
		{"version4", -ENOTSUP, "version 4 of GGUF; only 2 and 3 are known"},
		{"short", -EBADMSG, "a file of 8 bytes, too short for GGUF's header"},
		{"key-twice", -EBADMSG, "metadata a appears twice"},
		{"key-of-ours", -EBADMSG, "metadata GGUF.version appears twice"},
		{"empty-key", -EBADMSG, "the key of pair 0 of the metadata is empty"},
		{"name-twice", -EBADMSG, "tensor w appears twice"},
		{"name-twice-apart", -EBADMSG, "tensor a/w appears twice"},
		{"alignment-0", -EBADMSG, "an alignment of 0, which is not a power of two"},
		{"alignment-24", -EBADMSG, "an alignment of 24, which is not a power of two"},
		{"alignment-type", -EBADMSG, "general.alignment is of type UINT64, not UINT32"},
		{"dimensions-5", -EBADMSG, "tensor w: 5 dimensions, more than 4"},
		{"dimensions-many", -EBADMSG, "tensor w: 4294967295 dimensions, more than 4"},
		{"row", -EBADMSG, "tensor w: a row of 48 elements is not whole blocks of 32"},
		{"row-scalar", -EBADMSG, "tensor w: a row of 1 elements is not whole blocks of 32"},
		{"beyond", -EBADMSG, "tensor w: 68 bytes at 0 in a file with room for 64; it is cut short or still being written"},
		{"beyond-offset", -EBADMSG, "tensor w: 4 bytes at 64 in a file with room for 64; it is cut short or still being written"},
		{"beyond-wrap", -EBADMSG, "tensor w: 32 bytes at 18446744073709551584 in a file with room for 64; it is cut short or still being written"},
		{"beyond-padding", -EBADMSG, "tensor w: 4 bytes at 0 in a file with room for 0; it is cut short or still being written"},
		{"off-alignment", -EBADMSG, "tensor w: at 4, off the alignment of 32"},
		{"off-alignment-64", -EBADMSG, "tensor w: at 32, off the alignment of 64"},
		{"overflow", -EBADMSG, "tensor w: its shape overflows"},
		{"overflow-bytes", -EBADMSG, "tensor w: its shape overflows"},
		{"overflow-empty", -EBADMSG, "tensor w: its shape overflows"},
		{"overflow-row", -EBADMSG, "tensor w: its shape overflows"},
		{"tensors-2e60", -EBADMSG, "1152921504606846976 tensors in a file of 96 bytes"},
		{"pairs-2e60", -EBADMSG, "1152921504606846976 pairs of metadata in a file of 96 bytes"},
		{"key-2e60", -EBADMSG, CUT(32)},
		{"string-2e60", -EBADMSG, "metadata s: " CUT(45)},
		{"array-2e60", -EBADMSG, "metadata s: an array of 1152921504606846976 values, for which 79 bytes are left"},
		{"array-2e62", -EBADMSG, "metadata s: an array of 4611686018427387904 values, for which 79 bytes are left"},
		{"string-in-array", -EBADMSG, "metadata s: " CUT(66)},
		{"value-type", -EBADMSG, "metadata s: a value of type 13, which is not known"},
		{"element-type", -EBADMSG, "metadata s: an array of type 99, which is not known"},
		{"nested-deep", -EBADMSG, "metadata s: arrays nested more than 16 deep"},
		{"cut-pair", -EBADMSG, "metadata s: " CUT(45)},
		{"cut-tensor", -EBADMSG, CUT(49)},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[64];
		snprintf(name, sizeof name, "bad/%s.gguf", bad[i].name);
		struct slice file = test_data(name);
		check_refused(&format_gguf, file, bad[i].code, bad[i].sentence);
		test_unload(file);
	}
}

static void what_only_begins_alike_is_nobodys(void **state)
{
	static const char *const others[] = {"GGUF is what these files are called, not", "GGUFGGUFGGUFGGUFGGUFGGUFGGUF"};
	struct error err = {0};
	struct archive a;
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		const struct format *const formats[] = {&format_gguf, NULL};
		struct archive_options options = test_options();
		assert_int_equal(archive_open_source(&a, formats, source_memory(slice_text(others[i])), "x", &options, &err), -ENOTSUP);
		assert_string_equal(err.text, "");
	}
}

/* --- sets ---------------------------------------------------------------------- */

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

static void open_file(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(top, name);
	if (test_open_file(a, &format_gguf, path, &err) < 0)
		fail_msg("%s", err.text);
	free(path);
}

static void refused(const char *name, const char *sentence)
{
	char *path = test_path(top, name);
	check_refused_file(&format_gguf, path, -EBADMSG, sentence);
	free(path);
}

/* In place of a file, what it was with other bytes at the first place where `from` stands. */
static void change(const char *name, const char *from, size_t len, const char *to)
{
	char *path = test_path(top, name);
	struct slice file = test_load(path);
	uint8_t *at = memmem(file.data, file.len, from, len);
	assert_non_null(at);
	memcpy(at, to, len);
	test_write(top, name, file);
	test_unload(file);
	free(path);
}

static void the_first_part_is_the_set(void **state)
{
	struct archive a;
	(void)state;
	open_file(&a, "split-00001-of-00003.gguf");
	assert_string_equal(test_list(&a, ""), "t0 t1 t2 t3 t4 metadata");
	for (char i = 0; i < 5; i++) {
		const float all[4] = {i, i, i, i};
		char name[3] = {'t', (char)('0' + i), 0};
		check_bytes(&a, name, all, sizeof all);
	}
	assert_string_equal(test_list(&a, "metadata"), "tokenizer.ggml.tokens");
	assert_string_equal(test_attr(&a, "", "attr.split.no"), "0");
	assert_string_equal(test_attr(&a, "", "attr.split.count"), "3");
	archive_close(&a);
}

static void another_part_is_its_own_tensors(void **state)
{
	struct archive a;
	(void)state;
	open_file(&a, "split-00002-of-00003.gguf");
	assert_string_equal(test_list(&a, ""), "t2 t3");
	archive_close(&a);
}

static void in_a_mirrored_folder_each_is_its_own_tensors(void **state)
{
	const struct format *const formats[] = {&format_gguf, NULL};
	struct archive_options options = test_options();
	struct folder root = test_root();
	char *path = test_path(top, "split-00001-of-00003.gguf");
	struct archive_at at = {.folder = &root, .path = path + 1, .mirrored = true};
	struct error err = {0};
	struct archive a;
	(void)state;
	if (archive_open(&a, formats, &at, &options, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(test_list(&a, ""), "t0 t1 metadata");
	archive_close(&a);
	free(path);
}

static void a_set_that_is_not_whole_is_refused(void **state)
{
	static const char count[] = "split.count\2\0\0";
	(void)state;
	change("split-00003-of-00003.gguf", "t4", 2, "t1");
	refused("split-00001-of-00003.gguf", "split-00003-of-00003.gguf: tensor t1 appears twice in the set");
	change("split-00003-of-00003.gguf", "t1", 2, "t4");
	change("split-00002-of-00003.gguf", "split.no\2\0\0\0\1", 13, "split.no\2\0\0\0\2");
	refused("split-00001-of-00003.gguf", "split-00002-of-00003.gguf: split.no is 2, not 1");
	change("split-00002-of-00003.gguf", "split.no\2\0\0\0\2", 13, "split.no\2\0\0\0\1");
	change("split-00002-of-00003.gguf", "split.count\2\0\0\0\3", 16, "split.count\2\0\0\0\4");
	refused("split-00001-of-00003.gguf", "split-00002-of-00003.gguf: split.count is 4, not 3");
	change("split-00002-of-00003.gguf", count, sizeof count - 1, "split_count\2\0\0");
	refused("split-00001-of-00003.gguf", "split-00002-of-00003.gguf: no split.no and split.count, which a part of a set has");
	char *path = test_path(top, "split-00002-of-00003.gguf");
	assert_int_equal(remove(path), 0);
	free(path);
	refused("split-00001-of-00003.gguf", "split-00002-of-00003.gguf: No such file or directory");
	change("split-00001-of-00003.gguf", "split.no\2\0\0\0\0", 13, "split.no\2\0\0\0\1");
	refused("split-00001-of-00003.gguf", "split.no is 1, not 0");
}

static void a_set_with_a_wrong_total_is_refused(void **state)
{
	(void)state;
	change("split-00001-of-00003.gguf", "split.tensors.count\5\0\0\0\5", 24, "split.tensors.count\5\0\0\0\6");
	refused("split-00001-of-00003.gguf", "split.tensors.count is 6, but the parts have 5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(a_tensor_is_a_range_of_the_file),
		cmocka_unit_test(blocks_are_bytes_with_the_shape_in_elements_beside),
		cmocka_unit_test(metadata_of_both_byte_orders_and_versions),
		cmocka_unit_test(tensors_come_before_the_metadata),
		cmocka_unit_test(a_vocabulary_longer_than_a_window),
		cmocka_unit_test(what_is_of_no_known_type_is_listed_and_not_read),
		cmocka_unit_test(offsets_need_no_order),
		cmocka_unit_test(empty_arrays_are_empty),
		cmocka_unit_test(what_breaks_a_rule_is_refused),
		cmocka_unit_test(what_only_begins_alike_is_nobodys),
		cmocka_unit_test_setup_teardown(the_first_part_is_the_set, begin, end),
		cmocka_unit_test_setup_teardown(another_part_is_its_own_tensors, begin, end),
		cmocka_unit_test_setup_teardown(in_a_mirrored_folder_each_is_its_own_tensors, begin, end),
		cmocka_unit_test_setup_teardown(a_set_that_is_not_whole_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_set_with_a_wrong_total_is_refused, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
