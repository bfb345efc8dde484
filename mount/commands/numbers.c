/* SPDX-License-Identifier: MIT */
#include "mount/commands/numbers.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	DIGITS_MOST = 15,
	RUNS_MOST = 6, /* of numbers that follow each other */
	STEPS_LEAST = 4,
	ZEROS_BITS = 4,
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct numbers numbers_of(const char *name)
{
	struct numbers n = {0};
	for (size_t i = 0, digits; name[i] && n.count < NUMBERS_MOST; i += digits ? digits : 1) {
		for (digits = 0; is_digit(name[i + digits]);)
			digits++;
		if (digits == 0 || digits > DIGITS_MOST)
			continue;
		n.at[n.count] = i;
		n.digits[n.count++] = digits;
	}
	return n;
}

void numbers_read(const char *name, uint64_t *ret)
{
	struct numbers n = numbers_of(name);
	for (size_t k = 0; k < n.count; k++) {
		uint64_t value = 0, zeros = 0;
		for (size_t i = 0; i < n.digits[k]; i++) {
			value = value * 10 + (uint64_t)(name[n.at[k] + i] - '0');
			zeros += value == 0 && i + 1 < n.digits[k];
		}
		ret[k] = value << ZEROS_BITS | zeros;
	}
}

static uint64_t value_of(uint64_t number)
{
	return number >> ZEROS_BITS;
}

static int zeros_of(uint64_t number)
{
	return number & ((1 << ZEROS_BITS) - 1);
}

/* How many digits. */
static int length(uint64_t number)
{
	int n = zeros_of(number) + 1;
	for (uint64_t v = value_of(number); v > 9; v /= 10)
		n++;
	return n;
}

/* Are both written in one way, without leading zeros or in one length? */
static bool is_alike(uint64_t a, uint64_t b)
{
	return (zeros_of(a) == 0 && zeros_of(b) == 0) || length(a) == length(b);
}

static bool follows(uint64_t a, uint64_t b, uint64_t step)
{
	return is_alike(a, b) && value_of(b) - value_of(a) == step;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The length of the run at the beginning. */
static size_t run_of(const uint64_t *list, size_t count, uint64_t step)
{
	size_t n = 1;
	while (n < count && follows(list[n - 1], list[n], step))
		n++;
	return n;
}

static void put_number(struct text *t, uint64_t number)
{
	text_print(t, "%0*" PRIu64, length(number), value_of(number));
}

static void put_run(struct text *t, const uint64_t *list, size_t n, const char *dots)
{
	put_number(t, list[0]);
	if (n > 1)
		text_add(t, n > 2 ? dots : ",");
	if (n > 1)
		put_number(t, list[n - 1]);
}

static void put_runs(struct text *t, const uint64_t *list, size_t count, const char *dots)
{
	size_t runs = 0, kept = RUNS_MOST;
	for (size_t i = 0; i < count; i += run_of(list + i, count - i, 1))
		runs++;
	for (size_t i = 0, k = 0, n; i < count; i += n, k++) {
		n = run_of(list + i, count - i, 1);
		if (runs > kept && k == kept - 2)
			text_add(t, ","), text_add(t, dots);
		if (runs > kept && k >= kept - 2 && k + 1 < runs)
			continue;
		text_add(t, k ? "," : "");
		put_run(t, list + i, n, dots);
	}
}

void numbers_put(struct text *t, uint64_t *list, size_t count, bool bare, bool utf8)
{
	const char *dots = utf8 ? "…" : "...";
	qsort(list, count, sizeof *list, by_value);
	size_t n = 0;
	for (size_t i = 0; i < count; i++) /* once each */
		if (n == 0 || list[n - 1] != list[i])
			list[n++] = list[i];
	bool braces = !bare && n > 1;
	text_add(t, braces ? "{" : "");
	uint64_t step = n > 1 ? value_of(list[1]) - value_of(list[0]) : 0;
	if (n >= STEPS_LEAST && step > 1 && run_of(list, n, step) == n) {
		put_number(t, list[0]);
		text_add(t, ",");
		put_run(t, list + 1, n - 1, dots);
	} else {
		put_runs(t, list, n, dots);
	}
	text_add(t, braces ? "}" : "");
}
