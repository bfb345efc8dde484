/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

#include "fs/values/decimal.h"
#include "fs/views/npy.h"
#include "fs/views/text.h"

static const struct float_kind doubles = {52, 11, 1023, true, FLOAT_IEEE}, floats = {23, 8, 127, true, FLOAT_IEEE};

static void header_is(const struct array *a, uint64_t size, const char *dictionary)
{
	struct text t = {0};
	view_npy_header(a, size, &t);
	assert_int_equal(t.failed, 0);
	assert_int_equal(t.len % 64, 0);
	assert_memory_equal(t.bytes, "\x93NUMPY\1\0", 8);
	assert_int_equal((uint8_t)t.bytes[8] + 256 * (uint8_t)t.bytes[9], t.len - 10);
	assert_memory_equal(t.bytes + 10, dictionary, strlen(dictionary));
	for (size_t i = 10 + strlen(dictionary); i < t.len - 1; i++)
		assert_int_equal(t.bytes[i], ' ');
	assert_int_equal(t.bytes[t.len - 1], '\n');
	text_free(&t);
}

/* The dictionaries are those of numpy.save() in numpy 2.4. */
static void headers_are_as_numpy_spells_them(void **state)
{
	const uint64_t shape[] = {2, 3};
	(void)state;
	header_is(&(struct array){.dtype = DTYPE_FLOAT32, .byteorder = BYTEORDER_BIG, .rank = 2, .shape = shape}, 24,
		  "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }");
	header_is(&(struct array){.dtype = DTYPE_BFLOAT16, .byteorder = BYTEORDER_LITTLE, .rank = 1, .shape = shape}, 4,
		  "{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }");
	header_is(&(struct array){.dtype = DTYPE_FLOAT8_E5M2}, 1, "{'descr': '|V1', 'fortran_order': False, 'shape': (), }");
	header_is(&(struct array){.dtype = DTYPE_INT16, .fortran = true, .rank = 2, .shape = shape}, 12,
		  "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }");
	header_is(&(struct array){.dtype = DTYPE_TIMESTAMP_US, .rank = 1, .shape = shape}, 16,
		  "{'descr': '<M8[us]', 'fortran_order': False, 'shape': (2,), }");
	header_is(&(struct array){.dtype = DTYPE_FIXED_STRING, .width = 5, .rank = 1, .shape = shape}, 10,
		  "{'descr': '|S5', 'fortran_order': False, 'shape': (2,), }");
	header_is(&(struct array){.dtype = DTYPE_DECIMAL, .width = 16, .rank = 1, .shape = shape}, 32,
		  "{'descr': '|V16', 'fortran_order': False, 'shape': (2,), }");
}

static void a_header_never_promises_more_than_the_file_holds(void **state)
{
	const uint64_t shape[] = {2, 3}, huge[] = {UINT64_MAX, 2};
	(void)state;
	header_is(&(struct array){.dtype = DTYPE_FLOAT32, .rank = 2, .shape = shape}, 20,
		  "{'descr': '|u1', 'fortran_order': False, 'shape': (20,), }");
	header_is(&(struct array){.dtype = DTYPE_FLOAT32, .rank = 2, .shape = huge}, 0,
		  "{'descr': '|u1', 'fortran_order': False, 'shape': (0,), }");
	header_is(&(struct array){.dtype = DTYPE_FLOAT4_E2M1FN, .rank = 2, .shape = shape}, 3,
		  "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }");
	header_is(&(struct array){.dtype = DTYPE_INT64, .unshaped = true}, 24,
		  "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }");
	header_is(&(struct array){.dtype = DTYPE_INT8, .unshaped = true, .sized = true, .rank = 2, .shape = shape}, 24,
		  "{'descr': '|i1', 'fortran_order': False, 'shape': (4, 2, 3), }");
	header_is(&(struct array){.dtype = DTYPE_INT8, .unshaped = true, .sized = true, .rank = 2, .shape = huge}, 24,
		  "{'descr': '|i1', 'fortran_order': False, 'shape': (24,), }");
	assert_false(view_npy_exists(&(struct array){.dtype = DTYPE_STRING}));
	assert_false(view_npy_exists(&(struct array){.dtype = DTYPE_NONE}));
	assert_false(view_npy_exists(&(struct array){.dtype = DTYPE_NULL}));
}

static void double_is(double v, const char *text)
{
	char buf[DECIMAL_FLOAT_MAX + 1];
	uint64_t bits;
	memcpy(&bits, &v, 8);
	buf[decimal_float(&doubles, bits, buf)] = '\0';
	assert_string_equal(buf, text);
}

static void float_is(float v, const char *text)
{
	char buf[DECIMAL_FLOAT_MAX + 1];
	uint32_t bits;
	memcpy(&bits, &v, 4);
	buf[decimal_float(&floats, bits, buf)] = '\0';
	assert_string_equal(buf, text);
}

/* Expected: Python's repr(). */
static void floats_are_the_shortest_that_read_back(void **state)
{
	(void)state;
	double_is(0.1, "0.1");
	double_is(-0.0, "-0.0");
	double_is(1e22, "1e+22");
	double_is(9007199254740993.0, "9007199254740992.0");
	double_is(1e16, "1e+16");
	double_is(0.0001, "0.0001");
	double_is(0.00001, "1e-05");
	double_is(5e-324, "5e-324");
	double_is(2.2250738585072014e-308, "2.2250738585072014e-308");
	double_is(1.7976931348623157e308, "1.7976931348623157e+308");
	double_is(-__builtin_inf(), "-inf");
	double_is(__builtin_nan(""), "nan");
	float_is(0.1f, "0.1");
	float_is(16777216.0f, "16777216.0");
	float_is(3.4028235e38f, "3.4028235e+38");
	float_is(1e-45f, "1e-45");
}

static void field_is(const struct array *a, const void *element, const char *text)
{
	char field[512];
	unsigned width = view_text_width(a);
	assert_int_equal(width, strlen(text));
	view_text_field(a, element, field, width);
	field[width] = '\0';
	assert_string_equal(field, text);
}

static void fields_fill_their_width(void **state)
{
	uint8_t least[32] = {[15] = 0x80}, most[32] = {[31] = 0x80};
	const int64_t never = INT64_MIN, early = INT64_MIN + 1, hours = -90061000001;
	const int32_t day = INT32_MIN;
	(void)state;
	field_is(&(struct array){.dtype = DTYPE_INT64}, &never, "-9223372036854775808");
	field_is(&(struct array){.dtype = DTYPE_UINT64}, &never, " 9223372036854775808");
	field_is(&(struct array){.dtype = DTYPE_TIMESTAMP_S}, &early, "-292277022657-01-27T08:29:53");
	field_is(&(struct array){.dtype = DTYPE_TIMESTAMP_NS}, &never, "                          NaT");
	field_is(&(struct array){.dtype = DTYPE_DATE32}, &day, "-5877641-06-23");
	field_is(&(struct array){.dtype = DTYPE_TIME64_US}, &hours, "        -25:01:01.000001");
	field_is(&(struct array){.dtype = DTYPE_DECIMAL, .width = 16, .precision = 38, .scale = 2}, least,
		 "-1701411834604692317316873037158841057.28");
	field_is(&(struct array){.dtype = DTYPE_DECIMAL, .width = 32, .precision = 76, .scale = -2}, most,
		 "-5789604461865809771178549250434395392663499233282028201972879200395656481996800");
	field_is(&(struct array){.dtype = DTYPE_INT128, .width = 16}, least, "-170141183460469231731687303715884105728");
	field_is(&(struct array){.dtype = DTYPE_UINT128, .width = 16}, least, " 170141183460469231731687303715884105728");
	field_is(&(struct array){.dtype = DTYPE_FIXED_STRING, .width = 2}, "\n\\", "\\x0a\\x5c");
	field_is(&(struct array){.dtype = DTYPE_VOID, .width = 2}, "\1\xfe", "01fe");
	field_is(&(struct array){.dtype = DTYPE_INT32, .byteorder = BYTEORDER_BIG}, "\xff\xff\xff\xfe", "         -2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_as_numpy_spells_them),
		cmocka_unit_test(a_header_never_promises_more_than_the_file_holds),
		cmocka_unit_test(floats_are_the_shortest_that_read_back),
		cmocka_unit_test(fields_fill_their_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
