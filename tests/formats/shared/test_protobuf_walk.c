/* SPDX-License-Identifier: MIT */
#include "formats/shared/protobuf.h"
#include "tests/support.h"

/*
 * What protobuf 7.36 of Python wrote of a TensorProto {dims [2, 300], data_type 7, int64_data
 * [-1, 5], name "w", metadata_props [{"k", "v"}]}, dims without packing, int64_data packed.
 */
static const uint8_t sample[] = {
	0x08, 0x02, 0x08, 0xac, 0x02, 0x10, 0x07, 0x3a, 0x0b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x05,
	0x42, 0x01, 'w', 0x82, 0x01, 0x06, 0x0a, 0x01, 'k', 0x12, 0x01, 'v',
};

static struct source of;
static uint8_t window[PROTO_WINDOW_LEAST];
static struct error err;

static struct proto_input over(const void *bytes, size_t len)
{
	of = source_memory((struct slice){bytes, len});
	err.text[0] = '\0';
	return proto_input(&of, window, sizeof window, &err);
}

#define OVER(text) over(text, sizeof(text) - 1)

static void check_fault(struct proto_input in, const char *sentence)
{
	struct proto_field f;
	struct proto m = proto_whole(&in);
	while (proto_next(&m, &f))
		;
	assert_int_equal(proto_check(&in, "it"), -EBADMSG);
	assert_string_equal(err.text, sentence);
	assert_false(proto_next(&m, &f)); /* and nothing goes on after it */
}

static void fields_are_walked(void **state)
{
	static const struct proto_field wanted[] = {
		{1, PROTO_VARINT, 2, 0, 0},   {1, PROTO_VARINT, 300, 0, 0}, {2, PROTO_VARINT, 7, 0, 0},
		{7, PROTO_LEN, 0, 9, 11},     {8, PROTO_LEN, 0, 22, 1},     {16, PROTO_LEN, 0, 26, 6},
	};
	struct proto_input in = over(sample, sizeof sample);
	struct proto m = proto_whole(&in);
	struct proto_field f;
	(void)state;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		assert_true(proto_next(&m, &f));
		assert_int_equal(f.number, wanted[i].number);
		assert_int_equal(f.wire, wanted[i].wire);
		assert_true(f.value == wanted[i].value && f.at == wanted[i].at && f.len == wanted[i].len);
	}
	assert_true(proto_equal(&in, &(struct proto_field){.at = 22, .len = 1}, SLICE("w")));
	assert_false(proto_equal(&in, &(struct proto_field){.at = 22, .len = 1}, SLICE("v")));
	struct proto entry = proto_enter(&m, &f);
	assert_true(proto_next(&entry, &f) && f.number == 1 && f.at == 28);
	assert_true(proto_next(&entry, &f) && f.number == 2 && f.at == 31);
	assert_false(proto_next(&entry, &f));
	assert_false(proto_next(&m, &f));
	assert_int_equal(proto_check(&in, "it"), 0);
}

static void numbers_are_read_packed_and_not(void **state)
{
	struct proto_input in = over(sample, sizeof sample);
	uint64_t n;
	(void)state;
	struct proto_run run = proto_run(&in, &(struct proto_field){.wire = PROTO_LEN, .at = 9, .len = 11}, PROTO_VARINT);
	assert_true(proto_number(&run, &n) && n == UINT64_MAX);
	assert_true(proto_number(&run, &n) && n == 5);
	assert_false(proto_number(&run, &n));
	run = proto_run(&in, &(struct proto_field){.wire = PROTO_VARINT, .value = 300}, PROTO_VARINT);
	assert_true(proto_number(&run, &n) && n == 300);
	assert_false(proto_number(&run, &n));
	run = proto_run(&in, &(struct proto_field){.wire = PROTO_I32, .value = 300}, PROTO_VARINT); /* unknown */
	assert_false(proto_number(&run, &n));
	in = OVER("\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40");
	run = proto_run(&in, &(struct proto_field){.wire = PROTO_LEN, .at = 2, .len = 8}, PROTO_I32);
	assert_true(proto_number(&run, &n) && n == 0x3f800000);
	assert_true(proto_number(&run, &n) && n == 0x40000000);
	run = proto_run(&in, &(struct proto_field){.wire = PROTO_LEN, .at = 2, .len = 7}, PROTO_I32);
	assert_true(proto_number(&run, &n));
	assert_false(proto_number(&run, &n));
	assert_int_equal(proto_check(&in, "a list"), -EBADMSG);
	assert_string_equal(err.text, "a list: a number that is cut short at byte 6");
}

static void varints_are_stepped_over_by_count(void **state)
{
	uint8_t many[1000];
	uint64_t at = 0;
	(void)state;
	for (size_t i = 0; i < sizeof many; i++) /* of one, two and three bytes */
		many[i] = i % 6 == 1 || i % 6 == 3 || i % 6 == 4 ? 0x80 : 1;
	struct proto_input in = over(many, sizeof many - 4);
	assert_int_equal(proto_skip_varints(&in, &at, sizeof many - 4, 4), 4);
	assert_int_equal(at, 7);
	assert_int_equal(proto_skip_varints(&in, &at, sizeof many - 4, 300), 300);
	assert_int_equal(at, 7 + 600);
	assert_int_equal(proto_skip_varints(&in, &at, sizeof many - 4, UINT64_MAX), 996 / 6 * 3 - 304);
	assert_int_equal(at, sizeof many - 4);
	assert_int_equal(in.failed, 0);
	at = 0;
	in = over(many, 5);
	assert_int_equal(proto_skip_varints(&in, &at, 5, UINT64_MAX), 2);
	assert_int_equal(in.failed, -EBADMSG);
}

static void unknown_groups_are_stepped_over(void **state)
{
	struct proto_input in = OVER("\x0b\x10\x01\x1b\x22\x01x\x1c\x25xxxx\x29xxxxxxxx\x0c\x08\x07");
	struct proto m = proto_whole(&in);
	struct proto_field f;
	(void)state;
	assert_true(proto_next(&m, &f) && f.number == 1 && f.wire == PROTO_GROUP);
	assert_true(proto_next(&m, &f) && f.number == 1 && f.wire == PROTO_VARINT && f.value == 7);
	assert_false(proto_next(&m, &f));
	assert_int_equal(in.failed, 0);
	check_fault(OVER("\x0b\x14"), "it: a group that ends as another at byte 0");
	check_fault(OVER("\x0b\x10\x01"), "it: a group without an end at byte 0");
	check_fault(OVER("\x08\x01\x0c"), "it: the end of a group that never began at byte 2");
}

static void what_is_no_message_is_told(void **state)
{
	(void)state;
	check_fault(OVER("\x08"), "it: a number that is cut short at byte 1");
	check_fault(OVER("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "it: a varint of more than 10 bytes at byte 1");
	check_fault(OVER("\x00\x01"), "it: an invalid field number at byte 0");
	check_fault(OVER("\x80\x80\x80\x80\x10\x01"), "it: an invalid field number at byte 0");
	check_fault(OVER("\x0e"), "it: an unknown wire type at byte 0");
	check_fault(OVER("\x0a\x03xx"), "it: a field that is longer than what it is part of, at byte 0");
	check_fault(OVER("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xx"), "it: a field that is longer than what it is part of, at byte 0");
	check_fault(OVER("\x0dxxx"), "it: a number that is cut short at byte 1");
}

static void messages_are_a_hundred_deep_at_most(void **state)
{
	struct proto_input in = OVER("\x0a\x00");
	struct proto m = proto_whole(&in);
	const struct proto_field f = {.wire = PROTO_LEN, .at = 2};
	char groups[202];
	(void)state;
	for (unsigned i = 0; i < PROTO_DEPTH; i++)
		m = proto_enter(&m, &f);
	assert_int_equal(in.failed, 0);
	proto_enter(&m, &f);
	assert_int_equal(proto_check(&in, "it"), -EBADMSG);
	assert_string_equal(err.text, "it: messages nested too deep at byte 2");
	memset(groups, 0x0b, 101);
	memset(groups + 101, 0x0c, 101);
	check_fault(over(groups, sizeof groups), "it: messages nested too deep at byte 100");
	in = over(groups + 1, sizeof groups - 2);
	m = proto_whole(&in);
	struct proto_field group;
	assert_true(proto_next(&m, &group));
}

static void parts_are_one_message(void **state)
{
	struct proto_input in = over(sample, sizeof sample);
	struct arena arena = {.limit = 1 << 20};
	struct proto_parts parts = {0};
	struct proto_field f;
	unsigned count = 0;
	(void)state;
	proto_add_part(&in, &parts, &(struct proto_field){.at = 5, .len = 2}, &arena);
	proto_add_part(&in, &parts, &(struct proto_field){.at = 7, .len = 0}, &arena);
	proto_add_part(&in, &parts, &(struct proto_field){.at = 0, .len = 5}, &arena);
	for (struct proto m = proto_of_parts(&in, parts.first); proto_next(&m, &f); count++)
		assert_int_equal(f.number, count == 0 ? 2 : 1);
	assert_int_equal(count, 3);
	assert_true(slice_equal(proto_text(&in, &(struct proto_field){.at = 28, .len = 1}, &arena), SLICE("k")));
	arena_free(&arena);
}

static int nothing_else(const struct source *s, uint64_t offset, uint64_t len, struct error *why)
{
	(void)s;
	return offset + len > 600 && offset < 99000 ? error_set(why, EIO, "touched") : 0;
}

static void what_is_long_is_not_read(void **state)
{
	static uint8_t large[100000] = {0x0a, 0x80, 0x8d, 0x06}; /* a field of 99,968 bytes */
	struct proto_field f;
	(void)state;
	memcpy(large + 4 + 99968, "\x10\x05", 2);
	struct proto_input in = over(large, 4 + 99968 + 2);
	of.fetch = nothing_else;
	struct proto m = proto_whole(&in);
	assert_true(proto_next(&m, &f) && f.number == 1 && f.len == 99968);
	assert_true(proto_next(&m, &f) && f.number == 2 && f.value == 5);
	assert_false(proto_next(&m, &f));
	assert_int_equal(in.failed, 0);
	uint8_t byte;
	assert_false(proto_copy(&in, 5000, 1, &byte));
	assert_int_equal(proto_check(&in, "it"), -EIO);
	assert_string_equal(err.text, "touched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_walked),
		cmocka_unit_test(numbers_are_read_packed_and_not),
		cmocka_unit_test(varints_are_stepped_over_by_count),
		cmocka_unit_test(unknown_groups_are_stepped_over),
		cmocka_unit_test(what_is_no_message_is_told),
		cmocka_unit_test(messages_are_a_hundred_deep_at_most),
		cmocka_unit_test(parts_are_one_message),
		cmocka_unit_test(what_is_long_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
