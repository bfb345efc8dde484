/* SPDX-License-Identifier: MIT */
/* Arrays of NumPy in pickles; every value is compared with numpy's own by
 * tests/interop/test_pickled.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_pickle;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_pickle);
}

/* Numbers of any bits stand where a text belongs: names of attributes, of a global and its module. */
static void names_may_be_numbers(void **state)
{
	static const char pickles[][48] = {
		"\x80\x02\x63m\nC\n)\x81}\x8a\x08subclassK\x01sb.",
		"\x80\x02\x63m\nC\n)\x81}G\x40\x04\0\0\0\0\0\0K\x01sb.",
		"\x80\x02\x63m\nC\n)\x81}NK\x01sb.",
		"\x80\x04G\x40\x04\0\0\0\0\0\0\x8c\x01\x43\x93.",
		"\x80\x04\x8c\x01mG\xc0\x04\0\0\0\0\0\0\x93.",
		"\x80\x04\x8a\x08subclass\x8a\x08subclass\x93.",
	};
	(void)state;
	for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
		size_t len = sizeof *pickles;
		struct archive a;
		struct error err = {0};
		while (pickles[i][len - 1] != '.')
			len--;
		int r = test_open(&a, &format_pickle, (struct slice){(const uint8_t *)pickles[i], len}, &err);
		if (r == 0)
			archive_close(&a);
		assert_true(r == 0 || *err.text);
	}
}

static const char *const files[] = {"protocol0.pkl", "protocol1.pkl", "protocol2.pkl", "protocol3.pkl", "protocol4.pkl", "protocol5.pkl",
				    "numpy1-protocol2.pkl", "numpy1-protocol4.pkl", "numpy1-protocol5.pkl"};
enum { FILES = sizeof files / sizeof *files };

/* The same values, in all protocols. */
static void every_protocol_shows_the_same(void **state)
{
	static const char *const paths[] = {"int32", "big", "fortran", "scalar", "empty", "bool", "bytes", "text", "days", "records/pos/y",
					    "records/rgb", "records/when", "records_fortran/rgb", "objects/0", "date"};
	struct archive first, a;
	struct slice one = test_open_fixture(&first, &format_pickle, files[0]);
	(void)state;
	for (size_t f = 1; f < FILES; f++) {
		struct slice file = test_open_fixture(&a, &format_pickle, files[f]);
		assert_string_equal(test_list(&a, ""), "int32 big fortran scalar empty bool bytes text days records records_fortran objects date");
		for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
			struct slice bytes = test_bytes(&first, paths[i]);
			check_bytes(&a, paths[i], bytes.data, bytes.len);
			test_unload(bytes);
		}
		archive_close(&a);
		test_unload(file);
	}
	archive_close(&first);
	test_unload(one);
}

static void arrays_are_described_as_in_npy(void **state)
{
	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_pickle, files[f]);
		assert_string_equal(test_dtype(&a, "int32"), "int32");
		assert_string_equal(test_shape(&a, "int32"), "[2,3]");
		assert_string_equal(test_attr(&a, "int32", "array.type"), "<i4");
		assert_string_equal(test_attr(&a, "big", "array.byteorder"), "big");
		assert_string_equal(test_attr(&a, "fortran", "array.order"), "F");
		assert_string_equal(test_shape(&a, "scalar"), "[]");
		assert_string_equal(test_dtype(&a, "days"), "datetime64[D]");
		assert_string_equal(test_dtype(&a, "text"), "U2");
		assert_string_equal(test_dtype(&a, "records"), "struct");
		assert_string_equal(test_shape(&a, "records/rgb"), "[3,3]");
		assert_string_equal(test_dtype(&a, "records/when"), "datetime64[25s]");
		assert_string_equal(test_attr(&a, "records", "array.type"),
				    "[('id', '<i4'), ('', '|V4'), ('pos', [('x', '<f4'), ('', '|V4'), ('y', '>f8')]), "
				    "('rgb', '|u1', (3,)), ('', '|V5'), (('A title', 'when'), '<M8[25s]')]");
		assert_string_equal(test_shape(&a, "date"), "[]");
		archive_close(&a);
		test_unload(file);
	}
}

static void scalars_are_values(void **state)
{
	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_pickle, files[f]);
		assert_string_equal(test_attr(&a, "", "attr.float32"), "0.1");
		assert_string_equal(test_attr(&a, "", "attr.name"), "h\xc3\xa9");
		assert_string_equal(test_attr(&a, "objects", "attr.1"), "x");
		archive_close(&a);
		test_unload(file);
	}
}

static void types_of_others_are_named(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_pickle, "more.pkl");
	(void)state;
	assert_string_equal(test_dtype(&a, "bfloat16"), "bfloat16");
	assert_string_equal(test_attr(&a, "bfloat16", "array.type"), "ml_dtypes.bfloat16");
	assert_string_equal(test_dtype(&a, "float8_e5m2"), "float8_e5m2");
	assert_string_equal(test_dtype(&a, "int4"), "V1");
	assert_string_equal(test_attr(&a, "int4", "array.type"), "ml_dtypes.int4");
	assert_string_equal(test_attr(&a, "", "attr.strings"), "[\"a\",\"bc\"]");
	assert_string_equal(test_shape(&a, "matrix"), "[1,2]");
	assert_string_equal(test_list(&a, "rec"), "f0 f1");
	assert_string_equal(test_dtype(&a, "longdouble"), "V16");
	assert_string_equal(test_dtype(&a, "void"), "V3");
	assert_string_equal(test_list(&a, "mixed"), "0");
	assert_string_equal(test_shape(&a, "mixed/0/1"), "[2]");
	archive_close(&a);
	test_unload(file);
}

static void one_array_is_called_data(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_pickle, "single.pkl");
	(void)state;
	assert_string_equal(test_list(&a, ""), "data");
	assert_int_equal(test_node(&a, "data")->kind, NODE_RANGE);
	archive_close(&a);
	test_unload(file);
}

static void what_is_out_of_band_cannot_be_read(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_pickle, "out-of-band.pkl");
	(void)state;
	assert_string_equal(test_attr(&a, "out", "arrayfs.error"), "a buffer that was kept out of the pickle");
	assert_string_equal(test_shape(&a, "out"), "[2,3]");
	assert_null(test_attr(&a, "in", "arrayfs.error"));
	archive_close(&a);
	test_unload(file);
}

static void dimensions_in_another_order_are_shown_in_c_order(void **state)
{
	static const uint8_t int16[] = {0x01, 0x26, 0x4b, 0x70, 0xbd, 0xe2, 0x07, 0x2c, 0x95, 0xba, 0xdf, 0x04,
					0x51, 0x76, 0x9b, 0xc0, 0x29, 0x4e, 0x73, 0x98, 0xe5, 0x0a, 0x2f, 0x54};
	static const uint8_t axes[] = "K\x01K\0K\x02\x87\x94t"; /* (1, 0, 2) */
	struct archive a;
	struct error err = {0};
	struct slice file = test_open_fixture(&a, &format_pickle, "axes.pkl");
	(void)state;
	assert_string_equal(test_shape(&a, "int16"), "[3,2,2]");
	assert_string_equal(test_attr(&a, "int16", "array.order"), "C");
	check_bytes(&a, "int16", int16, sizeof int16);
	assert_string_equal(test_shape(&a, "records"), "[3,2,2]");
	assert_string_equal(test_shape(&a, "records/rgb"), "[3,2,2,3]");
	archive_close(&a);

	uint8_t *at = memmem(file.data, file.len, axes, sizeof axes - 1);
	assert_non_null(at);
	at[3] = 1; /* (1, 1, 2) */
	assert_int_equal(test_open(&a, &format_pickle, file, &err), 0);
	assert_string_equal(test_attr(&a, "int16", "arrayfs.error"), "an order of its dimensions that is not one");
	archive_close(&a);
	test_unload(file);
}

static void strings_of_python_2_are_text_or_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_pickle, i ? "python2-protocol2.pkl" : "python2-protocol0.pkl");
		check_bytes(&a, "a", "\0\0\1\0\2\0", 6);
		assert_string_equal(test_shape(&a, "a"), "[1,3]");
		assert_string_equal(test_attr(&a, "", "attr.text"), "abc");
		check_bytes(&a, "bytes", "\xff\0\xfe", 3);
		archive_close(&a);
		test_unload(file);
	}
}

/* --- made by hand -------------------------------------------------------------------- */

#define DTYPE(code, order, size) "cnumpy\ndtype\n(V" code "\nI00\nI01\ntR(I3\nV" order "\nNNNI" size "\nI-1\nI0\ntb"
#define ARRAY(shape, dtype, bytes) "cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntNtR(I1\n(" shape "t" dtype "I00\n" bytes "tb"
#define BYTES(text) "c_codecs\nencode\n(V" text "\nVlatin1\ntR"

static struct slice pickled(const char *array, char buf[4096])
{
	snprintf(buf, 4096, "(dp0\nVa\n%ss.", array);
	return slice_text(buf);
}

static void check_fault(const char *array, const char *sentence)
{
	char buf[4096];
	struct archive a;
	struct error err = {0};
	assert_int_equal(test_open(&a, &format_pickle, pickled(array, buf), &err), 0);
	assert_non_null(test_attr(&a, "a", "arrayfs.error"));
	assert_string_equal(test_attr(&a, "a", "arrayfs.error"), sentence);
	archive_close(&a);
}

static void arrays_that_are_wrong_have_a_sentence(void **state)
{
	(void)state;
	check_fault(ARRAY("I2\n", DTYPE("f4", "<", "-1"), BYTES("abc")), "3 bytes of Latin-1 cannot decode to 8");
	check_fault(ARRAY("I-2\n", DTYPE("f4", "<", "-1"), BYTES("abc")), "a shape that is not of numbers from 0 on");
	check_fault(ARRAY("I4611686018427387904\nI4\n", DTYPE("f4", "<", "-1"), BYTES("abc")), "an array of 2^63 bytes or more");
	check_fault(ARRAY("I3\n", DTYPE("q9", "<", "-1"), BYTES("abc")), "<q9 is not a NumPy type");
	check_fault(ARRAY("I3\n", DTYPE("i1", "?", "-1"), BYTES("abc")), "its NumPy type has an unknown byte order");
	check_fault(ARRAY("I3\n", DTYPE("S1", "|", "7"), BYTES("abc")), "its NumPy type has elements of another size than its code");
	check_fault(ARRAY("I3\n", "N", BYTES("abc")), "its NumPy type has no dtype");
	check_fault(ARRAY("I3\n", DTYPE("O8", "|", "-1"), BYTES("abc")), "an array of Python objects without a list of them");
}

/* Each type is a record of the one before, twice. */
static void shared_records_are_counted(void **state)
{
	struct text t = {0};
	(void)state;
	text_add(&t, "(dp0\ncnumpy._core.multiarray\n_reconstruct\np9\n0" DTYPE("i4", "<", "-1") "p100\n0");
	for (unsigned i = 0, size = 8; i < 25; i++, size *= 2)
		text_print(&t, "cnumpy\ndtype\n(VV%u\nI00\nI01\ntR(I3\nV|\nN(Va\nVb\nt(dVa\n(g%u\nI0\ntsVb\n(g%u\nI%u\ntsI%u\nI1\nI16\ntbp%u\n0",
			   size, 100 + i, 100 + i, size / 2, size, 101 + i);
	for (int i = 0; i < 2000; i++)
		text_print(&t, "Va%d\ng9\n(cnumpy\nndarray\n(I0\ntNtR(I1\n(I0\ntg125\nI00\n" BYTES("") "tbs", i);
	text_add(&t, ".");
	struct archive a;
	struct error err = {0};
	assert_int_equal(test_open(&a, &format_pickle, text_slice(&t), &err), 0);
	assert_string_equal(test_attr(&a, "a0", "arrayfs.error"), "its NumPy type has more than 200,000 fields");
	assert_string_equal(test_attr(&a, "a1999", "arrayfs.error"), "its NumPy type has more fields than are read of one file");
	archive_close(&a);
	text_free(&t);
}

/* One dictionary is the state of them all. */
static void a_state_that_many_objects_share_is_counted(void **state)
{
	struct text t = {0};
	(void)state;
	text_add(&t, "(lp0\ncm\nC\np1\n0(d");
	for (int i = 0; i < 10000; i++)
		text_print(&t, "I%d\nI0\ns", i);
	text_add(&t, "p2\n0");
	for (int i = 0; i < 5000; i++)
		text_add(&t, "g1\n)\x81g2\nba");
	text_add(&t, ".");
	check_refused(&format_pickle, text_slice(&t), -ENOTSUP, "pickle: values that are shared among too many objects");
	text_free(&t);
}

static void check_said(const char *file, const char *sentence)
{
	check_refused(&format_pickle, slice_text(file), -ENOTSUP, sentence);
}

static void what_has_no_array_is_no_archive(void **state)
{
	(void)state;
	check_said("(dp0\nVa\nI1\ns.", "a pickle that holds no array");
	check_said("(dp0\n\xff.", "pickle: opcode 0xff at byte 5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(names_may_be_numbers),
		cmocka_unit_test(every_protocol_shows_the_same),
		cmocka_unit_test(arrays_are_described_as_in_npy),
		cmocka_unit_test(scalars_are_values),
		cmocka_unit_test(types_of_others_are_named),
		cmocka_unit_test(one_array_is_called_data),
		cmocka_unit_test(what_is_out_of_band_cannot_be_read),
		cmocka_unit_test(dimensions_in_another_order_are_shown_in_c_order),
		cmocka_unit_test(strings_of_python_2_are_text_or_bytes),
		cmocka_unit_test(arrays_that_are_wrong_have_a_sentence),
		cmocka_unit_test(shared_records_are_counted),
		cmocka_unit_test(a_state_that_many_objects_share_is_counted),
		cmocka_unit_test(what_has_no_array_is_no_archive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
