/* SPDX-License-Identifier: MIT */
/* Decimal text as numbers, held against the C library's strtod(). */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "fs/values/nearest.h"
#include "fs/values/number.h"
#include "tests/support.h"

enum { LONG = 2400, AFTER = 96 /* bytes that let a number be read at once */ };

static uint64_t state_of_random = 1;

static uint64_t any(uint64_t below)
{
	state_of_random = state_of_random * 6364136223846793005 + 1442695040888963407;
	return (state_of_random >> 33 ^ state_of_random << 20) % below;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* --- one number, where it stands alone and where much follows it ------------------------------------ */

static void check_at(const char *text, double wanted, const uint8_t *p, const uint8_t *end, enum number_grammar grammar)
{
	struct number n, passed;
	bool far;
	const uint8_t *behind = p + strlen(text);
	if (number_read(p, end, grammar, &n) != behind || number_pass(p, end, grammar, &passed, &far) != behind)
		fail_msg("%s: is no number", text);
	double value = number_double(&n, p, behind);
	if (bits_of(value) != bits_of(wanted))
		fail_msg("%s: %a for %a", text, value, wanted);
	const uint8_t *usual = number_usual_double(p, end, &value);
	if (usual && (usual != behind || bits_of(value) != bits_of(wanted)))
		fail_msg("%s: as a usual number %a for %a", text, value, wanted);
	if (passed.integer != n.integer || passed.negative != n.negative)
		fail_msg("%s: passed, it is another number", text);
	if (n.integer && (passed.mantissa != n.mantissa || passed.fits != n.fits))
		fail_msg("%s: passed, it is another integer", text);
	if (isinf(wanted) && !n.integer && !far)
		fail_msg("%s: is not far", text);
	if (!n.integer && !far && fabs(wanted) > 1e301)
		fail_msg("%s: is not far", text);
}

static void check(const char *text, enum number_grammar grammar)
{
	static const char *const behind[] = {",", "]", " ", "\n", ", 7", ",77777777"};
	double wanted = strtod(text, NULL);
	size_t len = strlen(text);
	uint8_t *alone = malloc(len), *more = malloc(len + AFTER);
	assert_true(alone && more);
	memcpy(alone, text, len);
	memcpy(more, text, len);
	check_at(text, wanted, alone, alone + len, grammar);
	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		memset(more + len, '5', AFTER);
		memcpy(more + len, behind[i], strlen(behind[i]));
		check_at(text, wanted, more, more + len + AFTER, grammar);
	}
	free(alone);
	free(more);
}

/* With a minus, too. */
static void check_signed(const char *text)
{
	char minus[LONG + 2];
	assert_true(snprintf(minus, sizeof minus, "-%s", text) < (int)sizeof minus);
	check(text, NUMBER_JSON);
	check(text, NUMBER_TABLE);
	check(minus, NUMBER_JSON);
	check(minus, NUMBER_TABLE);
}

/* --- floats ------------------------------------------------------------------------------------------- */

static char *put_digits(char *p, uint64_t n, bool zero)
{
	uint64_t like = any(8); /* some have many zeros, or nines */
	for (uint64_t i = 0; i < n; i++)
		*p++ = (char)(i == 0 && !zero ? '1' + any(9) : like == 0 && any(3) ? '0' : like == 1 && any(5) ? '9' : '0' + any(10));
	return p;
}

static uint64_t some_length(void)
{
	switch (any(8)) {
	case 0: return 1;
	case 1: return 1 + any(300);
	case 2: return 15 + any(6);
	default: return 1 + any(22);
	}
}

static void decimals_of_all_lengths_are_what_strtod_says(void **state)
{
	static const int64_t ranges[] = {3, 25, 70, 345, 420, 5000};
	char text[LONG];
	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		char *p = text;
		bool point = any(4);
		if (any(3))
			p = put_digits(p, some_length(), false);
		else
			*p++ = '0';
		if (point) {
			*p++ = '.';
			p = put_digits(p, some_length(), true);
		}
		if (any(3) == 0) {
			int64_t most = ranges[any(6)];
			p += sprintf(p, "%c%s%0*lld", any(2) ? 'e' : 'E', any(2) ? "" : "+", (int)any(4), (long long)any(most));
			char *plus = strpbrk(text, "+");
			if (plus && any(2))
				*plus = '-';
		}
		*p = 0;
		check_signed(text);
	}
}

static void what_a_float_is_written_as_is_that_float(void **state)
{
	char text[64];
	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		uint64_t bits = any(UINT32_MAX) << 32 | any(UINT32_MAX);
		double value;
		if (i % 4 == 0)
			bits &= UINT64_MAX >> 12 >> any(52); /* subnormal */
		else if (i % 4 == 1)
			bits = (bits & UINT64_MAX >> 12) | (1023 - any(30)) << 52;
		memcpy(&value, &bits, sizeof value);
		value = fabs(value);
		if (!isfinite(value))
			continue;
		snprintf(text, sizeof text, "%.*g", (int)(14 + any(7)), value);
		check_signed(text);
		snprintf(text, sizeof text, "%.17g", value);
		check_signed(text);
		assert_true(strtod(text, NULL) == value);
	}
}

/* Halfway between two floats, written in full; and one digit beside that. */
static void halfway_cases_go_to_the_even_one(void **state)
{
	char text[LONG];
	(void)state;
#if LDBL_MANT_DIG >= 64 && LDBL_MIN_EXP < -1100
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t bits = any(UINT32_MAX) << 32 | any(UINT32_MAX);
		double low, high;
		bits &= i % 3 == 0 ? UINT64_MAX >> 12 >> any(52) : UINT64_MAX >> 1;
		if (i % 3 == 1)
			bits = (bits & UINT64_MAX >> 12) | (1023 + 40 - any(120)) << 52;
		memcpy(&low, &bits, sizeof low);
		high = nextafter(low, INFINITY);
		if (!isfinite(high))
			continue;
		long double half = ((long double)low + (long double)high) / 2;
		int len = snprintf(text, sizeof text, i % 2 ? "%.1100Le" : "%.1100Lf", half);
		if (len >= (int)sizeof text - 2)
			continue;
		check_signed(text);
		char *last = strpbrk(text, "e") ? strpbrk(text, "e") - 1 : text + len - 1;
		*last = '1';
		check_signed(text);
		while (*last == '0' || *last == '1' || *last == '.')
			last--;
		--*last; /* the digits behind it stay 0, but the last */
		check_signed(text);
	}
#endif
	for (unsigned i = 0; i < 10000; i++) { /* integers, with and without a point */
		uint64_t odd = (UINT64_C(1) << 52 | (any(UINT32_MAX) << 20 ^ any(1 << 20))) << 1 | 1; /* of 54 bits */
		snprintf(text, sizeof text, i % 2 ? "%llu.0" : "%llu", (unsigned long long)odd << any(10));
		check_signed(text);
		snprintf(text, sizeof text, "%llue%d", (unsigned long long)odd, (int)any(30) - 15);
		check_signed(text);
		uint64_t places = any(5), shown = odd;
		for (uint64_t k = 0; k < places; k++) /* divided by a power of two: the last digits that a halfway case of 19 can have */
			shown *= 5;
		snprintf(text, sizeof text, "%llue-%d", (unsigned long long)shown, (int)places);
		check_signed(text);
	}
}

static void the_ends_of_the_range_are_met(void **state)
{
	static const char *const texts[] = {
		"0", "0.0", "0e0", "0e999999999999", "0.000e-99999999999999999999", "1e99999999999999999999", "1e-99999999999999999999", "1e309", "1e308", "1.7976931348623157e308",
		"1.7976931348623158e308", "1.7976931348623158079e308", "1.7976931348623158080e308", "179769313486231580793e288", "179769313486231580794e288",
		"4.9406564584124654e-324", "5e-324", "3e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2e-324", "1e-400", "2.2250738585072011e-308",
		"2.2250738585072012e-308", "2.2250738585072014e-308", "4.4501477170144023e-308", "1e22", "1e23", "1e-22", "9007199254740992", "9007199254740993",
		"9007199254740994", "9007199254740993.0000000000000000000000000000001", "0.1", "0.3", "8.5", "123456789012345678901234567890", "0.000000000000000000000000000001",
		"1e-292", "1e-293", "9223372036854775807e-342", "1e-342", "6.631236846766476e-316", "3.2378839133029012895883524125015321748630944094112e-319",
		"1448997445238699", "0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13", "62.5364939768271845828", "8.10109172351e-10",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_signed(texts[i]);
}

static void the_usual_number_is_read_at_once(void **state)
{
	uint8_t text[AFTER + 32];
	double value;
	(void)state;
	memset(text, '5', sizeof text);
	memcpy(text, "-12.5,", 6);
	assert_ptr_equal(number_usual_double(text, text + sizeof text, &value), text + 5);
	assert_true(value == -12.5);
	assert_null(number_usual_double(text, text + 40, &value)); /* nothing far behind it */
	memcpy(text, "1.5e3,", 6);
	assert_null(number_usual_double(text, text + sizeof text, &value));
}

static void very_many_digits_are_read(void **state)
{
	enum { MANY = 100000 };
	char *text = malloc(MANY + 3);
	struct number n;
	(void)state;
	assert_non_null(text);
	memset(text, '3', MANY);
	text[MANY] = 0;
	const uint8_t *p = (const uint8_t *)text, *end = p + MANY;
	assert_ptr_equal(number_read(p, end, NUMBER_JSON, &n), end);
	assert_true(n.integer && !n.fits && n.cut);
	assert_true(isinf(number_double(&n, p, end)));
	assert_false(number_is_exact(INFINITY, p, end));
	text[1] = '.';
	assert_ptr_equal(number_read(p, end, NUMBER_JSON, &n), end);
	assert_true(number_double(&n, p, end) == strtod(text, NULL));
	memset(text, '0', MANY);
	text[1] = '.';
	text[MANY - 1] = '7';
	assert_ptr_equal(number_read(p, end, NUMBER_JSON, &n), end);
	assert_true(number_double(&n, p, end) == 0);
	strcpy(text + MANY - 8, "7e99995");
	assert_ptr_equal(number_read(p, end - 1, NUMBER_JSON, &n), end - 1);
	assert_true(number_double(&n, p, end - 1) == strtod(text, NULL) && strtod(text, NULL) > 0);
	free(text);
}

/* What number_nearest() can tell is true. */
static void the_nearest_is_that(void **state)
{
	char text[64];
	unsigned told = 0;
	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		uint64_t mantissa = (any(UINT32_MAX) << 32 | any(UINT32_MAX)) >> any(63);
		int64_t exponent = i % 2 ? (int64_t)any(700) - 350 : -(int64_t)any(25);
		double value;
		if (mantissa == 0 || !number_nearest(mantissa, exponent, i % 3 == 0, &value))
			continue;
		told++;
		snprintf(text, sizeof text, "%s%llue%lld", i % 3 ? "" : "-", (unsigned long long)mantissa, (long long)exponent);
		if (bits_of(value) != bits_of(strtod(text, NULL)))
			fail_msg("%s: %a", text, value);
	}
	assert_true(told > 250000);
}

/* --- integers -------------------------------------------------------------------------------------------- */

static void integers_are_exact_up_to_64_bits(void **state)
{
	static const struct {
		const char *text;
		uint64_t mantissa;
		bool fits;
	} ints[] = {
		{"0", 0, true}, {"7", 7, true}, {"1234567890123456", 1234567890123456, true}, {"9223372036854775807", INT64_MAX, true},
		{"9223372036854775808", UINT64_C(1) << 63, true}, {"9999999999999999999", 9999999999999999999u, true},
		{"10000000000000000000", 10000000000000000000u, true}, {"18446744073709551615", UINT64_MAX, true}, {"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false}, {"184467440737095516150", 0, false}, {"100000000000000000000000000000", 0, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		for (unsigned how = 0; how < 4; how++) {
			uint8_t text[AFTER * 2];
			struct number n;
			unsigned minus = how & 1;
			size_t len = minus + strlen(ints[i].text), room = how & 2 ? len + AFTER : len;
			memset(text, ' ', sizeof text);
			text[0] = '-';
			memcpy(text + minus, ints[i].text, len - minus);
			assert_ptr_equal(number_read(text, text + room, NUMBER_JSON, &n), text + len);
			assert_true(n.integer && n.negative == minus && n.fits == ints[i].fits);
			if (n.fits)
				assert_true(n.mantissa == ints[i].mantissa && n.exponent == 0 && !n.cut);
		}
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t value = (any(UINT32_MAX) << 32 | any(UINT32_MAX)) >> any(64);
		char text[AFTER];
		struct number n;
		memset(text, ',', sizeof text);
		int len = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
		text[len] = ',';
		const uint8_t *p = (const uint8_t *)text;
		assert_ptr_equal(number_read(p, p + (i % 2 ? sizeof text : (size_t)len), NUMBER_JSON, &n), p + len);
		assert_true(n.integer && n.fits && n.mantissa == value);
	}
}

static void whether_a_float_is_the_same_number_is_told(void **state)
{
	static const struct {
		const char *text;
		bool exact;
	} ints[] = {
		{"18446744073709551616", true}, {"18446744073709551617", false}, {"100000000000000000000", true}, {"10000000000000000000000", true},
		{"100000000000000000000000", false}, {"99999999999999991611392", true}, {"-36893488147419103232", true}, {"-36893488147419103231", false},
		{"00036893488147419103232", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
		const uint8_t *p = (const uint8_t *)ints[i].text;
		assert_int_equal(number_is_exact(strtod(ints[i].text, NULL), p, p + strlen(ints[i].text)), ints[i].exact);
	}
}

static void digits_are_read_eight_at_a_time(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= 8; n++)
		for (unsigned i = 0; i < 1000; i++) {
			char text[16];
			uint64_t value = 0, eight = 0;
			put_digits(text, 8, true);
			text[8] = 0;
			assert_int_equal(number_eight_digits((const uint8_t *)text, &eight), 8);
			assert_int_equal(eight, strtoull(text, NULL, 10));
			if (n < 8)
				text[n] = ",.e]\n\xff/:"[any(8)];
			value = number_few_digits((const uint8_t *)text, n);
			if (n)
				assert_int_equal(number_eight_digits((const uint8_t *)text, &eight), n);
			text[n] = 0;
			assert_int_equal(value, strtoull(text, NULL, 10));
		}
}

/* --- grammar ----------------------------------------------------------------------------------------------- */

/* How many bytes of the text are a number, alone and with much behind it; -1: none. */
static int length_of(const char *text, enum number_grammar grammar)
{
	size_t len = strlen(text);
	uint8_t *alone = malloc(len), much[AFTER * 2];
	struct number n;
	bool far;
	assert_true(alone && len < AFTER);
	memcpy(alone, text, len);
	memset(much, 'x', sizeof much);
	memcpy(much, text, len);
	const uint8_t *end = number_read(alone, alone + len, grammar, &n), *there = number_read(much, much + sizeof much, grammar, &n);
	int ret = end ? (int)(end - alone) : -1;
	assert_int_equal(there ? there - much : -1, ret);
	assert_ptr_equal(number_pass(alone, alone + len, grammar, &n, &far), end);
	assert_ptr_equal(number_pass(much, much + sizeof much, grammar, &n, &far), there);
	free(alone);
	return ret;
}

static void what_is_a_number_is_the_grammars(void **state)
{
	static const struct {
		const char *text;
		int json, table;
	} cases[] = {
		{"x", -1, -1}, {"-", -1, -1}, {"--1", -1, -1}, {"+1", -1, -1}, {".", -1, -1}, {"-.", -1, -1}, {"e5", -1, -1}, {" 1", -1, -1},
		{"1e", -1, -1}, {"1e+", -1, -1}, {"1E-", -1, -1}, {"1.5e", -1, -1}, {"1ex", -1, -1}, {"1e+-1", -1, -1}, {".e1", -1, -1},
		{"1.", -1, 2}, {"-1.", -1, 3}, {".5", -1, 2}, {"-.5", -1, 3}, {"1.e5", -1, 4}, {".5e1", -1, 4}, {"01", -1, 2}, {"-01", -1, 3}, {"00", -1, 2},
		{"00.5", -1, 4}, {"007e1", -1, 5}, {"0", 1, 1}, {"-0", 2, 2}, {"0.5", 3, 3}, {"0e1", 3, 3}, {"1-2", 1, 1}, {"1.2.3", 3, 3}, {"0x10", 1, 1}, {"1,2", 1, 1},
		{"1e5e5", 3, 3}, {"1e5.5", 3, 3}, {"12 3", 2, 2}, {"9]", 1, 1}, {"1.5-", 3, 3}, {"1E+05", 5, 5}, {"1\xff", 1, 1}, {"1/", 1, 1}, {"1:", 1, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (length_of(cases[i].text, NUMBER_JSON) != cases[i].json || length_of(cases[i].text, NUMBER_TABLE) != cases[i].table)
			fail_msg("%s", cases[i].text);
	struct number n;
	assert_null(number_read(NULL, NULL, NUMBER_JSON, &n));
	assert_null(number_read(NULL, NULL, NUMBER_TABLE, &n));
}

static void leading_zeros_are_told(void **state)
{
	static const char *const with[] = {"007", "00.5", "-01", "00"}, *const without[] = {"0.5", "0", "-0", "10", ".5", "0."};
	struct number n;
	(void)state;
	for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
		assert_non_null(number_read((const uint8_t *)with[i], (const uint8_t *)with[i] + strlen(with[i]), NUMBER_TABLE, &n));
		assert_true(n.leading_zero);
	}
	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		assert_non_null(number_read((const uint8_t *)without[i], (const uint8_t *)without[i] + strlen(without[i]), NUMBER_TABLE, &n));
		assert_false(n.leading_zero);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimals_of_all_lengths_are_what_strtod_says),
		cmocka_unit_test(what_a_float_is_written_as_is_that_float),
		cmocka_unit_test(halfway_cases_go_to_the_even_one),
		cmocka_unit_test(the_ends_of_the_range_are_met),
		cmocka_unit_test(the_usual_number_is_read_at_once),
		cmocka_unit_test(very_many_digits_are_read),
		cmocka_unit_test(the_nearest_is_that),
		cmocka_unit_test(integers_are_exact_up_to_64_bits),
		cmocka_unit_test(whether_a_float_is_the_same_number_is_told),
		cmocka_unit_test(digits_are_read_eight_at_a_time),
		cmocka_unit_test(what_is_a_number_is_the_grammars),
		cmocka_unit_test(leading_zeros_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
