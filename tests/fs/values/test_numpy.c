/* SPDX-License-Identifier: MIT */
/* The texts are what numpy.lib.format.write_array() of NumPy 2.4 wrote, with ml_dtypes 0.6. */
#include "fs/values/numpy.h"
#include "tests/support.h"

static struct arena arena;
static struct error fault;

static int setup(void **state)
{
	(void)state;
	arena = (struct arena){.limit = 1 << 20};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* A file of this version with this text, padded as NumPy does; the caller's. */
static struct slice file_of(unsigned version, struct slice text)
{
	size_t prefix = version == 1 ? 10 : 12, len = text.len + 1, whole = (prefix + len + 63) / 64 * 64;
	uint8_t *bytes = malloc(whole);
	assert_non_null(bytes);
	memset(bytes, ' ', whole);
	memcpy(bytes, "\x93NUMPY", 6);
	bytes[6] = (uint8_t)version, bytes[7] = 0;
	for (size_t i = 8; i < prefix; i++)
		bytes[i] = (uint8_t)((whole - prefix) >> 8 * (i - 8));
	memcpy(bytes + prefix, text.data, text.len);
	bytes[whole - 1] = '\n';
	return (struct slice){bytes, whole};
}

static int read_text(unsigned version, struct slice text, struct numpy_header *ret)
{
	struct slice file = file_of(version, text);
	fault = (struct error){0};
	int r = numpy_read_header(file, &arena, ret, &fault);
	test_unload(file);
	return r;
}

static struct numpy_header sound(unsigned version, struct slice text)
{
	struct numpy_header h;
	int r = read_text(version, text, &h);
	assert_string_equal(fault.text, "");
	assert_int_equal(r, 0);
	return h;
}

#define HEADER(descr, order, shape) SLICE("{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }")

static const char *name_of(const struct array *a)
{
	static char buf[DTYPE_NAME_MAX];
	return dtype_name(a, buf);
}

/* --- types ------------------------------------------------------------------- */

static const struct {
	const char *descr, *name;
	enum byteorder byteorder;
	unsigned size;
} types[] = {
	{"|b1", "bool", BYTEORDER_NONE, 1},
	{"|i1", "int8", BYTEORDER_NONE, 1},
	{"<i2", "int16", BYTEORDER_LITTLE, 2},
	{"<i4", "int32", BYTEORDER_LITTLE, 4},
	{">i8", "int64", BYTEORDER_BIG, 8},
	{"|u1", "uint8", BYTEORDER_NONE, 1},
	{"<u2", "uint16", BYTEORDER_LITTLE, 2},
	{">u4", "uint32", BYTEORDER_BIG, 4},
	{"<u8", "uint64", BYTEORDER_LITTLE, 8},
	{"<f2", "float16", BYTEORDER_LITTLE, 2},
	{">f4", "float32", BYTEORDER_BIG, 4},
	{"<f8", "float64", BYTEORDER_LITTLE, 8},
	{"<c8", "complex64", BYTEORDER_LITTLE, 8},
	{">c16", "complex128", BYTEORDER_BIG, 16},
	{"|S5", "S5", BYTEORDER_NONE, 5},
	{"<U7", "U7", BYTEORDER_LITTLE, 28},
	{">U3", "U3", BYTEORDER_BIG, 12},
	{"|V4", "V4", BYTEORDER_NONE, 4},
	{"|V0", "V0", BYTEORDER_NONE, 0},
	{"<V2", "V2", BYTEORDER_LITTLE, 2}, /* ml_dtypes.bfloat16; V without an order is no number */
	{">V2", "V2", BYTEORDER_BIG, 2},
	{"<M8[ns]", "timestamp[ns]", BYTEORDER_LITTLE, 8},
	{">M8[s]", "timestamp[s]", BYTEORDER_BIG, 8},
	{"<m8[us]", "duration[us]", BYTEORDER_LITTLE, 8},
	{"<M8[25s]", "datetime64[25s]", BYTEORDER_LITTLE, 8},
	{"<M8[7D]", "datetime64[7D]", BYTEORDER_LITTLE, 8},
	{">m8[D]", "timedelta64[D]", BYTEORDER_BIG, 8},
	{"<M8[m]", "datetime64[m]", BYTEORDER_LITTLE, 8},
	{"<M8[as]", "datetime64[as]", BYTEORDER_LITTLE, 8},
	{"<M8", "datetime64", BYTEORDER_LITTLE, 8},
	{"<m8", "timedelta64", BYTEORDER_LITTLE, 8},
};

static void types_are_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct numpy_type t;
		struct text written = {0};
		assert_int_equal(numpy_read_type(slice_text(types[i].descr), &arena, &t, NULL), 0);
		assert_string_equal(name_of(&t.array), types[i].name);
		assert_int_equal(t.array.byteorder, types[i].byteorder);
		assert_int_equal(t.size, types[i].size);
		assert_string_equal(t.array.type, types[i].descr);
		numpy_write_type(&t.array, &written);
		assert_string_equal(written.bytes, types[i].descr);
		text_free(&written);
	}
}

/* Other words for the same, and types that only their size is known of. */
static void types_that_are_written_otherwise_are_read(void **state)
{
	static const struct {
		const char *descr, *name;
		enum byteorder byteorder;
	} others[] = {
		{"<V1", "V1", BYTEORDER_NONE},      /* float8_e4m3fn, int4 ... */
		{"<f1", "float8_e5m2", BYTEORDER_NONE},
		{"<W4", "V4", BYTEORDER_LITTLE},    /* complex32, bcomplex32 */
		{"<f16", "V16", BYTEORDER_LITTLE},  /* longdouble */
		{">c32", "V32", BYTEORDER_BIG},
		{"|O8", "object", BYTEORDER_NONE},
		{"|O", "object", BYTEORDER_NONE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct numpy_type t;
		assert_int_equal(numpy_read_type(slice_text(others[i].descr), &arena, &t, NULL), 0);
		assert_string_equal(name_of(&t.array), others[i].name);
		assert_int_equal(t.array.byteorder, others[i].byteorder);
		assert_int_equal(t.objects, others[i].name[0] == 'o');
	}
}

static void types_that_numpy_has_not_are_refused(void **state)
{
	static const char *const wrong[] = {"",       "<",       "f",        "<f",      "<f3",         "<i04",   "<x4",
					    "<i4 ",   "<M8[",    "<M8[]",    "<M8[0s]", "<M8[2]",      "<M4[s]", "<M8[xs]",
					    "<M8[s]]", "|S-1",   "<i4,<i4",  "float32", "|S2147483648", "<U536870912", "<<f4",
					    "<b2",    "|S99999999999999999999", "<M8[2147483648s]", "<q8", "<W8", "|T16"};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct numpy_type t;
		struct error err = {0};
		char sentence[256];
		snprintf(sentence, sizeof sentence, "%s is not a NumPy type", wrong[i]);
		assert_int_equal(numpy_read_type(slice_text(wrong[i]), &arena, &t, &err), -EBADMSG);
		assert_string_equal(err.text, sentence);
	}
}

/* --- headers ------------------------------------------------------------------ */

static void shapes_and_orders(void **state)
{
	(void)state;
	struct numpy_header h = sound(1, HEADER("'<f8'", "False", "()"));
	assert_int_equal(h.type.array.rank, 0);
	assert_int_equal(h.bytes, 8);
	assert_int_equal(h.data, 128);
	h = sound(1, HEADER("'<f8'", "True", "(2, 3)"));
	assert_int_equal(h.type.array.rank, 2);
	assert_int_equal(h.type.array.shape[1], 3);
	assert_true(h.type.array.fortran);
	assert_int_equal(h.bytes, 48);
	h = sound(2, HEADER("'<f8'", "True", "(5,)"));
	assert_false(h.type.array.fortran);
	h = sound(1, SLICE("{'shape': (10L, 3L), 'fortran_order': False, 'descr': u'<f8'}"));
	assert_int_equal(h.type.array.shape[0], 10);
	h = sound(1, HEADER("'|O'", "False", "(2,)"));
	assert_true(h.type.objects);
	assert_int_equal(h.bytes, 0);
}

static const struct numpy_field *field_of(const struct numpy_type *t, const char *name)
{
	for (const struct numpy_field *f = t->fields; f; f = f->next)
		if (slice_equal(f->name, slice_text(name)))
			return f;
	fail_msg("no field %s", name);
	return NULL;
}

static void records(void **state)
{
	(void)state;
	struct numpy_header h = sound(1, HEADER("[('a', '<i4'), ('b', '>f8', (2, 3)), ('c', [('x', '|u1'), ('y', '|S3')])]", "False", "(2,)"));
	assert_int_equal(h.type.array.dtype, DTYPE_STRUCT);
	assert_int_equal(h.type.size, 56);
	assert_int_equal(h.type.count, 3);
	assert_string_equal(h.type.array.type, "[('a', '<i4'), ('b', '>f8', (2, 3)), ('c', [('x', '|u1'), ('y', '|S3')])]");
	const struct numpy_field *b = field_of(&h.type, "b"), *c = field_of(&h.type, "c");
	assert_int_equal(b->offset, 4);
	assert_int_equal(b->type.size, 48);
	assert_int_equal(b->type.array.rank, 2);
	assert_int_equal(b->type.array.shape[1], 3);
	assert_int_equal(c->offset, 52);
	assert_int_equal(field_of(&c->type, "y")->offset, 1);
	assert_string_equal(name_of(&field_of(&c->type, "y")->type.array), "S3");
	assert_int_equal(sound(1, HEADER("[]", "False", "(2,)")).type.count, 0);
}

static void padding_is_left_out_and_titles_are_kept(void **state)
{
	(void)state;
	struct numpy_header h = sound(1, HEADER("[('a', '|u1'), ('', '|V7'), ('b', '<i8')]", "False", "(2,)"));
	assert_int_equal(h.type.count, 2);
	assert_int_equal(h.type.size, 16);
	assert_int_equal(field_of(&h.type, "b")->offset, 8);
	h = sound(1, HEADER("[(('title', 'a'), '<i4'), ('b', '|O')]", "False", "(2,)"));
	assert_true(slice_equal(field_of(&h.type, "a")->title, SLICE("title")));
	assert_true(h.type.objects);
}

static void names_become_utf8(void **state)
{
	(void)state;
	struct numpy_header h = sound(1, HEADER("[(\"it's\", '|u1'), ('\xe9\"\\'', '<i8'), ('a\\nb\\\\', '|O')]", "False", "(2,)"));
	assert_int_equal(field_of(&h.type, "it's")->offset, 0);
	assert_int_equal(field_of(&h.type, "\xc3\xa9\"'")->offset, 1);
	assert_int_equal(field_of(&h.type, "a\nb\\")->offset, 9);
	h = sound(3, HEADER("[('\xe6\x97\xa5\xe6\x9c\xac', '|u1'), ('\\x80\\u65e5\\U0001f600', '|u1')]", "False", "(2,)"));
	assert_int_equal(field_of(&h.type, "\xe6\x97\xa5\xe6\x9c\xac")->offset, 0);
	assert_int_equal(field_of(&h.type, "\xc2\x80\xe6\x97\xa5\xf0\x9f\x98\x80")->offset, 1);
}

/* --- faults ------------------------------------------------------------------- */

static void refused(unsigned version, struct slice text, const char *sentence)
{
	struct numpy_header h;
	char whole[256];
	assert_int_equal(read_text(version, text, &h), -EBADMSG);
	snprintf(whole, sizeof whole, "%s%s", strstr(sentence, "is not a NumPy type") ? "" : "NumPy's header: ", sentence);
	assert_string_equal(fault.text, whole);
}

static void each_fault_has_its_sentence(void **state)
{
	(void)state;
	refused(1, SLICE(""), "'{' is missing at byte 54 of its text");
	refused(1, SLICE("{}"), "one of descr, fortran_order and shape is missing at byte 54 of its text");
	refused(1, SLICE("{'x': 1}"), "a key other than descr, fortran_order and shape at byte 5 of its text");
	refused(1, SLICE("{'shape': (), 'shape': ()}"), "a repeated key at byte 22 of its text");
	refused(1, HEADER("'<f3'", "False", "()"), "<f3 is not a NumPy type");
	refused(1, HEADER("('<f4', (2,))", "False", "()"), "a type with a shape of its own at byte 10 of its text");
	refused(1, HEADER("'<f4'", "0", "()"), "True or False is missing at byte 34 of its text");
	refused(1, HEADER("'<f4'", "False", "5"), "'(' is missing at byte 50 of its text");
	refused(1, HEADER("'<f4'", "False", "(5)"), "a shape that is a number, not a tuple, at byte 53 of its text");
	refused(1, HEADER("'<f4'", "False", "(-1,)"), "an extent that is not a non-negative integer at byte 51 of its text");
	refused(1, HEADER("'<f4'", "False", "(010,)"), "a number with leading zeros at byte 54 of its text");
	refused(1, HEADER("'<f4'", "False", "(9223372036854775808,)"), "an extent of more than 63 bits at byte 69 of its text");
	refused(1, HEADER("'<f4'", "False", "(4294967296, 4294967296)"), "a shape of 2^63 bytes or more");
	refused(3, HEADER("'<f4'", "False", "(5L,)"), "',' is missing at byte 52 of its text");
	refused(3, HEADER("[('\xe9', '<f4')]", "False", "(5,)"), "invalid UTF-8 at byte 0 of its text");
	refused(1, HEADER("[('a', '<f4'), ('a', '<f4')]", "False", "()"), "two fields of the same name before the end at byte 38 of its text");
	refused(1, HEADER("[('a', '<f4') ('b', '<f4')]", "False", "()"), "',' is missing at byte 24 of its text");
	refused(1, HEADER("[('a', '|V2147483647'), ('b', '|V1')]", "False", "()"), "a record of more than 2 GiB before the end at byte 46 of its text");
	refused(1, HEADER("[('a', '|V2', (2147483647,))]", "False", "()"), "a field of more than 2 GiB before the end at byte 38 of its text");
	refused(1, HEADER("'<f4", "False", "()"), "<f4,  is not a NumPy type");
	refused(1, HEADER("'<f4\\q'", "False", "()"), "a string with an escape that NumPy does not write at byte 11 of its text");
	refused(1, SLICE("{'descr': '<f4', 'fortran_order': False, 'shape': (), } x"), "text after the dictionary at byte 56 of its text");
}

static void versions_and_lengths_are_checked(void **state)
{
	struct error err = {0};
	uint64_t size;
	(void)state;
	assert_int_equal(numpy_header_size(SLICE("PK\3\4"), &size, &err), -EBADMSG);
	assert_string_equal(err.text, "the NumPy magic is missing");
	err = (struct error){0};
	assert_int_equal(numpy_header_size(SLICE("\x93NUMPY\4\0\0\0\0\0"), &size, &err), -ENOTSUP);
	assert_string_equal(err.text, "version 4.0 of NumPy's format; only 1.0, 2.0 and 3.0 are known");
	err = (struct error){0};
	assert_int_equal(numpy_header_size(SLICE("\x93NUMPY\2\0\1\0\x10\0"), &size, &err), -ENOTSUP);
	assert_string_equal(err.text, "NumPy's header of 1048577 bytes; at most 1048576 are read");
	assert_int_equal(numpy_header_size(SLICE("\x93NUMPY\1\0\x76\0"), &size, &err), 0);
	assert_int_equal(size, 128);
}

/* Records in records: as deep as the text has room for is no reason to run out of stack. */
static void records_end_at_some_depth(void **state)
{
	char text[4096] = "{'descr': ";
	struct numpy_header h;
	(void)state;
	for (int i = 0; i < 200; i++)
		strcat(text, "[('a', ");
	assert_int_equal(read_text(1, slice_text(text), &h), -EBADMSG);
	assert_string_equal(fault.text, "NumPy's header: records nested more than 32 deep at byte 234 of its text");
}

static void every_cut_and_every_byte_is_refused_or_sound(void **state)
{
	struct slice file = file_of(1, HEADER("[(('t', 'a'), '<i4'), ('', '|V4'), ('b\\n', '>f8', (2,)), ('c', [('x', '<M8[25s]')])]", "True", "(2, 3L)"));
	(void)state;
	for (size_t cut = 0; cut < file.len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		struct numpy_header h;
		struct error err = {0};
		memcpy(exact, file.data, cut);
		assert_true(numpy_read_header((struct slice){exact, cut}, &arena, &h, &err) < 0);
		assert_true(err.text[0]);
		free(exact);
	}
	for (size_t at = 0; at < file.len; at++)
		for (unsigned v = 0; v < 256; v++) {
			uint8_t *bytes = (uint8_t *)(uintptr_t)file.data, old = bytes[at];
			struct numpy_header h;
			struct error err = {0};
			bytes[at] = (uint8_t)v;
			struct arena own = {.limit = 1 << 16};
			int r = numpy_read_header(file, &own, &h, &err);
			assert_true(r == 0 ? h.data <= file.len : err.text[0] != '\0');
			arena_free(&own);
			bytes[at] = old;
		}
	test_unload(file);
}

static void memory_that_runs_out_is_told(void **state)
{
	struct slice file = file_of(1, HEADER("[(('t', 'a'), '<i4'), ('\xe9', '>f8', (2,))]", "True", "(2, 3)"));
	struct error err;
	int r = -ENOMEM;
	(void)state;
	for (size_t limit = 0; r != 0 && limit < 4096; limit++) {
		struct arena own = {.limit = limit};
		struct numpy_header h;
		err = (struct error){0};
		r = numpy_read_header(file, &own, &h, &err);
		assert_true(r == 0 || r == -ENOMEM);
		arena_free(&own);
	}
	assert_int_equal(r, 0);
	test_unload(file);
}

/* numpy.save() of zeros((2, 3), "<i4") */
static void a_header_is_written_as_numpy_writes_it(void **state)
{
	static const char save[] = "\x93NUMPY\1\0\x76\0{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }"
				   "                                                          \n";
	struct text t = {0};
	(void)state;
	numpy_write_header(SLICE("'<i4'"), false, SLICE("(2, 3)"), &t);
	assert_int_equal(t.len, sizeof save - 1);
	assert_memory_equal(t.bytes, save, t.len);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_read_and_written),
		cmocka_unit_test(types_that_are_written_otherwise_are_read),
		cmocka_unit_test(types_that_numpy_has_not_are_refused),
		cmocka_unit_test(shapes_and_orders),
		cmocka_unit_test(records),
		cmocka_unit_test(padding_is_left_out_and_titles_are_kept),
		cmocka_unit_test(names_become_utf8),
		cmocka_unit_test(each_fault_has_its_sentence),
		cmocka_unit_test(versions_and_lengths_are_checked),
		cmocka_unit_test(records_end_at_some_depth),
		cmocka_unit_test(every_cut_and_every_byte_is_refused_or_sound),
		cmocka_unit_test(memory_that_runs_out_is_told),
		cmocka_unit_test(a_header_is_written_as_numpy_writes_it),
	};
	return cmocka_run_group_tests_name("numpy", tests, setup, teardown);
}
