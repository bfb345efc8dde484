/* SPDX-License-Identifier: MIT */
#include "formats/shared/wire.h"
#include "tests/support.h"

#define OVER(text) wire_over((const uint8_t *)(text), sizeof(text) - 1)

static void varints_are_counted_and_whole(void **state)
{
	uint8_t bytes[64];
	uint64_t count;
	(void)state;
	for (size_t before = 0; before < 20; before++) /* wherever in the eight bytes that are looked at */
		for (size_t more = 0; more < 12; more++)
			for (size_t behind = 0; behind < 20; behind++) {
				memset(bytes, 1, sizeof bytes);
				memset(bytes + before, 0x80, more);
				bool whole = wire_count_varints(bytes, bytes + before + more + 1 + behind, &count);
				assert_int_equal(whole, more < 10);
				if (whole)
					assert_int_equal(count, before + 1 + behind);
				assert_int_equal(wire_count_varints(bytes, bytes + before + more, &count), more == 0);
			}
}

static void a_walk_ends_at_what_is_no_field(void **state)
{
	const struct {
		struct wire w;
		unsigned fields;
		bool failed;
	} walks[] = {
		{OVER(""), 0, false},
		{OVER("\x08\x01\x12\x01x\x1d\1\2\3\4\x21\1\2\3\4\5\6\7\x08"), 4, false},
		{OVER("\x08\x01\x07"), 1, true},                 /* no type */
		{OVER("\x08\x01\x02\x00"), 1, true},             /* number 0 */
		{OVER("\x08\x01\x12\x02x"), 1, true},            /* cut */
		{OVER("\x88\x80\x80\x80\x00\x01\x92\x80\x80\x80\x00\x80\x80\x80\x80\x00"), 2, false}, /* longer than they have to be */
		{OVER("\x88\x80\x80\x80\x80\x00\x01"), 0, true}, /* than they may be */
		{OVER("\x12\x80\x80\x80\x80\x80\x00"), 0, true},
		{OVER("\x0b\x92\x80\x80\x80\x80\x00\x00\x0c"), 0, true},
		{OVER("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0, true},
		{OVER("\x0b\x08\x01\x13\x14\x0c\x08\x01"), 2, false}, /* a group in a group */
		{OVER("\x0b\x08\x01\x14"), 0, true},             /* another's end */
		{OVER("\x0b\x08\x01"), 0, true},                 /* none */
		{OVER("\x0c"), 0, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
		struct wire w = walks[i].w;
		struct wire_field f;
		unsigned n = 0;
		while (wire_next(&w, &f))
			n++;
		assert_int_equal(n, walks[i].fields);
		assert_int_equal(wire_failed(&w), walks[i].failed);
		assert_false(wire_next(&w, &f));
	}
}

static void a_groups_body_is_without_its_end(void **state)
{
	struct wire w = OVER("\x0b\x08\x05\x13\x14\x0c\x10\x07");
	struct wire_field f = {0};
	(void)state;
	assert_true(wire_next(&w, &f) && f.number == 1 && f.type == WIRE_GROUP && wire_left(&f.body) == 4);
	struct wire inner = f.body;
	assert_true(wire_next(&inner, &f) && f.value == 5);
	assert_true(wire_next(&inner, &f) && f.type == WIRE_GROUP && !wire_next(&inner, &f) && !wire_failed(&inner));
	assert_true(wire_next(&w, &f) && f.number == 2 && f.value == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_are_counted_and_whole),
		cmocka_unit_test(a_walk_ends_at_what_is_no_field),
		cmocka_unit_test(a_groups_body_is_without_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
