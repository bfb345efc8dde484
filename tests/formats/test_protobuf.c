/* SPDX-License-Identifier: MIT */
/* Messages that Python's protobuf wrote; every value is compared with what it reads by tests/interop/test_protobuf.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_protobuf;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_protobuf);
}

static void columns_are_the_schemas_fields(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_protobuf, "delimited.protobuf");
	(void)state;
	assert_string_equal(test_shape(&a, "int32"), "[9]");
	assert_string_equal(test_dtype(&a, "sint64s"), "list");
	assert_string_equal(test_attr(&a, "sint64s/values", "array.type"), "sint64");
	assert_string_equal(test_dtype(&a, "map"), "map");
	assert_string_equal(test_dtype(&a, "inner/again"), "bytes");
	assert_string_equal(test_attr(&a, "enum", "array.enum"), "{\"ZERO\":0,\"ONE\":1,\"MINUS\":-2}");
	check_bytes(&a, "either.validity", "\0\1\0\0\1\0\0\1\0", 9);
	archive_close(&a);
	test_unload(file);
}

static void one_message_is_its_tables_and_attributes(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_protobuf, "message.protobuf");
	(void)state;
	assert_string_equal(test_attr(&a, "", "attr.int32"), "5");
	assert_string_equal(test_attr(&a, "", "attr.string"), "sssss");
	assert_string_equal(test_dtype(&a, "inners"), "struct");
	check_bytes(&a, "inners/a", "\5\0\0\0", 4);
	check_bytes(&a, "bools", "\1\0", 2);
	archive_close(&a);
	test_unload(file);
}

static void without_a_schema_it_is_told_what_is_needed(void **state)
{
	struct archive a;
	struct error err = {0};
	struct archive_options options = {.memory = 64 << 20, .records.kind = "protobuf"};
	const struct format *const only[] = {&format_protobuf, NULL};
	(void)state;
	assert_int_equal(archive_open_source(&a, only, source_memory(SLICE("\2\10\1")), "f", &options, &err), -ENOTSUP);
	assert_string_equal(err.text, "protobuf is read by a schema: -o schema=FILE,message=PACKAGE.NAME");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises), cmocka_unit_test(columns_are_the_schemas_fields),
		cmocka_unit_test(one_message_is_its_tables_and_attributes), cmocka_unit_test(without_a_schema_it_is_told_what_is_needed),
	};
	struct slice schema = test_data("schema.desc");
	test_records.schema = schema;
	test_records.message = "p.M";
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	test_unload(schema);
	return r;
}
