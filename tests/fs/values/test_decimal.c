/* SPDX-License-Identifier: MIT */
/* Numbers as text, beside the C library's. */
#include "fs/values/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

static const struct float_kind doubles = {52, 11, 1023, true, FLOAT_IEEE}, floats = {23, 8, 127, true, FLOAT_IEEE};

/* --- integers ----------------------------------------------------------------------------- */

/* Room for `len` bytes, of which the ones around are not to be touched. */
static void check_padded(uint64_t v, unsigned digits)
{
	char room[40], expected[40];
	memset(room, '#', sizeof room);
	decimal_padded(v, digits, room + 8);
	snprintf(expected, sizeof expected, "########%0*" PRIu64 "########", (int)digits, v);
	if (digits)
		assert_memory_equal(room, expected, digits + 16);
}

static void check_unsigned(uint64_t v)
{
	char text[21], expected[21];
	int len = snprintf(expected, sizeof expected, "%" PRIu64, v);
	text[20] = '#';
	assert_int_equal(decimal_unsigned(v, text), len);
	assert_memory_equal(text, expected, (size_t)len);
	assert_int_equal(text[20], '#');
	for (unsigned digits = (unsigned)len; digits <= 20; digits++)
		check_padded(v, digits);
}

static void check_signed(int64_t v)
{
	char text[20], expected[21];
	int len = snprintf(expected, sizeof expected, "%" PRId64, v);
	assert_int_equal(decimal_signed(v, text), len);
	assert_memory_equal(text, expected, (size_t)len);
}

static void check_integer(uint64_t v)
{
	check_unsigned(v);
	check_signed((int64_t)v);
	check_signed((int64_t)-v);
}

static void integers_at_powers(void **state)
{
	(void)state;
	check_integer(0);
	check_integer(UINT64_MAX);
	check_integer(UINT64_C(1) << 63);
	for (uint64_t ten = 1, n = 0; n < 20; n++, ten *= 10)
		for (uint64_t more = 0; more < 3; more++)
			check_integer(ten - 1 + more);
	for (unsigned bit = 0; bit < 64; bit++)
		for (uint64_t more = 0; more < 3; more++)
			check_integer((UINT64_C(1) << bit) - 1 + more);
	for (uint64_t v = 0; v <= 100000; v++)
		check_unsigned(v * 1009);
}

static uint64_t some;

static uint64_t random_bits(void)
{
	some = some * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return some ^ some >> 29;
}

static void integers_of_each_length(void **state)
{
	(void)state;
	some = 1;
	for (uint64_t ten = 10, length = 1; length < 20; length++, ten *= 10)
		for (int i = 0; i < 500; i++)
			check_integer(ten / 10 + random_bits() % (ten - ten / 10));
	for (int i = 0; i < 2000; i++)
		check_integer(random_bits() >> (i % 64));
}

/* --- floats ----------------------------------------------------------------------------------- */

static void as_text(const struct float_kind *kind, double value, char ret[DECIMAL_FLOAT_MAX + 1])
{
	float narrow = (float)value;
	uint32_t single;
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	memcpy(&single, &narrow, sizeof single);
	ret[decimal_float(kind, kind == &floats ? single : bits, ret)] = '\0';
}

/* Digits without the point and what is only there to place it. */
static void digits_in(const char *text, char *ret)
{
	char *p = ret;
	for (; *text && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9' && (p > ret || *text != '0'))
			*p++ = *text;
	while (p > ret && p[-1] == '0')
		p--;
	*p = '\0';
}

/* It reads back as the same, no fewer digits would, and of so many these are the nearest. */
static void check_float(const struct float_kind *kind, double value)
{
	char text[DECIMAL_FLOAT_MAX + 1], shorter[40], digits[40], expected[40];
	bool narrow = kind == &floats;
	as_text(kind, value, text);
	double back = narrow ? (double)strtof(text, NULL) : strtod(text, NULL);
	assert_true(back == value && signbit(back) == signbit(value));
	for (int precision = 0; precision < 17; precision++) {
		snprintf(shorter, sizeof shorter, "%.*e", precision, value);
		if ((narrow ? (double)strtof(shorter, NULL) : strtod(shorter, NULL)) == value)
			break;
	}
	digits_in(text, digits);
	digits_in(shorter, expected);
	if (strcmp(digits, expected) != 0)
		fail_msg("%s for %s", text, shorter);
}

static void floats_are_the_shortest(void **state)
{
	(void)state;
	some = 2;
	for (int i = 0; i < 8000; i++) {
		uint64_t bits = random_bits();
		double value;
		memcpy(&value, &bits, sizeof value);
		if (isfinite(value) && value != 0)
			check_float(&doubles, value);
		check_float(&doubles, (double)(int64_t)(random_bits() >> 11) / 1e3);
		check_float(&doubles, (double)(random_bits() >> 11) * 0x1p-53);
		uint32_t single = (uint32_t)random_bits();
		float narrow;
		memcpy(&narrow, &single, sizeof narrow);
		if (isfinite(narrow) && narrow != 0)
			check_float(&floats, (double)narrow);
	}
}

static void floats_that_are_known(void **state)
{
	static const struct {
		double value;
		const char *text;
	} known[] = {
		{0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {0.1 + 0.2, "0.30000000000000004"}, {1e15, "1000000000000000.0"},
		{9007199254740993.0, "9007199254740992.0"}, {1e16, "1e+16"}, {123456789012345680.0, "1.2345678901234568e+17"}, {0.0001, "0.0001"},
		{0.00001, "1e-05"}, {5e-324, "5e-324"}, {2.2250738585072014e-308, "2.2250738585072014e-308"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
		{1e23, "1e+23"}, {9.5367431640625e-07, "9.5367431640625e-07"}, {2e-44, "2e-44"}, {4.35, "4.35"}, {299792458.0, "299792458.0"},
		{NAN, "nan"}, {-NAN, "nan"}, {INFINITY, "inf"}, {-INFINITY, "-inf"},
	};
	static const struct {
		double value;
		const char *text;
	} singles[] = {
		{0.1, "0.1"}, {16777216, "16777216.0"}, {1e8, "1e+08"}, {3.4028234663852886e38, "3.4028235e+38"}, {1.401298464324817e-45, "1e-45"},
		{1.17549435e-38, "1.1754944e-38"}, {0.3f, "0.3"},
	};
	char text[DECIMAL_FLOAT_MAX + 1];
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		as_text(&doubles, known[i].value, text);
		assert_string_equal(text, known[i].text);
	}
	for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
		as_text(&floats, singles[i].value, text);
		assert_string_equal(text, singles[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_at_powers),
		cmocka_unit_test(integers_of_each_length),
		cmocka_unit_test(floats_are_the_shortest),
		cmocka_unit_test(floats_that_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
