/* SPDX-License-Identifier: MIT */
/* What onnx, torch.onnx, skl2onnx and onnxscript wrote; every value is compared with onnx's own by
 * tests/interop/test_onnx.py. */
#include <errno.h>

#include "fs/base/text.h"
#include "tests/support.h"

extern const struct format format_onnx;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_onnx);
}

static void bytes_that_stand_in_the_file_are_ranges_of_it(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "types.onnx");
	(void)state;
	assert_int_equal(test_node(&a, "FLOAT.raw")->kind, NODE_RANGE);
	assert_int_equal(test_node(&a, "FLOAT6E2M3.raw")->kind, NODE_RANGE);
	assert_int_equal(test_node(&a, "FLOAT.field")->kind, NODE_RANGE); /* float_data, in one run */
	assert_int_equal(test_node(&a, "COMPLEX128.field")->kind, NODE_RANGE);
	assert_int_equal(test_node(&a, "INT64.field")->kind, NODE_LAZY);
	assert_string_equal(test_dtype(&a, "FLOAT6E2M3.raw"), "float6_e2m3fn");
	assert_string_equal(test_shape(&a, "BFLOAT16.field"), "[3,5]");
	assert_string_equal(test_attr(&a, "BFLOAT16.field", "array.byteorder"), "little");
	assert_string_equal(test_attr(&a, "FLOAT8E4M3FN.field", "array.type"), "FLOAT8E4M3FN");
	assert_null(test_attr(&a, "FLOAT8E4M3FN.field", "array.byteorder"));
	assert_int_equal(test_node(&a, "INT4.field")->size, 8);
	assert_string_equal(test_list(&a, "STRING.field"), "offsets values");
	archive_close(&a);
	test_unload(file);
}

static void runs_and_single_entries_are_one_list(void **state)
{
	struct archive packed, single;
	struct slice one = test_open_fixture(&packed, &format_onnx, "types.onnx");
	struct slice other = test_open_fixture(&single, &format_onnx, "unpacked.onnx");
	static const char *const names[] = {"FLOAT.field", "INT64.field", "UINT64.field", "DOUBLE.field", "INT8.field", "FLOAT6E3M2.field"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct slice bytes = test_bytes(&packed, names[i]);
		check_bytes(&single, names[i], bytes.data, bytes.len);
		test_unload(bytes);
	}
	archive_close(&packed);
	archive_close(&single);
	test_unload(one);
	test_unload(other);
}

static void constants_are_called_as_what_they_are_the_values_of(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "constants.onnx");
	(void)state;
	assert_string_equal(test_shape(&a, "layer/Constant_output_0"), "[2,3]");
	assert_string_equal(test_attr(&a, "layer/Constant_output_0", "arrayfs.name"), "/layer/Constant_output_0");
	check_bytes(&a, "c_value_int", "\xf9\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_string_equal(test_shape(&a, "c_value_int"), "[]");
	assert_string_equal(test_attr(&a, "c_value_int", "array.type"), "INT");
	check_bytes(&a, "c_value_float", "\x00\x00\xc0\x3f", 4);
	check_bytes(&a, "c_value_string/values", "text", 4);
	check_bytes(&a, "c_value_strings/values", "abcd", 4);
	check_bytes(&a, "c_value_strings/offsets", "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0", 32);
	assert_string_equal(test_attr(&a, "c_value_floats", "array.type"), "FLOATS");
	assert_string_equal(test_dtype(&a, "c_sparse"), "sparse");
	assert_string_equal(test_list(&a, "c_sparse"), "values indices");
	assert_string_equal(test_list(&a, "filled"), "value"); /* ConstantOfShape is no Constant */
	assert_string_equal(test_list(&a, "many/values"), "0 1");
	archive_close(&a);
	test_unload(file);
}

static void graphs_within_are_below_their_attribute(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "nested.onnx");
	char path[32 * 14 + 2];
	(void)state;
	for (unsigned i = 0; i < 32; i++)
		memcpy(path + i * 14, "y/then_branch/", 14);
	memcpy(path + sizeof path - 2, "w", 2);
	assert_string_equal(test_shape(&a, path), "[3]");
	assert_string_equal(test_list(&a, "z"), "else_branch then_branch");
	archive_close(&a);
	test_unload(file);
}

static void functions_and_training_have_their_folders(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "functions.onnx");
	(void)state;
	assert_string_equal(test_list(&a, "functions"), "my.domain::F my.domain::F:other");
	assert_string_equal(test_list(&a, "functions/my.domain::F"), "w default");
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_onnx, "training.onnx");
	assert_string_equal(test_list(&a, ""), "w training_info");
	assert_string_equal(test_list(&a, "training_info/1"), "initialization algorithm");
	assert_string_equal(test_list(&a, "training_info/1/algorithm"), "rate");
	archive_close(&a);
	test_unload(file);
}

static void only_lists_that_are_the_model_are_arrays(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "lists.onnx");
	(void)state;
	assert_string_equal(test_list(&a, ""), "y z"); /* and not v, whose kernel_shape is a list, too */
	assert_string_equal(test_list(&a, "y"), "nodes_modes nodes_treeids nodes_values target_ids");
	assert_string_equal(test_shape(&a, "y/target_ids"), "[0]");
	assert_string_equal(test_dtype(&a, "y/nodes_modes"), "string");
	check_bytes(&a, "y/nodes_treeids", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 32);
	archive_close(&a);
	test_unload(file);
}

static void what_is_said_of_a_model_is_told(void **state)
{
	struct archive a;
	struct text t = {0};
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_onnx, "props.onnx");
	(void)state;
	assert_string_equal(test_attr(&a, "", "attr.onnx.opset_import"), "{\"\":21,\"ai.onnx.ml\":3}");
	assert_string_equal(test_attr(&a, "", "attr.onnx.model_version"), "3");
	assert_string_equal(test_attr(&a, "", "attr.onnx.graph"), "g");
	assert_string_equal(test_attr(&a, "", "attr.author"), "the last");
	assert_string_equal(test_attr(&a, "w", "attr.onnx.doc_string"), "a weight");
	assert_string_equal(test_attr(&a, "w", "attr.scale"), "0.5");
	assert_int_equal(format_onnx.details(&a, TREE_ROOT, tree_node(&a.tree, TREE_ROOT), &t, &err), 0);
	assert_string_equal(t.bytes, ",\"inputs\":[{\"name\":\"x\",\"type\":\"FLOAT\",\"shape\":[\"batch\",3,null]},{\"name\":\"s\",\"type\":\"sequence(INT64)\"}]"
				     ",\"outputs\":[{\"name\":\"y\",\"type\":\"BFLOAT16\"}],\"opsets\":{\"\":21,\"ai.onnx.ml\":3}"
				     ",\"operators\":{\"Relu\":2,\"com.microsoft::Gelu\":1},\"quantization_annotation\":[{\"tensor_name\":\"x\","
				     "\"quant_parameter_tensor_names\":{\"SCALE_TENSOR\":\"s\"}}]");
	text_free(&t);
	archive_close(&a);
	test_unload(file);
}

static void a_lone_tensor_is_data(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "int4.pb");
	(void)state;
	assert_string_equal(test_list(&a, ""), "data");
	assert_string_equal(test_attr(&a, "data", "arrayfs.name"), "called so");
	assert_string_equal(test_shape(&a, "data"), "[5]");
	assert_int_equal(test_node(&a, "data")->size, 3);
	archive_close(&a);
	test_unload(file);
	file = test_open_fixture(&a, &format_onnx, "strings.pb");
	assert_string_equal(test_list(&a, "data"), "offsets values");
	archive_close(&a);
	test_unload(file);
}

static void a_name_that_is_taken_gives_way(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_onnx, "repeated.onnx");
	(void)state;
	assert_string_equal(test_list(&a, ""), "w w~2 _ a a~2 x %2E w~3 w~4");
	archive_close(&a);
	test_unload(file);
}

static void what_breaks_the_rules_is_refused(void **state)
{
	static const struct {
		const char *name, *sentence;
	} bad[] = {
		{"cut", "an ONNX model: a field that is longer than what it is part of, at byte 29"},
		{"no-graph", "no ONNX model: it has no graph"},
		{"wire-type-6", "an ONNX model: an unknown wire type at byte 35"},
		{"33-graphs-within-others", "an ONNX model: graphs more than 32 deep within others at byte"},
		{"101-groups", "an ONNX model: messages nested too deep at byte 235"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[64];
		struct archive a;
		struct error err = {0};
		snprintf(name, sizeof name, "bad/%s.onnx", bad[i].name);
		struct slice file = test_data(name);
		assert_int_equal(test_open(&a, &format_onnx, file, &err), -EBADMSG);
		err.text[strlen(bad[i].sentence)] = '\0';
		assert_string_equal(err.text, bad[i].sentence);
		test_unload(file);
	}
}

/* A model with one initializer, of these fields. */
static struct slice model_of(struct slice tensor, uint8_t bytes[128])
{
	uint8_t n = (uint8_t)tensor.len;
	const uint8_t head[] = {0x08, 8, 0x3a, (uint8_t)(n + 2), 0x2a, n};
	memcpy(bytes, head, sizeof head);
	memcpy(bytes + sizeof head, tensor.data, n);
	return (struct slice){bytes, sizeof head + n};
}

static void a_broken_tensor_is_alone_in_that(void **state)
{
	static const struct {
		struct slice tensor;
		const char *sentence;
	} bad[] = {
		{SLICE("\x08\x02\x10\x02\x4a\x01x\x42\x01w"), "1 bytes of raw_data for a shape of 2"},
		{SLICE("\x08\x02\x10\x07\x3a\x01\x05\x42\x01w"), "1 entries of int64_data for a shape of 2"},
		{SLICE("\x08\x02\x10\x1d\x42\x01w"), "elements of the unknown type 29"},
		{SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x02\x42\x01w"), "a negative extent"},
		{SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08\x03\x10\x02\x42\x01w"), "a shape that overflows"},
		{SLICE("\x08\x01\x10\x02\x1a\x00\x4a\x01x\x42\x01w"), "a segment of a tensor, which nobody writes"},
		{SLICE("\x08\x01\x10\x02\x70\x01\x42\x01w"), "elements in another file, of which no location is told"},
		{SLICE("\x08\x01\x10\x02\x70\x01\x42\x01w\x6a\x10\x0a\x08location\x12\x04../x"), "its file ../x is not a path below the model's folder"},
		{SLICE("\x08\x01\x10\x02\x70\x01\x42\x01w\x6a\x0b\x0a\x06offset\x12\x01x"), "elements in another file, of which no location is told"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t bytes[128];
		struct archive a;
		struct error err = {0};
		struct answer answer;
		assert_int_equal(test_open(&a, &format_onnx, model_of(bad[i].tensor, bytes), &err), 0);
		assert_string_equal(test_attr(&a, "w", "arrayfs.error"), bad[i].sentence);
		answer_init(&answer);
		assert_int_equal(archive_read(&a, test_node(&a, "w"), 0, 1, &answer, &err), -EIO);
		answer_close(&answer);
		archive_close(&a);
	}
}

/* In two runs, whose bytes alone tell that there is an entry. */
static void entries_where_there_are_to_be_none_are_told(void **state)
{
	uint8_t bytes[128];
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(test_open(&a, &format_onnx, model_of(SLICE("\x08\x00\x10\x07\x3a\x00\x3a\x01\x05\x42\x01w"), bytes), &err), 0);
	assert_string_equal(test_attr(&a, "w", "arrayfs.error"), "1 entries of int64_data for a shape of 0");
	archive_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(bytes_that_stand_in_the_file_are_ranges_of_it),
		cmocka_unit_test(runs_and_single_entries_are_one_list),
		cmocka_unit_test(constants_are_called_as_what_they_are_the_values_of),
		cmocka_unit_test(graphs_within_are_below_their_attribute),
		cmocka_unit_test(functions_and_training_have_their_folders),
		cmocka_unit_test(only_lists_that_are_the_model_are_arrays),
		cmocka_unit_test(what_is_said_of_a_model_is_told),
		cmocka_unit_test(a_lone_tensor_is_data),
		cmocka_unit_test(a_name_that_is_taken_gives_way),
		cmocka_unit_test(what_breaks_the_rules_is_refused),
		cmocka_unit_test(a_broken_tensor_is_alone_in_that),
		cmocka_unit_test(entries_where_there_are_to_be_none_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
