/* SPDX-License-Identifier: MIT */
#include "formats/shared/flatbuffers.h"
#include "tests/support.h"

/*
 * What flatbuffers 25.12 of Python built: a table of
 *
 *	0  int64 -5                         5  [table {0: int16 -7}, table {0: int16 9}]
 *	1  "na\xc3\xafve"                    6  [1 << 40, -2, 3] of int64
 *	2  union type 3                     7  [{-1, -2, -3}, {4, 5, 6}] of struct {int64, int32, int64}
 *	3  and its value: the first of 5    8  true
 *	4  ["one", ""]
 */
static const uint8_t sample[] = {
	0x1c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x16, 0x00, 0x30, 0x00, 0x24, 0x00, 0x20, 0x00, 0x1f, 0x00, 0x18, 0x00, 0x14, 0x00,
	0x10, 0x00, 0x0c, 0x00, 0x08, 0x00, 0x07, 0x00, 0x16, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x28, 0x00, 0x00, 0x00,
	0x5c, 0x00, 0x00, 0x00, 0x74, 0x00, 0x00, 0x00, 0x7c, 0x00, 0x00, 0x00, 0xb4, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03,
	0x8c, 0x00, 0x00, 0x00, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xfd, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x44, 0x00, 0x00, 0x00, 0x34, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x6f, 0x6e, 0x65, 0x00,
	0x06, 0x00, 0x00, 0x00, 0x6e, 0x61, 0xc3, 0xaf, 0x76, 0x65, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x06, 0x00, 0x04, 0x00,
	0x06, 0x00, 0x00, 0x00, 0x09, 0x00, 0x06, 0x00, 0x08, 0x00, 0x06, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf9, 0xff,
};

static struct flat sound(void)
{
	return flat_over((struct slice){sample, sizeof sample});
}

static void scalars_have_their_values_or_those_of_absent_ones(void **state)
{
	struct flat f = sound();
	struct flat_table t = flat_root(&f);
	(void)state;
	assert_int_equal(flat_int(&t, 0, 8, 1), -5);
	assert_true(flat_bool(&t, 8));
	assert_false(flat_has(&t, 9));
	assert_int_equal(flat_int(&t, 9, 4, 128), 128);
	assert_int_equal(flat_int(&t, 1000, 2, 7), 7);
	assert_false(f.failed);
}

static void strings_and_vectors_are_found(void **state)
{
	struct flat f = sound();
	struct flat_table t = flat_root(&f);
	struct flat_vector strings = flat_vector(&t, 4, 4), longs = flat_vector(&t, 6, 8), structs = flat_vector(&t, 7, 24);
	(void)state;
	assert_true(slice_equal(flat_string(&t, 1), SLICE("na\xc3\xafve")));
	assert_int_equal(strings.count, 2);
	assert_true(slice_equal(flat_element_string(&strings, 0), SLICE("one")));
	assert_int_equal(flat_element_string(&strings, 1).len, 0);
	assert_int_equal(longs.count, 3);
	assert_true(flat_element(&longs, 0, 0, 8) == (int64_t)1 << 40);
	assert_int_equal(flat_element(&longs, 1, 0, 8), -2);
	assert_int_equal(flat_element(&structs, 0, 8, 4), -2);
	assert_int_equal(flat_element(&structs, 1, 16, 8), 6);
	assert_false(f.failed);
}

static void tables_and_unions_lead_on(void **state)
{
	struct flat f = sound();
	struct flat_table t = flat_root(&f), value, none = flat_child(&t, 9);
	struct flat_vector tables = flat_vector(&t, 5, 4);
	(void)state;
	assert_int_equal(flat_union(&t, 2, &value), 3);
	assert_int_equal(flat_int(&value, 0, 2, 0), -7);
	assert_int_equal(tables.count, 2);
	value = flat_element_table(&tables, 1);
	assert_int_equal(flat_int(&value, 0, 2, 0), 9);
	assert_int_equal(none.at, 0);
	assert_int_equal(flat_int(&none, 0, 2, 5), 5); /* of a table that is not there, no field is */
	assert_int_equal(flat_vector(&none, 1, 4).count, 0);
	assert_false(f.failed);
}

static void a_failed_read_sticks(void **state)
{
	struct flat f = sound();
	struct flat_table t = flat_root(&f);
	struct flat_vector longs = flat_vector(&t, 6, 8);
	struct error err = {0};
	(void)state;
	assert_int_equal(flat_element(&longs, 3, 0, 8), 0);
	assert_true(f.failed);
	assert_int_equal(flat_int(&t, 0, 8, 1), 0);
	assert_int_equal(flat_int(&t, 9, 8, 1), 0);
	assert_int_equal(flat_string(&t, 1).len, 0);
	assert_int_equal(flat_check(&f, &err, "the sample"), -EBADMSG);
	assert_string_equal(err.text, "the sample is not a sound FlatBuffer");
}

static void a_union_needs_both_its_type_and_its_value(void **state)
{
	struct flat f = sound();
	struct flat_table t = flat_root(&f), value;
	(void)state;
	assert_int_equal(flat_union(&t, 8, &value), 0); /* a type of 1, and field 9 is absent */
	assert_true(f.failed);
}

/* Cut anywhere, it fails, and what is beyond the end is not read (the sanitizer sees to it). */
static void a_cut_buffer_fails(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof sample; len++) {
		uint8_t *cut = malloc(len + 1);
		memcpy(cut, sample, len);
		struct flat f = flat_over((struct slice){cut, len});
		struct flat_table t = flat_root(&f), value;
		for (unsigned field = 0; field < 10; field++)
			flat_has(&t, field);
		flat_string(&t, 1);
		flat_union(&t, 2, &value);
		struct flat_vector strings = flat_vector(&t, 4, 4), tables = flat_vector(&t, 5, 4);
		for (uint32_t i = 0; i < strings.count; i++)
			flat_element_string(&strings, i);
		for (uint32_t i = 0; i < tables.count; i++) {
			value = flat_element_table(&tables, i);
			flat_int(&value, 0, 2, 0);
		}
		assert_true(f.failed || len > sizeof sample - 12); /* the last bytes are a vtable's neighbours */
		free(cut);
	}
}

/* Tables each of which has two fields that lead to the next: 2 to the power of 20 ways. */
static void a_table_reached_many_times_exhausts_the_budget(void **state)
{
	enum { LEVELS = 20 };
	static const uint8_t vtable[8] = {8, 0, 12, 0, 4, 0, 8, 0}; /* two fields, at 4 and 8 of a table of 12 bytes */
	uint8_t all[16 + LEVELS * 12] = {16};
	unsigned met = 0;
	(void)state;
	memcpy(all + 4, vtable, 8);
	for (unsigned i = 0; i < LEVELS; i++) {
		uint8_t *t = all + 16 + i * 12;
		t[0] = (uint8_t)(12 + i * 12); /* back to the vtable at 4 */
		if (i + 1 < LEVELS)
			t[4] = 8, t[8] = 4; /* both lead to the next table */
		else
			t[4] = t[8] = 4;
	}
	struct flat f = flat_over((struct slice){all, sizeof all});
	struct flat_table stack[64] = {flat_root(&f)};
	for (unsigned depth = 1; depth > 0 && !f.failed;) {
		struct flat_table t = stack[--depth];
		met++;
		if (depth + 2 < 64 && t.at) {
			stack[depth++] = flat_child(&t, 0);
			stack[depth++] = flat_child(&t, 1);
		}
	}
	assert_true(f.failed);
	assert_true(met < 2 * LEVELS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_have_their_values_or_those_of_absent_ones),
		cmocka_unit_test(strings_and_vectors_are_found),
		cmocka_unit_test(tables_and_unions_lead_on),
		cmocka_unit_test(a_failed_read_sticks),
		cmocka_unit_test(a_union_needs_both_its_type_and_its_value),
		cmocka_unit_test(a_cut_buffer_fails),
		cmocka_unit_test(a_table_reached_many_times_exhausts_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
